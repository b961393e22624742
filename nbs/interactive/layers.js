/* A signal through twenty layers and back: the law of (9.1) to (9.4), and one network drawn by it. */
movable.figure("layers", (movable) => {
  "use strict";

  const { range, sum, fixed, html, svg, words, drawing, stops, choice, panel, liveText } = movable;

  // ---------------------------------------------------------------------------------------------------- arithmetic

  /** Numbers of mean 0 and variance 1, by Box and Muller from the generator mulberry32: the same on every machine. */
  function normals(count, seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
    };
    return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  }

  /** What a layer does to one number, and its slope there. */
  const ACTIVATIONS = {
    ReLU: { of: (y) => Math.max(y, 0), slope: (y) => (y > 0 ? 1 : 0) },
    tanh: { of: Math.tanh, slope: (y) => 1 - Math.tanh(y) ** 2 },
  };

  /** x (N, H) @ W (H, H), or @ Wᵀ; all as rows after one another. */
  function product(x, W, N, H, transposed) {
    const y = new Float64Array(N * H);
    for (let n = 0; n < N; n++) {
      for (let i = 0; i < H; i++) {
        if (transposed) {
          let total = 0;
          for (let j = 0; j < H; j++) total += x[n * H + j] * W[i * H + j];
          y[n * H + i] = total;
        } else if (x[n * H + i]) {
          for (let j = 0; j < H; j++) y[n * H + j] += x[n * H + i] * W[i * H + j];
        }
      }
    }
    return y;
  }

  const deviation = (values) => Math.sqrt(values.reduce((total, v) => total + v * v, 0) / values.length); // about 0, their mean

  /** One network and one batch: weights of variance 1, scaled by gain / √H when they are used. */
  function drawn({ depth, width, samples }, seed) {
    const each = width * width, all = normals(depth * each + 2 * samples * width, seed), at = depth * each;
    return {
      W: range(depth).map((l) => all.subarray(l * each, (l + 1) * each)),
      x: all.subarray(at, at + samples * width), grad: all.subarray(at + samples * width),
    };
  }

  /** The deviation of y = h W in each layer, of the gradient below each layer, and the share of flat units at the top. */
  function measured({ depth, width, samples }, { W, x, grad }, activation, gain) {
    const { of, slope } = ACTIVATIONS[activation], scale = gain / Math.sqrt(width), ys = [], up = [], down = new Array(depth);
    let h = x;
    for (let l = 0; l < depth; l++) {
      const y = product(h, W[l], samples, width, false).map((v) => v * scale);
      ys.push(y);
      up.push(deviation(y));
      h = y.map(of);
    }
    let back = grad;
    for (let l = depth - 1; l >= 0; l--) {
      const through = back.map((g, i) => g * slope(ys[l][i]));
      back = product(through, W[l], samples, width, true).map((v) => v * scale);
      down[l] = deviation(back);
    }
    return { up, down, flat: sum([...ys[depth - 1]].map((v) => (slope(v) < 0.01 ? 1 : 0))) / ys[0].length };
  }

  /** E f(z) for z normal, by the trapezoidal rule. */
  function expected(f) {
    const step = 0.02, half = 450;
    return sum(range(2 * half + 1).map((i) => f((i - half) * step) * Math.exp(-0.5 * ((i - half) * step) ** 2))) *
      (step / Math.sqrt(2 * Math.PI));
  }

  /** What the law expects of an endlessly wide layer: mean squares times gain² E[f²] up, gain² E[f′²] down. */
  function law(depth, activation, gain) {
    const { of, slope } = ACTIVATIONS[activation], up = [gain];
    const mean = (f, deviation) => (activation === "ReLU" ? f(1) ** 2 / 2 : expected((z) => f(deviation * z) ** 2));
    for (let l = 1; l < depth; l++) {
      const size = activation === "ReLU" ? up[l - 1] ** 2 : 1; // ReLU of a multiple is the multiple of ReLU
      up.push(gain * Math.sqrt(mean(of, up[l - 1]) * size));
    }
    const down = new Array(depth);
    for (let l = depth - 1, now = 1; l >= 0; l--) {
      now *= gain * Math.sqrt(mean(slope, up[l]));
      down[l] = now;
    }
    return { up, down };
  }

  // ------------------------------------------------------------------------------------------------------- drawing

  const GAINS = [...[0.5, 0.6, 0.7, 0.8, 0.9].map((g) => [String(g), g]), ["1, Xavier", 1], ...[1.1, 1.2, 1.3].map((g) => [String(g), g]),
    ["√2, He", Math.SQRT2], ...[1.5, 1.6, 1.8, 2, 2.5, 3].map((g) => [String(g), g])];
  const LOW = -10, HIGH = 7;

  /** One plot over the layers, with a logarithmic axis: a line for the law, a dot for each layer of the network. */
  function layersPlot(depth, title, colour) {
    const left = 50, right = 290, top = 28, bottom = 190, muted = "var(--book-muted)";
    const px = (l) => left + 6 + ((l - 1) / (depth - 1)) * (right - left - 12);
    const py = (v) => bottom - ((Math.min(HIGH, Math.max(LOW, Math.log10(v))) - LOW) / (HIGH - LOW)) * (bottom - top);
    const level = svg("path", { d: `M${left} ${py(1)} H${right}`, stroke: "var(--fig-muted)", "stroke-dasharray": "3 4" });
    const line = svg("path", { fill: "none", stroke: colour, "stroke-width": 1.4 });
    const dots = range(depth).map((l) => svg("circle", { cx: px(l + 1), r: 3.4, fill: colour }));
    const power = (e) => (e ? `1e${e}` : "1");
    const picture = drawing(300, bottom + 40, level,
      svg("path", { d: `M${left} ${top} V${bottom} H${right}`, fill: "none", stroke: "var(--fig-muted)" }),
      words((left + right) / 2, 12, title, colour), words((left + right) / 2, bottom + 32, "layer"),
      ...[1, 5, 10, 15, 20].filter((l) => l <= depth).map((l) => words(px(l), bottom + 14, String(l), muted)),
      ...[-9, -6, -3, 0, 3, 6].map((e) => words(left - 7, py(10 ** e), power(e), muted, { style: "text-anchor: end" })), line, ...dots);
    const show = (seen, theory, label) => {
      line.setAttribute("d", theory.map((v, l) => `${l ? "L" : "M"}${px(l + 1).toFixed(1)} ${py(v).toFixed(1)}`).join(""));
      dots.forEach((dot, l) => dot.setAttribute("cy", py(seen[l]).toFixed(1)));
      picture.setAttribute("aria-label", label);
    };
    return { picture, show };
  }

  /** What a factor a layer makes of the whole way. */
  const fate = (factor) => (factor < 0.9 ? "vanishes" : factor > 1.11 ? "explodes" : "keeps its size, or nearly");
  const size = (v) => (v >= 0.01 && v < 1000 ? String(Number(v.toPrecision(2))) : v.toExponential(0));

  /** data: {depth, width, samples, gain, seed}: of the network that is drawn, and where the slider starts. */
  function layers(figure, data) {
    const { depth } = data, control = stops(`${figure.id}-gain`, "gain", GAINS, data.gain), reading = liveText();
    const plots = [["forward: deviation of y", "var(--fig-input)"], ["backward: deviation of grad", "var(--fig-batch)"]]
      .map(([title, colour]) => layersPlot(depth, title, colour));
    const again = html("button", { type: "button" }, "Draw other weights");
    let { seed } = data, network = drawn(data, seed), activation = "ReLU";

    function show() {
      const gain = control.value(), seen = measured(data, network, activation, gain), theory = law(depth, activation, gain);
      const ends = [[seen.up[0], seen.up[depth - 1]], [seen.down[depth - 1], seen.down[0]]];
      const told = ends.map(([first, last], k) => {
        const factor = (last / first) ** (1 / (depth - 1));
        const way = k ? `the gradient goes from ${size(first)} at layer ${depth} to ${size(last)} at layer 1` :
          `the signal goes from ${size(first)} at layer 1 to ${size(last)} at layer ${depth}`;
        return `${way}, × ${fixed(factor, 2)} a layer, and ${fate(factor)}`;
      });
      const flat = activation === "tanh" ? ` ${fixed(100 * seen.flat, 0)} % of the top layer is flat.` : "";
      reading.textContent = `${activation}, gain ${fixed(gain, 2)}: ${told.join("; ")}.${flat}`;
      plots[0].show(seen.up, theory.up, `Forward, over ${depth} layers: ${told[0]}.`);
      plots[1].show(seen.down, theory.down, `Backward, over ${depth} layers: ${told[1]}.`);
    }

    const kinds = choice("activation", Object.keys(ACTIVATIONS), (k) => {
      activation = Object.keys(ACTIVATIONS)[k];
      show();
    });
    control.input.addEventListener("input", show);
    again.addEventListener("click", () => {
      seed += 1;
      network = drawn(data, seed);
      show();
    });
    kinds.press(0);
    const sizes = `${data.width} units a layer, ${data.samples} samples`;
    const meaning = html("p", { class: "meaning" }, `Dots: one network of ${sizes}. Line: the law, for layers without end.`);
    const controls = [html("div", { class: "buttons" }, kinds.row, again), control.row];
    const picture = html("div", {}, html("div", { class: "side-by-side" }, ...plots.map((plot) => plot.picture)), meaning);
    return panel("Which gain carries a signal up twenty layers, and a gradient down?", controls, picture, reading);
  }

  return { draw: layers, normals, drawn, measured, law, GAINS };
});
