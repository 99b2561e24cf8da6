// Words of a text and of its translation that light up together.
import { post } from "./api.js";
import { byId, element, say } from "./dom.js";

const MOST_CHARACTERS = 5000;
const mirror = byId("mirror");
const output = byId("output");
const input = byId("text");

let pair = null; // { text, translation, source, target } that can be linked
let links = null; // of that pair: { source, target, links }
let isAsked = false;
let current = -1; // the word that arrow keys have reached

export function plain(text, translation) {
  pair = links = null;
  isAsked = false;
  current = -1;
  byId("link-tip").hidden = true;
  mirror.textContent = `${text}\n`; // the last line counts for the height
  output.textContent = translation;
}

// Offers links for what is shown; they are asked for when somebody points at it.
export function offer(text, translation, source, target) {
  if (Math.max(text.length, translation.length) > MOST_CHARACTERS) return;
  pair = { text, translation, source, target };
  byId("link-tip").hidden = false;
}

async function ask() {
  if (!pair || isAsked) return;
  isAsked = true;
  const asked = pair;
  try {
    const found = await post("v1/links", { q: asked.text, translation: asked.translation, source: asked.source, target: asked.target });
    if (asked !== pair) return;
    links = found;
    render(mirror, `${asked.text}\n`, found.source);
    render(output, asked.translation, found.target);
  } catch {
    byId("link-tip").hidden = true; // a help that fails is none to talk about
  }
}

// Offsets count characters, JavaScript counts UTF-16 units: so a list of characters.
function render(container, text, spans) {
  const characters = Array.from(text);
  const slice = (start, end) => characters.slice(start, end).join("");
  let end = 0;
  const parts = [];
  for (const [first, last] of spans) {
    parts.push(slice(end, first), element("span", { class: "word" }, slice(first, last)));
    end = last;
  }
  container.replaceChildren(...parts, slice(end));
}

const wordsOf = (container) => [...container.querySelectorAll(".word")];

function light(side, index) {
  for (const word of document.querySelectorAll(".lit")) word.classList.remove("lit", "here");
  if (!links || index < 0) return [];
  const [own, other] = side === "target" ? [output, mirror] : [mirror, output];
  const found = links.links.filter(([to, from]) => (side === "target" ? to : from) === index);
  const others = wordsOf(other);
  wordsOf(own)[index]?.classList.add("lit", "here");
  return found.map(([to, from]) => {
    const word = others[side === "target" ? from : to];
    word.classList.add("lit");
    return word.textContent;
  });
}

function pointed(event) {
  ask();
  const word = event.target.closest?.(".word");
  light("target", wordsOf(output).indexOf(word));
}

// The words of the text lie in the mirror behind the field in which it is typed.
function pointedAtText(event) {
  ask();
  const word = document.elementsFromPoint(event.clientX, event.clientY).find((each) => each.classList.contains("word") && mirror.contains(each));
  light("source", wordsOf(mirror).indexOf(word));
}

output.addEventListener("pointermove", pointed);
output.addEventListener("pointerdown", pointed);
input.addEventListener("pointermove", pointedAtText);
input.addEventListener("pointerdown", pointedAtText);
for (const each of [output, input]) each.addEventListener("pointerleave", () => light("target", -1));
output.addEventListener("focus", ask);
output.addEventListener("blur", () => light("target", -1));
output.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const words = wordsOf(output);
  if (!step || !words.length || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const isRtl = getComputedStyle(output).direction === "rtl" && event.key.match(/Left|Right/);
  current = Math.min(words.length - 1, Math.max(0, current + (isRtl ? -step : step)));
  const origins = light("target", current);
  say(`${words[current].textContent}: ${origins.join(", ") || "no word"}`);
});
