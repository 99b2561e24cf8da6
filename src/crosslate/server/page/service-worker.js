// Opens the page without a network: keeps its own files, nothing else. Requests to the API, and with them texts
// and translations, are none of its business. The server puts VERSION and FILES before these lines.

const NAME = `crosslate ${registration.scope} `;
const KEPT = new Set(FILES.map((file) => new URL(file, registration.scope).pathname));

// All files of a version or none, and never through the browser's own cache.
addEventListener("install", (event) => {
  const files = FILES.map((file) => new Request(new URL(file, registration.scope), { cache: "reload" }));
  event.waitUntil(caches.open(NAME + VERSION).then((cache) => cache.addAll(files)).then(skipWaiting));
});

addEventListener("activate", (event) => {
  event.waitUntil(removeOthers().then(() => clients.claim()));
});

async function removeOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(NAME) && name !== NAME + VERSION);
  await Promise.all(others.map((name) => caches.delete(name)));
}

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && KEPT.has(new URL(url).pathname)) event.respondWith(freshOrKept(event.request));
});

// The server's file wherever it can be had. An address may hold a text, so it is looked up without that.
async function freshOrKept(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(NAME + VERSION);
    const kept = await cache.match(new URL(request.url).pathname);
    if (kept) return kept;
    throw error;
  }
}
