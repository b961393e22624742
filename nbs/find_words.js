/* What counts as a word for the search, in the text of the book and in what is asked: one function for both. */
(() => {
  "use strict";

  const GREEK = Object.fromEntries(("αalpha βbeta γgamma δdelta εepsilon ζzeta ηeta θtheta κkappa λlambda μmu νnu ξxi πpi ρrho " +
    "σsigma τtau φphi χchi ψpsi ωomega").split(" ").map((w) => [w[0], w.slice(1)]));
  const MARKS = { "\u0302": "hat", "\u0304": "bar", "\u0303": "tilde" };
  const LEX = /\p{L}+n[’']t\b|[Σ∑][\p{Lm}\p{No}]*|[\p{L}\p{N}\p{M}_∂∇]+|\*\*|√|[-−–+*·×∘⊙/=≈<>≤≥()[\]^@.]|[^\s]/gu;
  const WORD = /^[\p{L}\p{N}_∂∇Σ∑]/u;
  const OPERATORS = { "−": "-", "–": "-", "·": "*", "×": "*", "∘": "*", "⊙": "*", "@": "*", "[": "(", "**": "^", "≈": "=" };
  // A word that says how one asks, not what for. They count in headings alone
  const STOP = new Set(("a an the of to in on for and or is are be it its i my me we you your our this that these those with as at by " +
    "from do does did was were has have how what why when where which who can could should would will one get so if then than " +
    "there their they into about not no never but use using make need want happen happens vs versus through per too very also " +
    "difference between tell show work works s am go goes going up down out off all any some more most much many still only " +
    "forgot forgotten always ever just really seem seems come comes give gives gives let s me").split(" "));
  const NOT = new Set(["not", "no", "never", "cannot", "without", "nothing", "none"]); // they turn the word behind them
  const BETWEEN = new Set(["be", "is", "are", "get", "the", "a", "any", "always", "really", "go"]);

  /** A run of letters in one form: Greek by its name, raised and lowered digits plain, lower case. */
  function folded(word) {
    if (/^[\x20-\x7e]*$/.test(word)) return word.toLowerCase();
    return word.normalize("NFKD").toLowerCase().replace(/[^\x20-\x7e]/g, (c) =>
      GREEK[c] ?? MARKS[c] ?? (c === "∂" ? "d" : c === "∇" ? "nabla" : c === "ς" ? "sigma" : /\p{M}/u.test(c) ? "" : c));
  }

  const stems = new Map();
  /** Of one word all forms, British and American, are one term. */
  function stem(word) {
    let found = stems.get(word);
    if (found === undefined) {
      found = word.replace(/(al|ar|or|ul|im|an|er|en)is(e|ed|es|er|ing|ation|ations)$/, "$1iz$2").replace(/([lv])our(s|ed|ing|al)?$/, "$1or$2");
      found = /^[a-z]{3,}$/.test(found) ? stemmer(found) : found;
      stems.set(word, found);
    }
    return found;
  }

  /** The parts of a name: check_gradients, SoftmaxCrossEntropy. */
  const parts = (word) => word.split(/_+|(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).filter(Boolean);

  /** What stands in a text: [{terms, start, end, bare}], words with the terms they count as; after them what formulas say. */
  function lex(text) {
    const found = [];
    let before = null, operator = "", gap = 0, not = false; // the last word, and what stands between it and this one
    for (const m of text.matchAll(LEX)) {
      const start = m.index, end = start + m[0].length;
      if (!WORD.test(m[0]) && m[0] !== "√") {
        const known = OPERATORS[m[0]] ?? m[0];
        if (!"-+*/=<>≤≥(^.".includes(known)) { if (m[0] !== ")" && m[0] !== "]") before = null; continue; }
        if (known === "(" && operator && operator !== "(") continue; // a/(b: the parenthesis adds nothing
        if (known === "-" && operator === "(") continue;
        gap = start - (before?.end ?? start);
        operator = known;
        continue;
      }
      const sum = /^[Σ∑]/.test(m[0]);
      const bare = m[0] === "√" ? "sqrt" : sum ? "sum" : /n[’']t$/.test(m[0]) ? "not" : folded(m[0]).replace(/^_+|_+$/g, "");
      if (!bare) continue;
      const token = { start, end, bare, terms: [stem(bare)], pairs: [] };
      if (m[0].length > 2 && /_|[a-z][A-Z]|[A-Z][A-Z][a-z]/.test(m[0])) {
        const pieces = parts(m[0]).map((p) => folded(p));
        if (pieces.length > 1) token.terms.push(pieces.join(""), ...pieces.filter((p) => p.length > 1).map(stem));
      }
      if (before && operator) {
        const close = start - before.end <= gap + operator.length + 1;
        if (operator === "." ? m[0] === "T" && close : operator === "^") token.terms.push(before.bare + bare);
        else if (operator === "-" && start - before.end === 1 && before.bare.length > 2 && bare.length > 2) token.terms.push(before.bare + bare, stem(before.bare + bare));
        else if (operator !== "." && pairable(before, token, operator, gap)) { token.pairs.push(paired(before) + operator + paired(token)); token.from = before.start; }
      }
      if (/ᵀ/.test(m[0]) || (operator === "." && m[0] === "T")) token.terms.push(stem("transpose"));
      if (m[0] === "√") token.terms.push("root");
      token.terms = [...new Set(token.terms)];
      if (not && !STOP.has(bare)) { token.not = `not-${token.terms[0]}`; token.terms.push(token.not); }
      not = NOT.has(bare) || (not && BETWEEN.has(bare));
      found.push(token);
      [before, operator, gap] = [token, m[0] === "√" ? "(" : "", 0];
    }
    return found;
  }

  const spoken = (text) => folded(text).replace(/[^a-z\d]/g, "");
  const paired = (token) => token.bare.replaceAll("_", "");

  /** Whether a sign between two words makes a piece of a formula of them. */
  function pairable(a, b, operator, gap) {
    if (operator === "(") return gap === 0 && b.bare.length <= 3 && a.bare.length <= 12;
    return a.bare.length <= 6 && b.bare.length <= 6 && !(a.bare.length > 4 && b.bare.length > 4) && !/^\d+\d$/.test(a.bare + b.bare);
  }

  const terms = (text) => lex(text).flatMap((t) => [...t.terms, ...t.pairs]);

  globalThis.nnlitWords = { lex, terms, stem, spoken, STOP, NOT };
})();
