# SPDX-License-Identifier: GPL-2.0-only
"""A tree, a make, a compiler and an emulator that are none, for what goes wrong around a boot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reference_impl.boot import VECTORS, ask, kunit, through
from reference_impl.boot.asked import of_text, of_vectors
from reference_impl.boot.build import NEEDED
from reference_impl.boot.configure import Build
from reference_impl.boot.report import Report
from reference_impl.boot.scenarios import within
from reference_impl.contract import Scope

SMALL = Build("plain", "CONFIG_ANY=y\n", ("ANY",), Scope(2, 0, 1, 1, 1), 20)
"""Of the model's steps few; and of the group's other calls, which are ten times as many, all."""
FEW = replace(SMALL, groups=())
"""Without those: where it is of no matter which steps a kernel is asked."""
MAKE = """#!/bin/sh
for word; do case $word in O=*) out=${word#O=};; esac; done
mkdir -p $out/arch/x86/boot
case "$*" in
*tinyconfig*) : > $out/.config;;
*bzImage*) echo "  CC      mm/slub.o"; %s echo image > $out/arch/x86/boot/bzImage;;
esac
"""
COMPILER = """#!/bin/sh
case $1 in --version) echo "a compiler 1.0"; exit;; esac
while [ $# -gt 1 ]; do [ "$1" = -o ] && [ "$2" != /dev/null ] && echo program > "$2"; shift; done
exit 0
"""
WARNING = "WARNING: drivers/iommu/iommu.c:3552 at iommu_remove_dev_pasid+0x2d/0x30, CPU#0: k/3"
EMULATOR = """#!/bin/sh
case $1 in --version) echo "an emulator 1.0"; exit;; esac
%s
"""


class Machine:
    """Everything below one directory; the tests say what is on the console."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.tree = place / "linux"
        self.programs = place / "bin"
        self.programs.mkdir()
        for name, words in NEEDED.items():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).write_text(" ".join(words))
        (self.tree / "drivers/iommu/Makefile").write_text("obj-y += iommu.o\n")
        (self.tree / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 9\nSUBLEVEL = 1\n")
        self.program("make", MAKE % "")
        self.program("cc", COMPILER)
        for name in ("ld", "flex", "bison", "bc", "rsync", "xz"):
            self.program(name, "#!/bin/sh\n")
        self.emulator('cat "$CONSOLE"')
        monkeypatch.setenv("PATH", f"{self.programs}:/usr/bin:/bin")
        monkeypatch.setenv("CC", str(self.programs / "cc"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        monkeypatch.setenv("CONSOLE", str(place / "console.txt"))

    def program(self, name: str, text: str) -> None:
        """Put a program there."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def emulator(self, text: str) -> None:
        """Have the emulator do that."""
        self.program("qemu-system-x86_64", EMULATOR % text)

    def hears(self, *lines: str) -> None:
        """Put that on the console."""
        (self.place / "console.txt").write_text("".join(f"{line}\n" for line in lines))

    def asked(self, build: Build = FEW) -> Report:
        """Build and boot."""
        return ask(self.tree, [build], lambda _line: None)


def console(build: Build = FEW) -> list[str]:
    """What a kernel says that does all as it should."""
    made, _ = within(build.scope, build.groups)
    lines = ["Linux version 7.9.1", "pasid-spec: begin step"]
    lines.append(f"pasid-spec: 1..{len(made)} warnings are printed")
    for number, each in enumerate(made, 1):
        lines += each.warnings * [
            "------------[ cut here ]------------",
            WARNING,
            "Call Trace:",
        ]
        lines.append(f"pasid-spec: ok {number} {each.name}")
    lines.append("pasid-spec: end step 0 in 1.00 s")
    lines += ["pasid-spec: begin vector", "    # Subtest: pasid_vectors"]
    for number, asked in enumerate(of_vectors(kunit.published()), 1):
        if not asked.skipped:
            lines += asked.warnings * [WARNING]
            lines.append(f"        ok {number} {asked.name}")
    lines += ["    ok 1 pv_play", "pasid-spec: end vector 0 in 1.00 s"]
    for stage in ("user", "defect"):
        text = VECTORS[f"{stage}.vectors"]
        if stage == "user":
            text += through.lines_of(kunit.published())
        names = [asked.name for asked in of_text(stage, text)]
        lines.append(f"pasid-spec: begin {stage}")
        lines += [f"pasid-spec: ok {n} {name}" for n, name in enumerate(names, 1)]
        lines.append(f"pasid-spec: end {stage} 0 in 0.10 s")
    lines.append("pasid-spec: begin selftest")
    lines += ["TAP version 13", "ok 1 iommufd.pasid", "ok 2 iommufd.other # SKIP no such variant"]
    lines += ["pasid-spec: end selftest 0 in 0.10 s", "pasid-spec: begin fail-nth"]
    lines += ["ok 1 basic_fail_nth.device", "pasid-spec: end fail-nth 0 in 1.00 s"]
    return [*lines, "pasid-spec: done"]
