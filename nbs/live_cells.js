/* The cells of a page: run in order, edited, marked, reset. live.js has put the switches under them, and loads this at the first click. */
(() => {
  "use strict";

  const live = window.nnlitLive, { make } = live;
  const cells = new Map(); // those with a bar, by id, in the order of the page
  let plan = null; // of live/<page>.json: all cells that can run, hidden ones too
  let turn = Promise.resolve(), round = 0; // one run after the other; a stop begins another round

  const loadPlan = () => (plan ??= fetch(live.at(`live/${live.page}.json`)).then(async (reply) => {
    if (!reply.ok) throw new Error(live.lost);
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
      Object.assign(this, { bar, number, id: bar.dataset.cell, key: live.key(bar), text: null, editor: null, out: null });
      this.figure = bar.dataset.figure ? document.getElementById(bar.dataset.figure) : null;
      [this.runs, this.above, this.edits] = bar.querySelectorAll("button");
      this.status = bar.querySelector(".live-status");
      this.whole = bar.closest(".cell");
      if (this.figure) return;
      this.block = bar.previousElementSibling;
      this.pre = this.block.querySelector("pre");
      this.code = this.pre.querySelector("code");
      this.undo = make("button", { type: "button", hidden: "" });
      this.name(this.undo, "Undo edits");
      this.undo.onclick = () => this.change(null);
      this.edits.after(this.undo);
      this.original = this.code.textContent.replace(/^\n+|\n+$/g, "");
      this.tokens = [...this.code.childNodes];
      const kept = stored(this.key);
      if (kept !== null) this.change(kept);
    }

    name(button, words) {
      button.textContent = words;
      button.setAttribute("aria-label", `${words}, ${this.figure ? "figure" : "cell"} ${this.number}`);
    }

    run() {
      if (this.busy) live.stop(); else this.go([this]);
    }

    toggle() {
      if (this.editor) this.close(); else this.open();
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
      if (!live.why) await loadPlan().then(({ by }) => { this.original = by.get(this.id).code; }, () => {});
      this.place = make("div");
      this.block.after(this.place);
      try {
        this.editor = await live.edit(this.place, {
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
      this.mark(this.wrong);
      this.name(this.edits, "Edit");
    }

    /** The line of an error is marked in the code, or in the editor; null: none. */
    mark(line) {
      this.wrong = line;
      this.pre?.querySelector(".live-wrong")?.remove();
      this.editor?.mark(line);
      if (!line || !this.pre || this.block.hidden) return;
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
      if (this.figure) {
        this.out?.remove(); // what went wrong before
        return (this.out = make("div", { class: "live-output" }));
      }
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
      turn = turn.then(() => mine === round && this.went(wanted, mine)).catch(() => {}).finally(() => this.busy && (this.running = ""));
      return turn;
    }

    async went(wanted, mine) {
      const began = performance.now();
      let result = null;
      try {
        if (live.why) throw new Error(live.why);
        this.running = "Loading";
        const { list, archives, by } = await loadPlan();
        await live.start((words) => { this.running = `${words} (at the first click, a few seconds)`; });
        for (const name of archives) await live.archive(name);
        const asked = wanted.map((cell) => by.get(cell.id)), chosen = new Set(asked.flatMap((entry) => entry.needs));
        if (wanted[0] === this) by.get(this.id).ran = null; // who asks for a cell has it run again
        for (const entry of asked) chosen.add(entry.k);
        const order = [...chosen].sort((a, b) => a - b);
        for (const k of order) {
          if (upToDate(list, list[k])) continue;
          const first = order.filter((i) => i <= k).length;
          this.running = order.length > 1 ? `Running ${first} of ${order.length}` : "Running";
          result = await this.one(list[k]);
          if (result.error || mine !== round) break;
        }
      } catch ({ message }) {
        live.filling(this.output()).fail({ message, stopped: true });
        result = { error: { message, stopped: true } };
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      this.running = "";
      if (!live.why) this.bar.append(again);
      const { error } = result ?? {}, done = wanted[0] === this ? "Ran" : "Ran all above";
      this.status.textContent = !error ? `${done} in ${seconds} s` : error.stopped ? "" : error.line ? `Error in line ${error.line}` : "Error";
    }

    /** Run one cell of the plan, and show under it what comes; that of a hidden one is shown only if it fails. */
    async one(entry) {
      const cell = cells.get(entry.id), text = entry.text();
      const into = cell ? cell.output() : make("div"), out = live.filling(into);
      cell?.mark(null);
      const result = await live.run(text, { onOutput: out.add, name: `<${entry.id}>` });
      entry.ran = result.error ? null : { text, at: ++clock };
      if (result.error) {
        const told = cell ?? this;
        (cell ? out : live.filling(told.output())).fail(result.error);
        if (cell?.figure) cell.bar.after(into); else cell?.mark(result.error.line);
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
      live.filling(this.output()).fail({ message: `Not run: cell ${told.number}, which this one needs, went wrong.`, stopped: true });
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

  /** Nothing has run: at a reset the book's own outputs come back, too. */
  function forget(outputs) {
    round++;
    plan?.then(({ list }) => list.forEach((entry) => { entry.ran = null; })).catch(() => {});
    if (outputs) for (const cell of cells.values()) cell.forget();
  }

  /** An edit that is kept on this device: read, written, or removed with null. Without storage it lasts as long as the page. */
  function stored(key, text) {
    try {
      if (text === undefined) return localStorage.getItem(key);
      if (text === null) localStorage.removeItem(key); else localStorage.setItem(key, text);
    } catch {} // eslint-disable-line no-empty
    return null;
  }

  document.addEventListener("nnlit-live", ({ detail: { state, session } }) => {
    if (state === "off") forget(false);
    if (state === "reset" && session === "page") forget(true);
    if (state !== "reset") panel(state);
  });

  /** While Python loads or runs, what it does and the switch that stops it, at the edge of the screen. */
  const says = make("span"), stops = make("button", { type: "button" }, "Stop");
  const aside = make("aside", { class: "live-session", "aria-label": "Python", hidden: "" }, says, stops);
  stops.onclick = () => live.stop();
  document.body.append(aside);
  function panel(state) {
    says.textContent = { loading: "Loading Python", running: "Python runs" }[state] ?? "";
    aside.hidden = !says.textContent;
  }

  /** In the bar of the cell that was asked for last. */
  const again = make("button", { type: "button" }, "Reset session");
  again.onclick = () => {
    again.parentNode.querySelector("button").focus();
    again.remove();
    live.reset();
  };

  document.querySelectorAll(".live-bar").forEach((bar, k) => bar.dataset.why || cells.set(bar.dataset.cell, new Cell(bar, k + 1)));
  live.cells = cells;
})();
