// Other translations of one sentence, in the pane of the result, with what differs marked.
import { byId, element } from "./dom.js";
import { t } from "./texts.js";

const panel = byId("alternatives");
const output = byId("output");
let sentenceAt = null;
let take = null;
let open = -1; // the sentence whose alternatives are shown

export function start(findSentence, takeOther) {
  sentenceAt = findSentence;
  take = takeOther;
  byId("close-alternatives").addEventListener("click", close);
  new MutationObserver(mark).observe(output, { childList: true }); // words are put in later
  output.addEventListener("click", (event) => {
    const sentence = event.target.closest(".sentence");
    if (sentence && getSelection().isCollapsed) toggle(Number(sentence.dataset.index));
  });
  output.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key !== "Enter") return;
    const sentence = output.querySelector(".here")?.closest(".sentence") || output.querySelector(".sentence");
    if (sentence) toggle(Number(sentence.dataset.index));
  });
}

export function close() {
  panel.hidden = true;
  open = -1;
  mark();
}

function toggle(index) {
  if (output.classList.contains("stale")) return;
  if (index === open) close();
  else show(index);
}

export function show(index) {
  const { translation, alternatives } = sentenceAt(index);
  open = index;
  const lines = alternatives.map((text) => element("li", {},
    element("button", { type: "button", dir: "auto", lang: output.lang, title: t("Use this translation"), onclick: () => take(index, text) }, ...marked(translation, text))));
  byId("alternative-list").replaceChildren(...lines);
  panel.hidden = false;
  mark();
}

function mark() {
  for (const each of output.querySelectorAll(".sentence")) each.classList.toggle("open", Number(each.dataset.index) === open);
}

// The words of a text; those that are not in the other one, in its order, are marked.
function marked(before, text) {
  const [old, own] = [words(before), words(text)];
  // common[i][j]: the longest common sequence of old from i on and own from j on.
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(own.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = own.length - 1; j >= 0; j--) {
      common[i][j] = old[i] === own[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const parts = [];
  let i = 0;
  own.forEach((word, j) => {
    while (i < old.length && old[i] !== word && common[i + 1][j] >= common[i][j + 1]) i++;
    const isKept = old[i] === word;
    parts.push(isKept || !word.trim() ? word : element("mark", {}, word));
    if (isKept) i++;
  });
  return parts;
}

function words(text) {
  if (!Intl.Segmenter) return text.split(/(\s+)/);
  return Array.from(new Intl.Segmenter(output.lang || undefined, { granularity: "word" }).segment(text), ({ segment }) => segment);
}
