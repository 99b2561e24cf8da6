// The text view: translates while somebody types.
import * as alternatives from "./alternatives.js";
import { Failure, events, key } from "./api.js";
import { byId, element, isTouch, say, stored } from "./dom.js";
import * as failure from "./failure.js";
import { AUTO, direction, fillTargets, name, pair, preferredNames, remember, served, showDetected, source, target } from "./languages.js";
import { isHtml } from "./markup.js";
import { Sentences } from "./sentences.js";
import { t } from "./texts.js";
import { doubt, offer, plain } from "./words.js";

const LONG = 1500; // characters; longer texts are shown sentence by sentence
const VERY_LONG_PAUSE = 1500; // ms
const PART_PAUSE = 100; // ms, between the parts of a long text that are shown
const ALTERNATIVES = 3;
const input = byId("text");
const output = byId("output");

const NOTHING = { text: "", translation: "", from: "", to: "", sentences: new Sentences() };
let shown = NOTHING;
let timer = 0;
let running = null;

export function start(text) {
  input.value = text || stored("sessionStorage", "text") || "";
  // What an input method has in hand is no text yet.
  input.addEventListener("input", (event) => event.isComposing || typed());
  input.addEventListener("compositionend", typed);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) translate();
  });
  source.addEventListener("change", () => {
    fillTargets(target.value);
    languagesChanged();
  });
  target.addEventListener("change", languagesChanged);
  byId("go").addEventListener("click", translate);
  byId("clear").addEventListener("click", () => {
    input.value = "";
    typed();
    input.focus();
  });
  byId("swap").addEventListener("click", swap);
  byId("copy").addEventListener("click", () => copy(byId("copy"), shown.translation, output));
  byId("share").addEventListener("click", share);
  byId("wire").addEventListener("toggle", showWire);
  byId("doubts").checked = stored("localStorage", "doubts") === "true";
  byId("doubts").addEventListener("change", () => {
    stored("localStorage", "doubts", String(byId("doubts").checked));
    if (shown.translation) showTranslation();
  });
  alternatives.start((index) => shown.sentences.at(index), take);
  counted();
  reset();
  if (input.value) translate();
}

export function setText(text) {
  input.value = text;
  counted();
  translate();
}

// Translates again with what has changed elsewhere on the page.
export const renew = () => input.value.trim() && translate();

function typed() {
  counted();
  stored("sessionStorage", "text", input.value || null);
  if (location.hash.startsWith("#q=")) history.replaceState(null, "", location.search || ".");
  plain(input.value, shown.translation);
  alternatives.close();
  stop();
  if (!input.value.trim()) {
    failure.forgive();
    return reset();
  }
  stale(true);
  if (failure.isClosed()) return; // it will be translated when the time has come
  const pause = served.settings.frontendTimeout || 500;
  timer = setTimeout(translate, input.value.length > LONG ? Math.max(pause, VERY_LONG_PAUSE) : pause);
}

function languagesChanged() {
  remember();
  if (input.value.trim()) translate();
  else reset();
}

function counted() {
  const limit = served.settings.charLimit ?? -1;
  const length = Array.from(input.value).length;
  const text = t("{n} character|{n} characters", { n: length });
  byId("count").textContent = limit < 0 ? (length ? text : "") : t("{n} of {limit} characters", { n: length, limit });
  byId("count").classList.toggle("over", limit >= 0 && length > limit);
  byId("clear").hidden = !input.value;
  // A key may have a higher limit, which only the server knows.
  return limit < 0 || length <= limit || Boolean(key.get());
}

function reset() {
  shown = NOTHING;
  plain(input.value, "");
  byId("origin").replaceChildren();
  byId("is-html").hidden = byId("sentence-tip").hidden = byId("doubts-label").hidden = true;
  alternatives.close();
  showDetected("");
  stale(false);
  busy(false);
  swappable();
}

