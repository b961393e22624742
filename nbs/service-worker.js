/* Keeps on the reader's device what live cells need, and the pages visited since: live.js registers this at the first click.

tools/live.py puts in what each build is made of, so that a new build takes the old one's place: then every page that was kept is
fetched anew. Python itself is kept apart, by what it is made of: it changes rarely, and is large. */
"use strict";

const BUILD = "BUILD", RUNTIME = "RUNTIME";
const mine = `nnlit ${new URL(self.registration.scope).pathname} `; // other sites of this host have caches of their own
const PAGES = `${mine}pages ${BUILD}`, PYTHON = `${mine}python ${RUNTIME}`;
// Python in the page speaks to nobody else: whatever is pasted into a cell stays on this device
const ALONE = "default-src 'self'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'; connect-src 'self'";

const bare = (url) => url.split("#")[0];
const isPython = (url) => url.includes("/live/pyodide/");
const ours = (url) => url.startsWith(self.registration.scope);

async function put(cache, url, reply) {
  if (reply.status === 200) await cache.put(bare(url), reply);
}

async function fetchInto(cache, url) {
  try {
    await put(cache, url, await fetch(bare(url), { cache: "no-cache" }));
  } catch {} // what cannot be had now is had at the next visit
}

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const pages = await caches.open(PAGES);
  for (const name of await caches.keys()) {
    if (!name.startsWith(`${mine}pages`) || name === PAGES) continue;
    for (const request of await (await caches.open(name)).keys()) await fetchInto(pages, request.url);
  }
  await self.skipWaiting();
})()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith(mine) && name !== PAGES && name !== PYTHON) await caches.delete(name);
  await self.clients.claim();
})()));

self.addEventListener("message", (event) => event.waitUntil((async () => {
  const pages = await caches.open(PAGES);
  for (const url of event.data.keep ?? []) {
    if (!ours(url) || isPython(url) || await pages.match(bare(url))) continue;
    await fetchInto(pages, url);
    if (!/\/live\/[^/]+\.json$/.test(url)) continue;
    const plan = await (await pages.match(bare(url)))?.json();
    for (const name of plan?.archives ?? []) await fetchInto(pages, new URL(name, url).href);
  }
})()));

/** From the network, and kept; without a network, as it was kept. Python from what was kept, if it was. */
async function answer(event) {
  const { request } = event, url = bare(request.url);
  const cache = await caches.open(isPython(url) ? PYTHON : PAGES);
  const kept = () => cache.match(url, { ignoreSearch: request.mode === "navigate", ignoreVary: true });
  if (isPython(url)) {
    const found = await kept();
    if (found) return found;
  }
  try {
    const reply = await fetch(request);
    event.waitUntil(put(cache, url, reply.clone()));
    return reply;
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

async function alone(reply) {
  const headers = new Headers(reply.headers);
  headers.set("Content-Security-Policy", ALONE);
  return new Response(reply.body, { status: reply.status, headers });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !ours(request.url)) return;
  const reply = answer(event);
  event.respondWith(/\/live\/live_worker(\.\w+)?\.js$/.test(request.url) ? reply.then(alone) : reply);
});
