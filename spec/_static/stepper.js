// SPDX-License-Identifier: GPL-2.0-only
// The stepper: makes the calls of a link, and goes from row to row through what happened.
// All that is known of a call comes from reference_impl/present/stepper.py; here it is only shown.

import { ask, make, start, stop } from "./python.js";
import { SIZES, calls, code, difference, withCalls, withFault, withSetting, written } from "./stepper-link.js";
import * as view from "./stepper-view.js";

const page = document.querySelector(".stepper");
const part = (name) => page.querySelector(`.stepper-${name}`);
const button = (name) => page.querySelector(`[name=${name}]`);
const who = part("who");
const next = part("next");

let link = new URLSearchParams(); // what the address says
let told = null; // what the package says of it
let call = 0; // where we are
let row = 0;
let trusted = ""; // a change of code that the reader has agreed to

// --- from the address to the package, and back ---

function read(text) {
  const said = new URLSearchParams(text);
  return said.has("run") ? said : new URLSearchParams(page.dataset.link);
}

function write(push = false) {
  link.set("at", `${call + 1}.${row}`);
  const hash = written(link);
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
}

const made = (wanted) => ask("stepper", [wanted.toString(), wanted.has("details")]);

async function open(wanted, { at = null, push = false } = {}) {
  if (wanted.has("old") && code(wanted) !== trusted) return confirmChange(wanted);
  let answer = await made(wanted);
  let dropped = 0;
  while (answer.wrong && push && calls(wanted).length) {
    wanted = withCalls(wanted, calls(wanted).slice(0, -1)); // it made sense before what was chosen now
    dropped += 1;
    answer = await made(wanted);
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
  showWho();
  showCalls();
  showNext();
  showCall();
}

/** Where a link leads: to a call and a row, or to the beginning of its last call. */
function place(wanted) {
  const at = /^(\d+)\.(\d+)$/.exec(wanted.get("at") ?? "");
  return at ? [at[1] - 1, +at[2]] : [told.calls.length - 1, 0];
}

/** A link may change the code that runs; the reader sees it first. */
function confirmChange(wanted) {
  const run = make("button", { type: "button" }, "Run it with this change");
  run.onclick = () => {
    trusted = code(wanted);
    guard(open(wanted));
  };
  part("status").replaceChildren(
    make("p", {}, "In this link a few words of ", make("code", {}, wanted.get("run")), " are changed:"),
    make("pre", {}, difference(wanted).join("\n")),
    run,
  );
}

function say(text, wrong = false) {
  part("status").replaceChildren(...(text ? [make("p", { className: wrong ? "broken" : "" }, text)] : []));
}

const guard = (promise) => promise.catch((error) => say(`Python could not do it: ${error.message}.`, true));

// --- showing ---

const lastRow = (at = call) => Math.max((told.calls[at]?.rows.length ?? 1) - 1, 0);

function fill(select, values, chosen) {
  const option = (value, text = value) => make("option", { value }, `${text}`);
  select.replaceChildren(...values.map((value) => option(...[value].flat())));
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
  const items = view.callItems(told.calls, call, {
    go: (at) => move(at, 0),
    drop: (at) => {
      const wanted = withCalls(link, calls(link).filter((_, n) => n !== at));
      guard(open(wanted, { at: [Math.max(at - 1, 0), 0], push: true }));
    },
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
  const known = setting.domains.map(([name]) => name);
  const domains = setting.domains.map(([name, type]) => [name, type === "paging" ? name : `${name} (${type})`]);
  const words = { "": "no handle", old: "the published handle", new: "a new handle" };
  const suggested = known[Math.min(told.calls.length, known.length - 1)];
  fill(next.kind, [...setting.calls, ...events], next.kind.value || setting.calls[0]);
  fill(next.domain, [...domains, ...setting.others.filter((name) => !known.includes(name))], next.domain.value || suggested);
  fill(next.pasid, setting.pasids.map((pasid) => [pasid, `PASID ${pasid}`]), next.pasid.value || undefined);
  fill(next.handle, setting.handles.map((word) => [word, words[word]]), next.handle.value || "new");
  showFields();
}

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
  showChoices(now?.choices ?? []);
  if (now) {
    part("drawing").innerHTML = now.svg; // made by reference_impl/present/drawing.py
    part("more").replaceChildren(...view.more(now, told.heads, told.setting.pasids.length), detailsBox());
    showRow();
    return;
  }
  part("drawing").replaceChildren(make("p", {}, "Nothing has been called yet: choose a call above."));
  const start = { cells: told.start[0].slice(1), request: "" };
  part("state").tBodies[0].replaceChildren(...view.stateRows(told.heads.slice(1), start, start));
  for (const name of ["now", "broken", "more"]) part(name).replaceChildren();
}

/** What changes from row to row. */
function showRow() {
  const now = told.calls[call];
  const here = now.rows[row];
  const where = `row ${row + 1} of ${now.rows.length}, call ${call + 1} of ${told.calls.length}`;
  part("now").replaceChildren(...view.rowInWords(here, where));
  part("state").tBodies[0].replaceChildren(...view.stateRows(told.heads.slice(1), here, now.rows[row - 1] ?? here));
  const shown = view.brokenClauses(now.broken, row, link.get("clause"), { address, go: (to) => move(call, to) });
  part("broken").replaceChildren(...shown);
  const box = part("drawing");
  const middle = view.cover(box.querySelector("svg"), now, row);
  if (box.scrollHeight > box.clientHeight) box.scrollTop = middle - box.clientHeight / 2;
  const atStart = !call && !row;
  const atEnd = call === told.calls.length - 1 && row === lastRow();
  for (const name of ["first", "back"]) button(name).disabled = atStart;
  for (const name of ["forward", "last"]) button(name).disabled = atEnd;
}

function showChoices(choices) {
  const boxes = view.choiceBoxes(choices, async (at) => {
    await guard(open(withFault(link, call, choices, at), { at: [call, choices[at].row], push: true }));
    part("choices").querySelectorAll("input")[at]?.focus();
  });
  const none = make("span", {}, told.calls.length ? "Nothing: it is refused before anything is asked." : "");
  part("choices").replaceChildren(part("choices").firstElementChild, ...(boxes.length ? boxes : [none]));
}

function detailsBox() {
  const box = make("input", { type: "checkbox", checked: link.has("details") });
  box.onchange = () => {
    const wanted = new URLSearchParams(link);
    if (box.checked) wanted.set("details", "1");
    else wanted.delete("details");
    guard(open(wanted, { at: [call, 0] }));
  };
  return make("label", {}, box, " show the mutex and writes to handles");
}

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
  button(name).onclick = () => told?.calls.length && moves[name]();
}

// --- choosing ---

who.onsubmit = (event) => event.preventDefault();
who.onchange = ({ target }) => {
  const sizes = Object.keys(SIZES).map((name) => who[name].value);
  const wanted = withSetting(link, who.run.value, sizes, target === who.in ? who.in.value : "");
  part("found").replaceChildren();
  guard(open(wanted, { at: [call, row], push: true }));
};

next.onchange = showFields;
next.onsubmit = (event) => {
  event.preventDefault();
  const [kind, name] = next.kind.value.split(" ");
  const { first, pasids } = told.setting;
  const ofEvent = { reset_prepare: [name, pasids[0]], reset_done: [name, pasids[0]], mm_release: [first, pasids[0], name] };
  const plain = [first, next.pasid.value, kind === "handle_get" ? "" : next.domain.value, next.handle.hidden ? "" : next.handle.value];
  const added = [kind, ...(ofEvent[kind] ?? plain)].join(",").replace(/,+$/, "");
  guard(addCall(withCalls(link, [...calls(link), added])));
};

async function addCall(wanted) {
  const { answer, wrong } = await made(wanted);
  if (wrong) return say(`That cannot be called: ${wrong}.`, true);
  say("");
  enter(wanted, answer, [calls(wanted).length - 1, 0], true);
}

button("copy").onclick = async () => {
  write();
  await navigator.clipboard.writeText(location.href);
  say("The link is copied: it opens this row.");
};

button("worst").onclick = async ({ target }) => {
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
    else {
      part("found").replaceChildren(...view.found(answer));
      if (answer.broken.length) location.hash = answer.broken[0].link;
    }
  } catch (error) {
    part("found").replaceChildren(make("p", {}, `The exploration ended early: ${error.message}.`));
  }
  target.disabled = false;
};

window.addEventListener("popstate", () => guard(open(read(location.hash.slice(1)))));

// the state that the page begins with came with it; for every other one Python is asked
if (location.hash.length < 2) {
  enter(new URLSearchParams(page.dataset.link), JSON.parse(page.querySelector("script").textContent));
}
if (!told) say("Starting Python …");
start();
if (!told) guard(open(read(location.hash.slice(1))));
