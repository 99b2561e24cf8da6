// What is served, and the two lists to choose from.
import { get } from "./api.js";
import { byId, element, stored } from "./dom.js";

export const AUTO = "auto";
const KINDS = { pack: "By a pack", parent: "By the parent", "zero-shot": "Zero-shot: nobody trained these", pivot: "Through a third language" };
const MARKS = { "zero-shot": " · zero-shot", pivot: " · in two steps" };

export const served = { languages: [], settings: {}, overview: { packs: [], directions: [] } };
export const source = byId("source");
export const target = byId("target");

export async function load() {
  const [languages, settings, overview] = await Promise.all(["languages", "frontend/settings", "v1/packs"].map(get));
  Object.assign(served, { languages, settings, overview });
}

export const name = (code) => served.languages.find((each) => each.code === code)?.name || code;

export function direction(from, to) {
  return served.overview.directions.find((each) => each.source === from && each.target === to);
}

// Fills both lists; a choice that is served no more gives way to one that is.
export function fill(from, to) {
  const sources = served.languages.filter((each) => each.targets.some((code) => code !== each.code));
  source.replaceChildren(option(AUTO, "Detect language"), ...sources.map((each) => option(each.code, each.name)));
  choose(source, from, AUTO);
  fillTargets(to);
  source.disabled = target.disabled = !sources.length;
}

export function fillTargets(to) {
  const from = source.value;
  const codes = new Set(served.overview.directions.filter((each) => from === AUTO || each.source === from).map((each) => each.target));
  const known = served.languages.filter((each) => codes.has(each.code));
  const kindOf = (each) => (from === AUTO ? "" : direction(from, each.code).kind);
  const groups = grouped(known, kindOf);
  const options = (some) => some.map((each) => option(each.code, each.name + (MARKS[kindOf(each)] || "")));
  const parts = groups.size < 2 ? options(known)
    : Object.keys(KINDS).filter((kind) => groups.has(kind)).map((kind) => element("optgroup", { label: KINDS[kind] }, ...options(groups.get(kind))));
  target.replaceChildren(...parts);
  choose(target, to, served.settings.language?.target.code, known[0]?.code);
}

export function remember() {
  stored("localStorage", "languages", JSON.stringify([source.value, target.value]));
  const address = new URLSearchParams({ source: source.value, target: target.value });
  // In place of the old address: the back button leaves the page. Texts are no part of it.
  history.replaceState(null, "", `?${address}${location.hash.startsWith("#q=") ? "" : location.hash}`);
}

export function remembered() {
  const address = new URLSearchParams(location.search);
  let before = [];
  try {
    before = JSON.parse(stored("localStorage", "languages")) || [];
  } catch {
    // What others wrote there is as good as nothing.
  }
  return [address.get("source") || before[0], address.get("target") || before[1]];
}

function option(value, label) {
  return element("option", { value }, label);
}

function choose(select, ...codes) {
  const known = [...select.options].map((each) => each.value);
  select.value = codes.find((code) => known.includes(code)) ?? known[0] ?? "";
}

function grouped(items, kindOf) {
  const groups = new Map();
  for (const item of items) groups.set(kindOf(item), [...(groups.get(kindOf(item)) || []), item]);
  return groups;
}
