# SPDX-License-Identifier: GPL-2.0-only
"""What is printed: for people, and with ``--json`` for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..contract import CLAUSES, Clause, Differences, Exploration, Finding, Scope
from ..contract.clause import CALLS
from ..contract.meanwhile import PageRequests
from ..contract.setting import IOMMUFD
from ..present import story
from ..present.tables import SYMBOLS

if TYPE_CHECKING:
    from ..linux.machine import Linux

COLOURS = {"held": "green", "broken": "bold red", "not-applicable": "yellow", "not-promised": "dim"}
PLAIN_SYMBOLS = {"held": "+", "broken": "X", "not-applicable": "-", "not-promised": "."}
NOT_APPLICABLE = "no step in this scope is about it"


def console(stderr: bool = False) -> Console:
    """A terminal; plain if it is none, or if nobody wants colours."""
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(stderr=stderr, color_system=colours, markup=False, emoji=False, highlight=False)


def say(*parts: str | tuple[str, str]) -> None:
    """Print a line, of which some parts have a style."""
    console().print(Text.assemble(*parts), soft_wrap=True)


def data(value: object) -> None:
    """Print one JSON object, and nothing else."""
    click.echo(json.dumps(value))


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere. Gives what :func:`.explorer.explore` calls."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn(name),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} known states"),
        TextColumn("{task.fields[steps]:,} steps"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1, steps=0)
        yield lambda done, known, steps: bar.update(task, completed=done, total=known, steps=steps)


@contextmanager
def parts(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar of parts that are done, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.completed} of {task.total} parts"))
    with Progress(*columns, TimeElapsedColumn(), console=console(stderr=True), transient=True) as b:
        task = b.add_task(name, total=None)
        yield lambda done, every: b.update(task, completed=done, total=every)


# What an exploration found


def reason(finding: Finding) -> str:
    """Why the verdict is not that it holds."""
    return NOT_APPLICABLE if finding.verdict == "not-applicable" else finding.reason


def findings(seen: Exploration, linux: dict[str, Any] | None = None) -> dict[str, object]:
    """The object that ``check --json`` prints; *linux* is :func:`about_linux` of a tree."""
    clauses = {
        id: {
            "verdict": finding.verdict,
            "reason": reason(finding),
            "trace": [step.to_json() for step in finding.steps],
        }
        for id, finding in seen.findings.items()
    }
    return {
        "implementation": seen.implementation,
        "scope": seen.scope.to_json(),
        "clauses": clauses,
        **({"linux": {**linux, "not_yet_promised": not_yet(seen)}} if linux else {}),
    }


def not_yet(seen: Exploration) -> list[str]:
    """The clauses that a kernel's release does not promise, and that would be broken there."""
    return [id for id, f in seen.findings.items() if not f.promised and f.broken]


def about_linux(linuxes: list[Linux], left_out: str = "") -> dict[str, Any]:
    """What was asked: plain data about a tree.

    Args:
        linuxes: its functions; with the group's other calls, those last.
        left_out: why these were not asked, if there was a reason.
    """
    linux = linuxes[0]
    return {
        "release": ".".join(map(str, linux.release)),
        "interface": list(linux.said),
        "functions": [*dict.fromkeys(f.name for each in linuxes for f in each.functions)],
        "left_out": left_out,
        "compiler": linux.compiler,
        "sanitized": linux.sanitized,
    }


def say_linux(about: dict[str, Any]) -> None:
    """What was asked: which functions of which release, and in which form they are there."""
    say((f"Linux {about['release']}: {', '.join(about['interface'])}", "bold"))
    say(paragraph(f"Taken from the tree: {', '.join(f'{f}()' for f in about['functions'])}"))
    if about["left_out"]:
        say_left_out(about["left_out"])
    say(f"Compiled by {about['compiler']}{', with sanitizers' if about['sanitized'] else ''}")
    say()


def say_left_out(why: str) -> None:
    """Why the group's other calls were not asked."""
    say(paragraph(f"Left out are the group's other calls: {why}"))


def comparison(found: Differences) -> dict[str, object]:
    """The object that ``compare --json`` prints."""
    return {
        "one": found.one,
        "other": found.other,
        "scope": found.scope.to_json(),
        "states": found.states,
        "steps": found.steps,
        "different": found.different,
        "first": [step.to_json() for step in found.first or ()],
    }


