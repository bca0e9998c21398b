// SPDX-License-Identifier: GPL-2.0-only
// The stepper: makes the calls of a link, and goes from row to row through what happened.
// All that is known of a call comes from reference_impl/present/stepper.py; here it is only shown.

import { ask, make, start, stop } from "./python.js";

const page = document.querySelector(".stepper");
const part = (name) => page.querySelector(`.stepper-${name}`);
const who = part("who");
const next = part("next");
const SIZES = { devices: [0, 4], incapable: [0, 2], domains: [1, 6], pasids: [1, 3] };

let link = new URLSearchParams(); // what the address says
let told = null; // what the package says of it
let call = 0; // where we are
let row = 0;
let trusted = ""; // a change of code that the reader has agreed to

// --- what the address says, and back ---

function read(text) {
  const said = new URLSearchParams(text);
  return said.has("run") ? said : new URLSearchParams(page.dataset.link);
}

function write(push = false) {
  link.set("at", `${call + 1}.${row}`);
  const hash = `#${link.toString().replaceAll("%2C", ",").replaceAll("+", "%20")}`;
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
}

const calls = () => link.getAll("call");

function setCalls(list) {
  link.delete("call");
  for (const each of list) link.append("call", each);
}

// --- asking the package ---

async function open(wanted, { at = null, push = false } = {}) {
  if (wanted.has("old") && code(wanted) !== trusted) return confirmChange(wanted);
  const given = (each) => each.toString();
  let answer = await ask("stepper", [given(wanted), wanted.has("details")]);
  let dropped = 0;
  const kept = wanted.getAll("call");
  while (answer.wrong && kept.length && push) {
    kept.pop(); // what was chosen here leaves no sense in what came behind
    dropped += 1;
    wanted.delete("call");
    for (const each of kept) wanted.append("call", each);
    answer = await ask("stepper", [given(wanted), wanted.has("details")]);
  }
  if (answer.wrong) return say(`This link leads nowhere: ${answer.wrong}.`, true);
  say(dropped ? `${dropped} of the calls made no sense any more, and ${dropped > 1 ? "are" : "is"} left out.` : "");
  enter(wanted, answer.answer, at, push);
}

/** Stand somewhere in what the package says of a link. */
function enter(wanted, answer, at = null, push = false) {
  link = wanted;
  told = answer;
  [call, row] = at ?? place(link);
  call = Math.min(Math.max(call, 0), Math.max(told.calls.length - 1, 0));
  row = Math.min(Math.max(row, 0), lastRow());
  part("static")?.remove();
  for (const each of [who, next, part("view")]) each.hidden = false;
  write(push);
  show();
}

/** Where a link leads: to a call and a row, or to the beginning of its last call. */
function place(wanted) {
  const at = /^(\d+)\.(\d+)$/.exec(wanted.get("at") ?? "");
  return at ? [at[1] - 1, +at[2]] : [told.calls.length - 1, 0];
}

const code = (wanted) => JSON.stringify([wanted.get("of"), wanted.getAll("old"), wanted.getAll("new")]);

/** A link may change the code that runs; the reader sees it first. */
function confirmChange(wanted) {
  const lines = (text, sign) => text.replace(/\n$/, "").split("\n").map((line) => sign + line);
  const news = wanted.getAll("new");
  const diff = wanted.getAll("old").flatMap((old, at) => [...lines(old, "− "), ...lines(news[at], "+ ")]);
  const run = make("button", { type: "button" }, "Run it with this change");
  run.onclick = () => {
    trusted = code(wanted);
    guard(open(wanted));
  };
  say("");
  part("status").append(
    make("p", {}, "In this link a few words of ", make("code", {}, wanted.get("run")), " are changed:"),
    make("pre", {}, diff.join("\n")),
    run,
  );
}

function say(text, wrong = false) {
  part("status").replaceChildren(...(text ? [make("p", { className: wrong ? "broken" : "" }, text)] : []));
}

const guard = (promise) => promise.catch((error) => say(`Python could not do it: ${error.message}.`, true));

