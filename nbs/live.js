/* Live cells: Python in the page, at a click.

window.nnlitLive, for every script of the page that comes after this one (both with `defer`, in this order):

  why                      "" where Python can run; else a sentence for the reader: why not here, and how to get it
  start(onProgress?)       Promise<void>: loads Python, NumPy and nnlit, once. onProgress(words) as it goes. Rejects with an Error
                           whose message is a sentence for the reader (opened as a file; no network at the first click).
  run(source, options?)    Promise<{text, html, error, outputs}>: starts if need be, and runs Python as Jupyter runs a cell.
                             options.onText(words): what is printed, as it comes
                             options.onProgress(words): as of start
                             options.session: a name; runs of one session share their names ("page" is that of the page's cells)
                             options.name: how tracebacks call the source ("<cell>")
                           text: all that was printed, and the last expression as text. html: the rich outputs, cleaned, or "".
                           outputs: [{kind: "stdout" | "stderr" | "text" | "html", text}], in order.
                           error: null or {message: "ValueError: ...", line: of the source, from 1, or null, trace: the whole text}.
                           It never rejects for what the code does; after stop() the error's message says that it was stopped.
  show(element, result)    Fills an element with the outputs and the error of a result, as under a cell.
  edit(element, options)   Promise<editor>: an editor with Python's colours in place of the element's children.
                             options: {label, text, onChange(text), onRun() at Shift-Enter}
                           editor: value (get, set), focus(), mark(line or null), remove(). Escape leaves it, Tab is not caught.
  stop()                   Ends Python at once, and every session with it; the next run begins anew.
  reset(session = "page")  Promise<void>: forgets the names of a session.

Events on document: "nnlit-live" with detail {state: "off" | "loading" | "ready" | "running"}. */
(() => {
  "use strict";

  const here = new URL(".", document.currentScript.src);
  const at = (name) => new URL(name, here).href;
  const page = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

  const why = location.protocol === "file:"
    ? "This page was opened as a file, and browsers start no Python from a file. In a checkout of the book, `make serve` shows it " +
      "under an address, where its cells run."
    : window.Worker && window.WebAssembly ? "" : "This browser lacks what Python needs (workers and WebAssembly).";

  // -------------------------------------------------------------------------------------------------------- Python

  const GONE = "Stopped. Python was ended, and what the cells had made is gone.";
  let worker = null, started = null, last = 0;
  const waiting = new Map(); // by the number of a message: who waits for its answer

  const tell = (state) => document.dispatchEvent(new CustomEvent("nnlit-live", { detail: { state } }));

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
    worker?.terminate();
    worker = started = null;
    for (const who of waiting.values()) who.failed(Object.assign(new Error(words), { stopped: true }));
    waiting.clear();
    tell("off");
  }

  function start(onProgress) {
    if (why) return Promise.reject(new Error(why));
    started ??= (async () => {
      tell("loading");
      onProgress?.("Loading Python");
      await keepOffline();
      worker = new Worker(at("live/live_worker.js"), { type: "module" });
      worker.onmessage = heard;
      worker.onerror = () => end("Python did not load. At the first click the page needs the network once.");
      await ask({ kind: "start" }, { progress: onProgress });
      tell("ready");
    })().catch((error) => {
      if (!error.stopped) end();
      throw error.stopped ? error : new Error(`Python did not load: ${error.message}. At the first click the page needs the network once.`);
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
      await Promise.race([active, new Promise((late) => setTimeout(late, 3000))]);
      const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
      keep(location.href, ...loaded, at("live/codemirror.js"), at(`live/${page}.json`));
    } catch {} // eslint-disable-line no-empty
  }
  const keep = (...urls) => navigator.serviceWorker?.controller?.postMessage({ keep: urls });

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
        const bad = /^on|^(src|srcset|poster|background|ping|action|formaction)$/i.test(name) ? !/^data:image\//.test(value)
          : address ? (link ? /^\s*[a-z]+:/i.test(value) && !/^https?:/i.test(value) : !value.startsWith("#")) : /url\(\s*['"]?(?!#)/i.test(value);
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

  let editors = null;
  const loadEditor = () => (editors ??= new Promise((loaded, failed) => {
    const script = make("script", { src: at("live/codemirror.js") });
    script.onload = () => loaded(window.nnlitEditor);
    script.onerror = () => {
      editors = null;
      failed(new Error("The editor did not load: the first time it needs the network."));
    };
    document.head.append(script);
  }));

  async function edit(element, { label, text, onChange = () => {}, onRun = () => {}, onLeave } = {}) {
    const { create } = await loadEditor();
    element.replaceChildren();
    element.classList.add("live-editor");
    const leave = onLeave ?? (() => {
      element.tabIndex = -1;
      element.focus();
    });
    return create(element, { label: `${label}. Python. Escape leaves, Shift-Enter runs.`, text, onChange, onRun, onLeave: leave });
  }

  window.nnlitLive = {
    why, start, run, show, edit,
    stop: () => end(GONE),
    reset: async (session = "page") => {
      if (session === "page") forget();
      if (started) await started.then(() => ask({ kind: "reset", session }));
    },
  };

  // --------------------------------------------------------------------------------------------------------- cells

  const cells = new Map(); // those with a bar, by id, in the order of the page
  let plan = null; // of live/<page>.json: all cells that can run, hidden ones too
  let turn = Promise.resolve(), round = 0; // one run after the other; a stop begins another round

  const loadPlan = () => (plan ??= fetch(at(`live/${page}.json`)).then(async (reply) => {
    if (!reply.ok) throw new Error("The page's cells did not load: the first time they need the network.");
    const { cells: list, archives } = await reply.json();
    list.forEach((entry, k) => Object.assign(entry, { k, ran: null, text: () => cells.get(entry.id)?.text ?? entry.code }));
    return { list, archives, by: new Map(list.map((entry) => [entry.id, entry])) };
  }).catch((error) => {
    plan = null;
    throw error;
  }));

  let clock = 0;
  const upToDate = (list, entry) => entry.ran?.text === entry.text() &&
    entry.needs.every((k) => list[k].ran && list[k].ran.at < entry.ran.at);

  class Cell {
    constructor(bar, number) {
      Object.assign(this, { bar, number, id: bar.dataset.cell, text: null, editor: null, out: null });
      this.figure = bar.dataset.figure ? document.getElementById(bar.dataset.figure) : null;
      this.block = this.figure ? null : bar.previousElementSibling;
      this.pre = this.block?.querySelector("pre");
      this.code = this.pre?.querySelector("code");
      this.whole = bar.closest(".cell");
      this.key = `nnlit-live ${page} ${this.id} ${bar.dataset.digest}`;
      if (bar.dataset.why) {
        bar.append(make("span", { class: "live-why" }, `Not in the browser: ${bar.dataset.why}.`));
        return;
      }
      this.runs = this.button(this.figure ? "Draw again" : "Run", () => (this.busy ? window.nnlitLive.stop() : this.go([this])));
      if (!this.figure) {
        this.above = this.button("Run all above", () => this.goAbove());
        this.edits = this.button("Edit", () => (this.editor ? this.close() : this.open()));
        this.undo = this.button("Undo edits", () => this.change(null));
        this.undo.hidden = true;
      }
      this.status = make("span", { class: "live-status", role: "status" });
      bar.append(this.status);
      this.original = this.code?.textContent.replace(/^\n+|\n+$/g, "");
      this.tokens = this.code ? [...this.code.childNodes] : [];
      const kept = this.code && stored(this.key);
      if (kept != null) this.change(kept);
    }

    button(words, act) {
      const button = make("button", { type: "button" });
      button.onclick = act;
      this.bar.append(button);
      this.name(button, words);
      return button;
    }

    name(button, words) {
      button.textContent = words;
      button.setAttribute("aria-label", `${words}, ${this.figure ? "figure" : "cell"} ${this.number}`);
    }

    get words() { return this.text ?? this.original; }

    change(text) {
      const same = text == null || text === this.original;
      this.text = same ? null : text;
      stored(this.key, this.text);
      this.mark(null);
      if (text == null && this.editor) this.editor.value = this.original;
      if (same) this.code.replaceChildren(...this.tokens); else this.code.textContent = text;
      const inside = this.undo === document.activeElement;
      this.undo.hidden = same;
      this.bar.classList.toggle("edited", !same);
      if (same && inside) this.edits.focus();
    }

    async open() {
      this.place = make("div");
      this.block.after(this.place);
      try {
        this.editor = await edit(this.place, {
          label: `Code of cell ${this.number}`, text: this.words, onChange: (text) => this.change(text), onRun: () => this.go([this]),
          onLeave: () => this.edits.focus(),
        });
      } catch (error) {
        this.place.remove();
        this.status.textContent = error.message;
        return;
      }
      this.block.hidden = true;
      this.name(this.edits, "Close");
      this.editor.focus();
    }

    close() {
      this.editor.remove();
      this.place.remove();
      this.editor = null;
      this.block.hidden = false;
      this.name(this.edits, "Edit");
    }

    /** The line of an error is marked in the code, or in the editor; null: none. */
    mark(line) {
      this.pre?.querySelector(".live-wrong")?.remove();
      this.editor?.mark(line);
      if (!line || !this.pre) return;
      const range = document.createRange(), walk = document.createTreeWalker(this.code, NodeFilter.SHOW_TEXT);
      const lines = this.code.textContent.replace(/^\n+/, "").split("\n");
      let start = this.code.textContent.match(/^\n*/)[0].length + lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      let length = Math.max((lines[line - 1] ?? "").length, 1), node, begun = false;
      while ((node = walk.nextNode())) {
        if (!begun && start < node.length) {
          range.setStart(node, start);
          begun = true;
          length += start;
        }
        if (begun && length <= node.length) {
          range.setEnd(node, length);
          break;
        }
        if (begun) length -= node.length; else start -= node.length;
      }
      const box = range.getBoundingClientRect(), frame = this.pre.getBoundingClientRect();
      const strip = make("span", { class: "live-wrong", "aria-hidden": "true" });
      Object.assign(strip.style, { top: `${box.top - frame.top + this.pre.scrollTop}px`, height: `${box.height}px` });
      this.pre.append(strip);
    }

    /** The place for what the cell puts out here; the book's own output comes back with a reset. */
    output() {
      if (this.figure) return make("div");
      this.book ??= [...(this.whole?.querySelectorAll(":scope > .cell-output, :scope > details > .cell-output") ?? [])];
      if (!this.out) {
        this.out = make("div", { class: "live-output", role: "group", "aria-label": `Output of cell ${this.number}, run here` });
        if (this.book.length) this.book[0].before(this.out); else this.bar.after(this.out);
      }
      for (const node of this.book) node.hidden = true;
      return this.out;
    }

    forget() {
      this.out?.remove();
      this.out = null;
      for (const node of this.book ?? []) node.hidden = false;
      this.mark(null);
      if (this.status) this.status.textContent = "";
    }

    set running(words) {
      this.busy = Boolean(words);
      this.name(this.runs, this.busy ? "Stop" : this.figure ? "Draw again" : "Run");
      this.bar.classList.toggle("busy", this.busy);
      this.status.textContent = words;
    }

    /** Run what these cells need, and then these. `asked` is this cell, whose bar tells how it goes. */
    go(wanted) {
      const mine = round;
      this.running = "Waiting";
      turn = turn.then(() => mine === round && this.went(wanted)).catch(() => {}).finally(() => this.busy && (this.running = ""));
      return turn;
    }

    async went(wanted) {
      const began = performance.now();
      let result = null;
      try {
        if (why) throw new Error(why);
        this.running = "Loading";
        const { list, archives, by } = await loadPlan();
        await start((words) => { this.running = `${words} (at the first click, a few seconds)`; });
        for (const name of archives) await ask({ kind: "archive", name });
        const asked = wanted.map((cell) => by.get(cell.id)), chosen = new Set(asked.flatMap((entry) => entry.needs));
        if (wanted[0] === this) by.get(this.id).ran = null; // who asks for a cell has it run again
        for (const entry of asked) chosen.add(entry.k);
        const order = [...chosen].sort((a, b) => a - b);
        for (const k of order) {
          if (upToDate(list, list[k])) continue;
          const first = order.filter((i) => i <= k).length;
          this.running = order.length > 1 ? `Running ${first} of ${order.length}` : "Running";
          result = await this.one(list[k]);
          if (result.error) break;
        }
      } catch (error) {
        filling(this.output()).fail({ message: error.message, stopped: true });
        result = { error };
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      this.running = "";
      this.status.textContent = result?.error ? "" : `${wanted[0] === this ? "Ran" : "Ran all above"} in ${seconds} s`;
      return result;
    }

    /** Run one cell of the plan, and show under it what comes; that of a hidden one is shown only if it fails. */
    async one(entry) {
      const cell = cells.get(entry.id), text = entry.text();
      const into = cell ? cell.output() : make("div"), out = filling(into);
      cell?.mark(null);
      const result = await run(text, { onOutput: out.add, name: `<${entry.id}>` });
      entry.ran = result.error ? null : { text, at: ++clock };
      if (result.error) {
        const told = cell ?? this;
        (cell ? out : filling(told.output())).fail(result.error);
        if (cell) cell.mark(result.error.line);
        if (told !== this) this.explain(told, result.error, cell);
        if (result.error.stopped) told.offer();
      } else if (cell?.figure && result.html) {
        cell.redraw(into);
      }
      if (cell?.out && !cell.out.childNodes.length) cell.out.remove(), (cell.out = null);
      return result;
    }

    explain(told, error, shown) {
      if (!shown || error.stopped) return;
      filling(this.output()).fail({ message: `Not run: cell ${told.number}, which this one needs, went wrong.`, stopped: true });
    }

    /** After a stop: the way back to where one was. */
    offer() {
      if (!this.above) return;
      const again = make("button", { type: "button" }, "Run all above again");
      again.onclick = () => this.goAbove();
      this.output().append(again);
    }

    goAbove() {
      const above = [...cells.values()].filter((cell) => cell.number < this.number && cell.runs);
      if (above.length) this.go(above); else this.status.textContent = "Nothing is above";
    }

    redraw(into) {
      const drawn = into.querySelector("figure") ?? into.querySelector("svg");
      if (!drawn) return;
      this.figure.replaceChildren(...(drawn.localName === "figure" ? drawn.childNodes : [drawn]));
    }
  }

  function forget() {
    round++;
    plan?.then(({ list }) => list.forEach((entry) => { entry.ran = null; })).catch(() => {});
    for (const cell of cells.values()) cell.forget();
  }

  /** An edit that is kept on this device: read, written, or removed with null. Without storage it lasts as long as the page. */
  function stored(key, text) {
    try {
      if (text === undefined) return localStorage.getItem(key);
      if (text === null) localStorage.removeItem(key); else localStorage.setItem(key, text);
    } catch {} // eslint-disable-line no-empty
    return null;
  }

  document.addEventListener("nnlit-live", ({ detail: { state } }) => {
    if (state === "off") {
      round++;
      plan?.then(({ list }) => list.forEach((entry) => { entry.ran = null; })).catch(() => {});
    }
    panel(state);
  });

  /** What Python is doing, with its two switches, at the edge of the screen once it has been started. */
  let aside = null;
  function panel(state) {
    if (!aside) {
      const say = make("span"), stop = make("button", { type: "button" }, "Stop"), again = make("button", { type: "button" }, "Reset session");
      stop.onclick = () => window.nnlitLive.stop();
      again.onclick = () => window.nnlitLive.reset();
      aside = Object.assign(make("aside", { class: "live-session", "aria-label": "Python" }, say, stop, again), { say, stop, again });
      document.body.append(aside);
    }
    aside.say.textContent = { off: "Python is off", loading: "Loading Python", ready: "Python is ready", running: "Running" }[state];
    aside.stop.hidden = state !== "running" && state !== "loading";
    aside.again.hidden = state !== "ready";
  }

  document.querySelectorAll(".live-bar").forEach((bar, k) => cells.set(bar.dataset.cell, new Cell(bar, k + 1)));
  keep(at(`live/${page}.json`)); // only for a reader who has run cells before: this page is one that works offline, then
})();