def say_comparison(found: Differences, seconds: float) -> None:
    """How many steps differ, and the first of them as each side makes it."""
    say(f"{found!r}, in {seconds:.1f} s")
    for name, step in zip((found.one, found.other), found.first or (), strict=False):
        say()
        say((f"{name}: {step.operation} = {step.outcome}", "bold"))
        before = step.to_json()["before"]
        say(
            f"  before: {json.dumps(before)}"
            + (f" in reset: {step.resetting}" * bool(step.resetting))
        )
        for event in step.events:
            say(f"  {' '.join('none' if part is None else str(part) for part in event)}")
        say(f"  after: {json.dumps(step.to_json()['after'])}")


NEWS = {
    "lost": "Broken now",
    "gained": "Held now",
    "applicable": "Asked for the first time, and held",
    "gone": "Not asked any more, or not promised",
    "reason": "Broken as before, in another way",
    "interface": "Of the interface",
    "function": "Of the functions",
}


def say_news(
    release: str, older: str | None, found: list[tuple[str, str]], seen: Exploration
) -> None:
    """What has changed since another kernel, most important first."""
    counts = ", ".join(f"{len(seen.with_verdict(v))} {v}" for v in COLOURS if seen.with_verdict(v))
    say((f"Linux {release}: {counts}", "bold"))
    if older is None:
        say("No older kernel's answer is kept, so there is nothing to compare with.")
    elif not found:
        say(f"As {'it was kept' if older == release else older}: nothing has changed.")
    else:
        say(f"Since {'it was kept' if older == release else older}:")
    for kind, title in NEWS.items():
        lines = [sentence for of, sentence in found if of == kind]
        if lines:
            say()
            say((title, COLOURS["broken" if kind == "lost" else "held"]))
            for line in lines:
                say(f"  {line}")


def say_campaign(found: dict[str, Any], scope: Scope, seconds: float) -> None:
    """What all parts of a campaign found together."""
    by_verdict: dict[str, list[str]] = {verdict: [] for verdict in COLOURS}
    for id, cell in found["clauses"].items():
        by_verdict[cell["verdict"]].append(id)
    for id in by_verdict["broken"]:
        cell = found["clauses"][id]
        say((f"{id} {CLAUSES[id].title}", COLOURS["broken"]), f": {cell['reason']}")
        for step in cell["trace"]:
            call, result = step["operation"], step["result"]
            say(f"  {call['kind']}({call.get('domain', '')}, PASID {call['pasid']}): {result}")
    counts = ", ".join(
        f"{len(ids)} {verdict.replace('-', ' ')}" for verdict, ids in by_verdict.items() if ids
    )
    say(f"{found['implementation']}: {counts}")
    say(f"scope: {scope}, up to {found['calls']} calls")
    say(f"{found['shards']:,} parts, {found['steps']:,} steps, in {seconds:.1f} s")


def sizes(seen: Exploration, seconds: float) -> dict[str, object]:
    """The object that ``explore --json`` prints."""
    return {
        "implementation": seen.implementation,
        "scope": seen.scope.to_json(),
        "states": seen.states,
        "steps": seen.steps,
        "different": seen.different,
        "seconds": round(seconds, 3),
        "verdicts": {verdict: len(seen.with_verdict(verdict)) for verdict in COLOURS},
    }


def beside(found: PageRequests, seen: Exploration, seconds: float) -> dict[str, object]:
    """The object that ``requests --json`` prints."""
    return {
        "implementation": found.implementation,
        "scope": found.scope.to_json(),
        "operations": found.operations,
        "interleavings": found.interleavings,
        "fates": found.fates,
        "seconds": round(seconds, 3),
        "clauses": findings(seen)["clauses"],
    }


def verdicts(seen: Iterable[Exploration]) -> dict[str, object]:
    """The object that ``matrix --json`` prints."""
    return {
        "implementations": {
            each.implementation: {
                id: {"verdict": finding.verdict} for id, finding in each.findings.items()
            }
            for each in seen
        }
    }


def say_findings(seen: Exploration) -> None:
    """Every clause with its verdict; then those that are broken, each with why and how.

    Whole families that are not promised, such as those about a driver's own records, take one line.
    """
    silent: dict[str, list[Finding]] = {}
    for finding in seen.findings.values():
        silent.setdefault(finding.clause.family, []).append(finding)
    silent = {k: v for k, v in silent.items() if all(not each.promised for each in v)}
    for id, finding in seen.findings.items():
        family = finding.clause.family
        if family in silent:
            if finding is silent[family][0]:
                every = f"all {len(silent[family])} ({reason(finding)})"
                say(f"{family:8}", (f"{'not promised':16}", COLOURS["not-promised"]), every)
            continue
        why = f" ({reason(finding)})" if finding.verdict.startswith("not") else ""
        verdict = finding.verdict
        say(f"{id:8}", (f"{words(verdict):16}", COLOURS[verdict]), finding.clause.title, why)
    for id in seen.with_verdict("broken"):
        say_counterexample(seen.findings[id])