// --- showing ---

const lastRow = (at = call) => Math.max((told.calls[at]?.rows.length ?? 1) - 1, 0);

function show() {
  showWho();
  showCalls();
  showNext();
  showCall();
}

const option = (value, text = value) => make("option", { value }, `${text}`);

function fill(select, values, chosen) {
  select.replaceChildren(...values.map((value) => (Array.isArray(value) ? option(...value) : option(value))));
  if (chosen !== undefined) select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

function showWho() {
  const sizes = (link.get("scope") ?? "2,0,2,1").split(",");
  who.run.value = link.get("run");
  Object.entries(SIZES).forEach(([name, [low, high]], at) => {
    const values = Array.from({ length: high - low + 1 }, (_, n) => low + n);
    if (!values.includes(+sizes[at])) values.push(+sizes[at]);
    fill(who[name], values, sizes[at]);
  });
  fill(who.in, told.setting.settings, told.setting.name);
}

function showCalls() {
  const items = told.calls.map((each, at) => {
    const go = make("button", { type: "button", className: "stepper-go" }, make("code", {}, each.call), ` ${each.outcome}`);
    if (at === call) go.setAttribute("aria-current", "step");
    if (each.broken.length) go.append(make("span", { className: "broken" }, ` ✗ ${each.broken.length}`));
    go.onclick = () => move(at, 0);
    const drop = make("button", { type: "button", title: "leave this call out", aria: { label: `leave ${each.call} out` } }, "×");
    drop.onclick = () => {
      const wanted = new URLSearchParams(link);
      const list = calls().filter((_, n) => n !== at);
      for (const name of ["call", "beside"]) wanted.delete(name);
      list.forEach((one) => wanted.append("call", one));
      guard(open(wanted, { at: [Math.max(at - 1, 0), 0], push: true }));
    };
    return make("li", {}, go, drop);
  });
  part("calls").replaceChildren(...items);
}

/** The kinds of call, as "attach", or "reset_prepare d0" where there is nothing else to say. */
function showNext() {
  const { setting } = told;
  const events = [
    ...setting.resets.flatMap((name) => [`reset_prepare ${name}`, `reset_done ${name}`]),
    ...setting.mortal.map((name) => `mm_release ${name}`),
  ];
  fill(next.kind, [...setting.calls, ...events], next.kind.value || setting.calls[0]);
  const domains = setting.domains.map(([name, type]) => [name, type === "paging" ? name : `${name} (${type})`]);
  fill(next.domain, [...domains, ...setting.others.filter((name) => !domains.some(([known]) => known === name))], next.domain.value || suggested());
  fill(next.pasid, setting.pasids.map((pasid) => [pasid, `PASID ${pasid}`]), next.pasid.value || undefined);
  const words = { "": "no handle", old: "the published handle", new: "a new handle" };
  fill(next.handle, setting.handles.map((word) => [word, words[word]]), next.handle.value || "new");
  showFields();
}

const suggested = () => told.setting.domains[Math.min(told.calls.length, told.setting.domains.length - 1)][0];

function showFields() {
  const [kind] = next.kind.value.split(" ");
  const plain = ["attach", "replace", "detach"].includes(kind);
  next.domain.hidden = !plain;
  next.pasid.hidden = !plain && kind !== "handle_get";
  next.handle.hidden = !told.setting.handles.length || !["attach", "replace"].includes(kind);
}

function showCall() {
  const now = told.calls[call];
  part("view").classList.toggle("stepper-empty", !now);
  if (!now) {
    part("drawing").replaceChildren(make("p", {}, "Nothing has been called yet: choose a call above."));
    showState({ cells: told.start[0].slice(1), request: "" });
    for (const name of ["now", "broken", "more"]) part(name).replaceChildren();
    showChoices([]);
    return;
  }
  part("drawing").innerHTML = now.svg; // made by reference_impl/present/drawing.py
  showChoices(now.choices);
  showMore(now);
  showRow();
}

/** What changes from row to row. */
function showRow() {
  const now = told.calls[call];
  const here = now.rows[row];
  const text = [here.number ? `${here.number}. ` : "", here.text, here.answer ? ` → ${here.answer}` : ""].join("");
  const where = `row ${row + 1} of ${now.rows.length}, call ${call + 1} of ${told.calls.length}`;
  part("now").replaceChildren(
    make("strong", { className: here.wrong ? "broken" : "" }, text),
    make("small", {}, where, here.locked ? ", under the mutex" : ""),
  );
  showState(here, row ? now.rows[row - 1] : here);
  showBroken(now);
  cover(now);
  const atEnd = call === told.calls.length - 1 && row === lastRow();
  for (const [name, off] of [["first", !call && !row], ["back", !call && !row], ["forward", atEnd], ["last", atEnd]]) {
    page.querySelector(`[name=${name}]`).disabled = off;
  }
}

function showState(here, before = here) {
  const heads = [...told.heads.slice(1), "a page request beside it"];
  const now = [...here.cells, here.request];
  const then = [...before.cells, before.request];
  const rows = heads.flatMap((head, at) => {
    if (!now[at]) return []; // there is no request, or not yet
    const changed = now[at] !== then[at];
    const shown = make("td", { className: changed ? "stepper-changed" : "" }, now[at]);
    if (changed && then[at]) shown.append(make("small", {}, ` was ${then[at]}`));
    return [make("tr", {}, make("th", { scope: "row" }, head), shown)];
  });
  part("state").tBodies[0].replaceChildren(...rows);
}

function showBroken(now) {
  const wanted = link.get("clause");
  const reached = now.broken.filter((each) => each.row <= row);
  reached.sort((a, b) => (b.id === wanted) - (a.id === wanted) || b.row - a.row);
  const items = reached.map((each) => {
    const clause = make("a", { href: address(each.id), title: each.statement }, each.id);
    const fresh = each.row === row ? " stepper-fresh" : "";
    return make("li", { className: `broken${fresh}` }, "✗ ", clause, ` ${each.title}: `, make("span", {}, each.reason));
  });
  const rest = now.broken.filter((each) => each.row > row);
  const later = make("p", { className: "stepper-later" });
  if (rest.length) {
    const first = rest.find((each) => each.id === wanted) ?? rest.reduce((a, b) => (b.row < a.row ? b : a));
    const jump = make("button", { type: "button" }, first.id === wanted ? `Go to where ${wanted} breaks` : "Go to the next");
    jump.onclick = () => move(call, first.row);
    later.append(`${rest.length === 1 ? "A clause breaks" : `${rest.length} clauses break`} further on. `, jump);
  } else if (!now.broken.length) {
    later.append("Every clause that is about this call holds.");
  }
  part("broken").replaceChildren(make("ul", {}, ...items), later);
}

/** Dim what is still to come, mark the row, and put a cross where a clause has broken. */
function cover(now) {
  const svg = part("drawing").querySelector("svg");
  svg.querySelectorAll(".stepper-mark").forEach((each) => each.remove());
  const width = svg.viewBox.baseVal.width;
  const put = (name, attributes, first = false) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.classList.add("stepper-mark");
    svg[first ? "prepend" : "append"](element);
    return element;
  };
  const [top, bottom, end] = [now.tops[row], now.tops[row + 1], now.tops.at(-1)];
  put("rect", { x: 0, y: top, width, height: bottom - top, rx: 3, class: "stepper-here" }, true);
  if (bottom < end) put("rect", { x: 0, y: bottom, width, height: end - bottom + 4, class: "stepper-cover" });
  for (const at of new Set(now.broken.map((each) => each.row).filter((each) => each <= row))) {
    put("text", { x: 0, y: now.tops[at] + 31, class: "stepper-cross" }).textContent = "✗";
  }
  const box = part("drawing");
  const middle = (top + bottom) / 2 - box.clientHeight / 2;
  if (box.scrollHeight > box.clientHeight) box.scrollTop = middle;
}

