// The files view: dropped or chosen, translated one after the other, downloaded.
import { postForm } from "./api.js";
import { byId, element, say } from "./dom.js";
import { explained } from "./failure.js";
import { name, preferredNames, served, source, target } from "./languages.js";
import { size, t } from "./texts.js";

const waiting = [];
let isRunning = false;

export function start() {
  byId("modes").hidden = !served.settings.filesTranslation;
  byId("formats").textContent = (served.settings.supportedFilesFormat || []).join("  ");
  byId("text-mode").addEventListener("click", () => mode("text"));
  byId("files-mode").addEventListener("click", () => mode("files"));
  byId("file").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  if (!served.settings.filesTranslation) return;
  // Anywhere on the page: a file that is dropped beside a small field would replace the page.
  const over = byId("drop-target");
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    over.firstElementChild.textContent = t("Drop files to translate them into {language}", { language: name(target.value) });
    over.hidden = false;
  });
  addEventListener("dragleave", (event) => event.relatedTarget || (over.hidden = true));
  addEventListener("drop", (event) => {
    over.hidden = true;
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    location.hash = "#translate";
    mode("files");
    take(event.dataTransfer.files);
  });
  byId("notify").hidden = !(window.isSecureContext && "Notification" in window);
  byId("notify-me").addEventListener("change", async (event) => {
    if (event.target.checked && (await Notification.requestPermission()) !== "granted") event.target.checked = false;
  });
}

export function mode(which) {
  for (const each of ["text", "files"]) {
    byId(`${each}-mode`).setAttribute("aria-pressed", String(each === which));
    byId(`${each}-panel`).hidden = each !== which;
  }
  const isText = which === "text";
  for (const each of ["wire", "link-tip", "sentence-tip"]) byId(each).classList.toggle("away", !isText);
}

function take(files) {
  for (const file of files) {
    const state = element("span", { class: "state" }, t("waiting"));
    const row = element("li", {}, element("span", { class: "name" }, file.name), element("span", { class: "count" }, size(file.size)), state);
    byId("file-list").prepend(row);
    const ending = file.name.slice(file.name.lastIndexOf(".")).toLowerCase();
    if (!served.settings.supportedFilesFormat.includes(ending)) {
      finish(row, state, t("This format is not read. Expected one of {formats}", { formats: served.settings.supportedFilesFormat.join(" ") }), "failed");
      continue;
    }
    waiting.push({ file, row, state, source: source.value, target: target.value });
  }
  work();
}

async function work() {
  if (isRunning) return;
  isRunning = true;
  while (waiting.length) {
    const { file, row, state, ...pair } = waiting.shift();
    state.replaceChildren(element("progress", { "aria-label": file.name }), ` ${t("into {language}", { language: name(pair.target) })}`);
    say(t("Translating {file}", { file: file.name }));
    try {
      const answer = await postForm("translate_file", { file, ...pair, packs: preferredNames().join() });
      // Only the last part: what the server takes for its own address need not be the one that is seen here.
      const part = new URL(answer.translatedFileUrl, location.href).pathname.split("/").pop();
      const link = element("a", { href: `download_file/${part}`, download: true }, t("Download"));
      state.replaceChildren(link);
      row.classList.add("done");
      link.click();
      say(t("{file} is translated", { file: file.name }));
      tell(t("{file} is translated", { file: file.name }));
    } catch (error) {
      finish(row, state, explained(error), "failed");
      if (!error.status || error.status === 429 || error.status >= 500) state.append(" ", againButton({ file, row, state, ...pair }));
      tell(t("{file} could not be translated", { file: file.name }));
    }
  }
  isRunning = false;
}

// Another try, into the languages of the first.
function againButton(task) {
  return element("button", { type: "button", class: "quiet", "aria-label": `${t("Try again")}: ${task.file.name}`, onclick: () => {
    task.row.classList.remove("failed");
    task.state.textContent = t("waiting");
    waiting.push(task);
    work();
  } }, t("Try again"));
}

function finish(row, state, text, kind) {
  row.classList.add(kind);
  state.textContent = text;
  say(text);
}

function tell(text) {
  if (byId("notify-me").checked && document.hidden) new Notification("Crosslate", { body: text });
}
