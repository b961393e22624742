/* Live cells: Python in the page, at a click.

This script puts the switches under the cells, and loads the rest at the first click (live_python.js, live_cells.js), or at once where
the reader has edited a cell before. window.nnlitLive, for every script of the page that comes after it (both with `defer`):

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
  show(element, result)    Promise<void>: fills an element with the outputs and the error of a result, as under a cell.
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
  const lost = "This did not load: at the first click the page needs the network once.";

  const why = location.protocol === "file:"
    ? "This page was opened as a file, and browsers start no Python from a file. In a checkout of the book, `make serve` shows it " +
      "under an address, where its cells run."
    : window.Worker && window.WebAssembly ? "" : "This browser lacks what Python needs (workers and WebAssembly).";

  const script = (name) => new Promise((loaded, failed) => {
    const node = Object.assign(document.createElement("script"), { src: at(name), onload: loaded });
    node.onerror = () => {
      node.remove();
      failed(new Error(lost));
    };
    document.head.append(node);
  });
  let loading = null; // both put what they have into window.nnlitLive, in the place of what stands for it here
  const load = () => (loading ??= script("live/live_python.js").then(() => script("live/live_cells.js")).catch((error) => {
    loading = null;
    throw error;
  }));
  const later = (name) => async (...given) => {
    await load();
    return window.nnlitLive[name](...given);
  };
  window.nnlitLive = { why, at, page, script, lost, stop() {} };
  for (const name of ["start", "run", "show", "edit", "reset"]) window.nnlitLive[name] = later(name);

  /** Where an edit is kept on this device: by page, cell, and what the cell says in the book. */
  const key = (bar) => `nnlit-live ${page} ${bar.dataset.cell} ${bar.dataset.digest}`;
  const kept = (bar) => {
    try {
      return localStorage.getItem(key(bar)) !== null;
    } catch {
      return false; // without storage
    }
  };
  window.nnlitLive.key = key;

  const bars = [...document.querySelectorAll(".live-bar")];
  bars.forEach((bar, k) => {
    if (bar.dataset.why) {
      bar.append(`Not in the browser: ${bar.dataset.why}.`);
      return;
    }
    const acts = bar.dataset.figure ? { run: "Draw again" } : { run: "Run", goAbove: "Run all above", toggle: "Edit" };
    for (const [act, words] of Object.entries(acts)) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
      button.dataset.act = act;
      button.setAttribute("aria-label", `${words}, ${bar.dataset.figure ? "figure" : "cell"} ${k + 1}`);
      bar.append(button);
    }
    const status = Object.assign(document.createElement("span"), { className: "live-status" });
    status.setAttribute("role", "status");
    bar.append(status);
  });
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.(".live-bar > button[data-act]");
    if (!button) return;
    const bar = button.parentNode;
    try {
      await load();
      window.nnlitLive.cells.get(bar.dataset.cell)[button.dataset.act]();
    } catch (error) {
      bar.querySelector(".live-status").textContent = error.message;
    }
  });
  if (bars.some(kept)) load().catch(() => {});
  // for a reader who has run cells before: this page is one that works offline, then
  navigator.serviceWorker?.controller?.postMessage({ keep: [at(`live/${page}.json`)] });
})();
