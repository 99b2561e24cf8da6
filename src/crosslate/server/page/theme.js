// Light or dark: what the system says until the button was used.
import { byId, stored } from "./dom.js";
import { t } from "./texts.js";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const button = byId("theme");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

function show() {
  button.title = isDark() ? t("Light colours") : t("Dark colours");
  button.setAttribute("aria-label", button.title);
}

const chosen = stored("localStorage", "theme");
if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
show();
system.addEventListener("change", show);
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  stored("localStorage", "theme", root.dataset.theme);
  show();
});
