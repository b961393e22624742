/* Python, what it puts out, and the editor: what live.js promises of window.nnlitLive, loaded when it is first asked for. */
(() => {
  "use strict";

  const { why, at, page, script, lost } = window.nnlitLive;
  const GONE = "Stopped. Python was ended, and what the cells had made is gone.";
  let worker = null, started = null, last = 0, round = 0;
  const waiting = new Map(); // by the number of a message: who waits for its answer

  const tell = (state, session) => document.dispatchEvent(new CustomEvent("nnlit-live", { detail: { state, session } }));

  function ask(message, { output, progress } = {}) {
    return new Promise((done, failed) => {
      waiting.set(++last, { done, failed, output, progress });
      worker.postMessage({ id: last, ...message });
    });
  }

  function heard({ data }) {
    const who = waiting.get(data.id);
    if (!who) return;
    if ("output" in data) return who.output?.(data.output);
    if ("progress" in data) return who.progress?.(data.progress);
    waiting.delete(data.id);
    if ("failed" in data) who.failed(new Error(data.failed)); else who.done(data.done);
  }

  function end(words) {
    round++;
    worker?.terminate();
    worker = started = null;
    for (const who of waiting.values()) who.failed(Object.assign(new Error(words), { stopped: true }));
    waiting.clear();
    tell("off");
  }

  function start(onProgress) {
    if (why) return Promise.reject(new Error(why));
    const mine = round;
    started ??= (async () => {
      tell("loading");
      onProgress?.("Loading Python");
      await keepOffline();
      if (mine !== round) throw Object.assign(new Error(GONE), { stopped: true });
      worker = new Worker(at("live/live_worker.js"), { type: "module" });
      worker.onmessage = heard;
      worker.onerror = () => end(lost);
      await ask({ kind: "start" }, { progress: onProgress });
      tell("ready");
    })().catch((error) => {
      if (!error.stopped) end(GONE);
      throw error.stopped ? error : new Error(`${lost} (${error.message})`);
    });
    return started;
  }

  async function run(source, { onText, onOutput, onProgress, session = "page", name = "<cell>" } = {}) {
    const outputs = [];
    let error;
    const output = ({ kind, text }) => {
      const before = outputs.at(-1);
      if (before?.kind === kind && kind.startsWith("std")) before.text += text; else outputs.push({ kind, text });
      if (kind !== "html") onText?.(text);
      onOutput?.(kind, text);
    };
    try {
      await start(onProgress);
      tell("running");
      error = await ask({ kind: "run", source, name, session }, { output });
      tell("ready");
    } catch (failed) {
      if (!failed.stopped) throw failed;
      error = { message: failed.message, line: null, trace: "", stopped: true };
    }
    const join = (rich) => outputs.filter((o) => (o.kind === "html") === rich).map((o) => o.text).join("");
    return { text: join(false), html: clean(join(true)).innerHTML, outputs, error };
  }

  /** With a service worker the page and Python stay on this device; without one (a private window) everything else works. */
  async function keepOffline() {
    if (!navigator.serviceWorker) return;
    try {
      await navigator.serviceWorker.register(at("service-worker.js"));
      const active = navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller || new Promise((claimed) =>
        navigator.serviceWorker.addEventListener("controllerchange", claimed, { once: true })));
      await Promise.race([active, new Promise((late) => setTimeout(late, 2000))]);
      const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
      const urls = [location.href, ...loaded, at("live/codemirror.js"), at(`live/${page}.json`)];
      navigator.serviceWorker.controller?.postMessage({ keep: urls });
    } catch {} // eslint-disable-line no-empty
  }

  // ------------------------------------------------------------------------------------------------------- outputs

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  /** HTML that a cell has made, without what runs or what asks another host. */
  function clean(text) {
    const { body } = new DOMParser().parseFromString(text, "text/html");
    body.querySelectorAll("script, style, iframe, object, embed, link, meta, base, form, animate, set").forEach((n) => n.remove());
    for (const node of body.querySelectorAll("*")) {
      for (const { name, value } of [...node.attributes]) {
        const address = /(^|:)href$/.test(name), link = node.localName === "a";
        const loads = /^on|^(src|srcset|poster|background|ping|action|formaction)$/i.test(name);
        const leads = link ? /^\s*[a-z]+:/i.test(value) && !/^https?:/i.test(value) : !value.startsWith("#");
        const bad = loads ? !/^data:image\//.test(value) : address ? leads : /url\(\s*['"]?(?!['"]?#)/i.test(value);
        if (bad) node.removeAttribute(name);
      }
    }
    return body;
  }

  /** Fills an element as things come. */
  function filling(element) {
    element.replaceChildren();
    let printed = null;
    return {
      add(kind, text) {
        if (kind === "html") {
          printed = null;
          return element.append(make("div", { class: "live-html" }, ...clean(text).childNodes));
        }
        if (printed?.kind !== kind || kind === "text") {
          const code = make("code");
          printed = { kind, code };
          element.append(make("pre", { class: `live-${kind}` }, code));
        }
        printed.code.append(text);
      },
      fail({ message, line, trace, stopped }) {
        const words = line ? `${message} (line ${line})` : message;
        element.append(make("p", { class: stopped ? "live-stopped" : "live-error" }, words));
        if (trace && trace.trim().split("\n").length > 4) {
          element.append(make("details", {}, make("summary", {}, "The way to it"), make("pre", {}, make("code", {}, trace.trim()))));
        }
      },
    };
  }

  function show(element, { outputs, error }) {
    const out = filling(element);
    for (const { kind, text } of outputs) out.add(kind, text);
    if (error) out.fail(error);
  }

  // -------------------------------------------------------------------------------------------------------- editor

  async function edit(element, { label, text, onChange = () => {}, onRun = () => {}, onLeave } = {}) {
    if (!window.nnlitEditor) await script("live/codemirror.js");
    element.replaceChildren();
    element.classList.add("live-editor");
    const leave = onLeave ?? (() => {
      element.tabIndex = -1;
      element.focus();
    });
    const named = `${label}. Python. Escape leaves, Shift-Enter runs.`;
    return window.nnlitEditor.create(element, { label: named, text, onChange, onRun, onLeave: leave });
  }

  const reset = async (session = "page") => {
    tell("reset", session);
    if (started) await started.then(() => ask({ kind: "reset", session }));
  };
  const archive = (name) => ask({ kind: "archive", name });
  const stop = () => end(GONE);
  Object.assign(window.nnlitLive, { start, run, edit, reset, archive, filling, make, stop, show: async (...given) => show(...given) });
})();
