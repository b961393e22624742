/* Three optimizers in one narrow valley, with the rates in the reader's hand. */
movable.figure("valley", (movable) => {
  "use strict";

  const { fixed, html, svg, words, drawing, slider, stops, playButton, panel } = movable;

  // ---------------------------------------------------------------------------------------------------- arithmetic

  /** The places of a rule on L = ½ Σ λ w², (steps + 1, D): `rule(lambda, w)` is a function that moves w by one step. */
  function descend(rule, curvature, start, steps) {
    const w = [...start], path = [[...w]], update = w.map((_, i) => rule(i));
    for (let t = 1; t <= steps; t++) {
      w.forEach((value, i) => { w[i] = update[i](value, curvature[i] * value, t); });
      path.push([...w]);
    }
    return path;
  }

  /** Gradient descent, with momentum: v = μ v + grad, w −= lr v. (10.4) */
  const sgd = (lr, mu) => () => {
    let v = 0;
    return (w, grad) => {
      v = mu * v + grad;
      return w - lr * v;
    };
  };

  /** Adam, (10.10). */
  const adam = (lr, beta1, beta2, eps = 1e-8) => () => {
    let m = 0, v = 0;
    return (w, grad, t) => {
      m = beta1 * m + (1 - beta1) * grad;
      v = beta2 * v + (1 - beta2) * grad * grad;
      return w - ((lr / (1 - beta1 ** t)) * m) / (Math.sqrt(v / (1 - beta2 ** t)) + eps);
    };
  };

  const paths = ({ curvature, start, steps }, { lr, mu, adamLr, beta1, beta2 }) => [
    descend(sgd(lr, 0), curvature, start, steps),
    descend(sgd(lr, mu), curvature, start, steps),
    descend(adam(adamLr, beta1, beta2), curvature, start, steps),
  ];

  const lossAt = (curvature, w) => w.reduce((L, v, i) => L + (curvature[i] * v * v) / 2, 0);

  /** How often the path has changed its side of w_i = 0, by a step that can be seen. */
  const crossings = (path, i) => path.filter((w, t) => t && w[i] * path[t - 1][i] < 0 && Math.abs(w[i] - path[t - 1][i]) > 0.02).length;

  // ------------------------------------------------------------------------------------------------------- drawing

  const decimal = (v) => [String(v), v];
  const RATES = [...[0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07].map(decimal), ["1/13 = 0.077", 1 / 13], decimal(0.08),
    decimal(0.081), decimal(0.09), decimal(0.1), ["1/9 = 0.111", 1 / 9], ...[0.115, 0.12, 0.13, 0.14, 0.15, 0.16].map(decimal)];
  const MOMENTA = [...[0, 0.1, 0.2, 0.3, 0.4].map(decimal), ["4/9 = 0.444", 4 / 9], ...[0.5, 0.6, 0.7, 0.8, 0.9, 0.95].map(decimal)];
  const ADAM_RATES = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2].map(decimal);
  const BETA1 = [0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99].map(decimal), BETA2 = [0, 0.5, 0.9, 0.99, 0.999, 0.9999].map(decimal);
  const NAMES = ["SGD", "momentum", "Adam"], COLOURS = ["var(--fig-input)", "var(--fig-batch)", "var(--fig-output)"];
  const LEVELS = [0.5, 3, 10, 22, 42, 70];

  /** One map of the valley, from −10 to 3.5 and −2.2 to 2.2; `show(path)` draws a path on it. */
  function valleyMap(name, colour, curvature) {
    const width = 206, height = 150, left = 18, top = 22, px = (u) => ((u + 10) / 13.5) * width, py = (v) => ((2.2 - v) / 4.4) * height;
    const line = svg("path", { fill: "none", stroke: colour, "stroke-width": 1.4 });
    const dots = svg("path", { fill: "none", stroke: colour, "stroke-width": 4.5, "stroke-linecap": "round" });
    const here = svg("circle", { r: 5, fill: colour, stroke: "var(--book-paper)", "stroke-width": 1.5 });
    const around = LEVELS.map((L) => svg("ellipse", { cx: px(0), cy: py(0), rx: (Math.sqrt((2 * L) / curvature[0]) / 13.5) * width,
      ry: (Math.sqrt((2 * L) / curvature[1]) / 4.4) * height, fill: "none", stroke: "var(--fig-muted)", "stroke-width": 0.8 }));
    const cross = `M${px(0) - 6} ${py(0)} h12 M${px(0)} ${py(0) - 6} v12`;
    const goal = svg("path", { d: cross, stroke: "var(--fig-positive)", "stroke-width": 2 });
    const inside = svg("svg", { x: left, y: top, width, height, style: "overflow: hidden" }, ...around, goal, line, dots, here);
    const picture = drawing(width + 26, height + 44, inside, svg("rect", { x: left, y: top, width, height, class: "box" }),
      words(left + width / 2, 10, name, colour), words(left + width / 2, top + height + 12, "w₁, flat", "var(--book-muted)"),
      words(9, top + height / 2, "w₂, steep", "var(--book-muted)", { transform: `rotate(-90 9 ${top + height / 2})` }));

    /** A path that has left the map far behind is drawn up to where it left. */
    function show(path, label) {
      const lost = path.findIndex(([u, v]) => !(Math.abs(u) < 100 && Math.abs(v) < 100));
      const seen = (lost < 0 ? path : path.slice(0, lost)).map(([u, v]) => `${px(u).toFixed(1)} ${py(v).toFixed(1)}`);
      line.setAttribute("d", `M${seen.join("L")}`);
      dots.setAttribute("d", seen.map((at) => `M${at}h0`).join(""));
      const [x, y] = seen[seen.length - 1].split(" ");
      here.setAttribute("cx", x);
      here.setAttribute("cy", y);
      picture.setAttribute("aria-label", label);
    }

    return { picture, show };
  }

  /** A loss as one reads it. */
  const lossWords = (L) => (L >= 0.001 && L < 1e4 ? fixed(L, 3) : L.toExponential(0));

  function inWords(name, path, curvature, edge) {
    const w = path[path.length - 1], L = lossAt(curvature, w), t = path.length - 1;
    const across = crossings(path, 1), past = crossings(path, 0);
    if (L > 2 * lossAt(curvature, path[0])) return `${name}: thrown out, loss ${lossWords(L)} after ${t} steps.${edge}`;
    const side = across ? `across the floor ${across} ${across === 1 ? "time" : "times"}` : "never across the floor";
    const beyond = past ? `, past the goal ${past} ${past === 1 ? "time" : "times"}` : "";
    return `${name}: after ${t} steps at (${fixed(w[0], 2)}, ${fixed(w[1], 2)}), loss ${lossWords(L)}; ${side}${beyond}.${edge}`;
  }

  /** data: {curvature, start, steps, lr, mu, adamLr, beta1, beta2}. */
  function valley(figure, data) {
    const id = (name) => `${figure.id}-${name}`, { curvature, steps } = data;
    const knobs = {
      lr: stops(id("lr"), "lr", RATES, data.lr), mu: stops(id("mu"), "momentum μ", MOMENTA, data.mu),
      adamLr: stops(id("adam"), "Adam’s lr", ADAM_RATES, data.adamLr), beta1: stops(id("beta1"), "Adam’s β₁", BETA1, data.beta1),
      beta2: stops(id("beta2"), "Adam’s β₂", BETA2, data.beta2),
    };
    const count = slider(id("steps"), "steps", { min: 0, max: steps, step: 1, value: steps });
    const maps = NAMES.map((name, k) => valleyMap(name, COLOURS[k], curvature));
    const lines = COLOURS.map((colour) => html("p", { style: `color: ${colour}` }));
    const reading = html("div", { class: "reading", "aria-live": "polite" }, ...lines);
    const player = playButton(count.input, reading, 120), reset = html("button", { type: "button" }, "Start again");
    let walked = [];

    /** Whether lr λ of the steep direction is below 2 (1 + μ), for the two rules that have such an edge. */
    const edgeWords = ({ lr, mu }, k) => {
      if (k === 2) return "";
      const here = lr * curvature[1], edge = 2 * (1 + (k ? mu : 0));
      return ` lr λ₂ = ${fixed(here, 3)}, ${here < edge ? "below" : "not below"} the edge ${fixed(edge, 2)}.`;
    };

    function show() {
      const t = Number(count.input.value), chosen = Object.fromEntries(Object.entries(knobs).map(([name, knob]) => [name, knob.value()]));
      count.say(`${t} of ${steps}`);
      walked.forEach((path, k) => {
        lines[k].textContent = inWords(NAMES[k], path.slice(0, t + 1), curvature, edgeWords(chosen, k));
        maps[k].show(path.slice(0, t + 1), `The valley with the path of ${lines[k].textContent}`);
      });
    }

    function walk() {
      walked = paths(data, Object.fromEntries(Object.entries(knobs).map(([name, knob]) => [name, knob.value()])));
      show();
    }

    function restart() {
      player.stop();
      Object.entries(knobs).forEach(([name, knob]) => knob.put(data[name]));
      count.input.value = steps;
      walk();
    }

    Object.values(knobs).forEach(({ input }) => input.addEventListener("input", walk));
    count.input.addEventListener("input", show);
    reset.addEventListener("click", restart);
    walk();
    const controls = [html("div", { class: "knobs" }, ...Object.values(knobs).map(({ row }) => row), count.row),
      html("div", { class: "buttons" }, player.button, reset)];
    const picture = html("div", { class: "side-by-side three" }, ...maps.map((map) => map.picture));
    return panel("Which rates creep, zigzag, run past the goal, or are thrown out?", controls, picture, reading);
  }

  return { draw: valley, descend, sgd, adam, paths, crossings, stops: { RATES, MOMENTA, ADAM_RATES, BETA1, BETA2 } };
});
