/* 404.html: the pages whose names are nearest to the address that was asked for, and a search that begins with its words. */
(() => {
  "use strict";
  const name = (path) => path.split("/").filter(Boolean).pop() || "";
  const plain = (word) => word.toLowerCase().replace(/\.\w+$/, "").replace(/^\d+[a-z]?[_-]/, "").replace(/[^a-z0-9]+/g, " ").trim();
  const distance = (a, b) => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
      row = next;
    }
    return row[b.length];
  };
  const asked = plain(decodeURIComponent(name(location.pathname)));
  document.getElementById("asked").textContent = decodeURIComponent(location.pathname);
  const words = document.getElementById("missing-words");
  if (asked && asked !== "404") words.value = asked;
  const pages = [...document.querySelectorAll("#quarto-sidebar a[href*='.html']")].map((link) => {
    const key = plain(name(link.getAttribute("href"))), title = link.textContent.trim();
    const held = asked.length > 2 && (key.includes(asked) || asked.includes(key) || title.toLowerCase().includes(asked));
    return { link, key, title, far: held ? 0 : distance(asked, key) / Math.max(asked.length, key.length, 1) };
  });
  const near = pages.filter((p, i) => p.far < 0.6 && pages.findIndex((q) => q.key === p.key) === i).sort((a, b) => a.far - b.far).slice(0, 5);
  for (const { link, title } of asked === "404" ? [] : near) {
    const item = document.createElement("li"), a = document.createElement("a");
    a.href = link.getAttribute("href");
    a.textContent = title;
    item.append(a);
    document.querySelector("#nearest ul").append(item);
    document.getElementById("nearest").hidden = false;
  }
  document.querySelector(".missing-search").addEventListener("submit", (event) => {
    event.preventDefault();
    if (window.bookKeys) window.bookKeys.search(words.value);
  });
})();
