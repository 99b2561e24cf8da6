// Requests to the server that the page came from. All addresses are relative, so a prefix makes no difference.
import { stored } from "./dom.js";

export class Failure extends Error {
  // status 0: the server was not reached; -1: its answer broke off.
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const UNREACHABLE = "The server cannot be reached";

export const key = {
  get: () => stored("sessionStorage", "key") || stored("localStorage", "key") || "",
  set(value, isRemembered) {
    stored("sessionStorage", "key", value || null);
    stored("localStorage", "key", (isRemembered && value) || null);
  },
};

export const get = async (path) => (await send(path, {})).json();

export const post = async (path, fields, signal) => (await sendJson(path, fields, signal)).json();

export async function postForm(path, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(withKey(fields))) body.append(name, value);
  return (await send(path, { method: "POST", body })).json();
}

// Server-sent events of a POST, as [name, data].
export async function* events(path, fields, signal) {
  const response = await sendJson(path, fields, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (buffer + value).split("\n\n");
      buffer = blocks.pop();
      for (const block of blocks) {
        const [name, data] = block.split("\n");
        yield [name.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
      }
    }
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(UNREACHABLE, 0);
  }
}

function withKey(fields) {
  return key.get() ? { ...fields, api_key: key.get() } : fields;
}

function sendJson(path, fields, signal) {
  const body = JSON.stringify(withKey(fields));
  return send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, credentials: "same-origin" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(UNREACHABLE, 0);
  }
  if (response.ok) return response;
  const known = await response.json().catch(() => ({}));
  const message = known.error || response.statusText;
  throw new Failure(message || `The server answered with ${response.status}`, response.status,
    Number(response.headers.get("Retry-After")) || 0);
}
