// The text view: translates while somebody types.
import { Failure, events, key, post } from "./api.js";
import { byId, element, say, stored } from "./dom.js";
import { AUTO, direction, fillTargets, name, remember, served, source, target } from "./languages.js";
import { offer, plain } from "./words.js";

// The end of an element of HTML, or one that has no end: List<String> and a < b > c are plain text.
const HTML = /<\/(a|abbr|article|b|blockquote|body|cite|code|dd|del|div|dl|dt|em|figcaption|footer|h[1-6]|head|header|html|i|ins|kbd|li|main|mark|nav|ol|p|pre|q|ruby|s|section|small|span|strong|sub|sup|table|tbody|td|th|thead|title|tr|u|ul)\s*>|<(br|hr|img|wbr)(\s[^<>]*)?\/?>/i;
const LONG = 1500; // characters; longer texts come sentence by sentence
const VERY_LONG_PAUSE = 1500; // ms
const ALTERNATIVES = 3;
const input = byId("text");
const output = byId("output");

let shown = { text: "", translation: "", from: "", to: "" };
let timer = 0;
let retryTimer = 0;
let running = null;

export function start(text) {
  input.value = text || stored("sessionStorage", "text") || "";
  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) translate();
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
  byId("retry").addEventListener("click", () => {
    forgive();
    translate();
  });
  byId("dismiss").addEventListener("click", forgive);
  addEventListener("online", () => input.value && !byId("failure").hidden && translate());
  byId("wire").addEventListener("toggle", showWire);
  counted();
  reset();
  if (input.value) translate();
}

export function setText(text) {
  input.value = text;
  counted();
  translate();
}

function typed() {
  counted();
  stored("sessionStorage", "text", input.value || null);
  if (location.hash.startsWith("#q=")) history.replaceState(null, "", location.search || ".");
  plain(input.value, shown.translation);
  stop();
  if (!input.value.trim()) return reset();
  const pause = served.settings.frontendTimeout || 500;
  timer = setTimeout(translate, input.value.length > LONG ? Math.max(pause, VERY_LONG_PAUSE) : pause);
}

function languagesChanged() {
  remember();
  if (input.value.trim()) translate();
}

function counted() {
  const limit = served.settings.charLimit ?? -1;
  const count = Array.from(input.value).length;
  byId("count").textContent = limit < 0 ? (count ? `${count.toLocaleString("en")}` : "") : `${count.toLocaleString("en")} / ${limit.toLocaleString("en")}`;
  byId("count").classList.toggle("over", limit >= 0 && count > limit);
  byId("clear").hidden = !input.value;
  // A key may have a higher limit, which only the server knows.
  return limit < 0 || count <= limit || Boolean(key.get());
}

function reset() {
  shown = { text: input.value, translation: "", from: "", to: "" };
  plain(input.value, "");
  byId("detected").textContent = byId("origin").textContent = "";
  byId("is-html").hidden = byId("alternatives").hidden = true;
  byId("copy").disabled = true;
  busy(false);
  swappable();
}

function stop() {
  clearTimeout(timer);
  clearTimeout(retryTimer);
  running?.abort();
}

async function translate() {
  stop();
  const text = input.value;
  if (!text.trim()) return reset();
  if (!counted()) return fail(new Failure(`The text is longer than ${served.settings.charLimit.toLocaleString("en")} characters. ${served.settings.apiKeys ? "Shorten it, or give an API key." : "Shorten it."}`, 400));
  const own = (running = new AbortController());
  const fields = { q: text, source: source.value, target: target.value, format: HTML.test(text) ? "html" : "text" };
  busy(true);
  try {
    const answer = text.length > LONG ? await streamed(fields, own.signal) : await asked(fields, own.signal);
    if (own !== running) return;
    forgive();
    show(fields, answer);
  } catch (error) {
    if (error.name !== "AbortError" && own === running) fail(error);
  } finally {
    if (own === running) busy(false);
  }
}

async function asked(fields, signal) {
  const limit = served.overview.alternativesLimit ?? ALTERNATIVES;
  const alternatives = limit < 0 ? ALTERNATIVES : Math.min(limit, ALTERNATIVES);
  const sent = fields.format === "text" && alternatives ? { ...fields, alternatives } : fields;
  const answer = await post("translate", sent, signal);
  wire("translate", sent, answer);
  return answer;
}

