// SPDX-License-Identifier: GPL-2.0-only
// Below each diagram whose calls are known: a link that opens them in the stepper.

const stepper = new URL("../spec/stepper.html", import.meta.url);

export function addLinks(part) {
  for (const diagram of part.querySelectorAll(".pasid-diagram[data-steps]")) {
    if (diagram.querySelector(".to-stepper") || diagram.closest(".stepper")) continue;
    const link = document.createElement("a");
    link.className = "to-stepper";
    link.href = `${stepper}#${diagram.dataset.steps}`;
    link.textContent = "Open in the stepper";
    diagram.append(link);
  }
}

addLinks(document);
