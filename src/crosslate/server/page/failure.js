// What went wrong: said once, and tried again by itself where that may help.
import { byId, element } from "./dom.js";
import { t } from "./texts.js";

const PAUSES = [2, 4, 8, 15, 30]; // s, one after the other
const PASSING = [-1, 0, 502, 503]; // a server that is away, starting or busy; what took too long will again
const TICK = 250; // ms

let again = null; // what to do once the time has come
let due = 0;
let isOrdered = false; // the server itself said when to come back
let attempt = 0;
let timer = 0;

export function start() {
  byId("retry").addEventListener("click", now);
  byId("dismiss").addEventListener("click", forgive);
  addEventListener("online", () => byId("failure").hidden || now());
}

// Shows an error. `retry` is offered, and called after a while where the error may pass.
export function fail(error, retry, isPassing = PASSING.includes(error.status)) {
  hold();
  again = retry;
  isOrdered = Boolean(error.retryAfter);
  const pause = error.retryAfter || (isPassing ? PAUSES[Math.min(attempt++, PAUSES.length - 1)] : 0);
  const message = element("span", { title: error.message }, explained(error));
  if (byId("failure-text").textContent !== message.textContent) byId("failure-text").replaceChildren(message);
  byId("failure").hidden = false;
  due = pause ? Date.now() + 1000 * pause : 0;
  if (due) count();
}

export function forgive() {
  hold();
  attempt = 0;
  byId("failure").hidden = true;
  byId("failure-text").textContent = "";
}

// Something is being tried, so no time has to pass any more.
export function hold() {
  clearTimeout(timer);
  due = 0;
  byId("countdown").textContent = "";
}

// Whether the server said that nothing may be asked until the time has come.
export const isClosed = () => isOrdered && due > 0;

function now() {
  hold();
  again?.();
}

function count() {
  const left = Math.ceil((due - Date.now()) / 1000);
  if (left <= 0) return now();
  byId("countdown").textContent = t("Trying again in {n} s.", { n: left });
  timer = setTimeout(count, TICK);
}

// The server's own words are for programs, in English; they stay as a tooltip.
export function explained({ status, message }) {
  if (status === 0) return t("The server cannot be reached.");
  if (status === 429) return t("Too many requests in a short time.");
  if (status === 502 || status === 503) return t("The server is starting or busy.");
  if (status === 413) return t("This is more than the server accepts at once.");
  if (status === 504) return t("The translation took too long. Your text is kept.");
  if (status === 500) return t("The translation failed. Your text is kept.");
  return message;
}
