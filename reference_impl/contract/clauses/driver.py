# SPDX-License-Identifier: GPL-2.0-only
"""DRV: what a driver owes the core when it is asked to set a domain, and the core the driver.

They are judged where a driver is part of the implementation, one call at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBUSY, EINVAL, EOPNOTSUPP
from itertools import chain
from typing import Any, NamedTuple

from ...model.objects import EVERY_PASID, NO_PASID
from ...model.observer import Event
from ..clause import Verdict, clause
from ..step import Call, Step, errno_name
from .checks import old_domain

SET, UNDO, DONE = "__iommu_set_group_pasid()", "iommu_remove_dev_pasid()", "commit c279e83953d9"
OLD_TOLD, REPLACES = "commit b45a3777ceab", "commit 980e3016ebcc"
ALL = "attach replace detach reset_prepare reset_done"


class Asked(NamedTuple):
    """One call of a driver, with what the device's hardware had before and has after it."""

    call: Call
    had: str | None
    has: str | None
    events: tuple[Event, ...]
    """What happened between question and answer."""

    @property
    def told_why(self) -> bool:
        """Whether something was lacking, so that the call may fail."""
        return any(event[0] == "no" for event in self.events)

    @property
    def failed(self) -> bool:
        """Whether there was an error, or no answer at all."""
        return self.call.error != 0

    def __str__(self) -> str:
        device, new, old, *_, error = self.call
        words = f"{device}, asked to set {new} (old: {old or 'none'}), "
        if error is None:
            return f"{words}did not answer"
        return words + (f"answered -{errno_name(error)}" if error else "did")


Reached = dict[str, str | None]
"""What each device reaches with the step's PASID."""

PASID_AT = {"entry": 2, "flush": 2, "zero": 2, "silent": 2, "drain": 2, "record": -1, "tag": -1}
"""The kinds of events that are about one PASID, and where it stands in them."""


def followed(step: Step) -> list[tuple[Any, Reached, str | None]]:
    """Each event of the step's PASID or of none, with what devices reach after it.

    The last is what a device reached until its entry was written.
    """
    known = step.__dict__
    if "_followed" not in known:
        known["_followed"] = list(_followed(step))
    return known["_followed"]  # type: ignore[no-any-return]


def _followed(step: Step) -> Iterator[tuple[Any, Reached, str | None]]:
    pasid = step.operation.pasid
    names = [d.name for d in step.setting.devices]
    reached: Reached = dict(zip(names, step.before.hardware, strict=True))
    event: Any
    for event in step.events:
        was = None
        if (at := PASID_AT.get(event[0])) is not None:
            if event[at] != pasid:
                continue
            if event[0] == "entry":
                was = reached[event[1]]
                reached = {**reached, event[1]: event[3]}
        yield event, reached, was


def driver_calls(step: Step) -> list[Asked]:
    """The calls of drivers on the step's PASID, in order."""
    known = step.__dict__
    if "_asked" not in known:
        known["_asked"] = list(_driver_calls(step))
    return known["_asked"]  # type: ignore[no-any-return]


def _driver_calls(step: Step) -> Iterator[Asked]:
    calls = iter(step.calls)
    call: Call | None = None
    had: str | None = None
    has: str | None = None
    events: list[Event] = []
    for event, reached, _ in chain(followed(step), [(("return",), {}, None)]):
        if event[0] == "call":
            call, events = next(calls), []
            had = reached[call.device]
        elif event[0] == "return" and call:
            if call.pasid == step.operation.pasid:
                yield Asked(call, had, has, tuple(events))
            call = None
        if call:
            events.append(event)
            has = reached[call.device]


def reach(domain: str | None) -> str | None:
    """What DMA reaches where a domain of that name is set."""
    return None if domain == "blocked" else domain


def going_back(step: Step) -> list[Asked]:
    """The calls that bring a device back to the old domain after another device failed."""
    if step.operation.kind != "replace" or step.failed is None:
        return []
    old, undoing = old_domain(step), {*step.undoing}
    return [a for a in driver_calls(step) if a.call in undoing and a.call.domain == old]


