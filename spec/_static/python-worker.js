// SPDX-License-Identifier: GPL-2.0-only
// CPython, compiled to WebAssembly, with this site's own package; both come with the site.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const here = new URL(".", import.meta.url);
const ready = load();
ready.catch(() => {}); // told to whoever asks

async function load() {
  const zip = fetch(new URL("reference_impl.zip", here), { cache: "no-cache" });
  const python = await loadPyodide({ indexURL: new URL("pyodide/", here).href });
  python.unpackArchive(await (await zip).arrayBuffer(), "zip", { extractDir: "/home/pyodide" });
  return python.runPython("from reference_impl.present.browser import answer; answer");
}

self.onmessage = async ({ data: { id, what, given } }) => {
  try {
    const answer = await ready;
    const told = answer(what, JSON.stringify(given), (...counts) => {
      self.postMessage({ id, progress: counts });
    });
    self.postMessage({ id, ...JSON.parse(told) });
  } catch (error) {
    self.postMessage({ id, failed: String(error.message ?? error) });
  }
};
