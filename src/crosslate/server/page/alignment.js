// The view of embeddings: a word, what lies next to it, and both on a plane.
import { post } from "./api.js";
import { byId, element } from "./dom.js";
import { explained } from "./failure.js";
import { name, served } from "./languages.js";
import { draw } from "./map.js";
import { number, t } from "./texts.js";

let asked = 0;
const MOST_PAIRS_IN_A_NARROW_MAP = 18;

const note = (text) => (byId("lookup-note").textContent = text);
const spaceName = ({ language, pack }) => `${name(language)} (${pack || t("parent")})`;

export function start() {
  byId("lookup").addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp(byId("word").value.trim());
  });
  byId("space").addEventListener("change", overview);
}

export function show() {
  const { packs, parentLanguages } = served.overview;
  const options = packs.flatMap((pack) => pack.renewed.map((side) => option(pack.name, side, pack[side])));
  parentLanguages.forEach((language, index) => options.push(option("", ["source", "target"][index], language)));
  const before = byId("space").value;
  byId("space").replaceChildren(...options);
  if (before && [...byId("space").options].some((each) => each.value === before)) byId("space").value = before;
  else overview();
}

function option(pack, side, language) {
  return element("option", { value: JSON.stringify({ pack, side }) }, spaceName({ language, pack }));
}

function overview() {
  const chosen = JSON.parse(byId("space").value || "{}");
  byId("neighbours").replaceChildren();
  byId("map").replaceChildren();
  if (chosen.pack) return ask("v1/map", chosen, t("Reading the model: the first time this takes some seconds."), (found) => showMap(found, chosen));
  asked += 1;
  note(t("Type a word of the parent to find the words of packs that lie next to it."));
}

// Shows an answer, unless something else was asked meanwhile.
async function ask(path, fields, waiting, show) {
  const own = ++asked;
  note(waiting);
  busy(true);
  try {
    const found = await post(path, fields);
    if (own === asked) show(found);
  } catch (error) {
    if (own === asked) note(explained(error));
  } finally {
    if (own === asked) busy(false);
  }
}

function busy(isBusy) {
  byId("lookup-busy").hidden = !isBusy;
  byId("map").classList.toggle("waiting", isBusy);
}

function showMap(found, chosen) {
  note("");
  if (!found.pairs.length) return note(t("No two words are each other's nearest. Type a word."));
  const isNarrow = byId("map").clientWidth < 480;
  const pairs = isNarrow ? found.pairs.slice(0, MOST_PAIRS_IN_A_NARROW_MAP) : found.pairs;
  const points = pairs.flatMap((pair) => [
    { word: pair.word, x: pair.x, y: pair.y, series: 1 },
    { word: pair.translation, x: pair.translationX, y: pair.translationY, series: 0 },
  ]);
  const lines = pairs.map((_, index) => [2 * index, 2 * index + 1]);
  const labels = [spaceName({ language: found.parentLanguage }), spaceName({ language: found.language, pack: chosen.pack })];
  draw(byId("map"), points, lines, labels, t("Frequent words that are each other's nearest. The plane holds {share} % of the variance.", { share: Math.round(100 * found.share) }));
  const words = found.pairs.slice(0, 12).map(({ word }) => element("button", { type: "button", class: "chip", onclick: () => lookUp(word) }, word));
  byId("neighbours").replaceChildren(element("h2", {}, t("Try a word")), element("div", { class: "chips" }, ...words));
}

function lookUp(word) {
  if (!word) return overview();
  byId("word").value = word;
  const chosen = JSON.parse(byId("space").value);
  ask("v1/neighbours", { q: word, ...chosen }, t("Looking…"), (found) => showNeighbours(found, chosen));
}

function showNeighbours(found, chosen) {
  const count = found.neighbours.reduce((sum, each) => sum + each.words.length, 0);
  note(count ? t("{word}: {n} nearest words, by cosine.", { word: found.word, n: count }) : t("There is nothing else of this side to compare with."));
  byId("neighbours").replaceChildren(...found.neighbours.map((each, index) => element("section", { class: `series-${index % 4}` },
    element("h2", {}, spaceName(each)),
    element("ol", { class: "near" }, ...each.words.map(({ word, cosine }) => {
      const bar = element("span", { class: "cosine", "aria-hidden": "true" });
      bar.style.width = `${Math.max(0, 100 * cosine)}%`;
      return element("li", {}, element("span", { class: "near-word", dir: "auto" }, word), element("span", { class: "track" }, bar), element("span", { class: "count" }, number(cosine, 2)));
    })))));
  byId("map").replaceChildren();
  if (!found.neighbours.length) return;
  const points = [{ word: found.word, x: found.x, y: found.y, series: 4 }];
  found.neighbours.forEach((each, index) => points.push(...each.words.map((near) => ({ ...near, series: index % 4 }))));
  const labels = found.neighbours.slice(0, 4).map(spaceName);
  labels[4] = `${found.word}, ${spaceName({ language: found.language, pack: chosen.pack })}`;
  draw(byId("map"), points, [], labels, t("The word and its nearest words, on the plane in which they differ most."));
}
