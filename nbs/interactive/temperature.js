/* The temperature: one sample's probabilities as it rises and falls. */
movable.figure("temperature", (movable) => {
  "use strict";

  const { range, softmax, fixed, html, svg, fill, words, drawing, stops, panel, liveText } = movable;

  /** The probabilities of the logits x at temperature T, (12.2): (K,) to (K,). */
  const tempered = (x, T) => softmax(x.map((v) => v / T));

  // Each is a decimal number as one writes it, from 0.05 to 20
  const STOPS = [-2, -1, 0, 1].flatMap((e) => [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map((m) => Number(`${m}e${e}`)))
    .filter((T) => T >= 0.05 && T <= 20).map((T) => [`T = ${T}`, T]);
  const LOW = Math.log10(0.05), HIGH = Math.log10(20);
  const COLOURS = ["var(--fig-input)", "var(--fig-batch)", "var(--fig-output)", "var(--book-muted)"];

  /** The curves of all classes over T, with a line and dots that `show(T, s)` moves. */
  function curvesDrawing(logits) {
    const left = 52, right = 410, top = 8, bottom = 190, muted = "var(--book-muted)";
    const px = (T) => left + ((Math.log10(T) - LOW) / (HIGH - LOW)) * (right - left), py = (p) => bottom - p * (bottom - top);
    const grid = range(141).map((i) => 10 ** (LOW + (i / 140) * (HIGH - LOW))), at = grid.map((T) => tempered(logits, T));
    const curve = (k) => grid.map((T, i) => `${i ? "L" : "M"}${px(T).toFixed(1)} ${py(at[i][k]).toFixed(1)}`).join("");
    const cursor = svg("line", { y1: top, y2: bottom, stroke: "currentColor", "stroke-opacity": 0.5 });
    const dots = logits.map((_, k) => svg("circle", { r: 5, fill: COLOURS[k], stroke: "var(--book-paper)", "stroke-width": 1.5 }));
    const picture = drawing(420, bottom + 42,
      svg("path", { d: `M${left} ${top} V${bottom} H${right}`, fill: "none", stroke: "var(--fig-muted)" }),
      ...[0.1, 1, 10].map((T) => words(px(T), bottom + 14, String(T), muted)),
      ...[0, 0.5, 1].map((p) => words(left - 8, py(p), String(p), muted, { style: "text-anchor: end" })),
      words((left + right) / 2, bottom + 33, "temperature T"),
      words(10, (top + bottom) / 2, "probability", "currentColor", { transform: `rotate(-90 10 ${(top + bottom) / 2})` }),
      ...logits.map((_, k) => svg("path", { d: curve(k), fill: "none", stroke: COLOURS[k], "stroke-width": 1.6 })), cursor, ...dots);
    const show = (T, s) => {
      fill(cursor, { x1: px(T), x2: px(T) });
      dots.forEach((dot, k) => fill(dot, { cx: px(T), cy: py(s[k]) }));
    };
    return { picture, show };
  }

  /** A class with its logit, and its probability as a bar. */
  function barRow(logit, k) {
    const bar = html("span", { class: "bar" }), number = html("span", { class: "value" });
    bar.style.background = COLOURS[k];
    const row = html("div", { class: "control" }, html("span", { class: "value" }, `logit ${fixed(logit, 0)}`),
      html("span", { class: "track", "aria-hidden": "true" }, bar), number);
    const show = (p) => {
      bar.style.width = `${100 * p}%`;
      number.textContent = fixed(p, 3);
    };
    return { row, show };
  }

  function remark(T, s) {
    const most = Math.max(...s);
    if (T === 1) return "The probabilities as they were trained.";
    if (most > 0.999) return "So cold that the greatest logit has taken all. The class is the same.";
    if (most < 1.2 / s.length) return "So warm that all are nearly alike. The class is the same.";
    return T < 1 ? "Colder than 1: surer. The class is the same." : "Warmer than 1: more modest. The class is the same.";
  }

  /** data: {logits}, (K,). */
  function temperature(figure, { logits }) {
    const control = stops(`${figure.id}-t`, "temperature", STOPS, 1), drawn = curvesDrawing(logits);
    const bars = logits.map(barRow), reading = liveText();

    function show() {
      const T = control.value(), s = tempered(logits, T);
      drawn.show(T, s);
      bars.forEach((bar, k) => bar.show(s[k]));
      const list = s.map((p) => fixed(p, 3)).join(", "), over = `The probabilities of ${logits.length} classes over the temperature.`;
      reading.textContent = `T = ${T}: s = (${list}), confidence ${fixed(Math.max(...s), 3)}. ${remark(T, s)}`;
      drawn.picture.setAttribute("aria-label", `${over} ${reading.textContent}`);
    }

    control.input.addEventListener("input", show);
    show();
    const picture = html("div", {}, drawn.picture, html("div", { class: "controls" }, ...bars.map(({ row }) => row)));
    return panel("What does the temperature change, and what does it leave?", [control.row], picture, reading);
  }

  return { draw: temperature, tempered };
});