@clause(
    "DRV-1",
    "One operation sets a domain, and replaces one",
    since="6.13",
    sources=["MSG-1", "MSG-3", REPLACES, SET],
    on=ALL,
    needs="driver",
)
def sets_or_replaces(step: Step) -> Verdict:
    """When a driver has set a domain, the device reaches it with the PASID, or nothing if that is
    the blocked domain. That another domain is there already is no reason to refuse. Where the mm
    of an SVA domain has gone, there may be nothing to reach."""
    if not driver_calls(step):
        return None
    noted = step.notes_before
    dead = {fact[2] for fact in noted if fact[0] == "dead"}
    for asked in driver_calls(step):
        new, old = asked.call.domain, asked.call.old
        if not asked.failed and asked.has != reach(new) and new not in dead:
            return f"{asked}, and the device reaches {asked.has or 'nothing'}"
        refused = asked.call.error == EOPNOTSUPP or (
            asked.call.error == EBUSY and ("copied", EVERY_PASID, asked.call.device) not in noted
        )
        if old not in (None, "blocked") and refused:
            return f"{asked}: it cannot replace"
    return True


@clause(
    "DRV-2",
    "On error the old configuration stands",
    since="6.13",
    sources=["MSG-3", "MSG-9", REPLACES, SET],
    on=ALL,
    needs="driver",
)
def error_changes_nothing(step: Step) -> Verdict:
    """A driver that answers with an error has left the device with what it had for the PASID, and
    keeps no new note of it. The core relies on it: it does not ask that device again."""
    failed = [asked for asked in driver_calls(step) if asked.call.error]
    for asked in failed:
        if asked.has != asked.had:
            was, now = asked.had or "nothing", asked.has or "nothing"
            return f"{asked}: the device reached {was}, and reaches {now}"
    answers = [(asked.call.device, asked.call.error) for asked in driver_calls(step)]
    done = {device for device, error in answers if not error}
    for asked in failed:
        device = asked.call.device
        for fact in () if device in done else step.notes_after:
            new = fact[1] == asked.call.pasid and device in fact and fact not in step.notes_before
            if new:
                return f"{asked}, and the driver has noted a {fact[0]} of it"
    return True if failed else None


@clause(
    "DRV-3",
    "The old domain that a driver is told is what the device has",
    since="6.13",
    sources=["MSG-2", "MSG-7", "MSG-8", "MSG-9", OLD_TOLD, SET],
    on=ALL,
    needs="driver",
)
def old_is_true(step: Step) -> Verdict:
    """A driver is told no old domain where the PASID had none, and otherwise the one that the
    device has, as far as the core can know: it may have been silenced meanwhile. While a failure
    is undone that is the domain that has just been set."""
    if not driver_calls(step) or step.misled:
        return None
    for asked in driver_calls(step):
        if asked.had not in (None, reach(asked.call.old)):
            return f"{asked}, but it reached {asked.had}"
    return True


@clause(
    "DRV-4",
    "The old domain may be the blocked one",
    since="7.0",
    sources=[DONE, "commit a6dea58d8625", "pci_dev_reset_iommu_done()"],
    on="attach replace detach reset_done",
    needs="resets",
)
def old_may_be_blocked(step: Step) -> Verdict:
    """After a reset a driver is asked to set a domain and told that the blocked domain is the old
    one. It has no records of that, and accepts."""
    told = [a for a in driver_calls(step) if a.call.old == "blocked" != a.call.domain]
    for asked in told:
        if asked.failed and not asked.told_why:
            return str(asked)
    return True if told else None


@clause(
    "DRV-5",
    "A driver accepts going back",
    since="6.15",
    sources=["MSG-9", "commit 8a9e1e773f60", SET],
    on="replace",
    needs="driver",
)
def goes_back(step: Step) -> Verdict:
    """A driver that has just set the new domain may be asked to set the former one again, because
    another device failed. Only a lack of memory excuses it, and the core WARNs of that too
    (`GSP-6`)."""
    for asked in going_back(step):
        if asked.failed and not asked.told_why:
            return str(asked)
    return True if going_back(step) else None


