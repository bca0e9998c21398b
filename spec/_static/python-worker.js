// SPDX-License-Identifier: GPL-2.0-only
// CPython, compiled to WebAssembly, with this site's own package; both come with the site.

import { loadPyodide } from "./pyodide/pyodide.mjs";

// the contract speaks of Linux's numbers; Emscripten has others (tests/repo/test_in_browser.py)
const ERRNOS = {
  EPERM: 1, ENOENT: 2, EIO: 5, ENXIO: 6, ENOMEM: 12, EFAULT: 14, EBUSY: 16, ENODEV: 19, EINVAL: 22, ENOSPC: 28, EOVERFLOW: 75, EOPNOTSUPP: 95,
};
const USE_LINUX_NUMBERS = `
import errno
for name, number in ${JSON.stringify(ERRNOS)}.items():
    setattr(errno, name, number)
    errno.errorcode[number] = name
`;

const here = new URL(".", import.meta.url);
const ready = load();
ready.catch(() => {}); // told to whoever asks

async function load() {
  const zip = fetch(new URL("reference_impl.zip", here), { cache: "no-cache" });
  const python = await loadPyodide({ indexURL: new URL("pyodide/", here).href });
  python.unpackArchive(await (await zip).arrayBuffer(), "zip");
  python.runPython(USE_LINUX_NUMBERS);
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
