// The view of packs: what each costs, what it was trained on, how good it is, which is used, what is zero-shot.
import { byId, element, say } from "./dom.js";
import { direction, name, pair, prefer, served } from "./languages.js";
import { arrow, number, size, t } from "./texts.js";
import { renew } from "./translate.js";

const SIGNS = { pack: "●", parent: "◆", "zero-shot": "○", pivot: arrow };

const meanings = () => ({
  pack: t("trained, by a pack"),
  parent: t("the parent's own pair"),
  "zero-shot": t("experimental: two packs put together"),
  pivot: t("in two steps"),
});

export function show() {
  const { overview } = served;
  // Packs of one pair stand together, the one that is used first.
  const packs = [...overview.packs].sort((one, other) =>
    pair(one.source, one.target).localeCompare(pair(other.source, other.target)) || isUsed(other) - isUsed(one) || one.name.localeCompare(other.name));
  const parts = [parentLine(overview), pairs(overview), ...packs.map(card)];
  if (!packs.length) parts.push(element("p", { class: "note" }, t("No pack is installed. The folder of packs is watched: what is put there appears here.")));
  if (overview.refused.length) parts.push(element("p", { class: "note" }, t("Not served, the server's log says why: {names}", { names: overview.refused.join(", ") })));
  parts.push(memory(overview));
  byId("packs").replaceChildren(...parts);
}

const isUsed = (pack) => direction(pack.source, pack.target)?.packs[0] === pack.name;

const rivals = (pack) => served.overview.packs.filter((each) => each.source === pack.source && each.target === pack.target);

function parentLine({ parent, parentLanguages, packs }) {
  const full = modelBytes(packs[0]);
  return element("dl", { class: "facts" },
    ...fact(t("Parent"), parent.replace(/\/+$/, "").split("/").slice(-2).join("/")),
    ...(parentLanguages.length ? fact(t("Its pair"), pair(...parentLanguages)) : []),
    ...fact(t("Packs"), String(packs.length)),
    ...(packs.length ? fact(t("All packs"), size(packs.reduce((sum, each) => sum + each.bytes, 0))) : []),
    ...(full ? fact(t("As full models"), t("about {size}", { size: size(packs.reduce((sum, each) => sum + (modelBytes(each) || full), 0)) })) : []));
}

function fact(title, value) {
  return [element("div", {}, element("dt", {}, title), element("dd", {}, value))];
}

const modelBytes = (pack) => pack?.parameters.model_bytes;

function pairs({ directions }) {
  const codes = (side) => [...new Set(directions.map((each) => each[side]))];
  const targets = codes("target");
  const head = element("tr", {}, element("th", { scope: "col" }, t("from \\ into")), ...targets.map((code) => element("th", { scope: "col" }, name(code))));
  const rows = codes("source").map((from) => element("tr", {}, element("th", { scope: "row" }, name(from)), ...targets.map((to) => {
    const found = direction(from, to);
    if (!found) return element("td", { class: "none" }, element("span", { class: "hidden-text" }, t("no")));
    const meaning = `${meanings()[found.kind]}${found.packs.length ? ` (${found.packs.join(" + ")})` : ""}`;
    return element("td", { class: found.kind, title: meaning }, element("span", { "aria-hidden": "true" }, SIGNS[found.kind]), element("span", { class: "hidden-text" }, meaning));
  })));
  const kinds = Object.keys(SIGNS).filter((kind) => directions.some((each) => each.kind === kind));
  const legend = element("p", { class: "legend" }, ...kinds.map((kind) => element("span", {}, element("b", { class: kind }, SIGNS[kind]), ` ${meanings()[kind]}`)));
  return element("section", { class: "pairs", "aria-label": t("Pairs") }, element("div", { class: "wide" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))), legend);
}

function card(pack) {
  const { data } = pack;
  const composed = served.overview.directions.filter((each) => each.kind === "zero-shot" && each.packs.includes(pack.name));
  const origins = [...new Set(["train", "valid"].map((part) => data[part]?.origin).filter(Boolean))].join("; ");
  const sides = { source: t("source"), target: t("target") };
  const facts = [
    ...fact(t("Strategy"), pack.strategy),
    ...fact(t("New side"), pack.renewed.map((side) => sides[side]).join(", ") || t("none")),
    ...(data.train?.pairs ? fact(t("Training data"), t("{n} pairs", { n: data.train.pairs })) : []),
    ...(pack.licence ? fact(t("Licence"), pack.licence) : []),
    ...fact(t("Made"), pack.created.slice(0, 10)),
  ];
  return element("article", { class: "pack-card" },
    element("h2", {}, pair(pack.source, pack.target), " ", element("code", {}, pack.name)),
    storage(pack),
    scores(pack),
    element("dl", { class: "facts" }, ...facts),
    origins ? element("p", { class: "note" }, t("Text: {origins}", { origins })) : null,
    composed.length ? element("p", { class: "note" }, t("Also makes the experimental pair {pairs}", { pairs: composed.map((each) => pair(each.source, each.target)).join(", ") })) : null,
    choice(pack));
}

// Which of several packs for one pair is used; in this browser another can be chosen.
function choice(pack) {
  if (rivals(pack).length < 2) return null;
  if (isUsed(pack)) return element("p", { class: "choice" }, element("span", { class: "badge used" }, t("in use")));
  return element("p", { class: "choice" }, element("button", { type: "button", class: "plain", "aria-label": `${t("Use this pack")}: ${pack.name}`, onclick: () => use(pack) }, t("Use this pack")));
}

function use(pack) {
  prefer(pack);
  show();
  say(t("{pair} is translated by {name}", { pair: pair(pack.source, pack.target), name: pack.name }));
  renew();
}

function storage(pack) {
  const full = modelBytes(pack);
  if (!full) return element("p", { class: "storage" }, element("strong", {}, size(pack.bytes)));
  const share = Math.min(1, pack.bytes / full);
  const bar = element("div", { class: "bar", "aria-hidden": "true" }, element("span"));
  bar.firstChild.style.width = `${Math.max(1, 100 * share)}%`;
  return element("div", { class: "storage" },
    element("p", {}, element("strong", {}, size(pack.bytes)), ` ${t("of {size}: {share} % of a full model", { size: size(full), share: Math.round(100 * share) })}`), bar);
}

function scores(pack) {
  if (!pack.scores.length) return element("p", { class: "note" }, t("No scores were stored with it."));
  return element("ul", { class: "scores" }, ...pack.scores.map((score) => element("li", {},
    element("strong", {}, number(score.value, 1)), " ", element("span", {}, metric(score)),
    score.interval ? element("small", {}, ` ${score.interval.map((each) => number(each, 1)).join("–")}`) : null,
    element("small", { class: "on", title: score.signature }, ` ${t("on {test}", { test: score.test_set })}`))));
}

// BLEU with its tokenizer: by words and by characters it is another number.
function metric(score) {
  const tokenizer = /\btok:([^|]+)/.exec(score.signature);
  return ({ bleu: "BLEU", chrf: "chrF", "chrf++": "chrF++" }[score.metric] || score.metric) + (tokenizer ? ` (${tokenizer[1]})` : "");
}

function memory({ engine, resident }) {
  const list = resident.map((each) => `${each.name} ${size(each.bytes)}`).join(", ");
  return element("p", { class: "note" }, t("Engine: {engine}. In memory: {list}.", { engine, list: list || t("nothing yet") }));
}
