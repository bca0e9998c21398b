// SPDX-License-Identifier: GPL-2.0-only
// What the stepper shows of one call, as elements. Nothing here knows where the reader stands.

import { make } from "./python.js";

const fold = (title, text) => make("details", {}, make("summary", {}, title), make("pre", {}, text));

/** The calls, each with a button that goes there and one that leaves it out. */
export function callItems(list, current, { go, drop }) {
  return list.map((each, at) => {
    const to = make("button", { type: "button", className: "stepper-go" }, make("code", {}, each.call), ` ${each.outcome}`);
    if (at === current) to.setAttribute("aria-current", "step");
    if (each.broken.length) to.append(make("span", { className: "broken" }, ` ✗ ${each.broken.length}`));
    to.onclick = () => go(at);
    const away = make("button", { type: "button", title: "leave this call out", aria: { label: `leave ${each.call} out` } }, "×");
    away.onclick = () => drop(at);
    return make("li", {}, to, away);
  });
}

/** The row where the reader stands, in words. */
export function rowInWords(here, where) {
  const text = [here.number ? `${here.number}. ` : "", here.text, here.answer ? ` → ${here.answer}` : ""].join("");
  return [
    make("strong", { className: here.wrong ? "broken" : "" }, text),
    make("small", {}, where, here.locked ? ", under the mutex" : ""),
  ];
}

/** What array, DMA and a page request find in a row, and what they found in the row before. */
export function stateRows(heads, here, before) {
  const now = [...here.cells, here.request];
  const then = [...before.cells, before.request];
  return [...heads, "a page request beside it"].flatMap((head, at) => {
    if (!now[at]) return []; // there is no request, or not yet
    const changed = now[at] !== then[at];
    const shown = make("td", { className: changed ? "stepper-changed" : "" }, now[at]);
    if (changed && then[at]) shown.append(make("small", {}, ` was ${then[at]}`));
    return [make("tr", {}, make("th", { scope: "row" }, head), shown)];
  });
}

/** The clauses that a call has broken up to a row, the wanted one first; and that more will break. */
export function brokenClauses(broken, row, wanted, { address, go }) {
  const reached = broken.filter((each) => each.row <= row);
  reached.sort((a, b) => (b.id === wanted) - (a.id === wanted) || b.row - a.row);
  const items = reached.map((each) => {
    const clause = make("a", { href: address(each.id), title: each.statement }, each.id);
    const fresh = each.row === row ? " stepper-fresh" : "";
    return make("li", { className: `broken${fresh}` }, "✗ ", clause, ` ${each.title}: `, make("span", {}, each.reason));
  });
  const rest = broken.filter((each) => each.row > row);
  const later = make("p", { className: "stepper-later" });
  if (rest.length) {
    const first = rest.find((each) => each.id === wanted) ?? rest.reduce((a, b) => (b.row < a.row ? b : a));
    const jump = make("button", { type: "button" }, first.id === wanted ? `Go to where ${wanted} breaks` : "Go to the next");
    jump.onclick = () => go(first.row);
    later.append(`${rest.length === 1 ? "A clause breaks" : `${rest.length} clauses break`} further on. `, jump);
  } else if (!broken.length) {
    later.append("Every clause that is about this call holds.");
  }
  return [make("ul", {}, ...items), later];
}

/** Dim what is still to come in a drawing, mark the row, and put a cross where a clause has broken. */
export function cover(svg, { tops, broken }, row) {
  svg.querySelectorAll(".stepper-mark").forEach((each) => each.remove());
  const width = svg.viewBox.baseVal.width;
  const put = (name, attributes, first = false) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.classList.add("stepper-mark");
    svg[first ? "prepend" : "append"](element);
    return element;
  };
  const [top, bottom, end] = [tops[row], tops[row + 1], tops.at(-1)];
  put("rect", { x: 0, y: top, width, height: bottom - top, rx: 3, class: "stepper-here" }, true);
  if (bottom < end) put("rect", { x: 0, y: bottom, width, height: end - bottom + 4, class: "stepper-cover" });
  for (const at of new Set(broken.map((each) => each.row).filter((each) => each <= row))) {
    put("text", { x: 0, y: tops[at] + 31, class: "stepper-cross" }).textContent = "✗";
  }
  return (top + bottom) / 2;
}

/** A box for each thing that may fail in a call. */
export function choiceBoxes(choices, fail) {
  return choices.map((choice, at) => {
    const box = make("input", { type: "checkbox", checked: choice.fails });
    box.onchange = () => fail(at);
    return make("label", {}, box, ` ${choice.what}`);
  });
}

/** What else is known of a call. */
export function more(now, heads, pasids) {
  const shown = [];
  if (now.said) shown.push(make("p", {}, `It is refused with the words: ${now.said}.`));
  shown.push(...now.remarks.map((text) => make("p", {}, text)));
  const [before, after] = now.notes;
  if (before.length + after.length) {
    const signs = [...new Set([...before, ...after])].sort();
    const sign = (fact) => (before.includes(fact) ? (after.includes(fact) ? "  " : "− ") : "+ ");
    shown.push(fold("What the driver has noted, before and after", signs.map((fact) => sign(fact) + fact).join("\n")));
  }
  if (pasids > 1) {
    const rows = now.state.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))));
    const table = make("table", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head))), ...rows);
    shown.push(make("details", {}, make("summary", {}, "Every PASID, after this call"), table));
  }
  return [...shown, fold("The call as text", now.twin)];
}

/** What an exploration has found: a link for each clause that is broken. */
export function found({ where, held, broken }) {
  const summary = broken.length ? `${broken.length} clauses are broken, ${held} hold.` : `Nothing is broken; ${held} clauses hold.`;
  const items = broken.map((each) => {
    const choose = make("a", { href: `#${each.link}`, title: `${each.title}: ${each.reason}` }, each.id);
    return make("li", {}, choose);
  });
  return [make("p", {}, summary, " ", make("small", {}, `Scope: ${where}.`)), make("ul", {}, ...items)];
}