async function streamed(fields, signal) {
  let detectedLanguage;
  let soFar = "";
  for await (const [kind, data] of events("v1/stream", fields, signal)) {
    if (kind === "start") detectedLanguage = data.detectedLanguage;
    if (kind === "error") throw new Failure(data.error, 500);
    if (kind === "sentence") {
      soFar += `${soFar && " "}${data.translation}`;
      output.textContent = soFar;
    }
    if (kind === "end") {
      const answer = { translatedText: data.translatedText, ...(detectedLanguage && { detectedLanguage }) };
      wire("v1/stream", fields, answer);
      return answer;
    }
  }
  throw new Failure("The translation broke off. Your text is kept.", 0);
}

function show(fields, answer) {
  const from = answer.detectedLanguage?.language || fields.source;
  shown = { text: fields.q, translation: answer.translatedText, from, to: fields.target, format: fields.format };
  const detected = answer.detectedLanguage;
  byId("detected").textContent = !detected ? "" : detected.confidence
    ? `Detected: ${name(detected.language)} (${Math.round(detected.confidence)} %)` : "The language cannot be told; choose it above.";
  byId("is-html").hidden = fields.format !== "html";
  showTranslation(answer.translatedText);
  showOrigin(from, fields.target);
  showAlternatives(answer.alternatives || []);
  swappable();
  say(answer.translatedText);
}

function showTranslation(translation) {
  shown.translation = translation;
  output.lang = shown.to;
  byId("copy").disabled = !translation;
  plain(shown.text, translation);
  const through = direction(shown.from, shown.to);
  const isLinkable = served.overview.insight && through && through.kind !== "pivot" && shown.format === "text";
  if (isLinkable && translation.trim()) offer(shown.text, translation, shown.from, shown.to);
}

function showOrigin(from, to) {
  const found = direction(from, to);
  const packs = found?.packs.join(" + ");
  const texts = {
    pack: [`Translated by the pack ${packs}`],
    parent: ["Translated by the parent"],
    "zero-shot": ["Zero-shot", `${packs}: a pair that nobody trained`],
    pivot: ["In two steps", packs ? `with ${packs}, through a third language` : "through a third language"],
  }[found?.kind] || [from === to ? "The same language: left as it is" : ""];
  const [first, rest] = texts;
  byId("origin").replaceChildren(...(rest ? [element("span", { class: `badge ${found.kind}` }, first), ` ${rest}`] : [first]));
}

function showAlternatives(others) {
  byId("alternatives").hidden = !others.length;
  byId("alternative-list").replaceChildren(...others.map((text) =>
    element("li", {}, element("button", { type: "button", dir: "auto", title: "Take this one", onclick: take }, text))));
}

function take({ currentTarget: button }) {
  const before = shown.translation;
  showTranslation(button.textContent);
  button.textContent = before; // the other way round again with another click
  say(`Taken: ${shown.translation}`);
}

function pairBack() {
  return [target.value, source.value === AUTO ? shown.from : source.value];
}

function swappable() {
  const [from, to] = pairBack();
  const isPossible = Boolean(from && to && direction(from, to));
  const why = !to ? "Type a text first: its language is not known yet" : `Nothing translates ${name(from)} to ${name(to)}`;
  const button = byId("swap");
  // Still to be focused and pressed, so that everybody can find out why.
  button.setAttribute("aria-disabled", String(!isPossible));
  button.title = isPossible ? "Swap the languages" : why;
  return isPossible;
}

function swap() {
  if (!swappable()) {
    byId("detected").textContent = byId("swap").title;
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

function fail(error) {
  const wait = error.retryAfter;
  byId("failure-text").textContent = wait ? `${error.message}. Trying again in ${wait} s.` : error.message;
  byId("failure").hidden = false;
  if (error.status === 400 && /API key/.test(error.message)) byId("key").hidden = false;
  busy(false);
  if (wait) retryTimer = setTimeout(translate, wait * 1000);
}

export function forgive() {
  byId("failure").hidden = true;
  byId("failure-text").textContent = "";
}

async function copy(button, text, from) {
  const label = button.dataset.label || (button.dataset.label = button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied");
  } catch {
    // Not allowed, or a connection that the browser does not trust with the clipboard.
    if (from) getSelection().selectAllChildren(from);
    button.textContent = "Press Ctrl+C";
    say("Selected. Press Control and C to copy.");
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

function wire(path, fields, answer) {
  exchange = { path, fields, answer };
  showWire();
}

function showWire() {
  if (!exchange || !byId("wire").open) return;
  const address = new URL(exchange.path, location.href).href;
  const body = JSON.stringify(exchange.fields, null, 2).replaceAll("'", "'\\''");
  byId("request").textContent = `curl ${address} -H 'Content-Type: application/json' -d '${body}'`;
  byId("response").textContent = JSON.stringify(exchange.answer, null, 2);
}
