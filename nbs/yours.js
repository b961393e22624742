/* The reader's own code in the page: the checker (.yours-check) and the boxes under exercises (.yours), both run by nnlitLive.

What is pasted runs in the page's own worker, which has no network (live_worker.js); nothing of it is sent. A link to some code
holds it behind the #, which a browser keeps to itself, compressed; code that came that way is shown, and runs when asked for. */
(() => {
  "use strict";

  const LONGEST = 12000; // characters of code in a link
  const live = window.nnlitLive;
  const checker = document.querySelector(".yours-check");
  if (!live) return;

  /** An element: tag, what it is, what it holds. Texts are texts, never HTML. */
  const make = (tag, attributes = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name, value);
      else if (value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...inside.filter((part) => part !== null && part !== ""));
    return node;
  };
  const button = (words, act, more = {}) => make("button", { type: "button", click: act, ...more }, words);
  const python = (value) => JSON.stringify(JSON.stringify(value)); // as a literal of Python's
  const sentence = (words) => words && words[0].toUpperCase() + words.slice(1);

  // ------------------------------------------------------------------------------------------------ run, and show

  /** The answer of a function of Python's to plain values; rejects with a sentence. */
  async function ask(module, name, values, say) {
    const source = `import json, ${module}\nprint(${module}.${name}(*json.loads(${python(values)})))`;
    const { text, error } = await live.run(source, { session: "yours", name: "<yours>", onProgress: say });
    if (error) throw new Error(error.message);
    return JSON.parse(text);
  }

  const place = ({ line, text, kind, words }) => make("p", { class: "yours-trouble" },
    make("b", {}, line ? `Line ${line}: ` : ""), `${kind}: ${words}`, text ? make("code", { class: "yours-line" }, text) : "");
  const printed = (words) => words ? make("details", { class: "yours-printed" }, make("summary", {}, "What it printed"),
    make("pre", { tabindex: "0" }, words)) : "";
  const words = { wrong: "✗ wrong", right: "✓ right" };
  const verdict = (name) => make("span", { class: `yours-verdict ${name.replace(" ", "-")}` }, words[name] ?? `? ${name}`);

  function differing(entries) {
    if (!entries) return "";
    if (entries.shape) return make("p", {}, `Its shape is ${entries.shape}; it should be ${entries.due}.`);
    const rows = entries.worst.map(({ at, got, due }) => make("tr", {},
      make("th", { scope: "row" }, `[${at}]`), make("td", {}, got), make("td", {}, due)));
    return make("table", { class: "yours-entries" },
      make("caption", {}, `${entries.count} of ${entries.of} entries differ` + (entries.count > rows.length ? "; most:" : ":")),
      make("thead", {}, make("tr", {}, ...["entry", "yours", "measured"].map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...rows));
  }

  function row(r) {
    const mistake = !r.mistake ? "" : make("a", { href: `mistakes.html#${r.anchor}`, class: "yours-mistake" }, r.mistake);
    return make("li", { class: r.verdict.replace(" ", "-") },
      make("p", { class: "yours-head" }, verdict(r.verdict), " ", make("code", {}, r.name), ` ${r.shape} `, mistake),
      r.hint ? make("p", {}, r.hint + (/[.?!]$/.test(r.hint) ? "" : ".")) : "",
      r.verdict !== "right" && r.advice ? make("p", {}, make("b", {}, "To do: "), r.advice) : "",
      differing(r.entries),
      make("p", { class: "yours-small" }, `${r.checked} entries looked at, relative error ${r.error}`));
  }

  const report = (found) => make("section", { class: `yours-report ${found.state}` },
    make("h3", {}, found.title, make("small", {}, ` on ${found.given}`)),
    make("p", { class: "yours-sum" }, make("b", {}, found.summary)),
    make("ul", { class: "yours-rows" }, ...found.rows.map(row)),
    ...found.said.map((said) => make("p", { class: "yours-small" }, sentence(said))));

  // ------------------------------------------------------------------------------------------------ an editor with its buttons

  /** A box: text in an editor, a button that checks it, what came of it. check(text, say) gives nodes, a sum and a line to mark. */
  function box(holder, { label, text, check, more = [], keep = () => {} }) {
    let editor = null, running = false;
    const area = make("textarea", { "aria-label": label, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      rows: Math.min(24, text.split("\n").length + 1), input: () => keep(area.value) });
    area.value = text;
    const place = make("div", { class: "yours-editor" }, area);
    const status = make("span", { class: "yours-status", role: "status" });
    const result = make("div", { class: "yours-result", role: "region", "aria-label": `Report on: ${label}`, hidden: true });
    const self = {
      get value() { return editor ? editor.value : area.value; },
      set value(words) {
        if (editor) editor.value = words; else area.value = words;
        area.rows = Math.min(24, words.split("\n").length + 1);
        result.hidden = true;
        status.textContent = "";
      },
      say: (words) => { status.textContent = words; },
      focus: () => (editor ?? area).focus(),
      result,
    };
    const act = button("Check it", () => run(), { class: "yours-go" });
    const stop = button("Stop", () => live.stop(), { hidden: true });
    async function run() {
      if (running) return;
      running = true;
      act.setAttribute("aria-disabled", "true");
      stop.hidden = false;
      upgrade(false); // whose colours come along with Python
      editor?.mark(null);
      self.say("Running");
      try {
        const { nodes, sum, line } = await check(self.value, self.say);
        result.replaceChildren(...nodes);
        result.hidden = false;
        self.say(sum);
        if (line) editor?.mark(line);
      } catch (error) {
        result.hidden = true;
        self.say(error.message);
      }
      running = false;
      act.removeAttribute("aria-disabled");
      stop.hidden = true;
    }
    /** The editor with colours comes when the text is wanted; till then a plain field does. */
    async function upgrade(focus) {
      if (editor || live.why) return;
      const holder = make("div");
      try {
        const made = await live.edit(holder, { label, text: area.value, onChange: keep, onRun: run });
        if (made.value !== area.value) made.value = area.value;
        place.replaceChildren(holder);
        editor = made;
        if (focus) editor.focus();
      } catch {} // then the field stays
    }
    area.addEventListener("focus", () => upgrade(true), { once: true });
    holder.append(place, make("p", { class: "yours-buttons" }, act, stop, ...more, status), result);
    return { self, upgrade };
  }

  // ------------------------------------------------------------------------------------------------ code in a link

  const through = (bytes, stream) => new Response(new Blob([bytes]).stream().pipeThrough(stream));

  async function packed(values) {
    const bytes = await through(new TextEncoder().encode(JSON.stringify(values)), new CompressionStream("deflate-raw")).arrayBuffer();
    return btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  /** What a link holds; null if that is no code. No more is unpacked than a link may hold. */
  async function unpacked(words) {
    try {
      const bytes = Uint8Array.from(atob(words.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
      const reader = through(bytes, new DecompressionStream("deflate-raw")).body.getReader();
      const parts = [];
      for (let size = 0; ;) {
        const { done, value } = await reader.read();
        if (done) break;
        if ((size += value.length) > 8 * LONGEST) throw new Error();
        parts.push(value);
      }
      const values = JSON.parse(await new Blob(parts).text());
      return typeof values.code === "string" && values.code.length <= LONGEST ? values : null;
    } catch {
      return null;
    }
  }

  // ------------------------------------------------------------------------------------------------ the checker

  function checkerHere() {
    if (live.why) {
      checker.classList.add("yours-not");
      checker.append(make("p", {}, live.why));
      return;
    }
    const examples = JSON.parse(document.querySelector(".yours-examples").textContent);
    const titles = Object.keys(examples);
    const choose = make("select", { id: "yours-example" }, ...titles.map((t) => make("option", {}, t)));
    const shape = make("input", { id: "yours-shape", type: "text", size: "8", placeholder: "by trying", autocomplete: "off" });
    const dtype = make("select", { id: "yours-dtype" }, make("option", { value: "" }, "by trying"),
      ...["float64", "float32", "int64"].map((t) => make("option", {}, t)));
    const from = make("p", { class: "yours-from", hidden: true });
    const link = make("p", { class: "yours-link", hidden: true });
    const field = (words, input) => make("label", { for: input.id }, words, " ", input);

    const check = async (code, say) => {
      const a = await ask("_live_check", "check_json", [code, shape.value.trim(), dtype.value], say);
      const nodes = [a.trouble ? place(a.trouble) : "", a.said ? make("p", {}, a.said) : "", ...a.found.map(report),
        ...a.failed.map((f) => make("section", { class: "yours-report unsure" }, make("h3", {}, f.title), make("p", { class: "yours-sum" },
          make("b", {}, "NOT CHECKED: it stopped")), place(f))), printed(a.printed)].filter((n) => n !== "");
      const named = a.found.flatMap((f) => f.rows).filter((r) => r.mistake).map((r) => `${r.name}: ${r.mistake}`);
      const sum = a.trouble ? "The code does not run." : a.said ? "Nothing was checked."
        : named.length ? `Wrong: ${named.join(", ")}.` : a.failed.length ? "Something could not be checked."
        : a.found.every((f) => f.state === "right") ? "OK: all that was looked at is right." : "No mistake found, with doubts.";
      return { nodes, sum, line: a.trouble?.line ?? a.failed[0]?.line };
    };

    async function share() {
      link.hidden = false;
      if (here.value.length > LONGEST) {
        link.replaceChildren(`This code is too long for a link: ${here.value.length} characters, and ${LONGEST} at most.`);
        return;
      }
      if (!window.CompressionStream) {
        link.replaceChildren("This browser cannot compress the code, which a link needs.");
        return;
      }
      const code = await packed({ code: here.value, shape: shape.value, dtype: dtype.value });
      history.replaceState(null, "", `#code=${code}`);
      const address = make("input", { type: "text", readonly: true, value: location.href, "aria-label": "The link", focus: () => address.select() });
      let copied = "The link, to copy: ";
      try {
        await navigator.clipboard.writeText(location.href);
        copied = "The link is copied. Who opens it sees this code, in this editor: ";
      } catch {} // without leave, or not under https
      link.replaceChildren(copied, address);
    }

    checker.replaceChildren(from, make("p", { class: "yours-fields" }, field("Begin with", choose)));
    const { self: here } = box(checker, { label: "A backward pass of your own", text: examples[titles[0]], check,
      more: [field("Input shape", shape), field("dtype", dtype), button("Link to this code", share)] });
    checker.append(link, make("p", { class: "yours-small" }, "It runs in this page, on your machine; nothing is sent. ",
      "What can be checked is found by trying: classes with forward and backward, pairs of functions, losses."));
    choose.addEventListener("change", () => {
      here.value = examples[choose.value];
      from.hidden = link.hidden = true;
    });

    async function arrived() {
      const found = /^#code=([\w-]+)$/.exec(location.hash);
      if (!found) return;
      const values = await unpacked(found[1]);
      from.hidden = false;
      from.replaceChildren(values ? "This code came with the link that you followed; it is not this book's. It has not run: read it, then press "
        : "The link that you followed holds no code that can be read; it may have been cut.", values ? make("i", {}, "Check it") : "", values ? "." : "");
      if (values) {
        here.value = values.code;
        shape.value = String(values.shape ?? "").slice(0, 20);
        dtype.value = [...dtype.options].some((o) => o.value === values.dtype) ? values.dtype : "";
      }
      checker.scrollIntoView();
    }
    addEventListener("hashchange", arrived);
    arrived();
  }

  // ------------------------------------------------------------------------------------------------ exercises

  let asked = null;
  const exercises = () => (asked ??= fetch(live.at(`yours/${live.page}.json`)).then((reply) => {
    if (!reply.ok) throw new Error(live.lost);
    return reply.json();
  }).catch((error) => {
    asked = null;
    throw error instanceof TypeError ? new Error(live.lost) : error;
  }));
  const stored = { // edits stay on this device
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch {} },
    drop: (key) => { try { localStorage.removeItem(key); } catch {} },
  };

  function judged(a) {
    const line = a.line ? make("code", { class: "yours-line" }, a.line) : "";
    const said = a.said.map((words) => make("pre", { class: "yours-said" }, words));
    const parts = {
      right: [make("p", {}, verdict("right"), " The book's check holds. Its own answer is below, to compare.")],
      wrong: [make("p", {}, verdict("wrong"), " This line of the book's check fails:"), line, ...said],
      unwritten: [make("p", {}, `Still to be written: ${a.said.join(", ")}.`)],
      trouble: [make("p", {}, "It does not run."), ...said],
    };
    const sums = { right: "Right.", wrong: "Not yet right.", unwritten: "Not yet written.", trouble: "The code does not run." };
    return {
      nodes: [make("section", { class: `yours-report ${a.state === "right" ? "right" : "wrong"}` }, ...parts[a.state],
        a.trouble?.line ? place(a.trouble) : a.state === "trouble" && a.trouble ? place(a.trouble) : ""), printed(a.printed)].filter((n) => n !== ""),
      sum: sums[a.state], line: a.trouble?.line,
    };
  }

  document.querySelectorAll(".yours").forEach((holder) => {
    const number = holder.closest(".exercise")?.id.replace("exercise-", "") ?? "";
    const inside = make("div");
    const box_ = make("details", { class: "yours-box" }, make("summary", {}, "Your answer"), inside);
    let open = false;
    box_.addEventListener("toggle", async () => {
      if (!box_.open || open) return;
      open = true;
      if (live.why) {
        inside.append(make("p", { class: "yours-small" }, live.why));
        return;
      }
      inside.append(make("p", { class: "yours-small", role: "status" }, "Loading"));
      try {
        const { cells, exercises: all } = await exercises();
        const { start, above, code, entry } = all[holder.dataset.cell];
        const key = `nnlit-yours ${live.page} ${holder.dataset.cell}`;
        const [from, mine] = JSON.parse(stored.get(key) ?? "[null,null]");
        inside.replaceChildren();
        const made = box(inside, {
          label: `Your answer to exercise ${number}`, text: from === start ? mine : start,
          check: async (text, say) => judged(await ask("_live_exercise", "answer_json", [cells.slice(0, above), code, entry, text], say)),
          keep: (text) => stored.set(key, JSON.stringify([start, text])),
          more: [button("Start over", () => { made.self.value = start; stored.drop(key); made.self.focus(); })],
        });
        made.upgrade(false);
      } catch (error) {
        open = false;
        inside.replaceChildren(make("p", { class: "yours-small", role: "status" }, error.message));
      }
    });
    holder.append(box_);
  });

  if (checker && document.querySelector(".yours-examples")) checkerHere();
})();
