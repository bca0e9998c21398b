# SPDX-License-Identifier: GPL-2.0-only
"""What ``pasid-spec boot`` prints."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import indent

import click

from ..boot.report import NOT_RUN, Boot, Report
from ..contract import CLAUSES
from . import printed

LEVELS = {
    "step": "steps inside the kernel",
    "vector": "vectors inside the kernel",
    "user": "calls through /dev/iommu",
    "selftest": "the kernel's own tests",
    "defect": "known defects that show",
}
STYLES = {
    "same": "green",
    "breaks": "yellow",
    "differs": "bold red",
    NOT_RUN: "bold red",
    "skipped": "yellow",
}
UNSAID = {
    "hidden": "A driver cannot see whether these hold",
    "no-vector": "No vector in a kernel is about these",
}
MOST = 10
"""How many vectors of a level are shown that are not as they should be."""
EVERY = 30
"""After how many seconds a line is printed where there is no terminal."""


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on a terminal that changes, and elsewhere one now and then."""
    start = time.monotonic()
    if sys.stderr.isatty():
        with printed.console(stderr=True).status("") as status:
            yield lambda line: status.update(f"{line} ({time.monotonic() - start:.0f} s)")
        return
    last = float(-EVERY)

    def told(line: str) -> None:
        nonlocal last
        now = time.monotonic() - start
        if now - last >= EVERY or " files, " not in line:
            last = now
            click.echo(f"{now:4.0f} s  {line}", err=True)

    yield told


@contextmanager
def ended_like_by_ctrl_c() -> Iterator[None]:
    """A SIGTERM, as ``timeout`` sends it, ends compilers and emulators too, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say_report(report: Report) -> None:
    """Every clause with its verdict; then each boot, and what was not as it should be."""
    printed.say((f"Linux {report.release}, booted", "bold"))
    printed.say(f"Compiled by {report.compiler}; run by {report.qemu}")
    printed.say()
    for id, found in report.clauses().items():
        verdict = found["verdict"]
        if verdict in UNSAID:
            continue
        style = "green" if verdict == "held" else "bold red"
        said = printed.count(found["same"] + found["differs"] + found["not_run"], "vector")
        said += f", {found['differs']} differ" if found["differs"] else ""
        said += f", {found['not_run']} not run" if found["not_run"] else ""
        said = found.get("reason", said)
        word = printed.words(verdict)
        printed.say(f"{id:8}", (f"{word:16}", style), f"{CLAUSES[id].title} ({said})")
    for verdict, words in UNSAID.items():
        these = [id for id, found in report.clauses().items() if found["verdict"] == verdict]
        if these:
            printed.say(printed.paragraph(f"{words}: {', '.join(these)}"))
    for boot in report.boots:
        printed.say()
        say_boot(boot)
    for why, number in report.left_out.items():
        printed.say(f"Not made: {printed.count(number, 'step')}, as {why}")


def say_boot(boot: Boot) -> None:
    """One boot: how many vectors of each level came out how, and those that differ."""
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in boot.seconds.items())
    printed.say((f"The {boot.build} build", "bold"), f" ({took})" if took else "")
    if boot.failure:
        printed.say((f"  {boot.failure}", "bold red"))
        printed.say(indent("\n".join(boot.log), "    "))
    for level, words in LEVELS.items():
        counts = [(boot.count(v, level), v) for v in STYLES if boot.count(v, level)]
        if counts:
            parts = [(f"{number} {verdict}  ", STYLES[verdict]) for number, verdict in counts]
            printed.say(f"  {words:26}", *parts)
        shown = ("breaks", "differs", NOT_RUN)
        wrong = [r for r in boot.results if r.level == level and r.verdict in shown]
        for each in wrong[:MOST]:
            printed.say(("    " + each.name, STYLES[each.verdict]))
            for line in each.why:
                printed.say(f"      {line}")
        if len(wrong) > MOST:
            printed.say(f"    and {len(wrong) - MOST} more; --json has them all")
    for note in boot.notes:
        printed.say(f"  {note}")
