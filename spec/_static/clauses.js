// SPDX-License-Identifier: GPL-2.0-only
// What helps to find one's way among clauses: what one says when a link to it is pointed at, j and k
// from one to the next, filters over the index of all, and an id that is searched for as it is typed.

const root = new URL("../", import.meta.url);
let asked; // clauses.json, from when it is first needed

function clauses() {
  asked ??= fetch(new URL("clauses.json", root))
    .then((got) => got.json())
    .then((all) => new Map(all.map((clause) => [clause.id, clause])))
    .catch(() => new Map());
  return asked;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// what was searched for is marked in the text; in a drawing the mark would cover it, and a title has none
for (const part of document.querySelectorAll(".pasid-diagram svg *")) part.classList.add("nohighlight");

// --- what a clause says, beside a link to it ---

const ID = /#([A-Z]{3,4}-\d+)$/;
const preview = make("div", { className: "clause-preview", id: "clause-preview", role: "tooltip", hidden: true });
let shownFor = null;
let leaving;

async function show(link) {
  clearTimeout(leaving);
  if (shownFor === link) return;
  hide();
  shownFor = link;
  const clause = (await clauses()).get(link.href.match(ID)[1]);
  if (!clause || shownFor !== link) return;
  link.removeAttribute("title"); // the browser's own would cover it
  link.setAttribute("aria-describedby", preview.id);
  preview.replaceChildren(
    make("strong", {}, `${clause.id} ${clause.title}`),
    make("span", {}, clause.statement),
    make("small", {}, `since Linux ${clause.since}`),
  );
  preview.hidden = false;
  const at = link.getBoundingClientRect();
  const below = at.bottom + preview.offsetHeight + 8 < innerHeight;
  const top = below ? at.bottom + 4 : Math.max(4, at.top - preview.offsetHeight - 4);
  const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - preview.offsetWidth - 8));
  preview.style.top = `${top + scrollY}px`;
  preview.style.left = `${left + scrollX}px`;
}

function hide() {
  clearTimeout(leaving);
  shownFor?.removeAttribute("aria-describedby");
  shownFor = null;
  preview.hidden = true;
}

function clauseLink(event) {
  const link = event.target.closest?.("[role=main] a[href*='#']");
  return link && ID.test(link.href) && !link.closest(".card-head") ? link : null;
}

function later() {
  clearTimeout(leaving);
  leaving = setTimeout(hide, 200); // time to move onto it
}

document.body.append(preview);
document.addEventListener("pointerover", (event) => {
  const link = clauseLink(event);
  if (link) show(link);
  else if (preview.contains(event.target)) clearTimeout(leaving);
  else if (shownFor) later();
});
document.addEventListener("focusin", (event) => {
  const link = clauseLink(event);
  if (link) show(link);
  else hide();
});

// --- keys; `/` is Sphinx's own ---

function next(step) {
  const cards = [...document.querySelectorAll(".card-clause")];
  if (!cards.length) return;
  const margin = 100; // a card that was gone to stands a little below the top
  const tops = cards.map((card) => card.getBoundingClientRect().top);
  const target = document.activeElement.closest?.(".card-clause");
  let at = cards.indexOf(target);
  if (at >= 0) at += step;
  else if (step > 0) at = tops.findIndex((top) => top > margin);
  else at = tops.findLastIndex((top) => top < 0);
  if (!cards[at]) return;
  history.replaceState(null, "", `#${cards[at].id}`);
  cards[at].scrollIntoView();
  cards[at].querySelector(".card-id").focus({ preventScroll: true });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable], .stepper")) return;
  if (event.key === "j") next(1);
  if (event.key === "k") next(-1);
});

// --- filters over the index ---

function filters(tables) {
  const rows = tables.flatMap((table) => [...table.querySelectorAll("tbody tr")]).map((row) => ({
    row,
    family: row.cells[0].textContent.trim().split("-")[0],
    since: row.cells[2].textContent.trim(),
    broken: [...row.cells[4].querySelectorAll("a")].map((link) => link.textContent),
  }));
  const release = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const kinds = {
    family: ["Family", [...new Set(rows.map((each) => each.family))]],
    since: ["Since", [...new Set(rows.map((each) => each.since))].sort(release)],
    broken: ["Broken by", [...new Set(rows.flatMap((each) => each.broken))].sort(release)],
  };
  const said = make("output", {});
  const form = make("form", { className: "clause-filters" });
  const given = new URLSearchParams(location.search);
  for (const [name, [label, values]] of Object.entries(kinds)) {
    const options = ["", ...values].map((value) => make("option", { value }, value || "any"));
    const select = make("select", { name }, ...options);
    select.value = values.includes(given.get(name)) ? given.get(name) : "";
    form.append(make("label", {}, `${label} `, select));
  }
  form.append(make("button", { type: "reset" }, "All"), said);

  function apply() {
    const wanted = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    for (const each of rows) {
      each.row.hidden = Object.entries(wanted).some(([name, value]) => ![each[name]].flat().includes(value));
    }
    for (const table of tables) {
      const box = table.closest(".table-wrapper") ?? table;
      box.hidden = !table.querySelector("tbody tr:not([hidden])");
    }
    for (const section of document.querySelectorAll("section section")) {
      section.hidden = ![...section.querySelectorAll("tbody tr")].some((row) => !row.hidden);
    }
    said.textContent = `${rows.filter((each) => !each.row.hidden).length} of ${rows.length} clauses`;
    const query = new URLSearchParams(wanted).toString();
    history.replaceState(null, "", `${location.pathname}${query && `?${query}`}${location.hash}`);
  }
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
  document.querySelector("section section").before(form);
}

const tables = [...document.querySelectorAll("table.clause-index")];
if (tables.length) filters(tables);

// --- a table that scrolls can be scrolled with the keyboard ---

function reachable() {
  for (const box of document.querySelectorAll(".table-wrapper, .pasid-diagram > div, [role=main] pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
}
reachable();
for (const when of ["load", "resize"]) addEventListener(when, reachable); // widths are known late

// --- search: the clause itself comes before the pages that tell about it ---

const results = document.querySelector("#search-results");
const query = new URLSearchParams(location.search).get("q")?.trim().toUpperCase();
if (results && query) {
  const clause = (await clauses()).get(query);
  if (clause) {
    const link = make("a", { href: new URL(clause.url, root) }, `${clause.id}: ${clause.title}`);
    results.before(make("p", { className: "clause-found" }, link));
  }
}
