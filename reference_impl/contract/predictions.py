# SPDX-License-Identifier: GPL-2.0-only
"""What reading the drivers of Linux predicts, and what running their models says of it.

The numbers are those of the project's collection: DEF-1 and so on are what looked like a defect,
the others are sections on one driver. Each prediction names a clause. One that the clause is broken
has to be found, by the shortest calls that end in the step which was predicted; one that it is kept
needs a step in which that shows, and none that breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from .clause import CLAUSES, Clause, Verdict
from .explorer import explore
from .known import IMPLEMENTATIONS
from .scope import Scope
from .step import Step

CALLS = 4
"""How many calls are made at most."""


def scope(devices: int) -> Scope:
    """The scope of a prediction."""
    return Scope(devices, incapable=0, domains=3, pasids=1, faults=1)


@dataclass(frozen=True)
class Prediction:
    """One.

    Args:
        id: where it stands in the collection.
        driver: of which implementation.
        says: what is predicted, in a sentence.
        clause: the id of the clause that tells.
        verdict: what that clause is predicted to be, ``"broken"`` or ``"held"``.
        shows: whether a step is one in which it shows.
        devices: how many there have to be.
        instead: why it is wrong, if a run says otherwise.
    """

    id: str
    driver: str
    says: str
    clause: str
    verdict: str
    shows: Callable[[Step], bool]
    devices: int = 1
    instead: str = ""


class Said(NamedTuple):
    """What a run says of a prediction."""

    prediction: Prediction
    verdict: str
    steps: tuple[Step, ...]
    """The shortest calls in which it shows, or which refute it."""

    @property
    def found(self) -> bool:
        """Whether it is as predicted."""
        return self.verdict == self.prediction.verdict and bool(self.steps)


def replaces(new: str = "", result: int = 0) -> Callable[[Step], bool]:
    """A replace by a domain of some kind, with this result."""

    def shows(step: Step) -> bool:
        domain = step.specs.get(step.operation.domain or "")
        return (
            step.operation.kind == "replace"
            and step.result == result
            and bool(step.calls)
            and domain is not None
            and domain.kind.startswith(new)
        )

    return shows


def kind(*kinds: str) -> Callable[[Step], bool]:
    """A call of one of these kinds, by a caller that is not wrong about what is attached."""
    return lambda step: step.operation.kind in kinds and not step.misled


def lacking(what: str) -> Callable[[Step], bool]:
    """A step in which this could not be had."""
    return lambda step: ("no", what) in step.events


def unprovoked(step: Step) -> bool:
    """A replace that fails although nothing was made to fail."""
    lacks = any(event[0] in ("no", "no memory") for event in step.events)
    return step.operation.kind == "replace" and step.result != 0 and not lacks


def dead(step: Step) -> bool:
    """A domain is attached whose mm has gone."""
    return any(fact[0] == "dead" for fact in step.notes_before)


PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        "DEF-1",
        "vtd",
        "user data of a nested domain is refused when the old entry has been torn down",
        "DRV-2",
        "broken",
        replaces("nested, bad width", -22),
    ),
    Prediction(
        "DEF-1",
        "vtd-in-place",
        "the driver before looked at it first",
        "DRV-2",
        "held",
        replaces("nested, bad width", -22),
    ),
    Prediction(
        "DEF-2",
        "vtd",
        "a replace takes the device off the fault queue while the old entry is live",
        "VTD-3",
        "broken",
        replaces(),
    ),
    Prediction(
        "DEF-2",
        "vtd",
        "and so nothing is drained when that entry is torn down",
        "VTD-6",
        "broken",
        replaces(),
    ),
    Prediction(
        "DEF-8",
        "vtd",
        "a replace that fails wants to go back on the queue; that may fail, and nobody looks",
        "VTD-11",
        "broken",
        lacking("queue"),
        devices=2,
    ),
    Prediction(
        "DEF-8",
        "vtd",
        "so a later detach counts off what was never counted, with a WARN",
        "VTD-15",
        "broken",
        kind("detach"),
        devices=2,
    ),
    Prediction(
        "3.2",
        "vtd",
        "the new record comes before the old entry is torn down, and the old one goes last",
        "VTD-1",
        "held",
        replaces(),
    ),
    Prediction(
        "3.2",
        "vtd",
        "on neither side of a replace an unmap leaves something cached",
        "VTD-2",
        "held",
        replaces(),
    ),
    Prediction(
        "3.2",
        "vtd",
        "the present bit is cleared first, so that no entry is fetched torn",
        "DRV-11",
        "held",
        replaces(),
    ),
    Prediction(
        "3.2",
        "vtd-in-place",
        "an entry that is rewritten in place may be fetched half old and half new",
        "DRV-11",
        "broken",
        replaces(),
    ),
    Prediction(
        "3.2",
        "vtd",
        "what a crashed kernel left answers EBUSY",
        "VTD-14",
        "held",
        kind("attach"),
    ),
    Prediction(
        "3.2",
        "vtd",
        "an mm that goes leaves a silent entry, and the detach that comes later drains",
        "VTD-7",
        "held",
        kind("mm_release"),
        instead=(
            "the silent bit is set only in an entry that is present, and the present bit is "
            "cleared first since 7.0: the entry is just cleared, and nothing drains later"
        ),
    ),
    Prediction(
        "3.2",
        "vtd",
        "to block always succeeds, and drops all that there is",
        "DRV-6",
        "held",
        kind("detach"),
    ),
    Prediction(
        "3.4",
        "smmuv3",
        "all that can fail is over before the first write to hardware",
        "DRV-2",
        "held",
        lambda step: lacking("record")(step) and step.operation.kind == "replace",
    ),
    Prediction(
        "3.4",
        "smmuv3",
        "a domain of another SMMU answers EINVAL, and that is all it is for",
        "DRV-9",
        "held",
        lambda step: step.result == -22,
    ),
    Prediction(
        "3.4",
        "smmuv3",
        "to block is to clear the descriptor, flush, and drop the record",
        "DRV-13",
        "held",
        kind("detach"),
    ),
    Prediction(
        "3.4",
        "smmuv3",
        "an mm that has gone answers EINVAL, also on the way back from a reset",
        "DRV-4",
        "broken",
        kind("reset_done"),
    ),
    Prediction(
        "3.4",
        "smmuv3",
        "and on the way back from a replace that another device has refused",
        "DRV-5",
        "broken",
        dead,
        devices=2,
    ),
    Prediction(
        "3.3",
        "amd",
        "a domain that is there is never replaced",
        "DRV-1",
        "broken",
        replaces("", -95),
    ),
    Prediction(
        "3.3",
        "amd",
        "what is lacking is said with EINVAL",
        "DRV-9",
        "broken",
        lacking("record"),
    ),
    Prediction(
        "DEF-5a",
        "amd",
        "the end of a reset names the blocked domain as old, and is refused (if DEF-5b lets it)",
        "DRV-4",
        "broken",
        kind("reset_done"),
    ),
    Prediction(
        "DEF-5b",
        "amd",
        "the beginning of a reset frees the table, and then writes to one at address 0",
        "INV-9",
        "broken",
        kind("reset_prepare"),
    ),
    Prediction(
        "3.3",
        "amd",
        "an mm that goes is cleared and forgotten, and a later detach finds nothing",
        "DRV-12",
        "held",
        kind("mm_release"),
    ),
    Prediction(
        "DEF-10",
        "amd",
        "the blocked domain on a PASID that had none follows a null pointer",
        "INV-9",
        "broken",
        kind("attach"),
    ),
    Prediction(
        "3.5",
        "mock",
        "PASID 1024 fails every other time, before anything is changed",
        "DRV-2",
        "held",
        unprovoked,
    ),
)


def ask(predictions: Iterable[Prediction] | None = None) -> list[Said]:
    """Explore the drivers, and say of each prediction, or of these, what was found; in order."""
    numbered = dict(enumerate(PREDICTIONS if predictions is None else predictions))
    said: dict[int, Said] = {}

    def where(number: int) -> tuple[str, int]:
        return numbered[number].driver, numbered[number].devices

    for (driver, devices), numbers in groupby(sorted(numbered, key=where), where):
        wanted = {number: _clauses(numbered[number]) for number in numbers}
        clauses = [clause for pair in wanted.values() for clause in pair]
        findings = explore(
            IMPLEMENTATIONS[driver], scope(devices), _renumbered(clauses), calls=CALLS
        ).findings
        for place, (number, _) in enumerate(wanted.items()):
            breaks, shown = (findings[str(2 * place + each)] for each in (0, 1))
            broken = breaks.verdict == "broken"
            steps = breaks.steps if broken else shown.steps
            said[number] = Said(numbered[number], "broken" if broken else "held", steps)
    return [said[number] for number in numbered]


def _clauses(prediction: Prediction) -> tuple[Clause, Clause]:
    """Two clauses in the place of one: what breaks it as predicted, and what shows it kept."""
    clause = CLAUSES[prediction.clause]

    def breaks(step: Step) -> Verdict:
        verdict = clause.predicate(step)
        asked = prediction.verdict == "held" or prediction.shows(step)
        return verdict if isinstance(verdict, str) and asked else True

    def shown(step: Step) -> Verdict:
        return "as predicted" if clause.predicate(step) is True and prediction.shows(step) else True

    return replace(clause, predicate=breaks), replace(clause, predicate=shown)


def _renumbered(clauses: list[Clause]) -> list[Clause]:
    return [replace(clause, id=str(number)) for number, clause in enumerate(clauses)]
