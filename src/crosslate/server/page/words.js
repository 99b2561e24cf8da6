// Words of a text and of its translation that light up together.
import { post } from "./api.js";
import { byId, element, isTouch, say } from "./dom.js";
import { t } from "./texts.js";

const MOST_CHARACTERS = 5000;
const mirror = byId("mirror");
const output = byId("output");
const input = byId("text");

let asked = null; // the fields of the request for what is shown
let scored = null; // likewise of the request for what is doubtful
let doubts = new Map(); // doubtful words of the translation, by their first characters
let targets = null; // words of the translation: those that are linked, else the doubtful ones
let places = []; // of the translation's sentences
let links = null; // of what is shown: pairs of a target word and a source word
let isAsked = false;
let current = -1; // the word that arrow keys have reached

export function plain(text, translation, sentencePlaces = []) {
  asked = links = scored = targets = null;
  doubts = new Map();
  places = sentencePlaces;
  isAsked = false;
  current = -1;
  byId("link-tip").hidden = true;
  mirror.textContent = `${text}\n`; // the last line counts for the height
  render(output, translation, [], places);
}

// Offers links for what is shown; they are asked for when somebody points at it.
export function offer(fields) {
  if (Math.max(fields.q.length, fields.translation.length) > MOST_CHARACTERS) return;
  asked = fields;
  tip(isTouch ? t("Tap a word to see which words it came from.") : t("Point at a word to see which words it came from."));
  if (document.activeElement === output) ask(); // somebody waits there with the arrow keys
}

// Underlines the words of what is shown that the model is not sure of.
export async function doubt(fields) {
  if (Math.max(fields.q.length, fields.translation.length) > MOST_CHARACTERS) return;
  scored = fields;
  try {
    const { sentences } = await post("v1/scores", fields);
    if (fields !== scored) return;
    const words = sentences.flatMap((sentence) => sentence.words).filter((word) => word.doubtful);
    doubts = new Map(words.map((word) => [word.start, word]));
    targets ??= words.map(({ start, end }) => [start, end]);
    render(output, fields.translation, targets, places);
    say(t("{n} doubtful word|{n} doubtful words", { n: words.length }));
  } catch {
    // The translation is there all the same.
  }
}

function tip(text) {
  byId("link-tip").textContent = text;
  byId("link-tip").hidden = !text;
}

async function ask() {
  if (!asked || isAsked) return;
  isAsked = true;
  const own = asked;
  const slow = setTimeout(() => own === asked && tip(t("Looking for the words that belong together…")), 400);
  try {
    const found = await post("v1/links", own);
    if (own !== asked) return;
    links = found.links;
    targets = found.target;
    render(mirror, `${own.q}\n`, found.source);
    render(output, own.translation, targets, places);
    byId("link-tip").hidden = true; // it was understood
  } catch {
    if (own === asked) tip(""); // a help that fails is none to talk about
  } finally {
    clearTimeout(slow);
  }
}

// Words are given in characters, sentences in UTF-16 units, which JavaScript counts.
function render(container, text, words, sentences = []) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  const spans = words.map(([first, last], index) => ({ index, first, start: units[first], end: units[last] }));
  const within = (start, end) => filled(text, start, end, spans, ({ index, first, ...word }) =>
    element("span", { "data-index": index, ...look(container === output && doubts.get(first)) }, text.slice(word.start, word.end)));
  container.replaceChildren(...filled(text, 0, text.length, sentences, ({ index, start, end }) =>
    element("span", { class: "sentence", "data-index": index }, ...(within(start, end)))));
  if (!sentences.length) container.replaceChildren(...within(0, text.length));
}

function look(doubtful) {
  if (!doubtful) return { class: "word" };
  const n = Math.round(100 * (doubtful.likelihood ?? doubtful.probability));
  return { class: "word doubtful", title: t("Doubtful: {n} %", { n }) };
}

// Parts of a text, with those that are made of the spans in their places.
function filled(text, start, end, spans, make) {
  const parts = [];
  for (const span of spans) {
    if (span.start < start || span.end > end) continue;
    parts.push(text.slice(start, span.start), make(span));
    start = span.end;
  }
  return [...parts, text.slice(start, end)];
}

const wordAt = (container, index) => container.querySelector(`.word[data-index="${index}"]`);
const indexOf = (word) => Number(word?.dataset.index ?? -1);

function light(side, index) {
  for (const word of document.querySelectorAll(".lit")) word.classList.remove("lit", "here");
  if (!links || index < 0) return [];
  const [own, other] = side === "target" ? [output, mirror] : [mirror, output];
  const found = links.filter(([to, from]) => (side === "target" ? to : from) === index);
  const words = found.map(([to, from]) => wordAt(other, side === "target" ? from : to)).filter(Boolean);
  wordAt(own, index)?.classList.add("lit", "here");
  for (const word of words) word.classList.add("lit");
  if (words.length) reveal(words[0]);
  return words.map((word) => word.textContent);
}

// Scrolls a word's own pane, never the page.
function reveal(word) {
  const pane = word.closest(".grow");
  const [place, frame] = [word.getBoundingClientRect(), pane.getBoundingClientRect()];
  if (place.top < frame.top) pane.scrollTop -= frame.top - place.top + place.height;
  if (place.bottom > frame.bottom) pane.scrollTop += place.bottom - frame.bottom + place.height;
}

function pointed(event) {
  ask();
  light("target", indexOf(event.target.closest?.(".word")));
}

// The words of the text lie in the mirror behind the field in which it is typed.
function pointedAtText(event) {
  ask();
  const word = document.elementsFromPoint(event.clientX, event.clientY).find((each) => each.classList.contains("word") && mirror.contains(each));
  light("source", indexOf(word));
}

output.addEventListener("pointermove", pointed);
output.addEventListener("pointerdown", pointed);
input.addEventListener("pointermove", pointedAtText);
input.addEventListener("pointerdown", pointedAtText);
for (const each of [output, input]) each.addEventListener("pointerleave", () => isTouch || light("target", -1));
output.addEventListener("focus", ask);
output.addEventListener("blur", () => light("target", -1));
output.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const words = [...output.querySelectorAll(".word")];
  if (!step || !words.length || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const isRtl = getComputedStyle(output).direction === "rtl" && event.key.match(/Left|Right/);
  current = Math.min(words.length - 1, Math.max(0, current + (isRtl ? -step : step)));
  const origins = light("target", indexOf(words[current]));
  reveal(words[current]);
  const found = links ? [origins.join(", ") || t("no word")] : [];
  say([words[current].textContent, ...found, words[current].title].filter(Boolean).join(": "));
});
