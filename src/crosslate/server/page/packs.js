// The view of packs: what each costs, what it was trained on, how good it is, what is zero-shot.
import { byId, element, size } from "./dom.js";
import { name, served } from "./languages.js";

const SIGNS = { pack: "●", parent: "◆", "zero-shot": "○", pivot: "→" };
const MEANINGS = { pack: "trained, by a pack", parent: "the parent's own pair", "zero-shot": "zero-shot: two packs put together", pivot: "in two steps" };

export function show() {
  const { overview } = served;
  const parts = [parentLine(overview), pairs(overview), ...overview.packs.map(card)];
  if (!overview.packs.length) parts.push(element("p", { class: "note" }, "No pack is installed. The folder of packs is watched: what is put there appears here."));
  if (overview.refused.length) parts.push(element("p", { class: "note" }, `Not served, the server's log says why: ${overview.refused.join(", ")}`));
  parts.push(memory(overview));
  byId("packs").replaceChildren(...parts);
}

function parentLine({ parent, parentLanguages, packs }) {
  const full = modelBytes(packs[0]);
  const pair = parentLanguages.length ? parentLanguages.map(name).join(" → ") : "";
  return element("dl", { class: "facts" },
    ...fact("Parent", parent.replace(/\/+$/, "").split("/").slice(-2).join("/")),
    ...(pair ? fact("Its pair", pair) : []),
    ...fact("Packs", String(packs.length)),
    ...(packs.length ? fact("All packs", size(packs.reduce((sum, each) => sum + each.bytes, 0))) : []),
    ...(full ? fact("As full models", `about ${size(packs.reduce((sum, each) => sum + (modelBytes(each) || full), 0))}`) : []));
}

function fact(title, value) {
  return [element("div", {}, element("dt", {}, title), element("dd", {}, value))];
}

const modelBytes = (pack) => pack?.parameters.model_bytes;

function pairs({ directions }) {
  const codes = (side) => [...new Set(directions.map((each) => each[side]))];
  const targets = codes("target");
  const head = element("tr", {}, element("th", { scope: "col" }, "from \\ into"), ...targets.map((code) => element("th", { scope: "col" }, name(code))));
  const rows = codes("source").map((from) => element("tr", {}, element("th", { scope: "row" }, name(from)), ...targets.map((to) => {
    const found = directions.find((each) => each.source === from && each.target === to);
    if (!found) return element("td", { class: "none" }, element("span", { class: "hidden-text" }, "no"));
    const meaning = `${MEANINGS[found.kind]}${found.packs.length ? ` (${found.packs.join(" + ")})` : ""}`;
    return element("td", { class: found.kind, title: meaning }, element("span", { "aria-hidden": "true" }, SIGNS[found.kind]), element("span", { class: "hidden-text" }, meaning));
  })));
  const kinds = Object.keys(SIGNS).filter((kind) => directions.some((each) => each.kind === kind));
  const legend = element("p", { class: "legend" }, ...kinds.map((kind) => element("span", {}, element("b", { class: kind }, SIGNS[kind]), ` ${MEANINGS[kind]}`)));
  return element("section", { class: "pairs", "aria-label": "Pairs" }, element("div", { class: "wide" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))), legend);
}

function card(pack) {
  const { data } = pack;
  const composed = served.overview.directions.filter((each) => each.kind === "zero-shot" && each.packs.includes(pack.name));
  const origins = [...new Set(["train", "valid"].map((part) => data[part]?.origin).filter(Boolean))].join("; ");
  const facts = [
    ...fact("Strategy", pack.strategy),
    ...fact("New side", pack.renewed.join(" and ") || "none"),
    ...(data.train?.pairs ? fact("Training data", `${data.train.pairs.toLocaleString("en")} pairs`) : []),
    ...(pack.licence ? fact("Licence", pack.licence) : []),
    ...fact("Made", pack.created.slice(0, 10)),
  ];
  return element("article", { class: "pack-card" },
    element("h2", {}, `${name(pack.source)} → ${name(pack.target)}`, " ", element("code", {}, pack.name)),
    storage(pack),
    scores(pack),
    element("dl", { class: "facts" }, ...facts),
    origins ? element("p", { class: "note" }, "Text: ", origins) : null,
    composed.length ? element("p", { class: "note" }, "Also makes, zero-shot: ", composed.map((each) => `${name(each.source)} → ${name(each.target)}`).join(", ")) : null);
}

function storage(pack) {
  const full = modelBytes(pack);
  if (!full) return element("p", { class: "storage" }, element("strong", {}, size(pack.bytes)), " on disk");
  const share = Math.min(1, pack.bytes / full);
  const bar = element("div", { class: "bar", "aria-hidden": "true" }, element("span"));
  bar.firstChild.style.width = `${Math.max(1, 100 * share)}%`;
  return element("div", { class: "storage" },
    element("p", {}, element("strong", {}, size(pack.bytes)), ` of ${size(full)}: ${Math.round(100 * share)} % of a full model`), bar);
}

function scores(pack) {
  if (!pack.scores.length) return element("p", { class: "note" }, "No scores were stored with it.");
  return element("ul", { class: "scores" }, ...pack.scores.map((score) => element("li", {},
    element("strong", {}, score.value.toFixed(1)), " ", element("span", {}, metric(score)),
    score.interval ? element("small", {}, ` ${score.interval.map((each) => each.toFixed(1)).join("–")}`) : null,
    element("small", { class: "on", title: score.signature }, ` on ${score.test_set}`))));
}

// BLEU with its tokenizer: by words and by characters it is another number.
function metric(score) {
  const tokenizer = /\btok:([^|]+)/.exec(score.signature);
  return ({ bleu: "BLEU", chrf: "chrF", "chrf++": "chrF++" }[score.metric] || score.metric) + (tokenizer ? ` (${tokenizer[1]})` : "");
}

function memory({ engine, resident }) {
  const list = resident.map((each) => `${each.name} ${size(each.bytes)}`).join(", ");
  return element("p", { class: "note" }, `Engine: ${engine}. In memory: ${list || "nothing yet"}.`);
}
