/* Figures that the reader can move.

A page's pictures are still and complete: SVG in the page, with a caption. A figure that carries `data-interactive="name"` is
enhanced here by the function of that name in FIGURES. It gets the figure and its data (the JSON that `show(..., data=...)` put
beside the SVG), and returns a panel, which takes the still picture's place on the screen; on paper the still picture is back. If
anything fails, the still picture stays.

Rules for a panel: it answers one question, which it states; native controls with labels, so that the keyboard works; what changed
is said in words in a live region; colours are the page's CSS variables, so that light and dark need nothing from us; nothing moves
unless the reader asks, and nothing moves at all for a reader who prefers reduced motion.

The arithmetic comes first and knows nothing of the page: tests/book/test_interactive.py compares its numbers with NumPy's. */
(() => {
  "use strict";

  // ---------------------------------------------------------------------------------------------------- arithmetic

  /** Probabilities of the logits x, (K,) to (K,), shifted by the largest as in the book. */
  function softmax(x) {
    const largest = Math.max(...x);
    const e = x.map((v) => Math.exp(v - largest));
    const z = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / z);
  }

  /** J[i][j] = s_i (δ_ij − s_j), (K,) to (K, K). */
  function jacobian(s) {
    return s.map((si, i) => s.map((sj, j) => si * ((i === j ? 1 : 0) - sj)));
  }

  /** The errors of both differences for sin at x with step h, and what theory expects of their two parts. */
  function slopeErrors(x, h) {
    const true_ = Math.cos(x), rounding = 1e-16 / h; // the two dashed lines of the still picture are `rounding` and h² cos(x) / 6
    return {
      forward: { error: Math.abs((Math.sin(x + h) - Math.sin(x)) / h - true_), truncation: (h / 2) * Math.abs(Math.sin(x)), rounding },
      central: { error: Math.abs((Math.sin(x + h) - Math.sin(x - h)) / (2 * h) - true_), truncation: ((h * h) / 6) * Math.abs(true_), rounding },
    };
  }

  /** Which part of an error is the larger one; within a factor of two neither is. */
  function dominant({ truncation, rounding }) {
    if (truncation > 2 * rounding) return "truncation dominates";
    return rounding > 2 * truncation ? "rounding dominates" : "truncation and rounding are about equal";
  }

  /** Logit of class 1 minus logit of class 0 at (u, v): Linear, ReLU, Linear. W1 (D, H), b1 (H,), W2 (H, K), b2 (K,). */
  function logitDifference({ W1, b1, W2, b2 }, u, v) {
    let d = b2[1] - b2[0];
    for (let k = 0; k < b1.length; k++) d += Math.max(u * W1[0][k] + v * W1[1][k] + b1[k], 0) * (W2[k][1] - W2[k][0]);
    return d;
  }

  const sigmoid = (d) => 1 / (1 + Math.exp(-d)); // softmax of two logits, by their difference

  /** The mean cross-entropy over points [u, v, label]: log(1 + e^∓d), written so that no exponential overflows. */
  function meanLoss(network, points) {
    const each = points.map(([u, v, label]) => {
      const d = (label ? 1 : -1) * logitDifference(network, u, v);
      return Math.max(-d, 0) + Math.log1p(Math.exp(-Math.abs(d)));
    });
    return each.reduce((a, b) => a + b, 0) / points.length;
  }

  /** The line f = 0 on a square grid of n × n cells, as [x1, y1, x2, y2] in units of cells (marching squares). */
  function zeroLine(f, n) {
    const at = Array.from({ length: n + 1 }, (_, j) => Array.from({ length: n + 1 }, (_, i) => f(i, j)));
    const segments = [];
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < n; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], crossings = [];
        corners.forEach(([x1, y1], k) => {
          const [x2, y2] = corners[(k + 1) % 4], a = at[y1][x1], b = at[y2][x2];
          if (a > 0 !== b > 0) crossings.push([x1 + ((x2 - x1) * a) / (a - b), y1 + ((y2 - y1) * a) / (a - b)]);
        });
        for (let k = 0; k + 1 < crossings.length; k += 2) segments.push([...crossings[k], ...crossings[k + 1]]);
      }
    }
    return segments;
  }

  // ---------------------------------------------------------------------------------------------- numbers in words

  /** With a fixed number of decimals, a true minus sign, and no minus before zero. */
  function fixed(value, digits) {
    const text = Math.abs(value).toFixed(digits);
    return value < 0 && Number(text) !== 0 ? "−" + text : text;
  }

  /** Like 4.8e-6; 0 is 0. */
  const scientific = (value) => (value === 0 ? "0" : value.toExponential(1));

  const subscript = (i) => "₀₁₂₃₄₅₆₇₈₉"[i];

  // ------------------------------------------------------------------------------------------------------ elements

  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

  /** A drawing of the given size, in units that are pixels at full width; narrower pages shrink it. */
  const drawing = (width, height, ...children) =>
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `width: ${width / 16}rem; max-width: 100%` }, ...children);

  const words = (x, y, text, colour = "currentColor", more = {}) => svg("text", { x, y, fill: colour, ...more }, text);

  /** A labelled slider. `value` is the text beside it; aria-valuetext says the same to a screen reader. */
  function slider(id, label, { min, max, step, value }) {
    const input = html("input", { type: "range", id, min, max, step, value });
    const shown = html("span", { class: "value", "aria-hidden": "true" });
    const say = (text) => {
      shown.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    return { row: html("div", { class: "control" }, html("label", { for: id }, label), input, shown), input, say };
  }

  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

  /** A button that moves a slider from start to end, a step at a time; with reduced motion it jumps to the other end.

  While it plays, `reading` is silent to screen readers; it speaks again with the last step. */
  function playButton(input, reading, milliseconds) {
    const button = html("button", { type: "button" });
    let timer = 0;
    const atEnd = () => Number(input.value) >= Number(input.max);
    const label = () => {
      if (timer) return "Pause";
      if (!reducedMotion.matches) return "Play";
      return atEnd() ? "To the start" : "To the end";
    };
    const relabel = () => { button.textContent = label(); };
    const go = (value) => {
      input.value = value;
      input.dispatchEvent(new Event("input"));
    };
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      reading.setAttribute("aria-live", "polite");
      relabel();
    };
    const tick = () => {
      if (Number(input.value) + Number(input.step) >= Number(input.max)) stop();
      go(Number(input.value) + Number(input.step));
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (reducedMotion.matches) return go(atEnd() ? input.min : input.max);
      reading.setAttribute("aria-live", "off");
      if (atEnd()) go(input.min);
      timer = setInterval(tick, milliseconds);
      relabel();
    });
    input.addEventListener("input", (event) => {
      if (event.isTrusted && timer) stop(); // the reader's hand is on the slider
      relabel();
    });
    reducedMotion.addEventListener("change", () => { stop(); });
    relabel();
    return { button, stop };
  }

  /** The panel: its question, its controls, its drawing, and a line of words that says what is seen. */
  function panel(question, controls, picture, reading) {
    return html("div", { class: "interactive", role: "group", "aria-label": question }, html("p", { class: "question" }, question),
      html("div", { class: "controls" }, ...controls), picture, reading);
  }

  const liveText = () => html("p", { class: "reading", "aria-live": "polite" });

  // ------------------------------------------------------------------------------------------------ drawn matrices

  const CELL = { width: 48, height: 30 };

  /** A matrix of drawn cells with its corner at (x, y), as `array` in _figures.py draws it: colour for sign, strength for size. */
  function matrix(rows, columns, x, y) {
    const node = svg("g");
    const cells = Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => {
      const left = x + j * CELL.width, top = y + i * CELL.height;
      const heat = svg("rect", { x: left, y: top, width: CELL.width, height: CELL.height });
      const border = svg("rect", { x: left, y: top, width: CELL.width, height: CELL.height, class: "cell" });
      const text = words(left + CELL.width / 2, top + CELL.height / 2, "");
      node.append(heat, border, text);
      return { heat, border, text };
    }));
    /** Show a value, or an empty cell for null. `scale` is the value of the strongest colour. */
    const set = (i, j, value, scale, digits) => {
      const { heat, text } = cells[i][j];
      heat.setAttribute("fill", value > 0 ? "var(--fig-positive)" : "var(--fig-negative)");
      heat.setAttribute("fill-opacity", (0.45 * Math.min(1, Math.abs(value ?? 0) / scale)).toFixed(3)); // stronger, and numbers on it fall below AA
      text.textContent = value === null ? "" : fixed(value, digits);
    };
    /** Draw a heavy border in a colour, or the plain one for "". */
    const mark = (i, j, colour) => {
      const { border } = cells[i][j];
      border.style.stroke = colour;
      border.style.strokeWidth = colour ? "3px" : "";
      if (colour) node.append(border); // on top of its neighbours
    };
    return { node, set, mark };
  }

  // -------------------------------------------------------------------------------------- 1 · which cells are summed

  /** data: {grad, weighted}, both (N, K): grad is summed over axis 0 for the bias, weighted = s * grad over axis 1 for softmax. */
  function axisSum(figure, data) {
    const N = data.grad.length, K = data.grad[0].length;
    const left = 34, top = 34, right = left + K * CELL.width, bottom = top + N * CELL.height;
    const choices = [
      { axis: 0, array: data.grad, name: "grad", result: "db", shape: `(${K},)`, colour: "var(--fig-batch)", length: N, count: K, over: "samples",
        meaning: "The bias: all samples share b, so all of them count. Each column, over the samples, falls into one entry of db." },
      { axis: 1, array: data.weighted, name: "s * grad", result: "average", shape: `(${N}, 1)`, colour: "var(--fig-output)", length: K, count: N, over: "classes",
        meaning: "Softmax: one sample's classes depend on each other, samples do not. Each row, over its classes, gives one average." },
    ];
    let now = choices[0];
    const array = matrix(N, K, left, top);
    const results = [matrix(1, K, left, bottom + 40), matrix(N, 1, right + 46, top)];
    const arrows = [
      Array.from({ length: K }, (_, k) => arrow(left + (k + 0.5) * CELL.width, bottom + 6, 0, 26, choices[0].colour)),
      Array.from({ length: N }, (_, n) => arrow(right + 6, top + (n + 0.5) * CELL.height, 32, 0, choices[1].colour)),
    ];
    const name = words(left + (K * CELL.width) / 2, 10, ""), resultName = words(0, 0, "");
    const picture = drawing(right + 110, bottom + 92, array.node, ...results.map((r) => r.node), ...arrows.flat(), name, resultName,
      words(14, (top + bottom) / 2, `N = ${N}`, "var(--fig-batch)", { transform: `rotate(-90 14 ${(top + bottom) / 2})` }),
      words((left + right) / 2, 25, `K = ${K}`, "var(--fig-output)"));
    const reading = liveText(), meaning = html("p", { class: "meaning" });
    const buttons = choices.map((choice) => html("button", { type: "button" }, `axis ${choice.axis}`));
    const steps = slider(`${figure.id}-steps`, "cells summed", { min: 0, max: N * K, step: 1, value: N * K });
    const player = playButton(steps.input, reading, 350);
    const cell = (result, part) => (now.axis === 0 ? [part, result] : [result, part]); // where the part of a result stands

    function show() {
      const t = Number(steps.input.value), current = Math.ceil(t / now.length) - 1; // the result being made
      const sums = [];
      for (let r = 0; r < now.count; r++) {
        const done = Math.max(0, Math.min(now.length, t - r * now.length)), parts = [];
        for (let part = 0; part < now.length; part++) {
          const [i, j] = cell(r, part), value = now.array[i][j];
          array.set(i, j, value, 2, 2);
          array.mark(i, j, "");
          if (part < done) parts.push(value);
        }
        sums.push(done ? parts.reduce((a, b) => a + b, 0) : null);
        const [i, j] = now.axis === 0 ? [0, r] : [r, 0];
        results[now.axis].set(i, j, sums[r], 2, 2);
        results[now.axis].mark(i, j, "");
        arrows[now.axis][r].style.visibility = done ? "visible" : "hidden";
        if (r === current && t < N * K) {
          for (let part = 0; part < done; part++) array.mark(...cell(r, part), now.colour);
          results[now.axis].mark(i, j, now.colour);
        }
      }
      steps.say(`${t} of ${N * K}`);
      reading.textContent = say(t, current, sums);
      picture.setAttribute("aria-label", `The ${N} by ${K} array ${now.name}, summed over axis ${now.axis} into ${now.result}. ${reading.textContent}`);
    }

    function say(t, current, sums) {
      const shapes = `Sum over axis ${now.axis}: (${N}, ${K}) → ${now.shape}.`;
      if (t === 0) return `${shapes} Nothing summed yet.`;
      if (t === N * K) return `${shapes} ${now.result} = (${sums.map((v) => fixed(v, 2)).join(", ")}).`;
      const parts = Array.from({ length: t - current * now.length }, (_, part) => {
        const [i, j] = cell(current, part), value = now.array[i][j];
        return part ? `${value < 0 ? "−" : "+"} ${fixed(Math.abs(value), 2)}` : fixed(value, 2);
      });
      return `${shapes} ${now.result}[${current}] = ${parts.join(" ")} = ${fixed(sums[current], 2)}, ${parts.length} of ${now.length} ${now.over}.`;
    }

    function choose(choice) {
      now = choice;
      player.stop();
      buttons.forEach((button, axis) => button.setAttribute("aria-pressed", String(axis === now.axis)));
      results.forEach((result, axis) => { result.node.style.display = axis === now.axis ? "" : "none"; });
      arrows.flat().forEach((a) => { a.style.visibility = "hidden"; });
      name.textContent = now.name;
      resultName.textContent = `${now.result} ${now.shape}`;
      resultName.setAttribute("x", now.axis === 0 ? (left + right) / 2 : right + 46 + CELL.width / 2);
      resultName.setAttribute("y", now.axis === 0 ? bottom + 84 : bottom + 14);
      meaning.textContent = now.meaning;
      show();
    }

    buttons.forEach((button, axis) => button.addEventListener("click", () => choose(choices[axis])));
    steps.input.addEventListener("input", show);
    choose(choices[0]);
    const axes = html("div", { class: "buttons", role: "group", "aria-label": "axis to sum over" }, ...buttons);
    const shown = html("div", {}, picture, meaning);
    return panel("Which cells are summed into which result?", [html("div", { class: "buttons" }, axes, player.button), steps.row], shown, reading);
  }

  /** An arrow from (x, y) by (dx, dy), along an axis. */
  function arrow(x, y, dx, dy, colour) {
    const head = dx ? `M${x + dx} ${y} l-8 -4 v8 z` : `M${x} ${y + dy} l-4 -8 h8 z`;
    return svg("path", { d: `M${x} ${y} l${dx} ${dy} ${head}`, style: `stroke: ${colour}; fill: ${colour}`, "stroke-width": 1.5 });
  }

  // ------------------------------------------------------------------------------------------ 2 · softmax's Jacobian

  /** data: {logits}, (K,): where the sliders start. */
  function softmaxJacobian(figure, data) {
    const K = data.logits.length, size = { width: K * CELL.width, height: K * CELL.height };
    let x = [...data.logits];
    const sliders = x.map((_, k) => slider(`${figure.id}-x${k + 1}`, `logit x${subscript(k + 1)}`, { min: -5, max: 5, step: 0.1, value: 0 }));
    const bars = sliders.map(({ row }) => {
      const bar = html("span", { class: "bar" }), number = html("span", { class: "value" });
      row.append(html("span", { class: "track", "aria-hidden": "true" }, bar), number);
      return { bar, number };
    });
    const diagonal = matrix(K, K, 1, 1), column = matrix(K, 1, 1, 1), row = matrix(1, K, 1, 1), J = matrix(K, K, 1, 1);
    const sums = Array.from({ length: K }, (_, i) => words(size.width + 34, 1 + (i + 0.5) * CELL.height, ""));
    const label = (width, height, text) => words(width / 2 + 1, height + 16, text);
    const drawn = {
      diagonal: drawing(size.width + 2, size.height + 26, diagonal.node, label(size.width, size.height, "diag(s)")),
      column: drawing(CELL.width + 2, size.height + 26, column.node, label(CELL.width, size.height, "s")),
      row: drawing(size.width + 2, CELL.height + 26, row.node, label(size.width, CELL.height, "sᵀ")),
      J: drawing(size.width + 70, size.height + 26, J.node, label(size.width, size.height, "J"), ...sums, words(size.width + 34, size.height + 16, "row sums", "var(--fig-muted)")),
    };
    const group = (...parts) => html("span", { class: "term" }, ...parts);
    const sign = (text) => html("span", { class: "sign", "aria-hidden": "true" }, text);
    const equation = html("div", { class: "equation" }, drawn.diagonal, group(sign("−"), drawn.column, drawn.row), group(sign("="), drawn.J));
    const reading = liveText(), reset = html("button", { type: "button" }, "Start again");

    function show() {
      const s = softmax(x), entries = jacobian(s), list = (v) => v.map((e) => fixed(e, 3)).join(", ");
      const scale = 0.65; // the same for all, so that colours can be compared, also from one moment to the next
      s.forEach((p, i) => {
        sliders[i].say(fixed(x[i], 2));
        bars[i].bar.style.width = `${100 * p}%`;
        bars[i].number.textContent = `s${subscript(i + 1)} = ${fixed(p, 3)}`;
        column.set(i, 0, p, scale, 3);
        row.set(0, i, p, scale, 3);
        entries[i].forEach((e, j) => {
          diagonal.set(i, j, i === j ? p : 0, scale, 3);
          J.set(i, j, e, scale, 3);
        });
        sums[i].textContent = fixed(entries[i].reduce((a, b) => a + b, 0), 3);
      });
      const largest = Math.max(...entries.flat());
      reading.textContent = `s = (${list(s)}), largest entry of J ${fixed(largest, 3)}.` +
        (largest < 0.05 ? " One class has nearly everything, J fades to zero: no logit moves any probability." : "");
      drawn.diagonal.setAttribute("aria-label", `diag(s), the probabilities ${list(s)} on the diagonal and zeros elsewhere`);
      drawn.column.setAttribute("aria-label", `minus the column s, ${list(s)}`);
      drawn.row.setAttribute("aria-label", `times the row s transposed, ${list(s)}`);
      drawn.J.setAttribute("aria-label", `equals J, ${entries.map((r, i) => `row ${i + 1}: ${list(r)}, sum ${sums[i].textContent}`).join("; ")}`);
    }

    /** The start is exact (ln 2, ln 5); a slider knows it to its step only. */
    function restart() {
      x = [...data.logits];
      sliders.forEach(({ input }, k) => { input.value = x[k]; });
      show();
    }

    sliders.forEach(({ input }, k) => input.addEventListener("input", () => {
      x[k] = Number(input.value);
      show();
    }));
    reset.addEventListener("click", restart);
    restart();
    return panel("What does J do when a class wins, or when all are equal?", [...sliders.map(({ row }) => row), html("div", { class: "buttons" }, reset)], equation, reading);
  }

  // ----------------------------------------------------------------------------------------------------- 3 · the V

  const MANTISSAS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], STOPS = [1, 2, 5]; // of the curves, of the slider: every stop is on the curves

  /** data: {x, lowest}: where the slope of sin is measured; the exponent of the smallest step. */
  function errorV(figure, data) {
    const steps = (mantissas) => Array.from({ length: -data.lowest }, (_, k) => mantissas.map((m) => Number(`${m}e${data.lowest + k}`))).flat();
    const stops = steps(STOPS).filter((h) => h <= 0.2), fine = steps(MANTISSAS).filter((h) => h <= 0.3);
    const width = 420, height = 290, plot = { left: 52, right: 410, top: 10, bottom: 245 };
    const [lowX, highX, lowY, highY] = [data.lowest, -0.5, -13, 0]; // decades
    const px = (h) => plot.left + ((Math.log10(h) - lowX) / (highX - lowX)) * (plot.right - plot.left);
    const py = (error) => plot.bottom - ((Math.min(highY, Math.max(lowY, Math.log10(error))) - lowY) / (highY - lowY)) * (plot.bottom - plot.top);
    const line = (values, ys, attributes) => svg("path", { d: values.map((h, i) => `${i ? "L" : "M"}${px(h).toFixed(1)} ${py(ys(h)).toFixed(1)}`).join(""), fill: "none", ...attributes });
    const ends = [`1e${data.lowest}`, 10 ** highX].map(Number), dashed = { stroke: "var(--fig-muted)", "stroke-dasharray": "5 4" };
    const inside = (ys) => fine.filter((h) => Math.log10(ys(h)) >= lowY && Math.log10(ys(h)) <= highY);
    const truncation = (h) => slopeErrors(data.x, h).central.truncation, rounding = (h) => 1e-16 / h;
    const cursor = svg("line", { y1: plot.top, y2: plot.bottom, stroke: "currentColor", "stroke-opacity": 0.5 });
    const marks = {
      forward: svg("circle", { r: 6, fill: "var(--fig-batch)", stroke: "var(--book-paper)", "stroke-width": 1.5 }),
      central: svg("rect", { width: 11, height: 11, fill: "var(--fig-input)", stroke: "var(--book-paper)", "stroke-width": 1.5 }),
    };
    const ticksX = [-13, -11, -9, -7, -5, -3, -1].map((e) => words(px(Number(`1e${e}`)), plot.bottom + 14, `1e${e}`, "var(--fig-muted)"));
    const ticksY = [-12, -9, -6, -3, 0].map((e) => words(plot.left - 8, py(Number(`1e${e}`)), e ? `1e${e}` : "1", "var(--fig-muted)", { style: "text-anchor: end" }));
    const picture = drawing(width, height,
      svg("path", { d: `M${plot.left} ${plot.top} V${plot.bottom} H${plot.right}`, fill: "none", stroke: "var(--fig-muted)" }), ...ticksX, ...ticksY,
      line(inside(truncation), truncation, dashed), line(inside(rounding), rounding, dashed),
      line(fine, (h) => slopeErrors(data.x, h).forward.error, { stroke: "var(--fig-batch)", "stroke-width": 1.4 }),
      line(fine, (h) => slopeErrors(data.x, h).central.error, { stroke: "var(--fig-input)", "stroke-width": 1.4 }),
      cursor, marks.forward, marks.central,
      words(px(2e-5), py(3e-3), "forward", "var(--fig-batch)"), words(px(8e-10), py(1e-11), "central", "var(--fig-input)"),
      words(px(ends[0]) + 56, py(2e-6), "1/h: rounding", "var(--fig-muted)"), words(px(4e-3), py(2e-10), "h²: truncation", "var(--fig-muted)"),
      words((plot.left + plot.right) / 2, height - 10, "step h"), words(12, (plot.top + plot.bottom) / 2, "error of the slope", "currentColor", { transform: `rotate(-90 12 ${(plot.top + plot.bottom) / 2})` }));
    const control = slider(`${figure.id}-h`, "step h", { min: 0, max: stops.length - 1, step: 1, value: stops.indexOf(1e-5) });
    const reading = html("div", { class: "reading", "aria-live": "polite" });

    function show() {
      const h = stops[Number(control.input.value)], errors = slopeErrors(data.x, h);
      control.say(`h = ${h.toExponential()}`);
      for (const axis of ["x1", "x2"]) cursor.setAttribute(axis, px(h));
      marks.forward.setAttribute("cx", px(h));
      marks.forward.setAttribute("cy", py(errors.forward.error));
      marks.central.setAttribute("x", px(h) - 5.5);
      marks.central.setAttribute("y", py(errors.central.error) - 5.5);
      const sentence = (name, part) => `${name}: error ${scientific(part.error)}; truncation about ${scientific(part.truncation)}, ` +
        `rounding about ${scientific(part.rounding)}: ${dominant(part)}.`;
      const lines = Object.entries(errors).map(([name, part]) => sentence(name, part));
      reading.replaceChildren(...lines.map((text, i) => html("p", { class: ["forward", "central"][i] }, text)));
      picture.setAttribute("aria-label", `Error of the slope of sin at ${data.x} against the step, on logarithmic axes: two V-shaped curves. At ${h.toExponential()}, ${lines.join(" ")}`);
    }

    control.input.addEventListener("input", show);
    show();
    return panel("Which error is the larger one at this step, truncation or rounding?", [control.row], picture, reading);
  }

  // ----------------------------------------------------------------------------------- 4 · XOR's boundary over epochs

  const BANDS = [[0.2, "negative", 0.45], [0.5, "negative", 0.18], [0.8, "positive", 0.18], [1.01, "positive", 0.45]]; // as in the still picture

  /** data: {points: [[x1, x2, label]], snapshots: [{epoch, W1, b1, W2, b2}]}, in the order of their epochs. */
  function boundary(figure, data) {
    const cells = 60, size = 300, unit = size / cells, low = -0.5, span = 2;
    const px = (u) => 26 + ((u - low) / span) * size, py = (v) => 6 + size - ((v - low) / span) * size; // x₂ grows upwards
    const bands = BANDS.map(([, sign, alpha]) => svg("path", { fill: `var(--fig-${sign})`, "fill-opacity": alpha, "shape-rendering": "crispEdges" }));
    const line = svg("path", { stroke: "currentColor", "stroke-width": 1.6, fill: "none" });
    const point = ([u, v, label]) => (label
      ? svg("circle", { cx: px(u), cy: py(v), r: 7, fill: "var(--fig-positive)", stroke: "currentColor", "stroke-width": 1.5 })
      : svg("rect", { x: px(u) - 6, y: py(v) - 6, width: 12, height: 12, fill: "var(--fig-negative)", stroke: "currentColor", "stroke-width": 1.5 }));
    const ticks = [0, 1].flatMap((t) => [words(px(t), size + 20, String(t), "var(--fig-muted)"), words(14, py(t), String(t), "var(--fig-muted)")]);
    const picture = drawing(size + 40, size + 42, ...bands, line, svg("rect", { x: 26, y: 6, width: size, height: size, class: "cell" }), ...data.points.map(point), ...ticks,
      words(px(0.5), size + 32, "x₁"), words(14, py(0.5), "x₂"));
    const last = data.snapshots.length - 1;
    const control = slider(`${figure.id}-epoch`, "epoch", { min: 0, max: last, step: 1, value: last });
    const reading = liveText(), player = playButton(control.input, reading, 250);

    /** The difference at a place of the grid. Where every ReLU is closed it may be 0 exactly: no line through that. */
    const atCell = (network, i, j) => logitDifference(network, low + (i / cells) * span, low + (j / cells) * span) + 1e-9;

    /** Each band is one path: the runs of its cells, row by row. */
    function paint(network) {
      const paths = BANDS.map(() => "");
      for (let j = 0; j < cells; j++) {
        let start = 0, band = -1;
        for (let i = 0; i <= cells; i++) {
          const p = i < cells ? sigmoid(atCell(network, i + 0.5, j + 0.5)) : NaN;
          const next = BANDS.findIndex(([below]) => p < below);
          if (next === band) continue;
          if (band >= 0) paths[band] += `M${26 + start * unit} ${6 + size - (j + 1) * unit}h${(i - start) * unit}v${unit}h${-(i - start) * unit}z`;
          [start, band] = [i, next];
        }
      }
      bands.forEach((path, k) => path.setAttribute("d", paths[k]));
      const segments = zeroLine((i, j) => atCell(network, i, j), cells);
      const at = (x, y) => `${(26 + x * unit).toFixed(1)} ${(6 + size - y * unit).toFixed(1)}`;
      line.setAttribute("d", segments.map(([x1, y1, x2, y2]) => `M${at(x1, y1)}L${at(x2, y2)}`).join(""));
    }

    function show() {
      const network = data.snapshots[Number(control.input.value)];
      const p = data.points.map(([u, v]) => sigmoid(logitDifference(network, u, v)));
      const right = p.filter((value, i) => (value > 0.5 ? 1 : 0) === data.points[i][2]).length;
      paint(network);
      control.say(String(network.epoch));
      reading.textContent = `Epoch ${network.epoch}: loss ${fixed(meanLoss(network, data.points), 4)}, ${right} of ${p.length} right. p(class 1) at ` +
        data.points.map(([u, v], i) => `(${u}, ${v}): ${fixed(p[i], 3)}`).join(", ") + ".";
      picture.setAttribute("aria-label", `Map of the input plane with the four points and the line p = ½. ${reading.textContent}`);
    }

    control.input.addEventListener("input", show);
    show();
    return panel("How does the boundary come about?", [control.row, html("div", { class: "buttons" }, player.button)], picture, reading);
  }

  // -------------------------------------------------------------------------------------------------------- the page

  const FIGURES = { "axis-sum": axisSum, jacobian: softmaxJacobian, v: errorV, boundary };

  for (const figure of document.querySelectorAll("figure[data-interactive]")) {
    try {
      const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
      const made = FIGURES[figure.dataset.interactive](figure, data);
      figure.querySelector("svg").after(made);
      figure.classList.add("enhanced"); // last: it hides the still picture
    } catch (error) {
      console.error(`${figure.id} stays still:`, error);
    }
  }
})();