function showChoices(choices) {
  const boxes = choices.map((choice, at) => {
    const box = make("input", { type: "checkbox", checked: choice.fails });
    box.onchange = () => fail(choices, at);
    return make("label", {}, box, ` ${choice.what}`);
  });
  const none = make("span", {}, told.calls.length ? "Nothing: it is refused before anything is asked." : "");
  part("choices").replaceChildren(part("choices").firstElementChild, ...(boxes.length ? boxes : [none]));
}

/** Let something fail, or not; what is asked behind it may be something else then. */
function fail(choices, at) {
  const bits = choices.slice(0, at + 1).map((each, n) => (each.fails !== (n === at) ? "1" : "0"));
  const wanted = new URLSearchParams(link);
  wanted.delete("beside"); // its moments are those of another course
  const list = calls();
  const fields = [...list[call].split(","), ...Array(6).fill("")].slice(0, 6);
  list[call] = [...fields, bits.join("").replace(/0+$/, "")].join(",").replace(/,+$/, "");
  wanted.delete("call");
  list.forEach((one) => wanted.append("call", one));
  guard(open(wanted, { at: [call, choices[at].row], push: true }).then(() => {
    part("choices").querySelectorAll("input")[at]?.focus();
  }));
}

function showMore(now) {
  const shown = [];
  if (now.said) shown.push(make("p", {}, `It is refused with the words: ${now.said}.`));
  shown.push(...now.remarks.map((text) => make("p", {}, text)));
  const [before, after] = now.notes;
  if (before.length + after.length) {
    const signs = [...new Set([...before, ...after])].sort();
    const sign = (fact) => (before.includes(fact) ? (after.includes(fact) ? "  " : "− ") : "+ ");
    shown.push(fold("What the driver has noted, before and after", signs.map((fact) => sign(fact) + fact).join("\n")));
  }
  if (told.setting.pasids.length > 1) {
    const rows = now.state.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))));
    const table = make("table", {}, make("tr", {}, ...told.heads.map((head) => make("th", {}, head))), ...rows);
    shown.push(make("details", {}, make("summary", {}, "Every PASID, after this call"), table));
  }
  shown.push(fold("The call as text", now.twin));
  const box = make("input", { type: "checkbox", checked: link.has("details") });
  box.onchange = () => {
    const wanted = new URLSearchParams(link);
    if (box.checked) wanted.set("details", "1");
    else wanted.delete("details");
    guard(open(wanted, { at: [call, 0] }));
  };
  shown.push(make("label", {}, box, " show the mutex and writes to handles"));
  part("more").replaceChildren(...shown);
}

