// SPDX-License-Identifier: GPL-2.0-only
// The words of a stepper's link, which are all that the stepper remembers. The package reads the same
// words: reference_impl/present/links.py says what they mean.

export const SIZES = { devices: [0, 4], incapable: [0, 2], domains: [1, 6], pasids: [1, 3] };
const OF_ONE_SETTING = ["clause", "beside", "at", "row", "reset", "notes", "of", "old", "new", "in"];

/** A link as it stands behind the # of an address. */
export const written = (link) => `#${link.toString().replaceAll("%2C", ",").replaceAll("+", "%20")}`;

export const calls = (link) => link.getAll("call");

/** The same with other calls; what was pointed at beside the old ones has gone. */
export function withCalls(link, list) {
  const wanted = new URLSearchParams(link);
  for (const name of ["call", "beside"]) wanted.delete(name);
  for (const each of list) wanted.append("call", each);
  return wanted;
}

/** The same with something failing that did not, or the other way round; what is asked behind it is open again. */
export function withFault(link, call, choices, at) {
  const faults = choices.slice(0, at + 1).map((each, n) => (each.fails !== (n === at) ? "1" : "0"));
  const list = calls(link);
  const fields = [...list[call].split(","), ...Array(6).fill("")].slice(0, 6);
  list[call] = [...fields, faults.join("").replace(/0+$/, "")].join(",").replace(/,+$/, "");
  return withCalls(link, list);
}

/** The same calls of somebody else, or in another group. */
export function withSetting(link, run, sizes, within) {
  const wanted = withCalls(link, calls(link));
  for (const name of OF_ONE_SETTING) wanted.delete(name);
  wanted.set("run", run);
  wanted.set("scope", sizes.join(","));
  if (within) wanted.set("in", within);
  return wanted;
}

/** A change of code that is in a link, as one word that can be compared. */
export const code = (link) => JSON.stringify([link.get("of"), link.getAll("old"), link.getAll("new")]);

/** The same as the lines of a diff. */
export function difference(link) {
  const lines = (text, sign) => text.replace(/\n$/, "").split("\n").map((line) => sign + line);
  const news = link.getAll("new");
  return link.getAll("old").flatMap((old, at) => [...lines(old, "− "), ...lines(news[at], "+ ")]);
}