def say_counterexample(finding: Finding) -> None:
    """One broken clause: what it says, and the fewest calls that break it."""
    say()
    say((f"{finding.clause.id} is broken: {finding.clause.title}", COLOURS["broken"]))
    say(paragraph(finding.clause.statement))
    say((f"The shortest way there, {count(len(finding.steps), 'call')}:", "bold"))
    say(indent(repr(story(finding)), "  "))


def say_summary(seen: Exploration, seconds: float) -> None:
    """What was explored, how large it was, and how it came out."""
    say(f"{seen!r}, in {seconds:.1f} s")


def say_missed(seen: Exploration) -> None:
    """The clauses that nothing in the scope was about."""
    if missed := seen.with_verdict("not-applicable"):
        say((f"Not checked, as {NOT_APPLICABLE}: {', '.join(missed)}", COLOURS["not-applicable"]))


def say_matrix(seen: list[Exploration]) -> None:
    """Clauses against implementations; the name of each stands above its column."""
    marks = SYMBOLS if console().encoding.startswith("utf") else PLAIN_SYMBOLS
    for column, each in enumerate(seen):
        say(f"{'' if column else 'clause':8}{'|  ' * column}", (each.implementation, "bold"))
    for id, clause in CLAUSES.items():
        row = [each.findings[id].verdict for each in seen]
        say(f"{id:8}", *((f"{marks[v]}  ", COLOURS[v]) for v in row), clause.title)
    say(", ".join(f"{mark} {words(verdict)}" for verdict, mark in marks.items()))


# What a clause or an errno is


def checked_by(clause: Clause) -> str:
    """Where the predicate is: file and function."""
    return f"{clause.predicate.__module__.replace('.', '/')}.py:{clause.predicate.__name__}"


def about(found: Clause | str) -> dict[str, Any]:
    """The object that ``explain --json`` prints."""
    return about_clause(found) if isinstance(found, Clause) else about_errno(found)


def about_clause(clause: Clause) -> dict[str, Any]:
    """A clause as plain data."""
    return {
        "clause": clause.id,
        "title": clause.title,
        "statement": clause.statement,
        "since": clause.since,
        "on": list(clause.on),
        "refuses": clause.refuses,
        "needs": clause.needs,
        "sources": list(clause.sources),
        "checked_by": checked_by(clause),
    }


def say_clause(clause: Clause) -> None:
    """A clause, its sources, and where it is checked."""
    say((f"{clause.id}: {clause.title}", "bold"))
    say()
    say(paragraph(clause.statement))
    say()
    say(f"since       Linux {clause.since}")
    say(f"about       {', '.join(clause.on)}")
    if clause.refuses:
        say(f"answers     -{clause.refuses}")
    if clause.needs:
        say(f"only for    implementations that have {clause.needs}")
    say(f"sources     {', '.join(clause.sources)}")
    say(f"checked by  {checked_by(clause)}")


def about_errno(name: str) -> dict[str, Any]:
    """An errno, and in which calls, at which place of their checks, who refuses with it."""
    refusals = []
    for call in (*CALLS, *IOMMUFD):
        checks = [clause for clause in CLAUSES.values() if clause.refuses and call in clause.on]
        for number, clause in enumerate(checks, 1):
            if clause.refuses == name:
                place = {"check": number, "of": len(checks)}
                refusals.append({"call": call, "clause": clause.id, "title": clause.title, **place})
    named_in = [
        clause.id
        for clause in CLAUSES.values()
        if f"`-{name}`" in clause.statement and clause.refuses != name
    ]
    return {
        "errno": name,
        "number": getattr(errno, name),
        "refusals": refusals,
        "named_in": named_in,
    }


def say_errno(name: str) -> None:
    """Which calls give an errno, and when."""
    found = about_errno(name)
    say((f"{name} ({found['number']})", "bold"))
    say()
    width = max((len(each["call"]) for each in found["refusals"]), default=0) + 2
    for each in found["refusals"]:
        place = f"check {each['check']} of {each['of']}"
        say(f"{each['call']:{width}}{place:15}{each['clause']:8}{each['title']}")
    if not found["refusals"]:
        say("No clause refuses a call with it.")
    for id in found["named_in"]:
        say(f"See also {id}: {CLAUSES[id].title}.")
    say("A driver may give any errno; attach and replace pass the first one on (GSP-2).")


# Words


def words(verdict: str) -> str:
    """A verdict in words."""
    return verdict.replace("-", " ")


def count(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def paragraph(text: str) -> str:
    """Text in lines that fit."""
    return fill(text, min(console().width, 100), break_on_hyphens=False, break_long_words=False)