const fold = (title, text) => make("details", {}, make("summary", {}, title), make("pre", {}, text));

// --- where clauses stand ---

let clauses = {};
const root = new URL("..", import.meta.url);
const address = (id) => (clauses[id] ? new URL(clauses[id], root).href : "#");

fetch(new URL("clauses.json", root))
  .then((response) => response.json())
  .then((list) => {
    clauses = Object.fromEntries(list.map(({ id, url }) => [id, url]));
    if (told?.calls.length) showRow();
  });

// --- going ---

function move(toCall, toRow) {
  const other = toCall !== call;
  [call, row] = [toCall, toRow];
  write();
  if (other) {
    showCalls();
    showCall();
  } else showRow();
}

const moves = {
  forward: () => (row < lastRow() ? move(call, row + 1) : call < told.calls.length - 1 && move(call + 1, 0)),
  back: () => (row ? move(call, row - 1) : call && move(call - 1, lastRow(call - 1))),
  first: () => move(0, 0),
  last: () => move(told.calls.length - 1, lastRow(told.calls.length - 1)),
  nextCall: () => move(Math.min(call + 1, told.calls.length - 1), 0),
  callBefore: () => move(Math.max(call - 1, 0), 0),
};
const KEYS = { ArrowRight: "forward", ArrowLeft: "back", Home: "first", End: "last" };
const SHIFTED = { ArrowRight: "nextCall", ArrowLeft: "callBefore" };

