/* Figures that the reader can move.

A page's pictures are still and complete: SVG in the page, with a caption. A figure with `data-interactive="name"` is enhanced
here by the function of that name in FIGURES. It gets the figure and its data (the JSON that `show(..., data=...)` put
beside the SVG), and returns a panel, which takes the still picture's place on the screen; on paper the still picture is back. If
anything fails, the still picture stays.

Rules for a panel: it answers one question, which it states; native controls with labels, so that the keyboard works; what changed
is said in words in a live region; colours are the page's CSS variables, so that light and dark need nothing here; nothing
moves unless the reader asks, and nothing moves at all for a reader who prefers reduced motion.

The arithmetic comes first and knows nothing of the page: tests/book/test_interactive.py compares its numbers with NumPy's. */
(() => {
  "use strict";

  // ---------------------------------------------------------------------------------------------------- arithmetic

  const range = (n) => Array.from({ length: n }, (_, i) => i);

  const sum = (values) => values.reduce((a, b) => a + b, 0);

  /** Probabilities of the logits x, (K,) to (K,), shifted by the largest as in the book. */
  function softmax(x) {
    const largest = Math.max(...x);
    const e = x.map((v) => Math.exp(v - largest));
    const z = sum(e);
    return e.map((v) => v / z);
  }

  /** J[i][j] = s_i (δ_ij − s_j), (K,) to (K, K). */
  function jacobian(s) {
    return s.map((si, i) => s.map((sj, j) => si * ((i === j ? 1 : 0) - sj)));
  }

  /** The columns (axis 0) or rows (axis 1) of an array (N, K), as lists, cut after the first `t` cells of them all. */
  function partsOf(array, axis, t) {
    const lines = axis === 0 ? array[0].map((_, j) => array.map((row) => row[j])) : array;
    return lines.map((line, r) => line.slice(0, Math.max(0, t - r * line.length)));
  }

  /** The errors of both differences for sin at x with step h, and what theory expects of their two parts. */
  function slopeErrors(x, h) {
    const sin = Math.sin, slope = Math.cos(x), rounding = 1e-16 / (2 * h); // of two values of size 1, divided by 2h
    const forward = (sin(x + h) - sin(x)) / h, central = (sin(x + h) - sin(x - h)) / (2 * h);
    return {
      forward: { error: Math.abs(forward - slope), truncation: (h / 2) * Math.abs(sin(x)), rounding },
      central: { error: Math.abs(central - slope), truncation: ((h * h) / 6) * Math.abs(slope), rounding },
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
    return sum(each) / points.length;
  }

  /** The values of f at the corners of n × n cells. */
  const sample = (f, n) => range(n + 1).map((j) => range(n + 1).map((i) => f(i, j)));

  /** The part of a polygon of [x, y, value] where value ≥ level (sign 1) or value ≤ level (sign −1). */
  function clip(polygon, level, sign) {
    return polygon.flatMap((a, k) => {
      const b = polygon[(k + 1) % polygon.length], fa = sign * (a[2] - level), fb = sign * (b[2] - level);
      const between = (i) => a[i] + (fa / (fa - fb)) * (b[i] - a[i]);
      const crossing = fa * fb < 0 ? [[between(0), between(1), level]] : [];
      return fa >= 0 ? [a, ...crossing] : crossing;
    });
  }

  /** One polygon for each cell that has a part where low ≤ value ≤ high; with low = high, the pieces of a line. */
  function contour(at, low, high) {
    const pieces = [];
    for (let j = 0; j + 1 < at.length; j++) {
      for (let i = 0; i + 1 < at.length; i++) {
        const cell = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([x, y]) => [x, y, at[y][x]]);
        const part = clip(clip(cell, low, 1), high, -1);
        if (part.length > 1) pieces.push(part);
      }
    }
    return pieces;
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

  const fill = (node, attributes, children = []) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const SVG = "http://www.w3.org/2000/svg";
  const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

  /** A drawing of the given size, in units that are pixels at full width; narrower pages shrink it. */
  function drawing(width, height, ...children) {
    const style = `width: ${width / 16}rem; max-width: 100%`;
    return svg("svg", { role: "img", viewBox: `0 0 ${width} ${height}`, style }, ...children);
  }

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
    return html("div", { class: "interactive", role: "group", "aria-label": question },
      html("p", { class: "question" }, question), html("div", { class: "controls" }, ...controls), picture, reading);
  }

  const liveText = () => html("p", { class: "reading", "aria-live": "polite" });

  // ------------------------------------------------------------------------------------------------ drawn matrices

  const CELL = { width: 48, height: 30 };

  /** A matrix of drawn cells with its corner at (x, y), as `array` in _figures.py draws it: sign and size as colour. */
  function matrix(rows, columns, x, y) {
    const node = svg("g");
    const cells = range(rows).map((i) => range(columns).map((j) => {
      const box = { x: x + j * CELL.width, y: y + i * CELL.height, ...CELL };
      const heat = svg("rect", box), border = svg("rect", { ...box, class: "box" });
      const text = words(box.x + CELL.width / 2, box.y + CELL.height / 2, "");
      node.append(heat, border, text);
      return { heat, border, text };
    }));
    /** Show a value, or an empty cell for null. `scale` is the value of the strongest colour. */
    const set = (i, j, value, scale, digits) => {
      const { heat, text } = cells[i][j];
      heat.setAttribute("fill", value > 0 ? "var(--fig-positive)" : "var(--fig-negative)");
      const strength = 0.45 * Math.min(1, Math.abs(value ?? 0) / scale); // on more than 0.45 the number's contrast falls below AA
      heat.setAttribute("fill-opacity", strength.toFixed(3));
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

  /** What is summed over each axis, and why. `plain`, `weighted`: (N, K). */
  const sumChoices = (plain, weighted, N, K) => [
    {
      axis: 0, array: plain, name: "grad", result: "db", shape: `(${K},)`, over: "samples",
      colour: "var(--fig-batch)",
      meaning: "The bias: all samples share b, so all of them count. Each column, over the samples, falls into one entry of db.",
    },
    {
      axis: 1, array: weighted, name: "s * grad", result: "average", shape: `(${N}, 1)`, over: "classes",
      colour: "var(--fig-output)",
      meaning: "Softmax: a sample's classes depend on each other, samples do not. Each row, over its classes, gives one average.",
    },
  ];

  /** An arrow from (x, y) by (dx, dy), along an axis. */
  function arrow(x, y, dx, dy, colour) {
    const head = dx ? `M${x + dx} ${y} l-8 -4 v8 z` : `M${x} ${y + dy} l-4 -8 h8 z`;
    const style = `stroke: ${colour}; fill: ${colour}; stroke-width: 1.5`;
    return svg("path", { d: `M${x} ${y} l${dx} ${dy} ${head}`, style });
  }

  /** The array, below it the row of results for axis 0, at its right their column for axis 1. */
  function sumDrawing(N, K, choices) {
    const left = 34, top = 34, right = left + K * CELL.width, bottom = top + N * CELL.height;
    const centre = (left + right) / 2, middle = (top + bottom) / 2;
    const array = matrix(N, K, left, top), name = words(centre, 10, "");
    const sides = [
      {
        cells: matrix(1, K, left, bottom + 40), title: words(centre, bottom + 84, ""),
        place: (r) => [0, r], part: (r, p) => [p, r], // the cell of a result, and of a part of it
        arrows: range(K).map((k) => arrow(left + (k + 0.5) * CELL.width, bottom + 6, 0, 26, choices[0].colour)),
      },
      {
        cells: matrix(N, 1, right + 46, top), title: words(right + 46 + CELL.width / 2, bottom + 14, ""),
        place: (r) => [r, 0], part: (r, p) => [r, p],
        arrows: range(N).map((n) => arrow(right + 6, top + (n + 0.5) * CELL.height, 32, 0, choices[1].colour)),
      },
    ];
    const groups = sides.map(({ cells, title, arrows }) => svg("g", {}, cells.node, title, ...arrows));
    const picture = drawing(right + 110, bottom + 92, array.node, ...groups, name,
      words(14, middle, `N = ${N}`, "var(--fig-batch)", { transform: `rotate(-90 14 ${middle})` }),
      words(centre, 25, `K = ${K}`, "var(--fig-output)"));

    /** Show a choice, with what is summed of each result; `current` is the one being made, or −1. */
    function show(choice, parts, sums, current) {
      const side = sides[choice.axis];
      groups.forEach((group, axis) => { group.style.display = axis === choice.axis ? "" : "none"; });
      name.textContent = choice.name;
      side.title.textContent = `${choice.result} ${choice.shape}`;
      choice.array.forEach((row, i) => row.forEach((value, j) => {
        array.set(i, j, value, 2, 2);
        array.mark(i, j, "");
      }));
      parts.forEach((summed, r) => {
        side.cells.set(...side.place(r), sums[r], 2, 2);
        side.cells.mark(...side.place(r), r === current ? choice.colour : "");
        side.arrows[r].style.visibility = summed.length ? "visible" : "hidden";
      });
      parts[current]?.forEach((_, p) => array.mark(...side.part(current, p), choice.colour));
    }

    return { picture, show };
  }

  /** What the drawing shows, as an equation: `current` is the result being made, −1 before the first and after the last. */
  function sumInWords({ axis, array, result, shape, over }, parts, sums, current) {
    const head = `Sum over axis ${axis}: (${array.length}, ${array[0].length}) → ${shape}.`;
    if (sums[0] === null) return `${head} Nothing summed yet.`;
    if (current < 0) return `${head} ${result} = (${sums.map((v) => fixed(v, 2)).join(", ")}).`;
    const terms = parts[current].map((v, p) => (p ? `${v < 0 ? "−" : "+"} ${fixed(Math.abs(v), 2)}` : fixed(v, 2)));
    const length = axis === 0 ? array.length : array[0].length;
    const equation = `${result}[${current}] = ${terms.join(" ")} = ${fixed(sums[current], 2)}`;
    return `${head} ${equation}, ${terms.length} of ${length} ${over}.`;
  }

  /** data: {grad, weighted}, both (N, K): grad to sum over axis 0, for the bias; weighted = s * grad over axis 1, for softmax. */
  function axisSum(figure, data) {
    const N = data.grad.length, K = data.grad[0].length, choices = sumChoices(data.grad, data.weighted, N, K);
    let choice = choices[0];
    const drawn = sumDrawing(N, K, choices), reading = liveText(), meaning = html("p", { class: "meaning" });
    const buttons = choices.map(({ axis }) => html("button", { type: "button" }, `axis ${axis}`));
    const steps = slider(`${figure.id}-steps`, "cells summed", { min: 0, max: N * K, step: 1, value: N * K });
    const player = playButton(steps.input, reading, 350);

    function show() {
      const t = Number(steps.input.value), parts = partsOf(choice.array, choice.axis, t);
      const sums = parts.map((summed) => (summed.length ? sum(summed) : null));
      const current = t === N * K ? -1 : sums.filter((v) => v !== null).length - 1;
      drawn.show(choice, parts, sums, current);
      meaning.textContent = choice.meaning;
      steps.say(`${t} of ${N * K}`);
      reading.textContent = sumInWords(choice, parts, sums, current);
      drawn.picture.setAttribute("aria-label", `The ${N} by ${K} array ${choice.name} and its sums. ${reading.textContent}`);
    }

    function choose(chosen) {
      choice = chosen;
      player.stop();
      buttons.forEach((button, axis) => button.setAttribute("aria-pressed", String(axis === choice.axis)));
      show();
    }

    buttons.forEach((button, axis) => button.addEventListener("click", () => choose(choices[axis])));
    steps.input.addEventListener("input", show);
    choose(choice);
    const axes = html("div", { class: "buttons", role: "group", "aria-label": "axis to sum over" }, ...buttons);
    const controls = [html("div", { class: "buttons" }, axes, player.button), steps.row];
    return panel("Which cells are summed into which result?", controls, html("div", {}, drawn.picture, meaning), reading);
  }

  // ------------------------------------------------------------------------------------------ 2 · softmax's Jacobian

  /** A slider for a logit, with its probability as a bar beside it. */
  function logitSlider(id, k) {
    const made = slider(id, `logit x${subscript(k + 1)}`, { min: -5, max: 5, step: 0.1, value: 0 });
    const bar = html("span", { class: "bar" }), number = html("span", { class: "value" });
    made.row.append(html("span", { class: "track", "aria-hidden": "true" }, bar), number);
    const show = (logit, p) => {
      made.say(fixed(logit, 2));
      bar.style.width = `${100 * p}%`;
      number.textContent = `s${subscript(k + 1)} = ${fixed(p, 3)}`;
    };
    return { ...made, show };
  }

  /** A matrix as a drawing of its own, with its name below; `extra` is more to draw at its right, that much wider. */
  function matrixDrawing(rows, columns, name, wider = 0, ...extra) {
    const width = columns * CELL.width, height = rows * CELL.height, cells = matrix(rows, columns, 1, 1);
    const title = words(width / 2 + 1, height + 16, name);
    const picture = drawing(width + wider + 2, height + 26, cells.node, title, ...extra);
    /** The colours have one scale for all, so that they can be compared, also from one moment to the next. */
    const show = (values, label) => {
      values.forEach((row, i) => row.forEach((value, j) => cells.set(i, j, value, 0.65, 3)));
      picture.setAttribute("aria-label", label);
    };
    return { picture, show };
  }

  /** diag(s) − s sᵀ = J, with the sums of J's rows. */
  function jacobianEquation(K) {
    const x = K * CELL.width + 34, sums = range(K).map((i) => words(x, 1 + (i + 0.5) * CELL.height, ""));
    const heading = words(x, K * CELL.height + 16, "row sums", "var(--book-muted)");
    const diagonal = matrixDrawing(K, K, "diag(s)"), column = matrixDrawing(K, 1, "s"), row = matrixDrawing(1, K, "sᵀ");
    const J = matrixDrawing(K, K, "J", 68, heading, ...sums);
    const term = (...parts) => html("span", { class: "term" }, ...parts);
    const sign = (text) => html("span", { class: "sign", "aria-hidden": "true" }, text);
    const outer = term(sign("−"), column.picture, row.picture);
    const node = html("div", { class: "equation" }, diagonal.picture, outer, term(sign("="), J.picture));

    function show(s, entries) {
      const list = (v) => v.map((e) => fixed(e, 3)).join(", "), p = list(s);
      sums.forEach((text, i) => { text.textContent = fixed(sum(entries[i]), 3); });
      const diag = s.map((v, i) => s.map((_, j) => (i === j ? v : 0)));
      diagonal.show(diag, `diag(s): the probabilities ${p} on the diagonal, else zeros`);
      column.show(s.map((v) => [v]), `minus the column s: ${p}`);
      row.show([s], `times the row s transposed: ${p}`);
      J.show(entries, `equals J: ${entries.map((r, i) => `row ${i + 1}: ${list(r)}, sum ${sums[i].textContent}`).join("; ")}`);
    }

    return { node, show };
  }

  /** data: {logits}, (K,): where the sliders start. */
  function softmaxJacobian(figure, data) {
    let x = [...data.logits];
    const sliders = x.map((_, k) => logitSlider(`${figure.id}-x${k + 1}`, k)), equation = jacobianEquation(x.length);
    const reading = liveText(), reset = html("button", { type: "button" }, "Start again");

    function show() {
      const s = softmax(x), entries = jacobian(s), largest = Math.max(...entries.flat());
      sliders.forEach((one, k) => one.show(x[k], s[k]));
      equation.show(s, entries);
      const fades = largest < 0.05 ? " One class has nearly everything, J fades to zero: no logit moves any probability." : "";
      reading.textContent = `s = (${s.map((p) => fixed(p, 3)).join(", ")}), largest entry of J ${fixed(largest, 3)}.${fades}`;
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
    const controls = [...sliders.map(({ row }) => row), html("div", { class: "buttons" }, reset)];
    return panel("What does J do when a class wins, or when all are equal?", controls, equation.node, reading);
  }

  // ----------------------------------------------------------------------------------------------------- 3 · the V

  const MANTISSAS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], STOPS = [1, 2, 5]; // of the curves, of the slider: each stop is on them

  /** Steps from 10^lowest up to `highest`, read as decimal numbers, so that they are the same doubles as in Python. */
  const decades = (lowest, highest, mantissas) =>
    range(-lowest).flatMap((k) => mantissas.map((m) => Number(`${m}e${lowest + k}`))).filter((h) => h <= highest);

  /** A sheet with logarithmic axes: its frame with ticks, and the place of a value. Ranges are in decades; y is kept inside. */
  function logSheet(x, y) {
    const left = 52, right = 410, top = 10, bottom = 245, centre = (left + right) / 2, middle = (top + bottom) / 2;
    const px = (h) => left + ((Math.log10(h) - x.low) / (x.high - x.low)) * (right - left);
    const inside = (decade) => Math.min(y.high, Math.max(y.low, decade));
    const py = (error) => bottom - ((inside(Math.log10(error)) - y.low) / (y.high - y.low)) * (bottom - top);
    const power = (e) => (e ? `1e${e}` : "1"), muted = "var(--book-muted)";
    const frame = svg("g", {},
      svg("path", { d: `M${left} ${top} V${bottom} H${right}`, fill: "none", stroke: "var(--fig-muted)" }),
      ...x.ticks.map((e) => words(px(Number(power(e))), bottom + 14, power(e), muted)),
      ...y.ticks.map((e) => words(left - 8, py(Number(power(e))), power(e), muted, { style: "text-anchor: end" })),
      words(centre, bottom + 35, x.name), words(12, middle, y.name, "currentColor", { transform: `rotate(-90 12 ${middle})` }));
    /** The curve y = f(h), without what lies outside. */
    const curve = (steps, f, attributes) => {
      const seen = steps.filter((h) => f(h) > 10 ** y.low && f(h) < 10 ** y.high);
      const d = seen.map((h, i) => `${i ? "L" : "M"}${px(h).toFixed(1)} ${py(f(h)).toFixed(1)}`).join("");
      return svg("path", { d, fill: "none", ...attributes });
    };
    return { px, py, frame, curve, top, bottom, width: 420, height: bottom + 45 };
  }

  /** The V of sin at x, with a mark on each curve that `show(h, errors)` moves. */
  function vDrawing(x, lowest) {
    const sheet = logSheet({ low: lowest, high: -0.5, ticks: [-13, -11, -9, -7, -5, -3, -1], name: "step h" },
      { low: -13, high: 0, ticks: [-12, -9, -6, -3, 0], name: "error of the slope" });
    const { px, py, curve } = sheet, steps = decades(lowest, 0.3, MANTISSAS);
    const forward = "var(--fig-batch)", central = "var(--fig-input)", muted = "var(--book-muted)";
    const dashed = { stroke: "var(--fig-muted)", "stroke-dasharray": "5 4" };
    const edge = { stroke: "var(--book-paper)", "stroke-width": 1.5 };
    const cursor = svg("line", { y1: sheet.top, y2: sheet.bottom, stroke: "currentColor", "stroke-opacity": 0.5 });
    const circle = svg("circle", { r: 6, fill: forward, ...edge });
    const square = svg("rect", { width: 11, height: 11, fill: central, ...edge });
    const picture = drawing(sheet.width, sheet.height, sheet.frame,
      curve(steps, (h) => slopeErrors(x, h).central.truncation, dashed),
      curve(steps, (h) => slopeErrors(x, h).central.rounding, dashed),
      curve(steps, (h) => slopeErrors(x, h).forward.error, { stroke: forward, "stroke-width": 1.4 }),
      curve(steps, (h) => slopeErrors(x, h).central.error, { stroke: central, "stroke-width": 1.4 }),
      cursor, circle, square, words(px(2e-5), py(3e-3), "forward", forward), words(px(8e-10), py(1e-11), "central", central),
      words(px(3e-9), py(3e-5), "1/h: rounding", muted), words(px(4e-3), py(2e-10), "h²: truncation", muted));
    const show = (h, errors) => {
      fill(cursor, { x1: px(h), x2: px(h) });
      fill(circle, { cx: px(h), cy: py(errors.forward.error) });
      fill(square, { x: px(h) - 5.5, y: py(errors.central.error) - 5.5 });
    };
    return { picture, show };
  }

  /** data: {x, lowest}: where the slope of sin is measured; the exponent of the smallest step. */
  function errorV(figure, data) {
    const stops = decades(data.lowest, 0.2, STOPS), drawn = vDrawing(data.x, data.lowest);
    const control = slider(`${figure.id}-h`, "step h", { min: 0, max: stops.length - 1, step: 1, value: stops.indexOf(1e-5) });
    const reading = html("div", { class: "reading", "aria-live": "polite" });
    const inWords = ([name, part]) => `${name}: error ${scientific(part.error)}; ` +
      `truncation about ${scientific(part.truncation)}, rounding about ${scientific(part.rounding)}: ${dominant(part)}.`;

    function show() {
      const h = stops[Number(control.input.value)], errors = slopeErrors(data.x, h), lines = Object.entries(errors).map(inWords);
      control.say(`h = ${h.toExponential()}`);
      drawn.show(h, errors);
      reading.replaceChildren(...Object.keys(errors).map((name, i) => html("p", { class: name }, lines[i])));
      drawn.picture.setAttribute("aria-label", `Error of the slope of sin at ${data.x} against the step, on logarithmic axes: ` +
        `two V-shaped curves. At ${h.toExponential()}, ${lines.join(" ")}`);
    }

    control.input.addEventListener("input", show);
    show();
    return panel("Which error is the larger one at this step, truncation or rounding?", [control.row], drawn.picture, reading);
  }

  // ----------------------------------------------------------------------------------- 4 · XOR's boundary over epochs

  const FIFTH = Math.log(4), FAR = 1e6; // the difference of the logits where p is 0.8; one that is beyond any
  const BANDS = [
    [-FAR, -FIFTH, "negative", 0.45], [-FIFTH, 0, "negative", 0.18], [0, FIFTH, "positive", 0.18], [FIFTH, FAR, "positive", 0.45],
  ];

  /** A map of the square from −½ to 1½ with the points on it; `show(network)` paints what it says everywhere. */
  function mapDrawing(points) {
    const cells = 40, size = 300, left = 26, top = 6, low = -0.5, span = 2;
    const px = (u) => left + ((u - low) / span) * size, py = (v) => top + size - ((v - low) / span) * size; // x₂ grows upwards
    const place = (i) => low + (i / cells) * span; // of a line of the grid, in the plane
    const bands = BANDS.map(([, , sign, alpha]) => svg("path", { fill: `var(--fig-${sign})`, "fill-opacity": alpha }));
    const line = svg("path", { class: "boundary", stroke: "currentColor", "stroke-width": 1.6, fill: "none" });
    const edge = { stroke: "currentColor", "stroke-width": 1.5 };
    const point = ([u, v, label]) => (label
      ? svg("circle", { cx: px(u), cy: py(v), r: 7, fill: "var(--fig-positive)", ...edge })
      : svg("rect", { x: px(u) - 6, y: py(v) - 6, width: 12, height: 12, fill: "var(--fig-negative)", ...edge }));
    const muted = "var(--book-muted)", tick = (t) => [words(px(t), size + 20, `${t}`, muted), words(14, py(t), `${t}`, muted)];
    const frame = svg("rect", { x: left, y: top, width: size, height: size, class: "box" });
    const picture = drawing(size + 40, size + 42, ...bands, line, frame,
      ...points.map(point), ...tick(0), ...tick(1), words(px(0.5), size + 32, "x₁"), words(14, py(0.5), "x₂"));

    /** Where every ReLU is closed, the difference may be 0 exactly; a trace is added, so that no line runs through that. */
    function show(network) {
      const at = sample((i, j) => logitDifference(network, place(i), place(j)) + 1e-9, cells);
      const corner = ([i, j]) => `${px(place(i)).toFixed(2)} ${py(place(j)).toFixed(2)}`;
      const path = (pieces) => pieces.map((piece) => `M${piece.map(corner).join("L")}z`).join("");
      BANDS.forEach(([from, to], k) => bands[k].setAttribute("d", path(contour(at, from, to))));
      line.setAttribute("d", path(contour(at, 0, 0)));
    }

    return { picture, show };
  }

  /** data: {points: [[x1, x2, label]], snapshots: [{epoch, W1, b1, W2, b2}]}, in the order of their epochs. */
  function boundary(figure, data) {
    const last = data.snapshots.length - 1, drawn = mapDrawing(data.points);
    const control = slider(`${figure.id}-epoch`, "epoch", { min: 0, max: last, step: 1, value: last });
    const reading = liveText(), player = playButton(control.input, reading, 250);

    function show() {
      const network = data.snapshots[Number(control.input.value)];
      const p = data.points.map(([u, v]) => sigmoid(logitDifference(network, u, v)));
      const right = data.points.filter(([, , label], i) => (p[i] > 0.5 ? 1 : 0) === label).length;
      const each = data.points.map(([u, v], i) => `(${u},\u00a0${v}):\u00a0${fixed(p[i], 3)}`).join(", ");
      drawn.show(network);
      control.say(String(network.epoch));
      const loss = fixed(meanLoss(network, data.points), 4);
      reading.textContent = `Epoch ${network.epoch}: loss ${loss}, ${right} of ${p.length} right. p(class 1) at ${each}.`;
      drawn.picture.setAttribute("aria-label", `The input plane with the points and the line p = ½. ${reading.textContent}`);
    }

    control.input.addEventListener("input", show);
    show();
    const controls = [control.row, html("div", { class: "buttons" }, player.button)];
    return panel("How does the boundary come about?", controls, drawn.picture, reading);
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
