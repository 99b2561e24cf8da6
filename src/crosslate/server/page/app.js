// Starts the page: what is served, the views, the key.
import * as alignment from "./alignment.js";
import { key } from "./api.js";
import { byId } from "./dom.js";
import * as failure from "./failure.js";
import * as files from "./files.js";
import { fill, load, remember, remembered, served, source, target } from "./languages.js";
import * as packs from "./packs.js";
import { localise } from "./texts.js";
import * as translate from "./translate.js";

const VIEWS = ["translate", "packs", "alignment"];

// A text in a link comes after the #, which no server sees; other pages write it into the query.
function linkedText() {
  const given = location.hash.startsWith("#q=") ? decoded(location.hash.slice(3)) : new URLSearchParams(location.search).get("q");
  return given || "";
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function loadPatiently() {
  for (;;) {
    try {
      await load();
      return failure.forgive();
    } catch (error) {
      await new Promise((resolve) => failure.fail(error, resolve, true));
    }
  }
}

function view() {
  const wanted = location.hash.slice(1);
  const chosen = VIEWS.includes(wanted) ? wanted : "translate";
  for (const each of VIEWS) {
    byId(`${each}-view`).hidden = each !== chosen;
    const link = document.querySelector(`nav a[href="#${each}"]`);
    if (each === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = chosen === "translate" ? "Crosslate" : `${byId(`${chosen}-title`).textContent} – Crosslate`;
  if (wanted === "text") byId("text").focus(); // the link that skips the header, also from other views
  if (chosen === "packs") packs.show();
  if (chosen === "alignment") alignment.show();
}

function useKey() {
  const dialog = byId("key-dialog");
  byId("key").hidden = !(served.settings.apiKeys || served.settings.keyRequired);
  byId("key").addEventListener("click", () => {
    byId("key-value").value = key.get();
    dialog.returnValue = "";
    dialog.showModal();
  });
  byId("key-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "save") return;
    key.set(byId("key-value").value.trim(), byId("key-remember").checked);
    failure.forgive();
    translate.renew();
  });
}

// Packs come and go while the page is open.
async function refresh() {
  if (document.hidden) return;
  try {
    await load();
  } catch {
    return; // the next translation will say what is wrong
  }
  fill(source.value, target.value);
  view();
}

// Only pages over HTTPS or of this machine may have one; without it, all works but the start without a network.
navigator.serviceWorker?.register("service-worker.js").catch(() => {});

localise(document.body);
failure.start();
const text = linkedText();
await loadPatiently();
fill(...remembered());
remember();
byId("version").textContent = `Crosslate ${served.overview.version || ""}`;
byId("alignment-link").hidden = !served.overview.insight;
useKey();
files.start();
alignment.start();
translate.start(text);
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#q=")) translate.setText(linkedText());
  view();
});
document.addEventListener("visibilitychange", refresh);
view();
document.documentElement.dataset.ready = "true";
