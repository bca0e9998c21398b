// SPDX-License-Identifier: GPL-2.0-only
// Lets the reader change the cells of a notebook's page, and run them.
// Python is loaded when a cell is first run, not before.

import { addLinks } from "./diagrams.js";
import { ask, make, start, stop } from "./python.js";

const page = location.pathname;
const cells = [...document.querySelectorAll("div.cell")]
  .filter((element) => element.querySelector(".cell_input pre"))
  .map((element, number) => new Cell(element, number));
let ran = []; // the texts that the names of this page come from
let busy = false;

function Cell(element, number) {
  this.number = number;
  this.input = element.querySelector(".cell_input");
  this.code = this.input.querySelector("[class*=highlight-]");
  this.published = this.code.querySelector("pre").textContent.replace(/\n$/, "");
  this.outputs = [...element.querySelectorAll(".cell_output")];
  this.fresh = null;
  this.area = null;
  this.edit = button("Edit", () => open(this));
  this.run = button("Run", () => run(this));
  this.reset = button("Reset", () => reset(this));
  this.said = make("span", { role: "status" });
  this.run.hidden = this.reset.hidden = true;
  this.input.append(make("div", { className: "cell-tools" }, this.edit, this.run, this.reset, this.said));
}

function button(text, action) {
  return make("button", { type: "button", onclick: action }, text);
}

const text = (cell) => cell.area?.value ?? cell.published;

function open(cell) {
  start();
  const rows = cell.published.split("\n").length + 1;
  cell.area = make("textarea", {
    rows,
    value: cell.published,
    spellcheck: false,
    wrap: "off",
    aria: { label: `code of cell ${cell.number + 1}` },
  });
  cell.area.addEventListener("keydown", (event) => {
    event.stopPropagation(); // j, k, / and the arrows are text here
    if (event.key !== "Enter" || !(event.shiftKey || event.ctrlKey)) return;
    event.preventDefault();
    run(cell);
  });
  cell.code.hidden = true;
  cell.code.after(cell.area);
  cell.edit.hidden = true;
  cell.run.hidden = cell.reset.hidden = false;
  cell.said.textContent = cell.number ? "Shift+Enter runs it, after the cells before it." : "Shift+Enter runs it.";
  cell.area.focus();
}

function reset(cell) {
  if (busy) stop("stopped");
  cell.area.remove();
  cell.area = null;
  cell.code.hidden = false;
  cell.edit.hidden = false;
  cell.run.hidden = cell.reset.hidden = true;
  cell.said.textContent = "";
  show(cell, null);
  cell.edit.focus();
}

/** Run a cell in a state that only the cells before it, as they stand now, have made. */
async function run(cell) {
  if (busy) return;
  busy = true;
  const before = cells.slice(0, cell.number);
  try {
    if (ran.length > cell.number || before.some((each, at) => at < ran.length && ran[at] !== text(each))) {
      ran = [];
      await ask("forget", [page]);
    }
    for (const each of [...before.slice(ran.length), cell]) {
      cell.said.textContent = each === cell ? "Running …" : `Running cell ${each.number + 1}, which stands before it …`;
      const source = text(each);
      const { answer } = await ask("cell", [page, each.number + 1, source]);
      ran.push(source);
      if (each.area) show(each, answer);
    }
    cell.said.textContent = "This is what it gives now; Reset brings the published text back.";
  } catch (error) {
    ran = []; // the worker has gone, and the names with it
    cell.said.textContent = `It could not be run: ${error.message}.`;
  }
  busy = false;
}

/** Outputs in place of the published ones, or the published ones again. */
function show(cell, outputs) {
  cell.fresh?.remove();
  cell.fresh = null;
  for (const each of cell.outputs) each.hidden = outputs !== null;
  if (outputs === null) return;
  const parts = outputs.map(({ kind, text }) =>
    kind === "html" ? make("div", { innerHTML: text }) : make("pre", { className: kind === "error" ? "broken" : "", textContent: text }),
  );
  cell.fresh = make("div", { className: "cell_output cell-fresh", aria: { live: "polite" } }, ...parts);
  cell.input.after(cell.fresh);
  addLinks(cell.fresh);
}
