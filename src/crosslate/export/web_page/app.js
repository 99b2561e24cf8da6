// The page: two languages, a text, and its translation while one types.
import { openEngine } from "./engine.js";
import { translated } from "./sentences.js";

const byId = (id) => document.getElementById(id);
const [source, target, swap, text, output] = ["source", "target", "swap", "text", "output"].map(byId);
const PAUSE_MS = 250; // after the last key
const names = new Intl.DisplayNames(navigator.languages, { type: "language" });
let pairs = [];
let translate = null;
let waiting = 0;
let latest = 0; // number of the last text that was given to the engine

const pairOf = (from, to) => pairs.find((each) => each.source === from && each.target === to);

function languageName(code) {
  try {
    const name = names.of(code);
    if (name !== code) return name;
  } catch {
    // not a code that browsers know
  }
  const known = pairs.flatMap((each) => [[each.source, each.source_name], [each.target, each.target_name]]);
  return Object.fromEntries(known)[code] ?? code;
}

function fill(select, codes, wanted) {
  const unique = [...new Set(codes)].sort((one, other) => languageName(one).localeCompare(languageName(other)));
  select.replaceChildren(...unique.map((code) => new Option(languageName(code), code)));
  if (unique.includes(wanted)) select.value = wanted;
  select.disabled = unique.length < 2;
}

function chooseSource(from, to) {
  fill(source, pairs.map((each) => each.source), from);
  fill(target, pairs.filter((each) => each.source === source.value).map((each) => each.target), to);
  swap.disabled = !pairOf(target.value, source.value);
  text.lang = source.value;
  output.lang = target.value;
}

function say(message) {
  byId("note").textContent = message;
}

function fail(message, error) {
  console.error(error);
  byId("busy").hidden = true;
  byId("failure").textContent = `${message} (${error.message})`;
  byId("failure").hidden = false;
  say("");
}

function show(translation) {
  output.textContent = translation;
  output.classList.remove("stale");
  byId("copy").disabled = !translation;
  byId("busy").hidden = true;
  byId("failure").hidden = true;
}

async function run() {
  clearTimeout(waiting);
  byId("clear").hidden = !text.value;
  const number = ++latest;
  if (!text.value.trim()) {
    show("");
    say("");
    return;
  }
  byId("busy").hidden = false;
  output.classList.add("stale");
  const [from, to, began] = [source.value, target.value, performance.now()];
  try {
    const translation = await translated(text.value, from, (lines) => translate(from, to, lines));
    if (number !== latest || translation === null) return;
    show(translation);
    say(`Translated on this device in ${seconds(performance.now() - began)}.`);
  } catch (error) {
    if (number === latest) fail("The translation failed. Your text is kept; change it or reload the page to try again.", error);
  }
}

const seconds = (ms) => new Intl.NumberFormat(navigator.languages, { style: "unit", unit: "second", maximumFractionDigits: 1 }).format(ms / 1000);

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

const pairName = (pair) => `${languageName(pair.source)} → ${languageName(pair.target)}`;

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

const licence = (name) => name && name !== "unspecified" ? `licence ${name}` : "no licence stated";

function describe({ engine, pairs }) {
  byId("models").replaceChildren(...pairs.map((each) => {
    const packs = each.packs.map((pack) => ` and the pack “${pack.name}” (${licence(pack.licence)})`).join("");
    const origin = each.imported_from ? ` (imported from ${each.imported_from})` : "";
    return item(`${pairName(each)}, ${megabytes(each.num_bytes)}: made from the model ${each.parent}${origin}${packs}`);
  }));
  byId("software").replaceChildren(
    item(`Engine: bergamot-translator ${engine.version}, ${licence(engine.licence)}`),
    item("Page: Crosslate, licence Apache-2.0"),
  );
}

async function start() {
  const response = await fetch("packs.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`packs.json: ${response.status} ${response.statusText}`);
  const index = await response.json();
  pairs = index.pairs;
  const asked = new URLSearchParams(location.search);
  chooseSource(asked.get("from"), asked.get("to"));
  describe(index);
  translate = await openEngine(index, (pair) => {
    say(`Loading the model ${pairName(pair)} (${megabytes(pair.num_bytes)}).`);
  });
  say("");
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(run, PAUSE_MS);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  source.addEventListener("change", () => { chooseSource(source.value, target.value); run(); });
  target.addEventListener("change", () => { chooseSource(source.value, target.value); run(); });
  swap.addEventListener("click", () => {
    if (output.textContent) text.value = output.textContent;
    chooseSource(target.value, source.value);
    run();
  });
  byId("clear").addEventListener("click", () => { text.value = ""; text.focus(); run(); });
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(output.textContent);
    say("Copied.");
  });
  document.documentElement.dataset.ready = "";
  if (text.value) run(); // what was typed, or what the browser restored, before the page was ready
}

start().catch((error) => fail("The translator cannot start.", error));
