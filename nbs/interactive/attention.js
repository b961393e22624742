/* Attention's rows: where each head of the network that adds looks, from the sign that the reader chooses. */
movable.figure("attention", (movable) => {
  "use strict";

  const { range, sum, softmax, unpacked, fixed, subscript, html, svg, words, drawing, slider, tick, panel, liveText } = movable;

  // ---------------------------------------------------------------------------------------------------- arithmetic

  /** x (D,) to mean 0 and variance 1, times gamma, plus beta. */
  function layerNorm(x, gamma, beta) {
    const mean = sum(x) / x.length, centred = x.map((v) => v - mean);
    const scale = 1 / Math.sqrt(sum(centred.map((v) => v * v)) / x.length + 1e-5);
    return centred.map((v, i) => v * scale * gamma[i] + beta[i]);
  }

  /** Queries and keys of a row of ids, each (T, D): token plus place, normalized, through one linear layer. */
  function queriesAndKeys({ tokens, places, norm: [gamma, beta], W, b: [b] }, ids) {
    const rows = ids.map((id, t) => layerNorm([...tokens[id]].map((v, i) => v + places[t][i]), gamma, beta));
    const out = rows.map((x) => range(b.length).map((c) => b[c] + x.reduce((total, v, i) => total + v * W[i][c], 0)));
    return { q: out.map((y) => y.slice(0, b.length / 2)), k: out.map((y) => y.slice(b.length / 2)) };
  }

  /** The weights with which query t looks at every key, a row for each head: softmax(q kᵀ / √d + mask), (20.1). */
  function rowsOf({ q, k }, heads, t, { causal, scaled }) {
    const d = q[0].length / heads;
    return range(heads).map((h) => softmax(k.map((key, u) => {
      if (causal && u > t) return -Infinity;
      return sum(range(d).map((i) => q[t][h * d + i] * key[h * d + i])) / (scaled ? Math.sqrt(d) : 1);
    })));
  }

  /** The sum as the network reads it, 357+468=528, units of the answer first, the last digit left out. */
  function written(a, b) {
    const answer = [...String(a + b).padStart(4, "0")].reverse().join("");
    return `${String(a).padStart(3, "0")}+${String(b).padStart(3, "0")}=${answer.slice(0, 3)}`;
  }

  // ------------------------------------------------------------------------------------------------------- drawing

  const NAMES = ["a₂", "a₁", "a₀", "+", "b₂", "b₁", "b₀", "=", "s₀", "s₁", "s₂"];
  const WIDE = 33, HIGH = 32, LEFT = 54, TOP = 48;

  /** A cell for each head and key; `choose(t)` is called when the reader clicks a column. */
  function rowsDrawing(heads, T, choose) {
    const muted = "var(--book-muted)", x = (u) => LEFT + (u + 0.5) * WIDE, y = (h) => TOP + (h + 0.5) * HIGH;
    const signs = range(T).map((u) => words(x(u), 32, "", "currentColor", { style: "font-size: 17px; font-weight: 650" }));
    const cells = range(heads).map((h) => range(T).map((u) => {
      const box = { x: LEFT + u * WIDE, y: TOP + h * HIGH, width: WIDE, height: HIGH };
      const heat = svg("rect", { ...box, fill: "var(--fig-output)" }), border = svg("rect", { ...box, class: "box" });
      return { heat, border, text: words(x(u), y(h), "") };
    }));
    const whole = { width: WIDE, height: TOP + heads * HIGH - 2, y: 2 };
    const mark = svg("rect", { ...whole, fill: "none", stroke: "var(--fig-batch)", "stroke-width": 3, rx: 4 });
    const columns = range(T).map((u) => {
      const column = svg("rect", { ...whole, x: LEFT + u * WIDE, fill: "transparent", style: "cursor: pointer" });
      column.addEventListener("click", () => choose(u));
      return column;
    });
    const names = range(T).map((u) => words(x(u), 12, NAMES[u], muted));
    const lines = range(heads).map((h) => words(LEFT / 2, y(h), `head ${h}`, muted));
    const picture = drawing(LEFT + T * WIDE + 6, TOP + heads * HIGH + 6, ...names, ...signs, ...lines,
      ...cells.flat().flatMap(({ heat, border, text }) => [heat, border, text]), mark, ...columns);
    const show = (text, t, rows, causal, label) => {
      signs.forEach((sign, u) => { sign.textContent = text[u]; });
      mark.setAttribute("x", LEFT + t * WIDE);
      rows.forEach((row, h) => row.forEach((p, u) => {
        const { heat, text: number } = cells[h][u], hidden = causal && u > t;
        heat.setAttribute("fill-opacity", (0.45 * p).toFixed(3));
        number.textContent = hidden ? "−∞" : fixed(100 * p, 0);
        number.setAttribute("fill", hidden ? muted : "currentColor");
      }));
      picture.setAttribute("aria-label", label);
    };
    return { picture, show };
  }

  /** A sign with its name, if that is another: 5 (s₀). */
  const named = (text, u) => (text[u] === NAMES[u] ? text[u] : `${text[u]} (${NAMES[u]})`);

  /** The keys that have most of a row, as words. */
  function most(row, text) {
    const order = range(row.length).sort((i, j) => row[j] - row[i]).filter((u) => row[u] >= 0.1).slice(0, 3);
    return order.map((u) => `${fixed(100 * row[u], 0)} % on ${named(text, u)}`).join(", ");
  }

  /** A field for a number from 0 to 999; `value()` is the last whole one that was in it. */
  function addend(id, label, start, changed) {
    const input = html("input", { type: "number", id, min: 0, max: 999, step: 1, value: start, inputmode: "numeric" });
    let kept = start;
    input.addEventListener("input", () => {
      const fits = /^\d{1,3}$/.test(input.value);
      input.setAttribute("aria-invalid", String(!fits));
      if (fits) {
        kept = Number(input.value);
        changed();
      }
    });
    return { row: html("span", { class: "tick" }, html("label", { for: id }, label), input), value: () => kept };
  }

  /** data: {first, second, signs, heads, and packed tokens, places, norm, W, b}: two numbers, and what the network begins with. */
  function attention(figure, data) {
    const network = Object.fromEntries(["tokens", "places", "norm", "W", "b"].map((name) => [name, unpacked(data[name])]));
    const T = NAMES.length, id = (name) => `${figure.id}-${name}`, reading = liveText();
    const a = addend(id("a"), "first number", data.first, ask), b = addend(id("b"), "second", data.second, ask);
    const query = slider(id("query"), "query", { min: 0, max: T - 1, step: 1, value: 8 });
    const causal = tick(id("causal"), "causal mask", true), scaled = tick(id("scaled"), "divided by √d", true);
    const drawn = rowsDrawing(data.heads, T, (t) => {
      query.input.value = t;
      show();
    });
    let text = "", asked = null;

    function show() {
      const t = Number(query.input.value), how = { causal: causal.input.checked, scaled: scaled.input.checked };
      const rows = rowsOf(asked, data.heads, t, how);
      const next = t >= 7 ? `, about to write s${subscript(t - 7)}` : "";
      query.say(named(text, t));
      const told = rows.map((row, h) => `head ${h}: ${most(row, text) || "a little on each"}`).join("; ");
      const seen = how.causal ? "" : " Without the mask it sees what it has yet to write.";
      const hard = how.scaled ? "" : " Not divided, the scores are four times as large and the rows harder.";
      reading.textContent = `From ${named(text, t)}${next}: ${told}.${seen}${hard}`;
      const label = `Attention in per cent, ${data.heads} heads by ${T} keys, of the sum ${text}. ${reading.textContent}`;
      drawn.show(text, t, rows, how.causal, label);
    }

    function ask() {
      text = written(a.value(), b.value());
      asked = queriesAndKeys(network, [...text].map((sign) => data.signs.indexOf(sign)));
      show();
    }

    [query, causal, scaled].forEach(({ input }) => input.addEventListener("input", show));
    ask();
    const pair = (...rows) => html("div", { class: "buttons" }, ...rows);
    const controls = [pair(a.row, b.row), query.row, pair(causal.row, scaled.row)];
    const meaning = html("p", { class: "meaning" }, "One sum, all four heads, in per cent of a row. A column can be clicked.");
    return panel("Where does each head look, from the sign that asks?", controls, html("div", {}, drawn.picture, meaning), reading);
  }

  return { draw: attention, queriesAndKeys, rowsOf, written };
});
