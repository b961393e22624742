/* A digit drawn by hand, and read by the network of the chapter. */
movable.figure("digit", (movable) => {
  "use strict";

  const { range, sum, softmax, unpacked, fixed, html, svg, fill, words, drawing, slider, tick, panel, liveText } = movable;

  // ---------------------------------------------------------------------------------------------------- arithmetic

  const SIDE = 32, BOX = 18, MARGIN = 2.75; // pixels of the scan, of a digit's width in it, and what the pen needs around its path
  const PEN = 2, THICK = 4, INK = 0.3; // the pen's radius, the largest that fitting may choose, and the share of ink that it aims at

  /** Strokes, lists of [x, y], brought to the form of the data: as high as the scan, not wider than the box, in the middle.

  A shape that is narrow as it stands, a bare 1, keeps its proportions; a wider one is given the width of the box. */
  function fitted(strokes) {
    const points = strokes.flat(), [xs, ys] = [0, 1].map((i) => points.map((p) => p[i]));
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const tall = (SIDE - 2 * MARGIN) / Math.max(bottom - top, 4), narrow = right - left < 0.35 * (bottom - top);
    const wide = Math.min(narrow ? tall : Infinity, (BOX - 2 * MARGIN) / Math.max(right - left, 4));
    const place = (v, low, high, scale) => SIDE / 2 + (v - (low + high) / 2) * scale;
    return strokes.map((stroke) => stroke.map(([x, y]) => [place(x, left, right, wide), place(y, top, bottom, tall)]));
  }

  /** The distance from (x, y) to the segment from a to b. */
  function distance(x, y, [ax, ay], [bx, by]) {
    const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    const t = length ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    return Math.sqrt((ax + t * dx - x) ** 2 + (ay + t * dy - y) ** 2);
  }

  /** The scan, 32 × 32 pixels, 1 where the pen has been over their middle: as drawn, or fitted, and then with so wide a pen
  that three pixels in ten are ink, as in the data. */
  function scan(strokes, fit) {
    const far = new Float64Array(SIDE * SIDE).fill(Infinity);
    for (const stroke of fit && strokes.length ? fitted(strokes) : strokes) {
      stroke.forEach((b, s) => {
        const a = stroke[Math.max(s - 1, 0)];
        far.forEach((d, p) => { far[p] = Math.min(d, distance((p % SIDE) + 0.5, Math.floor(p / SIDE) + 0.5, a, b)); });
      });
    }
    const radius = fit ? Math.min(THICK, Math.max(PEN, far.slice().sort()[Math.floor(INK * far.length)])) : PEN;
    return Uint8Array.from(far, (d) => (d <= radius ? 1 : 0));
  }

  /** Black pixels in each block of 4 × 4: (32, 32) to 64 numbers from 0 to 16. */
  function counted(black) {
    const ink = new Array(64).fill(0);
    black.forEach((on, p) => { ink[8 * (Math.floor(p / SIDE) >> 2) + ((p % SIDE) >> 2)] += on; });
    return ink;
  }

  /** x (64,) through Linear, ReLU, Linear and softmax. */
  function read({ W, b: [b], V, c: [c] }, x) {
    const hidden = [...b].map((start, k) => Math.max(0, x.reduce((total, v, i) => total + v * W[i][k], start)));
    const logits = [...c].map((start, d) => hidden.reduce((total, h, k) => total + h * V[k][d], start));
    return { hidden, logits, probs: softmax(logits) };
  }

  // ------------------------------------------------------------------------------------------------------- drawing

  const SEEN = 7, CELL = 12; // units of a drawing: a pixel of the scan, a cell of an image

  /** The board: strokes by pointer, or by a pen that the arrow keys move. `changed(done)` is called with every change. */
  function boardOf(help, changed, say) {
    const round = { "stroke-linecap": "round", "stroke-linejoin": "round" };
    const lines = svg("g", { fill: "none", stroke: "currentColor", "stroke-width": 2 * PEN * SEEN, ...round });
    const grid = range(7).map((i) => 4 * SEEN * (i + 1)).map((at) => `M${at} 0 V${SIDE * SEEN} M0 ${at} H${SIDE * SEEN}`).join("");
    const tip = svg("circle", { r: PEN * SEEN, class: "tip" });
    const blocks = svg("path", { d: grid, stroke: "var(--fig-muted)", "stroke-opacity": 0.4, fill: "none" });
    const board = drawing(SIDE * SEEN, SIDE * SEEN, blocks, lines, tip);
    fill(board, { class: "board", tabindex: 0, role: "application", "aria-roledescription": "drawing board",
      "aria-label": "where to draw, with a pen that the arrow keys move", "aria-describedby": help });
    let strokes = [], pen = [10, 4], down = false, pointer = null;

    function draw(done) {
      const place = ([x, y]) => `${(x * SEEN).toFixed(1)} ${(y * SEEN).toFixed(1)}`;
      lines.replaceChildren(...strokes.map((stroke) => svg("path", { d: `M${stroke.map(place).join("L")}h0` })));
      fill(tip, { cx: pen[0] * SEEN, cy: pen[1] * SEEN, "data-down": String(down) });
      changed(strokes, done);
    }

    const set = (given) => {
      strokes = given;
      down = false;
      draw(true);
    };
    const undo = () => set(strokes.slice(0, -1));
    const at = (event) => {
      const { left, top, width, height } = board.getBoundingClientRect();
      const inside = (v) => Math.min(SIDE, Math.max(0, SIDE * v));
      return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
    };

    board.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button) return;
      pointer = event.pointerId;
      board.setPointerCapture(pointer);
      pen = at(event);
      strokes.push([pen]);
      draw(false);
    });
    board.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      const [x, y] = at(event);
      if (Math.hypot(x - pen[0], y - pen[1]) < 0.4) return;
      pen = [x, y];
      strokes[strokes.length - 1].push(pen);
      draw(false);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      board.addEventListener(end, (event) => {
        if (event.pointerId !== pointer) return;
        pointer = null;
        draw(true);
      });
    }

    const ARROWS = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2] }, held = new Set(); // two: a slope
    board.addEventListener("keyup", (event) => { held.delete(event.key); });
    board.addEventListener("blur", () => { held.clear(); });
    board.addEventListener("keydown", (event) => {
      const arrow = event.key in ARROWS;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (!arrow && ![" ", "Enter", "Backspace", "Delete"].includes(event.key)) return;
      event.preventDefault();
      if (event.key === "Backspace") return undo();
      if (event.key === "Delete") return set([]);
      if (arrow) {
        held.add(event.key);
        const [dx, dy] = [0, 1].map((i) => sum([...held].map((key) => ARROWS[key][i])));
        pen = [pen[0] + dx, pen[1] + dy].map((v) => Math.min(SIDE - 2, Math.max(2, Math.round(v / 2) * 2)));
        if (down) strokes[strokes.length - 1].push(pen);
      } else {
        down = !down;
        if (down) strokes.push([pen]);
      }
      draw(true);
      say(`Pen ${down ? "down" : "up"}, ${pen[1] / 2} of 16 down, ${pen[0] / 2} of 16 across.`);
    });
    return { board, set, undo };
  }

  /** Cells of one colour or two, rows by columns, filled by `show(values, largest)`. */
  function cellsDrawing(rows, columns, size, colour) {
    const square = { width: size, height: size };
    const corner = (p) => ({ x: (p % columns) * size + 1, y: Math.floor(p / columns) * size + 1 });
    const cells = range(rows * columns).map((p) => svg("rect", { ...corner(p), ...square }));
    const frame = svg("rect", { x: 1, y: 1, width: columns * size, height: rows * size, class: "box" });
    const picture = drawing(columns * size + 2, rows * size + 2, ...cells, frame);
    const show = (values, largest, label) => {
      cells.forEach((cell, p) => {
        cell.setAttribute("fill", colour ?? (values[p] > 0 ? "var(--fig-positive)" : "var(--fig-negative)"));
        cell.setAttribute("fill-opacity", (Math.min(1, Math.abs(values[p]) / largest) * (colour ? 1 : 0.85)).toFixed(3));
      });
      picture.setAttribute("aria-label", label);
    };
    return { picture, cells, show };
  }

  /** The ten probabilities as bars. */
  function barsDrawing() {
    const rows = range(10).map((d) => {
      const y = 12 + 19 * d, bar = svg("rect", { x: 24, y: y - 6, height: 12, fill: "var(--fig-output)" });
      return { bar, name: words(12, y, String(d)), number: words(172, y, "", "currentColor", { style: "text-anchor: end" }) };
    });
    const axis = svg("path", { d: "M24 2 V194", stroke: "var(--fig-muted)" });
    const picture = drawing(178, 196, axis, ...rows.flatMap(({ bar, name, number }) => [bar, name, number]));
    const show = (probs, label) => {
      const most = probs.indexOf(Math.max(...probs));
      rows.forEach(({ bar, name, number }, d) => {
        bar.setAttribute("width", (100 * probs[d]).toFixed(1));
        number.textContent = `${fixed(100 * probs[d], 1)} %`;
        for (const text of [name, number]) text.style.fontWeight = d === most ? "750" : "";
      });
      picture.setAttribute("aria-label", label);
    };
    return { picture, show };
  }

  const inkOf = (line) => [...line].map((sign) => parseInt(sign, 17));
  const order = (values) => range(values.length).sort((i, j) => values[j] - values[i]);
  const titled = (title, ...nodes) => html("div", { class: "titled" }, html("p", {}, title), ...nodes);

  /** data: {W, b, V, c}, packed, for pixels from 0 to 16; images: [[64 signs of base 17, digit, digit read]],
  held out; start: {image, unit}. */
  function digit(figure, data) {
    const network = Object.fromEntries(["W", "b", "V", "c"].map((name) => [name, unpacked(data[name])]));
    const H = network.V.length, id = (name) => `${figure.id}-${name}`, reading = liveText();
    const penWords = html("p", { class: "unseen", "aria-live": "polite" });
    const seen = cellsDrawing(8, 8, CELL, "currentColor"), hidden = cellsDrawing(H / 16, 16, CELL, "var(--fig-output)");
    const weights = cellsDrawing(8, 8, CELL), bars = barsDrawing(), told = html("p", { class: "meaning" });
    const unit = slider(id("unit"), "hidden unit", { min: 1, max: H, step: 1, value: data.start.unit + 1 });
    const mark = svg("rect", { width: CELL, height: CELL, fill: "none", stroke: "currentColor", "stroke-width": 2 });
    hidden.picture.append(mark);
    const fit = tick(id("fit"), "fitted to the data’s frame", true);
    const images = html("select", { id: id("image") }, html("option", { value: "" }, "your drawing"),
      ...data.images.map(([, is, said], i) => html("option", { value: i }, `held-out ${is}${is === said ? "" : `, read as ${said}`}`)));
    const clear = html("button", { type: "button" }, "Clear"), undo = html("button", { type: "button" }, "Undo stroke");
    let strokes = [], x = new Array(64).fill(0), said = read(network, x);

    function showUnit() {
      const k = Number(unit.input.value) - 1, speaks = order([...network.V[k]]), on = said.hidden[k];
      const own = network.W.map((row) => row[k]);
      unit.say(`${k + 1} of ${H}`);
      fill(mark, { x: (k % 16) * CELL + 1, y: Math.floor(k / 16) * CELL + 1 });
      const [adds, takes] = [speaks[0], speaks[9]].map((d) => fixed(on * network.V[k][d], 2));
      told.textContent = `Unit ${k + 1} is ${on > 0 ? `open, ${fixed(on, 2)}` : "shut"}. It speaks most for ${speaks[0]}, most against ${speaks[9]}` +
        (on > 0 ? `: it adds ${adds} to the one logit and ${takes} to the other.` : ".");
      unit.input.setAttribute("aria-valuetext", told.textContent);
      weights.show(own, Math.max(...own.map(Math.abs)), `The 64 weights of hidden unit ${k + 1}, positive in one colour, negative in the other`);
    }

    function show(done) {
      said = read(network, x);
      const empty = !sum(x), [first, second] = order(said.probs), open = said.hidden.filter((h) => h > 0).length;
      const percent = (d) => `${fixed(100 * said.probs[d], 1)} %`, share = Math.round((100 * sum(x)) / 1024);
      const text = empty ? "Nothing is drawn yet." : `Read as ${first}, ${percent(first)}; next ${second}, ${percent(second)}. ` +
        `${open} of ${H} hidden units are open; ${share} % of the scan is ink.`;
      const lines = range(8).map((i) => x.slice(8 * i, 8 * i + 8).join(" ")).join("; ");
      seen.show(x, 16, `What the network reads, rows from the top: ${lines}`);
      hidden.show(said.hidden, Math.max(1e-9, ...said.hidden), `The ${H} hidden units, ${open} of them open`);
      bars.show(said.probs, `Probabilities of the digits: ${range(10).map((d) => `${d}: ${percent(d)}`).join(", ")}`);
      if (done) reading.textContent = text;
      showUnit();
    }

    function fromStrokes(done) {
      x = counted(scan(strokes, fit.input.checked));
      show(done);
    }

    const { board, set, undo: takeBack } = boardOf(id("help"), (given, done) => {
      strokes = given;
      images.value = "";
      fromStrokes(done);
    }, (text) => { penWords.textContent = text; });

    function choose() {
      if (images.value === "") return fromStrokes(true);
      const chosen = images.value;
      set([]);
      images.value = chosen;
      x = inkOf(data.images[Number(chosen)][0]);
      show(true);
    }

    images.addEventListener("change", choose);
    fit.input.addEventListener("input", () => fromStrokes(true));
    clear.addEventListener("click", () => set([]));
    undo.addEventListener("click", takeBack);
    unit.input.addEventListener("input", showUnit);
    hidden.cells.forEach((cell, k) => {
      const choose = () => {
        unit.input.value = k + 1;
        showUnit();
      };
      cell.addEventListener("click", choose);
      cell.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") choose(); });
    });
    images.value = String(data.start.image);
    choose();

    const help = html("p", { class: "meaning", id: id("help") }, "Draw with finger, pen or mouse; or by keyboard: arrow keys move the pen, " +
      "two at once aslant; space puts it down and lifts it; backspace takes back a stroke.");
    const desk = titled("draw here", board, html("div", { class: "buttons" }, clear, undo));
    const above = html("div", { class: "side-by-side" }, desk, titled("what is read", seen.picture), titled("probabilities", bars.picture));
    const below = html("div", { class: "side-by-side" }, titled(`the ${H} hidden units`, hidden.picture), titled("its weights", weights.picture));
    const picture = html("div", {}, above, reading, below, unit.row, penWords);
    const chosen = html("span", { class: "tick" }, html("label", { for: id("image") }, "show"), images);
    const controls = [html("div", { class: "buttons" }, chosen, fit.row), help];
    return panel("What does the network read in your hand, and which hidden units speak for it?", controls, picture, told);
  }

  return { draw: digit, fitted, scan, counted, read, inkOf };
});
