// Every slide gets the largest type, up to the usual one, in which nothing of it is cut off; then the show begins.
(() => {
  if (matchMedia("(max-width: 600px)").matches) { // a telephone has no room for a show: slides.css puts them below one another
    document.body.classList.add("narrow");
    return;
  }
  const WIDTH = 1280, HEIGHT = 720, LEAST = 0.45;
  const wide = (slide) => {
    const edge = slide.getBoundingClientRect().right - 40;
    return [...slide.querySelectorAll("*")].some((part) => !part.closest("aside, svg, .katex-mathml") &&
      (part.getBoundingClientRect().right > edge || (part.matches("pre, p, table") && part.scrollWidth > part.clientWidth + 1)));
  };
  const fit = (slide) => {
    for (let size = 1; size >= LEAST && (slide.scrollHeight > HEIGHT || wide(slide)); size -= 0.05) {
      slide.style.fontSize = `${size}em`;
      slide.style.setProperty("--picture", `${Math.round(560 * size)}px`);
    }
  };
  Promise.allSettled([...document.fonts].map((face) => face.load())).then(() => { // a hidden slide asks for none
    document.body.classList.add("measured");
    document.querySelectorAll(".slides > section").forEach(fit);
    document.body.classList.remove("measured");
    Reveal.initialize({
      width: WIDTH, height: HEIGHT, margin: 0.02, center: false, hash: true, slideNumber: "c/t", controls: false, transition: "none",
      plugins: [RevealNotes],
    });
  });
})();