// before Sphinx's own keys, which go to another page
document.addEventListener(
  "keydown",
  (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !told?.calls.length) return;
    if (event.target.matches("select, textarea, input:not([type=checkbox])")) return;
    const name = (event.shiftKey ? SHIFTED : KEYS)[event.key];
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    moves[name]();
  },
  true,
);

for (const name of ["first", "back", "forward", "last"]) {
  page.querySelector(`[name=${name}]`).onclick = () => told?.calls.length && moves[name]();
}

// --- choosing ---

who.onsubmit = (event) => event.preventDefault();
who.onchange = ({ target }) => {
  const wanted = new URLSearchParams(link);
  for (const name of ["clause", "beside", "at", "row", "reset", "notes", "of", "old", "new"]) wanted.delete(name);
  wanted.set("run", who.run.value);
  wanted.set("scope", Object.keys(SIZES).map((name) => who[name].value).join(","));
  wanted.delete("in");
  if (target === who.in) wanted.set("in", who.in.value);
  part("found").replaceChildren();
  const at = [call, row];
  guard(open(wanted, { at, push: true }));
};

next.onchange = showFields;
next.onsubmit = (event) => {
  event.preventDefault();
  const [kind, name] = next.kind.value.split(" ");
  const { first, pasids, domains } = told.setting;
  const event_ = { reset_prepare: [name, pasids[0]], reset_done: [name, pasids[0]], mm_release: [first, pasids[0], name] }[kind];
  const plain = [first, next.pasid.value, kind === "handle_get" ? "" : next.domain.value, next.handle.hidden ? "" : next.handle.value];
  const wanted = new URLSearchParams(link);
  wanted.delete("beside");
  wanted.append("call", [kind, ...(event_ ?? plain)].join(",").replace(/,+$/, ""));
  guard(addCall(wanted, domains));
};

async function addCall(wanted) {
  const answer = await ask("stepper", [wanted.toString(), wanted.has("details")]);
  if (answer.wrong) return say(`That cannot be called: ${answer.wrong}.`, true);
  return open(wanted, { at: [wanted.getAll("call").length - 1, 0], push: true });
}

page.querySelector("[name=copy]").onclick = async () => {
  write();
  await navigator.clipboard.writeText(location.href);
  say("The link is copied: it opens this row.");
};

page.querySelector("[name=worst]").onclick = async ({ target }) => {
  const halt = make("button", { type: "button" }, "Stop");
  const count = make("span", {}, "Exploring …");
  halt.onclick = () => stop("stopped");
  part("found").replaceChildren(make("p", {}, count, " ", halt));
  target.disabled = true;
  try {
    const { answer, wrong } = await ask("worst", [link.toString()], (done, known, steps) => {
      count.textContent = `Exploring: ${done} of ${known} states, ${steps.toLocaleString("en")} steps …`;
    });
    if (wrong) say(wrong, true);
    else showFound(answer);
  } catch (error) {
    part("found").replaceChildren(make("p", {}, `The exploration ended early: ${error.message}.`));
  }
  target.disabled = false;
};

function showFound({ where, held, broken }) {
  const summary = broken.length ? `${broken.length} clauses are broken, ${held} hold.` : `Nothing is broken; ${held} clauses hold.`;
  const items = broken.map((each) => {
    const choose = make("a", { href: `#${each.link}`, title: `${each.title}: ${each.reason}` }, each.id);
    return make("li", {}, choose);
  });
  part("found").replaceChildren(make("p", {}, summary, " ", make("small", {}, `Scope: ${where}.`)), make("ul", {}, ...items));
  if (broken.length) location.hash = broken[0].link;
}

window.addEventListener("popstate", () => guard(open(read(location.hash.slice(1)))));

// the state that the page begins with came with it; for every other one Python is asked
if (location.hash.length < 2) {
  enter(new URLSearchParams(page.dataset.link), JSON.parse(page.querySelector("script").textContent));
}
if (!told) say("Starting Python …");
start();
if (!told) guard(open(read(location.hash.slice(1))));
