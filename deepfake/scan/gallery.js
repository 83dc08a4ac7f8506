// Shows only the cards that can be seen, so that tens of thousands scroll like a few.
"use strict";
const ROW = 246, LEAST = 176, MORE = 2;
const ICONS = { fake: "▲", uncertain: "◆", real: "●", not_applicable: "○", unreadable: "✕" };
const WORDS = { fake: "Fake", uncertain: "Uncertain", real: "Real", not_applicable: "Not judged", unreadable: "Not read" };
const rows = JSON.parse(document.getElementById("rows").textContent)
  .map(([path, verdict, score, remark, copy, thumbnail]) => ({ path, verdict, score, remark, copy, thumbnail }));
const form = document.forms[0], scroll = document.getElementById("scroll");
const space = document.getElementById("space"), cards = document.getElementById("cards");
const template = document.getElementById("card").content.firstElementChild;
const ORDERS = {
  score: (a, b) => (b.score ?? -1) - (a.score ?? -1),
  least: (a, b) => (a.score ?? 2) - (b.score ?? 2),
  path: (a, b) => (a.path < b.path ? -1 : 1),
};
let shown = [], drawn = "";

function choose() {
  const asked = new FormData(form), verdicts = new Set(asked.getAll("verdict"));
  const text = asked.get("text").toLowerCase(), copies = asked.has("duplicates");
  shown = rows.filter((row) => verdicts.has(row.verdict) && (copies || !row.copy) && row.path.toLowerCase().includes(text));
  shown.sort(ORDERS[asked.get("order")]);
  form.querySelector("output").textContent = `${shown.length.toLocaleString("en")} shown`;
  scroll.scrollTop = 0;
  drawn = "";
  draw();
}

function card(row, place) {
  const item = template.cloneNode(true);
  item.className = row.verdict;
  item.setAttribute("aria-setsize", shown.length);
  item.setAttribute("aria-posinset", place + 1);
  if (row.thumbnail) item.querySelector("img").src = "data:image/webp;base64," + row.thumbnail;
  item.querySelector("strong").textContent = `${ICONS[row.verdict]} ${WORDS[row.verdict]}`;
  const path = item.querySelector(".path");
  // The mark keeps a name that begins or ends with signs in its order.
  path.textContent = "\u200e" + row.path;
  item.title = row.path;
  item.querySelector("small").textContent =
    row.score === null ? row.remark : `P(fake) ${row.score.toFixed(2)} · ${row.remark}`;
  return item;
}

function draw() {
  const columns = Math.max(1, Math.floor((scroll.clientWidth - 16) / LEAST));
  const lines = Math.ceil(shown.length / columns);
  const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - MORE);
  const last = Math.min(lines, Math.ceil((scroll.scrollTop + scroll.clientHeight) / ROW) + MORE);
  const now = [columns, first, last].join();
  if (now === drawn) return;
  drawn = now;
  space.style.height = `${lines * ROW}px`;
  cards.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  cards.style.transform = `translateY(${first * ROW}px)`;
  cards.replaceChildren(...shown.slice(first * columns, last * columns).map((row, index) => card(row, first * columns + index)));
}

form.addEventListener("input", choose);
form.addEventListener("submit", (event) => event.preventDefault());
scroll.addEventListener("scroll", draw, { passive: true });
new ResizeObserver(draw).observe(scroll);
choose();
