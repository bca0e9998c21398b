// SPDX-License-Identifier: GPL-2.0-only
// The package in the reader's browser: one worker, started when it is first asked something.

let worker = null;
let asked = 0;
const open = new Map();

/** What the package answers; see QUESTIONS in reference_impl/present/browser.py. */
export function ask(what, given, progress = () => {}) {
  if (!worker) start();
  const id = ++asked;
  return new Promise((resolve, reject) => {
    open.set(id, { resolve, reject, progress });
    worker.postMessage({ id, what, given });
  });
}

/** Begin to load; what is asked then is answered sooner. */
export function start() {
  worker ??= new Worker(new URL("python-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    const question = open.get(data.id);
    if (!question) return;
    if (data.progress) return question.progress(...data.progress);
    open.delete(data.id);
    if (data.failed) question.reject(new Error(data.failed));
    else question.resolve(data);
  };
  worker.onerror = (event) => stop(event.message || "a file of it is missing");
}

/** End whatever runs; the next question starts a new worker. */
export function stop(why = "stopped") {
  worker?.terminate();
  worker = null;
  for (const { reject } of open.values()) reject(new Error(why));
  open.clear();
}

/** An element: `make("p", { className: "x" }, "text", other)`. */
export function make(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
