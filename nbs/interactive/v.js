/* The V: both differences' errors against the step, and the step in the reader's hand. */
movable.figure("v", (movable) => {
  "use strict";

  const { range, scientific, html, svg, fill, words, drawing, slider, panel } = movable;

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

  const MANTISSAS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], STOPS = [1, 2, 5]; // of the curves, of the slider: each stop is on them

  /** Steps from 10^lowest up to `highest`, read as decimal numbers, so that they are the same doubles as in Python. */
  const decades = (lowest, highest, mantissas) =>
    range(-lowest).flatMap((k) => mantissas.map((m) => Number(`${m}e${lowest + k}`))).filter((h) => h <= highest);

  /** A sheet with logarithmic axes: its frame with ticks, and the place of a value. Ranges are in decades; y is kept inside. */
  function logSheet(x, y) {
    const left = 74, right = 410, top = 10, bottom = 245, centre = (left + right) / 2, middle = (top + bottom) / 2;
    const px = (h) => left + ((Math.log10(h) - x.low) / (x.high - x.low)) * (right - left);
    const inside = (decade) => Math.min(y.high, Math.max(y.low, decade));
    const py = (error) => bottom - ((inside(Math.log10(error)) - y.low) / (y.high - y.low)) * (bottom - top);
    const power = (e) => (e ? `1e${e}` : "1"), muted = "var(--book-muted)";
    const frame = svg("g", {},
      svg("path", { d: `M${left} ${top} V${bottom} H${right}`, fill: "none", stroke: "var(--fig-muted)" }),
      ...x.ticks.map((e) => words(px(Number(power(e))), bottom + 14, power(e), muted)),
      ...y.ticks.map((e) => words(left - 8, py(Number(power(e))), power(e), muted, { style: "text-anchor: end" })),
      words(centre, bottom + 35, x.name), words(9, middle, y.name, "currentColor", { transform: `rotate(-90 9 ${middle})` }));
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

  return { draw: errorV, slopeErrors, dominant };
});
