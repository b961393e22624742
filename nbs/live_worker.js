/* Python, in a worker of the page: live.js starts this at the first click, and speaks to it in messages.

in   {id, kind: "start"} | {id, kind: "archive", name} | {id, kind: "run", source, name, session} | {id, kind: "reset", session}
out  {id, progress: words} | {id, output: {kind, text}} | {id, done: result}, the last of each id | {id, failed: words} */
import { loadPyodide } from "./pyodide/pyodide.mjs";

const here = new URL(".", import.meta.url);
const FOLDER = "/book/nbs"; // the notebooks' own, whose modules they import
let session, python;
const unpacked = new Map();
const get = self.fetch.bind(self);

const fetched = async (name) => {
  const reply = await get(new URL(name, here));
  if (!reply.ok) throw new Error(`${name}: ${reply.status}`);
  return reply.arrayBuffer();
};
const unpack = async (content) => python.unpackArchive(await content, "zip", { extractDir: "/book" });

const archive = (name) => {
  if (!unpacked.has(name)) unpacked.set(name, unpack(fetched(name)));
  return unpacked.get(name);
};

/** What could send something from here is taken away: whatever runs in the page, pasted from elsewhere, stays in it. */
function alone() {
  const ways = ["fetch", "XMLHttpRequest", "WebSocket", "EventSource", "WebTransport", "RTCPeerConnection", "importScripts",
    "Worker", "BroadcastChannel", "caches", "indexedDB"];
  for (let scope = self; scope && scope !== Object.prototype; scope = Object.getPrototypeOf(scope)) {
    for (const name of ways) if (Object.hasOwn(scope, name)) delete scope[name];
  }
}

async function start(say) {
  say("Loading Python and NumPy");
  const book = fetched("nnlit.zip"); // comes meanwhile
  book.catch(() => {});
  python = await loadPyodide({ indexURL: new URL("pyodide/", here).href, packages: ["numpy"] });
  await unpack(book);
  python.runPython(`import os, sys; os.chdir("${FOLDER}"); sys.path[:0] = ["${FOLDER}", "/book"]`);
  session = python.pyimport("live_session");
  alone();
}

const kinds = {
  start: ({ say }) => start(say),
  archive: ({ name }) => archive(name),
  run: ({ id, source, name, session: which }) =>
    JSON.parse(session.run(source, name, which, (kind, text) => postMessage({ id, output: { kind, text } }))),
  reset: ({ session: which }) => session.reset(which),
};

let turn = Promise.resolve(); // one after the other
self.onmessage = ({ data }) => {
  turn = turn.then(async () => {
    try {
      const done = await kinds[data.kind]({ ...data, say: (progress) => postMessage({ id: data.id, progress }) });
      postMessage({ id: data.id, done: done ?? null });
    } catch (error) {
      postMessage({ id: data.id, failed: String(error?.message ?? error) });
    }
  });
};