@clause(
    "DRV-6",
    "Blocking cannot fail, and leaves nothing behind",
    since="6.14",
    sources=["MSG-11", "MSG-12", "commit d2f85a263883", "commit 647b7aad1949", UNDO],
    on=ALL,
    needs="driver",
)
def blocks(step: Step) -> Verdict:
    """To set the blocked domain is to detach: it succeeds, also where hardware has been silenced
    already; afterwards the device reaches nothing with the PASID, and the driver has no note of
    the device for it."""
    blocking = [a for a in driver_calls(step) if a.call.domain == "blocked"]
    if not blocking or step.misled:
        return None
    last = {asked.call.device: asked for asked in driver_calls(step)}
    for asked in blocking:
        if asked.failed:
            return str(asked)
        if asked.has is not None:
            return f"{asked}, and the device still reaches {asked.has}"
        device = asked.call.device
        if last[device] is not asked:
            continue
        for fact in step.notes_after:
            if fact[1] == asked.call.pasid and device in fact:
                return f"{asked}, and the driver still has a {fact[0]} of it"
    return True


@clause(
    "DRV-7",
    "A driver is never asked to replace a domain with itself",
    since="6.15",
    sources=["MSG-2", "MSG-4", "commit 8a9e1e773f60", SET],
    on=ALL,
    needs="driver",
)
def never_the_same(step: Step) -> Verdict:
    """The domain to set and the old one always differ, the static blocked domain apart. A driver
    may rely on it: with two records that look the same it would drop the wrong one."""
    for asked in driver_calls(step):
        if asked.call.domain == asked.call.old != "blocked":
            return str(asked)
    return True if driver_calls(step) else None


@clause(
    "DRV-8",
    "The mutex is held, and device and PASID are checked",
    since="6.15",
    sources=["MSG-6", "commit c404f55c26fc", "commit b3f6fcd8404f", SET],
    on=ALL,
    needs="driver",
)
def is_asked_rightly(step: Step) -> Verdict:
    """A driver is asked while the group's mutex is held, about PASIDs only for devices that have
    some, and to set only a PASID that the device can send."""
    held, asked = False, False
    limits = {d.name: d.max_pasids for d in step.setting.devices}
    for event in step.events:
        if event[0] in ("lock", "unlock"):
            held = event[0] == "lock"
        elif event[0] == "call":
            asked, device, domain, pasid = True, str(event[1]), event[2], event[4]
            if not held:
                return f"{device} is asked without the mutex"
            if event[4] == NO_PASID:
                continue
            if not limits.get(device):
                return f"{device} has no PASIDs, and is asked"
            if domain != "blocked" and not 0 < int(str(pasid)) < limits[device]:
                return f"{device} is asked for PASID {pasid}, which it cannot send"
    return True if asked else None


@clause(
    "DRV-9",
    "EINVAL says that the domain does not fit",
    since="6.2",
    sources=["iommufd_device_auto_get_domain()", SET],
    on=ALL,
    needs="driver",
)
def einval_is_soft(step: Step) -> Verdict:
    """`-EINVAL` says that this domain does not fit this device, and a caller may go on to try
    another. What is only lacking at the moment, memory or an id, is said by another errno."""
    failed = [asked for asked in driver_calls(step) if asked.call.error]
    for asked in failed:
        if asked.call.error == EINVAL and [e[0] for e in asked.events] == ["call", "no"]:
            return f"{asked}, and what it lacked was a {asked.events[-1][1]}"
    return True if failed else None


@clause(
    "DRV-10",
    "A driver asks what serves traffic without a PASID",
    since="7.1",
    sources=["commit b296ca1fb43a", "iommu_driver_get_domain_for_dev()"],
    on=ALL,
    needs="RID",
)
def asks_for_rid(step: Step) -> Verdict:
    """What is attached for traffic without a PASID a driver asks the core, which says the blocked
    domain while the device is under reset, whatever the group has."""
    asked = [(str(e[1]), e[2]) for e in step.events if e[0] == "rid"]
    kind = step.operation.kind
    for device, answer in asked:
        blocked = device in step.resetting
        if device == step.operation.device and kind.startswith("reset"):
            blocked = kind == "reset_prepare"
        if (answer == "blocked") != blocked:
            return f"{device} is told {answer}, {'' if blocked else 'not '}under reset"
    return True if asked else None
