// Words of a text and of its translation that light up together.
import { post } from "./api.js";
import { byId, element, isTouch, say } from "./dom.js";
import { t } from "./texts.js";

const MOST_CHARACTERS = 5000;
const mirror = byId("mirror");
const output = byId("output");
const input = byId("text");

let asked = null; // the fields of the request for what is shown
let places = []; // of the translation's sentences
let links = null; // of what is shown: pairs of a target word and a source word
let isAsked = false;
let current = -1; // the word that arrow keys have reached

export function plain(text, translation, sentencePlaces = []) {
  asked = links = null;
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
    render(mirror, `${own.q}\n`, found.source);
    render(output, own.translation, found.target, places);
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
  const spans = words.map(([first, last], index) => ({ index, start: units[first], end: units[last] }));
  const within = (start, end) => filled(text, start, end, spans, ({ index, ...word }) =>
    element("span", { class: "word", "data-index": index }, text.slice(word.start, word.end)));
  container.replaceChildren(...filled(text, 0, text.length, sentences, ({ index, start, end }) =>
    element("span", { class: "sentence", "data-index": index }, ...(within(start, end)))));
  if (!sentences.length) container.replaceChildren(...within(0, text.length));
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
  say(`${words[current].textContent}: ${origins.join(", ") || t("no word")}`);
});