// What is shown is the translation of another text, or will be in a moment.
function stale(isStale) {
  output.classList.toggle("stale", isStale);
  if (isStale) byId("sentence-tip").hidden = true;
  byId("copy").disabled = isStale || !shown.translation;
}

function stop() {
  clearTimeout(timer);
  running?.abort();
}

async function translate() {
  stop();
  failure.hold();
  const text = input.value;
  if (!text.trim()) return reset();
  stale(true);
  alternatives.close();
  if (!counted()) return failure.fail(tooLong(), translate);
  const own = (running = new AbortController());
  const format = isHtml(text) ? "html" : "text";
  const fields = { q: text, source: source.value, target: target.value, format, ...wantedAlternatives(format), ...wantedPacks() };
  busy(true);
  try {
    const answer = await streamed(fields, own.signal);
    if (own !== running) return;
    failure.forgive();
    show(fields, answer);
  } catch (error) {
    if (error.name !== "AbortError" && own === running) failed(error);
  } finally {
    if (own === running) busy(false);
  }
}

function tooLong() {
  const more = served.settings.apiKeys ? t("Shorten it, or give an API key.") : t("Shorten it.");
  return new Failure(`${t("The text is longer than {n} characters.", { n: served.settings.charLimit })} ${more}`, 400);
}

function failed(error) {
  if (error.status === 400 && /API key/.test(error.message)) byId("key").hidden = false;
  failure.fail(error, translate);
}

function wantedAlternatives(format) {
  const limit = served.overview.alternativesLimit ?? ALTERNATIVES;
  const alternatives = limit < 0 ? ALTERNATIVES : Math.min(limit, ALTERNATIVES);
  return format === "text" && alternatives ? { alternatives } : {};
}

export function wantedPacks() {
  const packs = preferredNames();
  return packs.length ? { packs } : {};
}

async function streamed(fields, signal) {
  const found = new Sentences(fields.q);
  let detectedLanguage;
  let due = 0; // when more is shown
  for await (const [kind, data] of events("v1/stream", fields, signal)) {
    if (kind === "start") detectedLanguage = data.detectedLanguage;
    if (kind === "error") throw new Failure(data.error, data.status, data.retryAfter || 0);
    if (kind === "sentence") {
      found.add(data);
      if (fields.q.length > LONG && performance.now() >= due) {
        showPart(found.soFar);
        due = performance.now() + PART_PAUSE;
      }
    }
    if (kind === "end") {
      wire(fields, { translatedText: data.translatedText, ...(detectedLanguage && { detectedLanguage }) });
      found.place(data.translatedText, data.sentences || []);
      return { translation: data.translatedText, sentences: found, detected: detectedLanguage };
    }
  }
  if (fields.q.length > LONG) showPart(found.soFar);
  throw new Failure(t("The translation broke off. Your text is kept."), -1);
}

function showPart(text) {
  output.lang = target.value;
  output.textContent = text;
}

function show(fields, { translation, sentences, detected }) {
  const from = detected?.language || fields.source;
  shown = { text: fields.q, translation, sentences, from, to: fields.target, format: fields.format };
  showDetected(detected && detectedLabel(detected, fields.q));
  byId("is-html").hidden = fields.format !== "html";
  alternatives.close();
  showTranslation();
  showOrigin(detected && !detected.confidence ? fields.target : from, fields.target);
  swappable();
  // The translation itself can be read in its place; here it would be read out at each pause.
  say(t("Translated"));
}

function detectedLabel({ language, confidence }, text) {
  if (confidence && served.languages.some((each) => each.code === language)) return t("{language} (detected)", { language: name(language) });
  if (confidence) return t("{language} (not served)", { language: name(language) });
  return /\p{L}/u.test(text) ? t("Language not served") : "";
}

