/* XOR's boundary over the epochs of its training. */
movable.figure("boundary", (movable) => {
  "use strict";

  const { range, sum, fixed, svg, html, words, drawing, slider, playButton, panel, liveText } = movable;

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

  return { draw: boundary, logitDifference, meanLoss, contour };
});
