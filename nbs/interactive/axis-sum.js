/* Which cells are summed into which result: the bias over axis 0, softmax over axis 1. */
movable.figure("axis-sum", (movable) => {
  "use strict";

  const { range, sum, fixed, html, svg, fill, words, drawing, slider, choice, playButton, panel, liveText, CELL, matrix } = movable;

  /** The columns (axis 0) or rows (axis 1) of an array (N, K), as lists, cut after the first `t` cells of them all. */
  function partsOf(array, axis, t) {
    const lines = axis === 0 ? array[0].map((_, j) => array.map((row) => row[j])) : array;
    return lines.map((line, r) => line.slice(0, Math.max(0, t - r * line.length)));
  }

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
    let chosen = choices[0];
    const drawn = sumDrawing(N, K, choices), reading = liveText(), meaning = html("p", { class: "meaning" });
    const steps = slider(`${figure.id}-steps`, "cells summed", { min: 0, max: N * K, step: 1, value: N * K });
    const player = playButton(steps.input, reading, 350);

    function show() {
      const t = Number(steps.input.value), parts = partsOf(chosen.array, chosen.axis, t);
      const sums = parts.map((summed) => (summed.length ? sum(summed) : null));
      const current = t === N * K ? -1 : sums.filter((v) => v !== null).length - 1;
      drawn.show(chosen, parts, sums, current);
      meaning.textContent = chosen.meaning;
      steps.say(`${t} of ${N * K}`);
      reading.textContent = sumInWords(chosen, parts, sums, current);
      drawn.picture.setAttribute("aria-label", `The ${N} by ${K} array ${chosen.name} and its sums. ${reading.textContent}`);
    }

    const axes = choice("axis to sum over", choices.map(({ axis }) => `axis ${axis}`), (axis) => {
      chosen = choices[axis];
      player.stop();
      show();
    });
    steps.input.addEventListener("input", show);
    axes.press(0);
    const controls = [html("div", { class: "buttons" }, axes.row, player.button), steps.row];
    return panel("Which cells are summed into which result?", controls, html("div", {}, drawn.picture, meaning), reading);
  }

  return { draw: axisSum, partsOf };
});
