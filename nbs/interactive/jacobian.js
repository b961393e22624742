/* Softmax's Jacobian, as the logits move. */
movable.figure("jacobian", (movable) => {
  "use strict";

  const { range, sum, softmax, fixed, subscript, html, words, drawing, slider, panel, liveText, CELL, matrix } = movable;

  /** J[i][j] = s_i (δ_ij − s_j), (K,) to (K, K). */
  function jacobian(s) {
    return s.map((si, i) => s.map((sj, j) => si * ((i === j ? 1 : 0) - sj)));
  }

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

  return { draw: softmaxJacobian, jacobian };
});
