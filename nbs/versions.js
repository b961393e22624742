/* Which version of the book this is, where several stand side by side: under /0.1.0/, /0.2.0/ …, with a versions.json above them
   that tools/versions.py writes. The site anywhere else, or opened as a file, has none, and nothing is asked for. */
(() => {
  "use strict";
  const script = document.currentScript, base = new URL(".", script.src), here = script.dataset.version;
  if (!location.protocol.startsWith("http") || !base.pathname.endsWith(`/${here}/`)) return;
  const page = location.pathname.startsWith(base.pathname) ? location.pathname.slice(base.pathname.length) || "index.html" : "index.html";
  const make = (name, props, ...inside) => { const e = Object.assign(document.createElement(name), props); e.append(...inside); return e; };
  /** The same page in another version, or that version's first page. */
  const place = (other) => new URL(`../${other.version}/${other.pages.includes(page) ? page : "index.html"}`, base).href;

  fetch(new URL("../versions.json", base)).then((reply) => (reply.ok ? reply.json() : [])).then((versions) => {
    const newest = versions[0]; // tools/versions.py writes it first
    if (!newest) return;
    const bar = document.querySelector(".navbar-container") || document.querySelector(".navbar");
    if (bar && versions.length > 1) {
      const options = versions.map((v) => make("option", { value: place(v), selected: v.version === here }, v.version));
      const choice = make("select", { className: "version-switch", ariaLabel: "Version of the book" }, ...options);
      choice.addEventListener("change", () => { location.href = choice.value; });
      bar.insertBefore(choice, bar.querySelector(".find-open, .navbar-toggler"));
    }
    const main = document.querySelector("main"), known = versions.findIndex((v) => v.version === here);
    if (main && known > 0) {
      const way = make("a", { href: place(newest) }, newest.version);
      main.prepend(make("p", { className: "version-note" }, `This page is of version ${here}; the newest is `, way, "."));
    }
  }).catch(() => {}); // without a network, or with another host's file in that place, the page is as it is
})();