function showTranslation() {
  const { text, translation, from, to, format, sentences } = shown;
  output.lang = to;
  stale(false);
  const places = sentences.places();
  plain(text, translation, places);
  const through = direction(from, to);
  const isOneModel = through && through.kind !== "pivot" && format === "text" && translation.trim();
  const fields = { q: text, translation, source: from, target: to, ...wantedPacks() };
  if (isOneModel && served.overview.insight) offer(fields);
  byId("doubts-label").hidden = !isOneModel;
  if (isOneModel && byId("doubts").checked) doubt(fields);
  byId("sentence-tip").hidden = !places.length;
  byId("sentence-tip").textContent = isTouch ? t("Tap a sentence for other translations.") : t("Click a sentence for other translations.");
  if (places.length && sentences.length === 1) alternatives.show(0);
}

function showOrigin(from, to) {
  const found = direction(from, to);
  if (!found) return byId("origin").replaceChildren(from === to ? t("Left as it is") : "");
  const badge = (kind, text) => element("span", { class: `badge ${kind}` }, text);
  const texts = {
    "zero-shot": [badge("zero-shot", t("experimental pair")), ` ${pair(from, to)}`],
    pivot: [badge("pivot", t("in two steps")), ` ${pair(from, to)}`],
  }[found.kind] || [t("{pair} model", { pair: pair(from, to) })];
  const packs = found.packs.join(" + ") || served.overview.parent?.split("/").filter(Boolean).pop();
  byId("origin").replaceChildren(element("span", { title: packs }, ...texts));
}

// Takes another translation of a sentence.
function take(index, translation) {
  shown.translation = shown.sentences.change(index, translation, shown.translation);
  showTranslation();
  alternatives.show(index);
  say(translation);
}

function pairBack() {
  return [target.value, source.value === AUTO ? shown.from : source.value];
}

function swappable() {
  const [from, to] = pairBack();
  const isPossible = Boolean(from && to && direction(from, to));
  const why = !to ? t("Type a text first: its language is not known yet") : t("Nothing translates {pair}", { pair: pair(from, to) });
  const button = byId("swap");
  // Still to be focused and pressed, so that everybody can find out why.
  button.setAttribute("aria-disabled", String(!isPossible));
  button.title = isPossible ? t("Swap the languages") : why;
  return isPossible;
}

function swap() {
  if (!swappable()) {
    byId("origin").textContent = byId("swap").title;
    return say(byId("swap").title);
  }
  const [from, to] = pairBack();
  source.value = from;
  fillTargets(to);
  if (shown.translation) input.value = shown.translation;
  stored("sessionStorage", "text", input.value || null);
  counted();
  reset();
  languagesChanged();
}

function busy(isBusy) {
  byId("busy").hidden = !isBusy;
  output.setAttribute("aria-busy", String(isBusy));
}

async function copy(button, text, from) {
  const label = button.dataset.label || (button.dataset.label = button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("Copied");
    say(t("Copied"));
  } catch {
    // Not allowed, or a connection that the browser does not trust with the clipboard.
    if (from) getSelection().selectAllChildren(from);
    button.textContent = t("Press Ctrl+C");
    say(t("Press Ctrl+C"));
  }
  setTimeout(() => (button.textContent = label), 1500);
}

function share() {
  // After the #, so that no server and no log ever sees the text.
  const query = new URLSearchParams({ source: source.value, target: target.value });
  const address = new URL(`?${query}#q=${encodeURIComponent(input.value)}`, location.href).href;
  history.replaceState(null, "", address);
  copy(byId("share"), address);
}

let exchange = null;

// The same as one request and its answer, which is what a program wants.
function wire({ alternatives: _, ...fields }, answer) {
  exchange = { fields, answer };
  showWire();
}

function showWire() {
  if (!exchange || !byId("wire").open) return;
  const address = new URL("translate", location.href).href;
  const body = JSON.stringify(exchange.fields, null, 2).replaceAll("'", "'\\''");
  byId("request").textContent = `curl ${address} -H 'Content-Type: application/json' -d '${body}'`;
  byId("response").textContent = JSON.stringify(exchange.answer, null, 2);
}
