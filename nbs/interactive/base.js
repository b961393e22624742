/* Figures that the reader can move: what they have in common. Each figure is in a file of its own beside this one.

A page's pictures are still and complete: SVG in the page, with a caption. A figure with `data-interactive="name"` is enhanced
by interactive/name.js, which is loaded, after this, when the reader comes near (the lines in _quarto.yml). It gets the figure and its
data (the JSON that `show(..., data=...)` put beside the SVG), and returns a panel, which takes the still picture's place on the
screen; on paper the still picture is back. If anything fails, the still picture stays.

Rules for a panel: it answers one question, which it states; native controls with labels, so that the keyboard works; what changed
is said in words in a live region; colours are the page's CSS variables, so that light and dark need nothing here; nothing
moves unless the reader asks, and nothing moves at all for a reader who prefers reduced motion.

The arithmetic of a figure comes first in its file and knows nothing of the page. What it returns beside `draw` is kept in
`movable.arithmetic`, where the tests compare its numbers with NumPy's, in an engine that has no page at all. */
globalThis.movable = (() => {
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

  const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  /** The rows of an array that `packed` of _figures.py wrote: two characters a number, {shape, step, text}. */
  function unpacked({ shape: [rows, columns], step, text }) {
    const number = (i) => (64 * BASE64.indexOf(text[2 * i]) + BASE64.indexOf(text[2 * i + 1]) - 2048) * step;
    return range(rows).map((r) => Float64Array.from({ length: columns }, (_, c) => number(r * columns + c)));
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

  /** A drawing of the given size, in units that are pixels at full width. Narrower pages shrink it; then its text is drawn larger,
  so that a page of 320 pixels, with room for 273, has it at 11. */
  function drawing(width, height, ...children) {
    const style = `width: ${width / 16}rem; max-width: 100%; --narrow: ${Math.max(13.5, (11 * width) / 273).toFixed(1)}px`;
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

  const reducedMotion = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)"); // absent where there is no page

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

  /** A slider over a list of [words, value]; `value()` is the one chosen, `put` chooses the nearest to a value. */
  function stops(id, label, list, start) {
    const nearest = (value) => list.reduce((best, [, v], i) => (Math.abs(v - value) < Math.abs(list[best][1] - value) ? i : best), 0);
    const made = slider(id, label, { min: 0, max: list.length - 1, step: 1, value: nearest(start) });
    const say = () => made.say(list[Number(made.input.value)][0]);
    made.input.addEventListener("input", say);
    const put = (value) => {
      made.input.value = nearest(value);
      say();
    };
    put(start);
    return { row: made.row, input: made.input, put, value: () => list[Number(made.input.value)][1] };
  }

  /** Buttons of which one is pressed; `chosen(i)` is called with its number. */
  function choice(label, names, chosen) {
    const buttons = names.map((name) => html("button", { type: "button" }, name));
    const press = (i) => {
      buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
      chosen(i);
    };
    buttons.forEach((button, i) => button.addEventListener("click", () => press(i)));
    return { row: html("div", { class: "buttons", role: "group", "aria-label": label }, ...buttons), press };
  }

  /** A box to tick, with its label. */
  function tick(id, label, ticked) {
    const input = html("input", { type: "checkbox", id, ...(ticked ? { checked: "" } : {}) });
    return { row: html("span", { class: "tick" }, input, html("label", { for: id }, label)), input };
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

  // -------------------------------------------------------------------------------------------------------- the page

  const arithmetic = {};

  /** Enhance the figures of a kind: `make` gets what is above and gives `draw(figure, data)`, which returns a panel. */
  function figure(kind, make) {
    const { draw, ...numbers } = make(movable);
    arithmetic[kind] = numbers;
    for (const one of globalThis.document?.querySelectorAll(`figure[data-interactive="${kind}"]`) ?? []) {
      try {
        const made = draw(one, JSON.parse(one.querySelector('script[type="application/json"]').textContent));
        one.querySelector("svg").after(made);
        one.classList.add("enhanced"); // last: it hides the still picture
      } catch (error) {
        console.error(`${one.id} stays still:`, error);
      }
    }
  }

  const movable = {
    range, sum, softmax, unpacked, fixed, scientific, subscript, fill, html, svg, drawing, words, slider, stops, choice, tick,
    playButton, panel, liveText, CELL, matrix, figure, arithmetic,
  };
  return movable;
})();
