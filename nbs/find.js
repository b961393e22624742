/* The search box of every page: a button in the bar opens it, Ctrl-K too, or the event "nnlit:search", whose detail is asked at once.

What is asked for comes with find-index.js, the engine and the index in one script, loaded when the box is opened for the first
time; as a script it also comes to a page that was opened as a file. Whoever follows a hit finds its words marked there, until
Escape or the next search. */
(() => {
  "use strict";

  const button = document.querySelector(".find-open");
  if (!button) return;
  const base = new URL(".", document.currentScript.src);
  const KEPT = "nnlit-found";
  let dialog, input, list, status, loading, last = "", timer;

  // ---------------------------------------------------------------------------------------------------------- the box

  const make = (tag, attributes = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  };

  function build() {
    input = make("input", {
      type: "search", id: "find-input", role: "combobox", "aria-label": "Search the book", "aria-controls": "find-list", "aria-expanded": "false",
      "aria-autocomplete": "list", "aria-describedby": "find-status", autocomplete: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "go",
      placeholder: "A question, a name, a formula", maxlength: "200",
    });
    const close = make("button", { type: "button", class: "find-close" }, "Close");
    list = make("div", { id: "find-list", role: "listbox", "aria-label": "Places in the book" });
    status = make("p", { id: "find-status", role: "status" });
    dialog = make("dialog", { id: "find", "aria-label": "Search" }, make("div", { class: "find-head" }, input, close), status, list);
    document.body.append(dialog);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => document.documentElement.classList.remove("find-shown"));
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 60); });
    input.addEventListener("keydown", move);
    list.addEventListener("click", (e) => { const hit = e.target.closest("a"); if (hit) follow(hit, e); });
  }

  function load() {
    loading ??= new Promise((done, failed) => {
      const script = make("script", { src: new URL("find-index.js", base).href });
      script.onload = done;
      script.onerror = () => { loading = null; script.remove(); failed(); };
      document.head.append(script);
    });
    return loading;
  }

  function show(words) {
    if (!dialog) build();
    if (words) input.value = words;
    if (dialog.open) return;
    document.documentElement.classList.add("find-shown");
    dialog.showModal();
    input.select();
    if (!globalThis.nnlitFind) say("The index is on its way.");
    load().then(ask, () => say("The index did not come: see whether the site can be reached."));
  }

  const say = (words) => { if (status.textContent !== words) status.textContent = words; };

  /** Ask, and show what there is. */
  function ask() {
    if (!globalThis.nnlitFind?.search) return;
    const query = input.value.trim();
    if (query === last && list.childElementCount) return;
    last = query;
    const { hits, missing, nearest, all, total, instead } = query ? nnlitFind.search(query) : { hits: [] };
    list.replaceChildren(...hits.map(option));
    list.dataset.of = query;
    list.scrollTop = 0;
    input.setAttribute("aria-expanded", String(hits.length > 0));
    choose(hits.length ? 0 : -1);
    if (!query) return say("Every word counts, in any order.");
    const quoted = (words) => words.map((w) => `“${w}”`).join(", ");
    const sentences = [];
    if (instead.length) sentences.push(instead.map(([typed, meant]) => `Shown for “${meant}”, not “${typed}”.`).join(" "));
    if (missing.length) sentences.push(`${quoted(missing)} ${missing.length > 1 ? "are" : "is"} not in this book${hits.length ? "; the nearest:" : "."}`);
    else if (!all) sentences.push(hits.length ? "No section has all of these words; the nearest:" : "Not in this book.");
    if (all) sentences.push(total > hits.length ? `${total} places, the best ${hits.length}:` : total === 1 ? "1 place:" : `${hits.length} places:`);
    say(sentences.join(" "));
    if (missing.length && nearest.length) {
      const row = make("span", { class: "find-near" }, "Words that look like it: ");
      nearest.forEach((word, i) => {
        const near = make("button", { type: "button" }, word);
        near.addEventListener("click", () => { input.value = word; input.focus(); ask(); });
        row.append(i ? ", " : "", near);
      });
      status.append(" ", row);
    }
  }

  const marked = (pieces) => pieces.map(([words, mark]) => (mark ? make("mark", {}, words) : words));

  function option(hit, n) {
    const where = hit.kind === "name" || hit.kind === "term" ? hit.above : [hit.kind === "page" ? "" : hit.page, hit.above].filter(Boolean).join(" › ");
    const link = make("a", { role: "option", id: `find-${n}`, href: new URL(hit.href, base).href, tabindex: "-1", "aria-selected": "false" },
      make("span", { class: `find-title of-${hit.kind}` }, ...marked(hit.head)), " ");
    if (where) link.append(make("span", { class: "find-where" }, where), " ");
    if (hit.excerpt.length) link.append(make("span", { class: hit.code ? "find-text code" : "find-text" }, ...marked(hit.excerpt)));
    link.hit = hit;
    return link;
  }

  const chosen = () => list.querySelector('[aria-selected="true"]');

  function choose(n) {
    chosen()?.setAttribute("aria-selected", "false");
    const next = list.children[n];
    if (!next) return input.removeAttribute("aria-activedescendant");
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", next.id);
  }

  function move(e) {
    const count = list.childElementCount, now = [...list.children].indexOf(chosen());
    const to = { ArrowDown: (now + 1) % count, ArrowUp: (now - 1 + count) % count, PageDown: Math.min(now + 5, count - 1), PageUp: Math.max(now - 5, 0) }[e.key];
    if (to !== undefined && count) {
      e.preventDefault();
      choose(to);
    } else if (e.key === "Escape") { // a search field would only be emptied
      e.preventDefault();
      dialog.close();
    } else if (e.key === "Enter" && !e.isComposing) {
      e.preventDefault();
      clearTimeout(timer);
      ask(); // of what has been typed, not of what was shown before
      const hit = chosen();
      if (hit) hit.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: e.ctrlKey, metaKey: e.metaKey }));
    }
  }

  /** Go to a hit; the page there will mark its words. */
  function follow(link, e) {
    const { href, words, formulas } = link.hit, target = new URL(href, base);
    try { sessionStorage.setItem(KEPT, JSON.stringify({ page: target.pathname, anchor: target.hash.slice(1), words, formulas })); } catch { /* then it is not marked */ }
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    dialog.close();
    if (target.pathname !== location.pathname) return;
    setTimeout(arrive);
  }

  // ---------------------------------------------------------------------------------------------- marks where one arrives

  let marks = [];

  function clear() {
    if (!marks.length) return;
    for (const mark of marks.filter((m) => m.isConnected)) {
      if (mark.localName === "mark") {
        const parent = mark.parentNode;
        mark.replaceWith(...mark.childNodes);
        parent.normalize();
      } else mark.classList.remove("find-formula");
    }
    marks = [];
  }

  /** The elements of a section: from its heading to the next that has an id. */
  function section(anchor) {
    const main = document.querySelector("main");
    if (!anchor) { // the beginning of the page
      const end = main.querySelector("section, h2");
      return { main, has: (node) => !end || Boolean(node.compareDocumentPosition(end) & Node.DOCUMENT_POSITION_FOLLOWING) };
    }
    const start = document.getElementById(anchor);
    if (!start) return { main, has: () => false };
    if (start.matches("section, .exercise")) {
      const inner = start.matches("section") ? start.querySelector(":scope section") : null;
      const inExercise = (node) => start.matches("section") && (node.closest ? node : node.parentElement).closest(".exercise");
      return { main: start, has: (node) => !inExercise(node) && (!inner || !inner.contains(node) && Boolean(node.compareDocumentPosition(inner) & Node.DOCUMENT_POSITION_FOLLOWING)) };
    }
    const holder = start.closest("p, li, td, .cell, .definition");
    if (holder && !start.matches("h1, h2, h3, h4")) return { main: holder, has: () => true };
    const next = [...main.querySelectorAll("h2[id], h3[id], h4[id]")].find((h) => start.compareDocumentPosition(h) & Node.DOCUMENT_POSITION_FOLLOWING);
    return { main, has: (node) => (node === start || start.contains(node) || Boolean(start.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING)) &&
      (!next || Boolean(node.compareDocumentPosition(next) & Node.DOCUMENT_POSITION_FOLLOWING)) };
  }

  const SKIP = "script, style, svg, .katex, .page-facts, .sections, .weave-uses, button, textarea, [contenteditable]";

  function arrive() {
    let kept;
    try { kept = JSON.parse(sessionStorage.getItem(KEPT)); sessionStorage.removeItem(KEPT); } catch { return; }
    if (!kept || kept.page !== location.pathname) return;
    clear();
    const { main, has } = section(kept.anchor);
    if (kept.words.length) {
      const escaped = kept.words.sort((a, b) => b.length - a.length).map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${escaped.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
      const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT, (node) =>
        node.parentElement.closest(SKIP) || !has(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
      const nodes = [];
      while (walk.nextNode()) nodes.push(walk.currentNode);
      for (const node of nodes) {
        for (const m of [...node.data.matchAll(pattern)].reverse()) {
          const word = node.splitText(m.index);
          word.splitText(m[0].length);
          const mark = make("mark", { class: "find-mark" });
          word.replaceWith(mark);
          mark.append(word);
          marks.push(mark);
        }
      }
    }
    const formulas = [...main.querySelectorAll(".katex")].filter((f) => !f.closest(".narrow, .page-facts, .sections, summary, nav, svg") && has(f));
    for (const n of kept.formulas) {
      const formula = formulas[n]?.closest(".math-display") ?? formulas[n];
      if (!formula) continue;
      formula.classList.add("find-formula");
      marks.push(formula);
    }
    look();
  }

  /** Bring the paragraph into view that has the most of the words. */
  function look() {
    const counts = new Map();
    for (const mark of marks) {
      const block = mark.closest("p, li, tr, pre, h1, h2, h3, h4, figcaption, .math-display") ?? mark;
      const seen = counts.get(block) ?? counts.set(block, new Set()).get(block);
      seen.add(mark.textContent.toLowerCase());
    }
    const open = (block) => !block.closest("details:not([open])");
    const best = [...counts.keys()].sort((a, b) => counts.get(b).size - counts.get(a).size || open(b) - open(a)
      || (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1))[0];
    if (!best) return;
    for (let box = best.closest("details:not([open])"); box; box = box.parentElement.closest("details:not([open])")) box.open = true;
    const { top, bottom } = best.getBoundingClientRect();
    if (top < 70 || bottom > innerHeight) best.scrollIntoView({ block: "center", behavior: "instant" });
  }

  // -------------------------------------------------------------------------------------------------------------- keys

  button.addEventListener("click", () => show());
  document.addEventListener("nnlit:search", (e) => show(e.detail));
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && !dialog?.open) clear();
    if (!e.defaultPrevented && (e.ctrlKey || e.metaKey) && e.key === "k") {
      e.preventDefault();
      show();
    }
  });
  if (document.readyState === "complete") arrive();
  else addEventListener("load", () => setTimeout(arrive));
  addEventListener("pageshow", (e) => { if (e.persisted) arrive(); });
})();
