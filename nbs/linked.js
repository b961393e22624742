/* Every page: permalinks that copy their address, single keys with a help sheet, where one is in the two lists of contents, and
   arriving at the right height. The cards over links are previews.js, which is loaded when a reader first points at a link. */
(() => {
  "use strict";
  const base = new URL(".", document.currentScript.src);
  const $ = (selector, root = document) => root.querySelector(selector);
  const header = () => ($("#quarto-header") ? $("#quarto-header").offsetHeight : 0);

  // ---- what happened, said to everybody
  const word = document.createElement("p");
  word.className = "live-word";
  word.setAttribute("role", "status");
  document.body.append(word);
  let silence = 0;
  const say = (text) => {
    word.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { word.textContent = ""; }, 2500);
  };

  // ---- permalinks: the address goes to the clipboard, and stands in the bar of addresses
  document.addEventListener("click", async (event) => {
    const link = event.target.closest && event.target.closest("a.permalink");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    try {
      await navigator.clipboard.writeText(link.href);
      say("Address copied");
    } catch {
      say("The address is in the browser’s bar");
    }
  });

  // ---- arriving: what is folded opens, and fonts that came late do not push the place away
  const target = () => {
    try { return location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null; } catch { return null; }
  };
  const arrive = () => {
    const there = target();
    if (!there) return;
    let folded = false;
    for (let box = there.closest("details"); box; box = box.parentElement.closest("details")) {
      folded ||= !box.open;
      box.open = true;
    }
    const off = there.getBoundingClientRect().top - header();
    if (folded || off < 0 || off > 48) there.scrollIntoView({ block: "start", behavior: "instant" });
  };
  let moved = false;
  for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(kind, () => { moved = true; }, { once: true, passive: true });
  addEventListener("load", () => { if (!moved) arrive(); });
  addEventListener("hashchange", arrive);
  arrive();

  // ---- where one is: in the list of chapters and in that of the page's sections
  const show = (link) => {
    for (let box = link && link.parentElement; box && box !== document.body; box = box.parentElement) {
      if (box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY)) {
        const a = link.getBoundingClientRect(), b = box.getBoundingClientRect();
        if (a.top < b.top + 40 || a.bottom > b.bottom - 40) box.scrollTop += a.top - b.top - (box.clientHeight - a.height) / 2;
        return;
      }
    }
  };
  const chapter = () => $('#quarto-sidebar a[aria-current="page"]');
  const chapterShown = () => show(chapter());
  chapterShown();
  addEventListener("load", chapterShown);
  document.addEventListener("click", (event) => { if (event.target.closest(".quarto-btn-toggle")) setTimeout(chapterShown, 350); });
  const links = [...document.querySelectorAll("#TOC a[href^='#']")];
  let queued = false, current = null;
  const follow = () => {
    queued = false;
    const now = $("#TOC a.active") || null;
    if (now === current) return;
    if (current) current.removeAttribute("aria-current");
    current = now;
    if (now) now.setAttribute("aria-current", "location");
    show(now);
  };
  const queue = () => { if (!queued) { queued = true; setTimeout(follow, 60); } };
  if (links.length) {
    addEventListener("scroll", queue, { passive: true });
    addEventListener("load", queue);
  }

  // ---- single keys (a reader can switch them off), and the sheet that says which
  const KEYS = [
    [["→", "n"], "next page"], [["←", "p"], "previous page"], [["/", "s"], "search"], [["c"], "list of chapters"],
    [["t"], "sections of this page"], [["h"], "first page"], [["?"], "this sheet"], [["Esc"], "close what is open"],
  ];
  const store = {
    get on() { try { return localStorage.getItem("book-keys") !== "off"; } catch { return true; } },
    set on(value) { try { localStorage.setItem("book-keys", value ? "on" : "off"); } catch { /* a private window */ } },
  };
  const seen = (el) => el && el.getClientRects().length > 0;

  /** Open the search (find.js), with words in it if there are any. */
  const search = (words = "") => document.dispatchEvent(new CustomEvent("nnlit:search", { detail: words }));

  function contents() {
    const link = chapter() || $("#quarto-sidebar a[href]"), button = $(".quarto-btn-toggle");
    if (link && !seen(link) && seen(button) || link && link.getBoundingClientRect().right <= 0) button.click();
    setTimeout(() => { if (link) { chapterShown(); link.focus({ preventScroll: true }); } }, seen(button) ? 350 : 0);
  }

  function sections() {
    const folded = $("main details.sections");
    if (seen(folded)) {
      folded.open = true;
      $("summary", folded).focus();
    } else if (links.length) (current || links[0]).focus({ preventScroll: true });
  }

  function sheet() {
    let dialog = $("#book-help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "book-help";
      dialog.setAttribute("aria-labelledby", "book-help-title");
      const rows = KEYS.map(([keys, what]) => `<div><dt>${keys.map((k) => `<kbd>${k}</kbd>`).join(" or ")}</dt><dd>${what}</dd></div>`).join("");
      dialog.innerHTML = `<h2 id="book-help-title">Keys</h2><dl>${rows}</dl>
        <label><input type="checkbox"> Single keys work on these pages</label>
        <form method="dialog"><button>Close</button></form>`;
      const box = $("input", dialog);
      box.addEventListener("change", () => { store.on = box.checked; say(box.checked ? "Single keys work" : "Single keys are off"); });
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
      document.body.append(dialog);
    }
    $("input", dialog).checked = store.on;
    if (dialog.open) dialog.close(); else dialog.showModal();
  }

  const go = (selector) => { const link = $(selector); if (link) location.assign(link.href); };
  const ACTIONS = {
    n: () => go(".nav-page-next a"), ArrowRight: () => go(".nav-page-next a"), p: () => go(".nav-page-previous a"),
    ArrowLeft: () => go(".nav-page-previous a"), "/": () => search(), s: () => search(), c: contents, t: sections,
    h: () => go(".navbar-brand"), "?": sheet,
  };
  const TYPED = "input, textarea, select, [contenteditable]:not([contenteditable=false]), [role=textbox], [role=slider], [role=combobox], .cm-editor";
  addEventListener("keydown", (event) => { // before the renderer's own, whose single keys are switched off with these
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || at.closest(TYPED) || at.isContentEditable) return;
    if (!store.on) {
      if (event.key.length === 1 && event.key !== " ") event.stopPropagation();
      return;
    }
    const dialog = at.closest("dialog, [role=dialog]") || $("dialog[open]");
    if (dialog && dialog.id !== "book-help" || dialog && event.key !== "?" || !Object.hasOwn(ACTIONS, event.key) || event.repeat) return;
    if (event.key.startsWith("Arrow") && (event.shiftKey || at.closest("[tabindex='0'], summary, video, [role=tab], [role=radiogroup]"))) return;
    event.preventDefault();
    event.stopPropagation();
    ACTIONS[event.key]();
  }, true);
  const foot = $(".page-foot p");
  if (foot) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Keys";
    button.addEventListener("click", sheet);
    foot.append(" · ", button);
  }
  const skip = $(".skip-link"), main = $("main");
  if (skip && main) skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
    main.addEventListener("blur", () => main.removeAttribute("tabindex"), { once: true });
    scrollTo({ top: 0, behavior: "instant" });
  });
  window.bookKeys = { search, sheet, say };

  // ---- cards over links: the script comes with the first link that somebody points at
  let cards = null;
  const load = () => (cards ??= new Promise((found, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: new URL("previews.js", base), onload: () => found(window.bookPreviews), onerror: failed }));
  }));
  const leads = (node) => {
    const link = node instanceof Element && node.closest("main a[href]:not(.permalink, .pagination-link, .anchorjs-link, [download])");
    if (!link || link.closest(".letters, .sections, .page-navigation, .breadcrumb")) return null;
    const url = new URL(link.getAttribute("href"), document.baseURI);
    const file = url.href.startsWith(base.href) ? url.pathname.slice(base.pathname.length) : null;
    if (file === null || !/^([\w/]+\.html)?$/.test(file) || (file === location.pathname.slice(base.pathname.length) && !url.hash)) return null;
    return link;
  };
  let touched = false;
  addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch"; }, true);
  document.addEventListener("pointerover", (event) => {
    const link = event.pointerType !== "touch" && leads(event.target);
    if (link) load().then((c) => c.point(link), () => {});
  });
  document.addEventListener("focusin", (event) => {
    const link = !touched && leads(event.target);
    if (link && link.matches(":focus-visible")) load().then((c) => c.focus(link), () => {});
  });
  document.addEventListener("click", (event) => {
    const link = touched && !event.defaultPrevented && leads(event.target);
    if (!link || event.ctrlKey || event.metaKey) return;
    const follow = () => location.assign(new URL(link.getAttribute("href"), document.baseURI));
    if (window.bookPreviews && window.bookPreviews.link === link) return; // the second tap follows
    event.preventDefault();
    load().then((c) => c.tap(link)).then((shown) => { if (!shown) follow(); }, follow);
  });
})();
