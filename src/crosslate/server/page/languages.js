// What is served, and the two lists to choose from.
import { get } from "./api.js";
import { byId, element, stored, storedValue } from "./dom.js";
import { arrow, languageName, t } from "./texts.js";

export const AUTO = "auto";

export const served = { languages: [], settings: {}, overview: { packs: [], directions: [] } };
export const source = byId("source");
export const target = byId("target");
let detected = ""; // what stands in the list in place of "Detect language"

export async function load() {
  const [languages, settings, overview] = await Promise.all(["languages", "frontend/settings", "v1/packs"].map(get));
  Object.assign(served, { languages, settings, overview });
}

export const name = (code) => languageName(code, served.languages.find((each) => each.code === code)?.name);

export const pair = (from, to) => `${name(from)} ${arrow} ${name(to)}`;

// How a pair is translated, with the pack that somebody chose for it in the view of packs.
export function direction(from, to) {
  const found = served.overview.directions.find((each) => each.source === from && each.target === to);
  const own = preferred().find((pack) => pack.source === from && pack.target === to);
  return found && own ? { ...found, kind: "pack", packs: [own.name] } : found;
}

// Packs that were chosen, as far as they are still served; one for each pair.
function preferred() {
  const names = storedValue("localStorage", "packs");
  return served.overview.packs.filter((pack) => Array.isArray(names) && names.includes(pack.name));
}

export const preferredNames = () => preferred().map((pack) => pack.name);

export function prefer(pack) {
  const others = preferred().filter((each) => each.source !== pack.source || each.target !== pack.target);
  stored("localStorage", "packs", JSON.stringify([...others, pack].map((each) => each.name)));
}

// Fills both lists; a choice that is served no more gives way to one that is.
export function fill(from, to) {
  const sources = byName(served.languages.filter((each) => each.targets.some((code) => code !== each.code)));
  source.replaceChildren(option(AUTO, detected || t("Detect language")), ...sources.map((each) => option(each.code, name(each.code))));
  choose(source, from, AUTO);
  fillTargets(to);
  source.disabled = target.disabled = !sources.length;
}

export function fillTargets(to) {
  const from = source.value;
  const codes = new Set(served.overview.directions.filter((each) => from === AUTO || each.source === from).map((each) => each.target));
  const known = byName(served.languages.filter((each) => codes.has(each.code)));
  const titles = { "zero-shot": t("Experimental pairs"), pivot: t("Through a third language") };
  const kindOf = (each) => (from === AUTO ? "" : direction(from, each.code).kind);
  const options = (isWanted) => known.filter((each) => isWanted(kindOf(each))).map((each) => option(each.code, name(each.code)));
  const groups = Object.entries(titles).map(([kind, label]) => element("optgroup", { label }, ...options((each) => each === kind)));
  target.replaceChildren(...options((each) => !(each in titles)), ...groups.filter((group) => group.children.length));
  choose(target, to, served.settings.language?.target.code, known[0]?.code);
}

// Puts what was found out about a text into the list; nothing, before a text is there.
export function showDetected(label) {
  detected = label;
  source.querySelector(`option[value=${AUTO}]`).textContent = label || t("Detect language");
}

export function remember() {
  stored("localStorage", "languages", JSON.stringify([source.value, target.value]));
  const address = new URLSearchParams({ source: source.value, target: target.value });
  // In place of the old address: the back button leaves the page. Texts are no part of it.
  history.replaceState(null, "", `?${address}${location.hash.startsWith("#q=") ? "" : location.hash}`);
}

export function remembered() {
  const address = new URLSearchParams(location.search);
  const before = storedValue("localStorage", "languages");
  const [from, to] = Array.isArray(before) ? before : [];
  return [address.get("source") || from, address.get("target") || to];
}

function option(value, label) {
  return element("option", { value }, label);
}

function choose(select, ...codes) {
  const known = [...select.options].map((each) => each.value);
  select.value = codes.find((code) => known.includes(code)) ?? known[0] ?? "";
}

function byName(languages) {
  return [...languages].sort((one, other) => name(one.code).localeCompare(name(other.code)));
}
