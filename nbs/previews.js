/* Cards over links: what stands at their other end, a formula, a definition, a signature. linked.js loads this when somebody first
   points at a link; what the cards show is in previews/<page>.js, made with the pages (tools/previews.py).

   Pointed at or focused, a card is a tooltip that describes the link: it can be moved into, stays until one leaves, and closes by
   Escape. Tapped, it is a small dialog with the way on inside it. It never covers the link. */
(() => {
  "use strict";
  const base = new URL(".", document.currentScript.src);
  const GAP = 8, EDGE = 8;
  const pages = {};
  let card = null, link = null, waiting = 0, leaving = 0, turn = 0;

  const page = (key) => (pages[key] ??= new Promise((found) => {
    const script = document.createElement("script");
    script.src = new URL(`previews/${key}.js`, base);
    script.onload = () => found((window.bookCards || {})[key] || {});
    script.onerror = () => found({});
    document.head.append(script);
  }));

  /** What the card over a link shows: [kind or name, HTML, title of the page], or nothing. */
  async function content(a) {
    const url = new URL(a.getAttribute("href"), document.baseURI);
    const place = ({ pathname }) => pathname.slice(base.pathname.length).replace(/(^|\/)$/, "$1index.html").replace(/\.html$/, "");
    const key = place(url), here = place(location) === key;
    const cards = await page(key);
    const found = cards[decodeURIComponent(url.hash.slice(1))];
    if (!found) return null;
    const body = document.createElement("div");
    body.className = "card-body";
    body.lang = key.startsWith("de/") ? "de" : "en";
    body.innerHTML = found[1];
    const named = [...body.querySelectorAll("[data-name]")], name = a.textContent.trim().split(".").pop();
    const meant = named.find((part) => part.dataset.name === name);
    named.forEach((part) => { part.hidden = meant ? part !== meant : part.dataset.name.startsWith("_"); });
    if (named.length && named.every((part) => part.hidden)) named[0].hidden = false;
    return { title: found[0], body, page: here || !url.hash ? "" : (cards[""] || [""])[0], href: url.href };
  }

  function close(back = false) {
    clearTimeout(waiting);
    clearTimeout(leaving);
    turn++;
    if (!card) return;
    const [was, from] = [card, link];
    card = link = null;
    api.link = null;
    was.remove();
    const ids = (from.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== "book-card").join(" ");
    if (ids) from.setAttribute("aria-describedby", ids); else from.removeAttribute("aria-describedby");
    if (back) from.focus({ preventScroll: true });
  }

  /** Below the link if there is room, else above it, where there is more. */
  function place() {
    const rects = [...link.getClientRects()], box = link.getBoundingClientRect(), first = rects[0] || box;
    const header = document.getElementById("quarto-header");
    const top = header ? Math.max(0, header.getBoundingClientRect().bottom) : 0, width = document.documentElement.clientWidth;
    const below = innerHeight - box.bottom - GAP - EDGE, above = box.top - top - GAP - EDGE;
    card.style.maxHeight = "none";
    const formula = card.querySelector(".math-card"), room = Math.max(80, above, below);
    if (formula) { // a little smaller before its end is out of sight
      formula.style.fontSize = "";
      const wide = Math.max(...[...formula.querySelectorAll(".formula")].map((f) => f.scrollWidth / Math.max(1, f.clientWidth)));
      const least = Math.max(0.68, Math.min(1, 0.98 / wide, card.matches(".tapped") ? 1 : (room - 60) / formula.offsetHeight));
      if (least < 1) formula.style.fontSize = `${least}em`;
    }
    const high = card.offsetHeight, up = high > below && above > below, most = Math.max(80, up ? above : below);
    card.style.maxHeight = `${most}px`;
    card.classList.toggle("cut", high > most);
    const tall = card.offsetHeight;
    const left = Math.min(Math.max(EDGE, first.left - 12), width - card.offsetWidth - EDGE);
    const origin = card.offsetParent === document.body ? { left: -scrollX, top: -scrollY } : card.offsetParent.getBoundingClientRect();
    card.style.left = `${Math.max(EDGE, left) - origin.left}px`;
    card.style.top = `${(up ? box.top - GAP - tall : box.bottom + GAP) - origin.top}px`;
    card.classList.toggle("up", up);
  }

  async function open(a, tapped) {
    const mine = ++turn;
    const found = await content(a);
    if (mine !== turn || !a.isConnected) return false;
    if (!found) { close(); return false; }
    if (card) close();
    link = a;
    api.link = a;
    card = document.createElement("div");
    card.id = "book-card";
    card.className = tapped ? "book-card tapped" : "book-card";
    const head = document.createElement("p");
    head.className = "card-head";
    head.innerHTML = [found.title && `<b>${found.title}</b>`, found.page].filter(Boolean).join(" <span>in</span> ");
    if (head.textContent) card.append(head);
    card.append(found.body);
    if (tapped) {
      card.setAttribute("role", "dialog");
      card.setAttribute("aria-label", head.textContent || "Preview");
      card.tabIndex = -1;
      const foot = document.createElement("p"), way = document.createElement("a"), shut = document.createElement("button");
      foot.className = "card-foot";
      way.href = found.href;
      way.textContent = "Go there";
      way.addEventListener("click", () => close());
      shut.type = "button";
      shut.textContent = "Close";
      shut.addEventListener("click", () => close(true));
      foot.append(way, shut);
      card.append(foot);
    } else {
      card.setAttribute("role", "tooltip");
      a.setAttribute("aria-describedby", [a.getAttribute("aria-describedby"), "book-card"].filter(Boolean).join(" "));
      card.addEventListener("pointerenter", () => clearTimeout(leaving));
      card.addEventListener("pointerleave", leave);
    }
    if (found.body.querySelector(".katex") && !document.querySelector("link[href*='katex.min.css']")) {
      const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("site_libs/katex/katex.min.css", base) });
      sheet.addEventListener("load", () => { if (card) place(); });
      document.head.append(sheet);
    }
    (document.querySelector("main") || document.body).append(card);
    place();
    if (tapped) {
      for (const box of [found.body, ...found.body.querySelectorAll(".formula")]) {
        if (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      }
      card.focus({ preventScroll: true });
    }
    return true;
  }

  function leave() {
    clearTimeout(leaving);
    leaving = setTimeout(() => { if (link !== document.activeElement || !link.matches(":focus-visible")) close(); }, 220);
  }

  const api = window.bookPreviews = {
    link: null,
    /** A mouse is over a link. */
    point(a) {
      clearTimeout(waiting);
      clearTimeout(leaving);
      const away = () => { clearTimeout(waiting); if (link === a) leave(); else turn++; };
      a.addEventListener("pointerleave", away, { once: true });
      if (link !== a) waiting = setTimeout(() => { if (a.matches(":hover")) open(a, false); }, 260);
    },
    /** A link has the focus of the keyboard. */
    focus(a) {
      clearTimeout(waiting);
      a.addEventListener("blur", () => { clearTimeout(waiting); if (link === a) close(); }, { once: true });
      if (link !== a) waiting = setTimeout(() => { if (a === document.activeElement) open(a, false); }, 260);
    },
    /** A link is tapped: whether there was something to show. */
    tap: (a) => open(a, true),
  };

  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !card) return;
    event.stopPropagation();
    close(card.classList.contains("tapped"));
  }, true);
  addEventListener("pointerdown", (event) => {
    if (card && !card.contains(event.target) && !(event.target instanceof Node && link.contains(event.target))) close();
  }, true);
  addEventListener("resize", () => { if (card) place(); });
  addEventListener("pagehide", () => close());
})();
