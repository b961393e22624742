/* The search itself: index, query, hits. It knows nothing of the page; what a word is stands in find_words.js.

tools/find.py runs `nnlitFind.pack` in an embedded engine while the site is built; a page loads this file with the index when
somebody first searches, and `nnlitFind.open` makes a search function of it; tests/book/test_find.py runs the same. MiniSearch
keeps the postings and weighs them (BM25+); which words a query asks for, and in which order hits stand, is decided here. */
(() => {
  "use strict";

  const { lex, terms, stem, spoken, STOP, NOT } = globalThis.nnlitWords; // find_words.js

  // ------------------------------------------------------------------------------------------------------------- index

  const FIELDS = ["head", "above", "text", "code", "also"];
  const BOOST = { head: 5, above: 1.6, text: 1, code: 0.45, also: 4 };
  const options = () => ({
    fields: FIELDS, idField: "id", extractField: (doc, field) => doc[field],
    tokenize: (text, field) => terms(text).filter((t) => field === "head" || !(STOP.has(t) || (field === "code" && /^\d/.test(t)))), processTerm: (t) => t,
  });

  /** The documents as they are sent: {pages: [[file, title]], docs: [[page, anchor, kind, head, above, text, code, also]], weights}. */
  const documents = ({ pages, docs }) => docs.map(([page, anchor, kind, head, above, text, code, also = ""], id) =>
    ({ id, page: pages[page], anchor, kind, shown: head, above: `${pages[page][1]} ${above}`, under: above, code, also,
      head: kind === "exercise" ? "" : head, text: kind === "exercise" ? `${head} ${text}` : text })); // a question is no heading

  /** For the build: the postings and the words, so that a page need not make them. A line a term: term, field, document+times … */
  function pack(data) {
    const mini = new MiniSearch(options());
    const docs = documents(data);
    mini.addAll(docs);
    const kept = JSON.parse(JSON.stringify(mini)), code = String(kept.fieldIds.code);
    const once = ([term, fields]) => /[-+*/=<>≤≥(^]/.test(term) && Object.keys(fields).join() === code && Object.keys(fields[code]).length < 2;
    const lines = kept.index.filter((line) => !once(line)).map(([term, fields]) => `${term} ` + Object.entries(fields).map(([field, found]) => {
      let last = 0;
      return field + Object.entries(found).map(([doc, times]) => {
        const step = Number(doc) - last;
        last = Number(doc);
        return `,${step.toString(36)}${times > 1 ? "." + times.toString(36) : ""}`;
      }).join("");
    }).join(" "));
    delete kept.index;
    delete kept.documentIds; // their numbers
    const words = new Map();
    for (const doc of docs) for (const field of FIELDS) for (const t of lex(doc[field])) {
      if (/^[a-z]{4,}$/.test(t.bare)) words.set(t.bare, (words.get(t.bare) ?? 0) + 1);
    }
    return JSON.stringify({ ...kept, lines: lines.join("\n"), words: [...words.keys()].sort().join(" ") });
  }

  /** The postings again. Each term's are read when it is first asked for: to read them all takes a phone a second. */
  function unpack({ lines, words, ...kept }) {
    const documentIds = Object.fromEntries(Array.from({ length: kept.nextId }, (_, i) => [i, i]));
    const mini = MiniSearch.loadJS({ ...kept, documentIds, index: [] }, options());
    const fields = new Map(lines.split("\n").map((line) => { const at = line.indexOf(" "); return [line.slice(0, at), line.slice(at + 1)]; }));
    mini._index = { has: (term) => fields.has(term), get: (term) => fields.has(term) ? postings(fields.get(term)) : undefined }; // of MiniSearch's index we need no more
    return mini;
  }

  /** What `pack` has written of a term: field to document to times. */
  const postings = (line) => new Map(line.split(" ").map((field) => {
    const [name, ...docs] = field.split(",");
    let last = 0;
    return [Number(name), new Map(docs.map((doc) => {
      const [step, times] = doc.split(".");
      last += parseInt(step, 36);
      return [last, times ? parseInt(times, 36) : 1];
    }))];
  }));

  // ------------------------------------------------------------------------------------------------------------- query

  /** Whether two words are one slip apart: a letter more, less, other, or two exchanged. */
  function oneSlip(a, b) {
    if (Math.abs(a.length - b.length) > 1 || a === b) return a === b;
    let i = 0;
    while (i < a.length && a[i] === b[i]) i++;
    const [x, y] = [a.slice(i), b.slice(i)];
    return x.slice(1) === y.slice(1) || x === y.slice(1) || x.slice(1) === y || (x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2));
  }

  /** How many pairs of letters two words share, from 0 to 1. */
  function alike(a, b) {
    const pairs = (w) => new Set([...w].slice(1).map((c, i) => w[i] + c));
    const [x, y] = [pairs(a), pairs(b)];
    return (2 * [...x].filter((p) => y.has(p)).length) / (x.size + y.size || 1);
  }

  /** A search function over what `tools/find.py` has sent: query to {hits, missing, nearest, all, instead}. */
  function open(data) {
    const mini = unpack(data.index), docs = documents(data);
    const words = data.index.words.split(" ");
    const synonyms = data.synonyms.flatMap((phrases) => {
      const group = phrases.map((phrase) => lex(phrase).filter((t, _, all) => all.length === 1 || !NOT.has(t.bare)).map((t) => t.not ?? t.terms[0]));
      return group.map((terms) => ({ terms, group }));
    }).sort((a, b) => b.terms.length - a.terms.length); // "learning rate schedule" before "learning rate"
    const asked = new Map();

    /** Where a term stands: document to {score, fields}. */
    function places(term) {
      let found = asked.get(term);
      if (!found) {
        found = new Map(mini.search(term, { tokenize: (t) => [t], processTerm: (t) => t, boost: BOOST, bm25: data.bm25 ?? { k: 1.2, b: 0.5, d: 0.5 }, prefix: false, fuzzy: false })
          .map((r) => [r.id, { score: r.score, fields: r.match[term] ?? [] }]));
        asked.set(term, found);
      }
      return found;
    }
    const known = (term) => mini._index.has(term);

    /** Ways to satisfy one word: [[terms that must all be there], weight]; the word itself, else what it begins, else what it may have meant. */
    function ways(token, last) {
      const found = token.terms.slice(0, 1).filter(known).map((t) => [[t], 1]);
      const pieces = token.terms.slice(2).filter((t) => t !== token.not);
      if (pieces.length && pieces.every(known)) found.push([pieces, 0.8]);
      if (token.terms[1] && token.terms[1] !== token.not && known(token.terms[1])) found.push([[token.terms[1]], 1]);
      if (token.not && known(token.not)) { found.forEach((way) => { way[1] *= 0.5; }); found.push([[token.not], 1.2]); }
      const begun = (least) => [...new Set(words.filter((w) => w.length >= token.bare.length + least && w.startsWith(token.bare)).map(stem))];
      if (/^[a-z]{3,}$/.test(token.bare)) {
        if (last && !STOP.has(token.bare)) found.push(...begun(1).slice(0, 40).map((t) => [[t], token.terms.some(known) ? 0.35 : 0.8]));
        if (!found.length) found.push(...begun(1).map((t) => [[t], 0.6]));
        if (!found.length) {
          for (let i = 3; i <= token.bare.length - 3; i++) { // two words written as one
            const two = [token.bare.slice(0, i), token.bare.slice(i)];
            if (two.every((w) => words.includes(w) || (w.length === 3 && known(w)))) found.push([two.map(stem), 0.8]);
          }
        }
        if (!found.length && token.bare.length >= 5) {
          const near = words.filter((w) => oneSlip(token.bare, w));
          found.push(...[...new Set(near.map(stem))].map((t) => [[t], 0.7]));
          if (near.length) token.instead = near[0];
        }
        if (!found.length && last && token.bare.length >= 6) { // begun, with a slip
          const near = words.filter((w) => w.length > token.bare.length && oneSlip(token.bare, w.slice(0, token.bare.length)));
          found.push(...[...new Set(near.map(stem))].map((t) => [[t], 0.5]));
        }
      }
      return found;
    }

    /** What a query asks for: needs, each with the ways to satisfy it. */
    function needs(query) {
      const tokens = lex(query);
      const formula = tokens.flatMap((t) => t.pairs).filter(known);
      const used = new Set();
      const list = [];
      if (formula.length) {
        list.push({ label: query.trim(), ways: formula.map((t) => [[t], 1]), add: true });
        tokens.forEach((t, i) => { if (t.bare.length < 3 || (t.pairs.some(known) || tokens[i + 1]?.pairs.some(known))) used.add(i); });
      }
      const phrase = tokens.map((t) => t.not ?? t.terms[0]);
      for (const { terms, group } of synonyms) {
        for (let i = 0; i + terms.length <= phrase.length; i++) {
          const here = terms.every((t, k) => phrase[i + k] === t && !used.has(i + k));
          if (!here || (terms.length === 1 && STOP.has(tokens[i].bare))) continue;
          const others = group.filter((g) => g !== terms).map((g) => [g.filter((t) => !STOP.has(t)), 0.75]);
          const own = terms.length === 1 ? ways(tokens[i], i === tokens.length - 1) : [[terms.filter((t) => !STOP.has(t)), 1]];
          const label = tokens.slice(i, i + terms.length).map((t) => t.bare).join(" ");
          list.push({ label, at: i, ways: [...own, ...others].filter(([all]) => all.length && all.every(known)) });
          terms.forEach((_, k) => used.add(i + k));
        }
      }
      tokens.forEach((token, i) => {
        if (used.has(i)) return;
        const next = tokens[i + 1];
        if (next && !used.has(i + 1) && !STOP.has(token.bare) && !STOP.has(next.bare) && token.bare.length + next.bare.length > 4) { // cross entropy, x hat
          const one = [token.bare + next.bare, stem(token.bare + next.bare)].find(known);
          if (one) {
            const two = [stem(token.bare), stem(next.bare)].filter(known);
            list.push({ label: `${token.bare} ${next.bare}`, at: i, ways: [[[one], 1], ...(two.length === 2 ? [[two, 1]] : [])] });
            used.add(i + 1);
            return;
          }
        }
        const stop = STOP.has(token.bare) || (token.bare.length === 1 && tokens.length > 1);
        list.push({ label: token.bare, at: i, token, optional: stop, ways: ways(token, i === tokens.length - 1) });
      });
      if (list.length && list.every((n) => n.optional)) list.forEach((n) => { n.optional = false; });
      return list.sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
    }

    /** Where one need is satisfied, and how well: document to {score, head, terms}. */
    function satisfied(need) {
      const found = new Map();
      for (const [all, weight] of need.ways) {
        const each = all.map(places);
        for (const id of [...each].sort((a, b) => a.size - b.size)[0].keys()) {
          if (!each.every((p) => p.has(id))) continue;
          const here = each.map((p) => p.get(id));
          const score = weight * here.reduce((s, h) => s + h.score, 0) / Math.sqrt(all.length);
          const head = here.every((h) => h.fields.includes("head") || h.fields.includes("also")) ? weight : here.every((h) => h.fields.some((f) => f === "head" || f === "above")) ? 0.4 * weight : 0;
          const before = found.get(id);
          const sum = need.add && before ? before.score + score : Math.max(score, before?.score ?? 0);
          found.set(id, { score: sum, head: Math.max(head, before?.head ?? 0), terms: [...(before?.terms ?? []), ...all] });
        }
      }
      return found;
    }

    function search(query, { limit = 12 } = {}) {
      const list = needs(query.slice(0, 200));
      const wanted = list.filter((n) => !n.optional);
      if (!wanted.length) return { hits: [], missing: [], all: true, instead: [], total: 0 };
      const missing = wanted.filter((n) => !n.ways.length);
      const asks = list.filter((n) => n.ways.length).map((need) => {
        const where = satisfied(need);
        return { need, where, rare: (need.optional ? 0.12 : 1) * Math.log(1 + docs.length / (where.size + 0.5)) };
      });
      const whole = asks.filter((a) => !a.need.optional).reduce((s, a) => s + a.rare, 0) || 1;
      const why = /^\W*(why|how come|what for)\b/i.test(query); // names and terms say what, not why
      const scores = new Map();
      for (const { need, where, rare } of asks) {
        for (const [id, { score, head, terms }] of where) {
          const s = scores.get(id) ?? { id, score: 0, covered: 0, count: 0, head: 0, terms: new Set() };
          s.score += (need.optional ? 0.25 : 1) * score;
          s.head += rare * head / whole;
          if (!need.optional) { s.covered += rare / whole; s.count++; terms.forEach((t) => s.terms.add(t)); }
          scores.set(id, s);
        }
      }
      const needed = asks.filter((a) => !a.need.optional).length;
      const found = [...scores.values()].filter((s) => s.count > 0);
      const full = found.filter((s) => s.count === needed);
      const all = full.length > 0 && !missing.length;
      for (const s of found) {
        const doc = docs[s.id];
        const said = lex(doc.head).filter((t) => !STOP.has(t.bare)).length || 1;
        s.score *= s.covered ** 3 * (1 + 1.5 * s.head * (1 + 1.5 * Math.min(1, needed / said))) * (data.weights[doc.kind] ?? 1);
        if (why && (doc.kind === "name" || doc.kind === "term")) s.score *= 0.4;
        if (spoken(doc.shown) === spoken(query)) s.score *= 2.5; // just this was asked for
      }
      found.sort((a, b) => b.score - a.score);
      const first = found.slice(0, 40);
      for (const s of first) s.score *= 1 + 0.6 * together(docs[s.id], asks.filter((a) => !a.need.optional && a.where.has(s.id)).map((a) => new Set(a.where.get(s.id).terms)));
      first.sort((a, b) => b.score - a.score);
      const times = new Map();
      for (const s of first) { // many sections of one page are no choice
        const n = times.get(docs[s.id].page) ?? 0;
        times.set(docs[s.id].page, n + 1);
        s.score *= 0.88 ** n;
      }
      first.sort((a, b) => b.score - a.score);
      const best = first[0]?.score ?? 0;
      const kept = first.filter((s) => s.score > 0.003 * best).slice(0, limit);
      return {
        hits: kept.map((s) => hit(docs[s.id], s)), all, total: all ? full.length : found.length,
        missing: missing.map((n) => n.label), nearest: missing.flatMap((n) => nearest(n.label)),
        instead: wanted.flatMap((n) => (n.token?.instead && n.ways.length ? [[n.label, n.token.instead]] : [])),
      };
    }

    /** Words of the book that look like one that is not in it. */
    const nearest = (label) => words.map((w) => [alike(label, w), w]).filter(([a]) => a > 0.55).sort((a, b) => b[0] - a[0]).slice(0, 3).map(([, w]) => w);

    const lexed = new Map();
    /** The words of a document, looked at once. */
    function read(doc) {
      let found = lexed.get(doc.id);
      if (!found) lexed.set(doc.id, (found = lex(`${doc.head} . ${doc.text} . ${doc.code}`)));
      return found;
    }

    /** How close together in the text the words asked for stand, from 0 to 1. */
    function together(doc, asks) {
      if (asks.length < 2) return 0;
      const last = asks.map(() => -1);
      let best = Infinity;
      read(doc).forEach((token, at) => {
        let any = false;
        asks.forEach((set, k) => { if (token.terms.some((t) => set.has(t)) || token.pairs.some((t) => set.has(t))) { last[k] = at; any = true; } });
        if (any) best = Math.min(best, Math.min(...last) < 0 ? Infinity : Math.max(...last) - Math.min(...last) + 1);
      });
      return best === Infinity ? 0 : asks.length / (asks.length + Math.max(0, best - asks.length) / 3);
    }

    /** What the page shows of a hit: where it leads, what it is called, the words in their place. */
    function hit(doc, { terms, score }) {
      const marked = (text) => lex(text).filter((t) => {
        const pair = t.pairs.some((x) => terms.has(x));
        if (pair) t.start = t.from; // both sides of the sign
        return pair || t.terms.some((x) => terms.has(x));
      });
      const inText = marked(doc.text), inCode = inText.length ? [] : marked(doc.code);
      const body = inCode.length ? doc.code : doc.text, marks = inCode.length ? inCode : inText;

      return {
        href: doc.page[0] + (doc.anchor ? `#${doc.anchor}` : ""), kind: doc.kind, page: doc.page[1], above: doc.under, score,
        head: pieces(doc.shown, marked(doc.shown), 0, doc.shown.length), code: inCode.length > 0,
        excerpt: excerpt(body, marks, doc.kind === "exercise" && !inCode.length ? doc.shown.length + 1 : 0), words: spelt(doc, terms), formulas: numbered(doc, marked),
      };
    }

    /** Which formulas hold what was asked for, counted from the heading on; a term's or a name's text is no such stretch. */
    function numbered(doc, marked) {
      if (!["page", "section", "question", "exercise"].includes(doc.kind)) return [];
      const text = doc.kind === "exercise" ? doc.text : `${doc.head} ${doc.text}`;
      return formulas(text, marked(text));
    }

    /** The words as they stand in the section, for the page to mark them there. */
    const spelt = (doc, terms) => {
      const found = new Set();
      for (const text of [doc.head, doc.text, doc.code]) for (const t of lex(text)) {
        if (t.terms.some((x) => terms.has(x)) && t.bare.length > 1) found.add(text.slice(t.start, t.end));
      }
      return [...found].slice(0, 30);
    };

    return search;
  }

  const OPEN = "\ue000", CLOSE = "\ue001"; // around a formula

  /** Which formulas of a section hold a mark, by their number. */
  function formulas(text, marks) {
    const found = [];
    let at = -1, number = -1;
    while ((at = text.indexOf(OPEN, at + 1)) >= 0) {
      number++;
      const end = text.indexOf(CLOSE, at);
      if (marks.some((m) => m.start > at && m.start < end && (m.pairs.length || m.bare.length > 1))) found.push(number);
    }
    return found;
  }

  /** A stretch of text as [words, marked]. */
  function pieces(text, marks, from, to) {
    const found = [];
    let at = from;
    for (const m of marks) {
      if (m.end <= at || m.end > to || m.start < from) continue;
      const start = Math.max(at, m.start);
      if (start > at) found.push([text.slice(at, start), false]);
      found.push([text.slice(start, m.end), true]);
      at = m.end;
    }
    if (at < to) found.push([text.slice(at, to), false]);
    return found.map(([words, mark]) => [words.replace(/[\ue000\ue001]/g, ""), mark]).filter(([words]) => words);
  }

  /** The stretch of about two lines with the most of what is looked for. */
  function excerpt(text, found, start) {
    const length = 170, marks = found.filter((m) => m.start >= start);
    let best = start, most = -1;
    marks.forEach((m, i) => {
      const seen = new Set();
      let count = 0;
      for (let k = i; k < marks.length && marks[k].end < m.start + length - 30; k++) { seen.add(marks[k].terms[0]); count++; }
      const value = seen.size * 10 + Math.min(count, 5);
      if (value > most) [best, most] = [m.start, value];
    });
    let from = Math.max(start, best - 40);
    const sentence = text.slice(Math.max(start, best - 90), best).search(/[.:;?!]\s+\S[^.:;?!]*$/);
    if (sentence >= 0) from = Math.max(start, best - 90) + sentence + 2;
    else if (from > start) from = text.indexOf(" ", from) + 1;
    let to = Math.min(text.length, from + length);
    if (to < text.length) to = Math.max(text.lastIndexOf(" ", to), from + 40);
    const shown = pieces(text, marks, from, to);
    if (from > start) shown.unshift(["… ", false]);
    if (to < text.length) shown.push([" …", false]);
    return shown;
  }

  globalThis.nnlitFind = { pack, open };
})();
