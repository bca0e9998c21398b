# SPDX-License-Identifier: GPL-2.0-only
"""A step as a link: what the stepper needs to make it again, in words that survive a mail.

``run=p4&scope=2,1,2,2&in=group&call=attach,d0,1,A,new&call=replace,d0,1,B,new,,001`` is: in the
group that a scope of two devices, one incapable, two domains and two PASIDs has, `p4` makes two
calls, and of what may fail in the second the third does.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlencode

from ..contract.clause import CALLS
from ..contract.implementation import Implementation, PythonCore
from ..contract.known import IMPLEMENTATIONS
from ..contract.recorder import Recorder
from ..contract.requests import Request, requests
from ..contract.scope import Scope
from ..contract.setting import EVENTS, NEW, PUBLISHED, STRAY, Operation, Setting
from ..contract.step import RESERVED, Entry, Row, State, Step, Trace
from ..contract.variant import variant

STEPPED = tuple(name for name, each in IMPLEMENTATIONS.items() if "iommufd" not in each.has)
"""The implementations that can be stepped through: what a user of iommufd has made is more than the
words of a link can say."""
HANDLES = {None: "", NEW: "new", PUBLISHED: "old"}
WORDS = {word: handle for handle, word in HANDLES.items()}


class LinkError(ValueError):
    """A link that leads nowhere; the message says why."""


def link(step: Step, clause: str = "", request: Request | None = None) -> str:
    """The link that makes a step again.

    Args:
        step: which.
        clause: the id of one that it breaks, to be pointed at.
        request: a page request to show beside it.

    Returns:
        Nothing, where nobody has kept how the step was made, or where its implementation is not one
        that the stepper can find by name, nor a variant of one.
    """
    if step.origin is None:
        return ""
    implementation, trace = step.origin
    if trace.setting.tables:
        return ""
    named = _named(implementation)
    try:
        begun = _begun(implementation, trace.setting, trace.start)
    except LinkError:
        return ""
    if not named:
        return ""
    calls = [("call", _call(*each)) for each in trace.calls]
    where = [("scope", ",".join(map(str, trace.setting.sizes))), ("in", trace.setting.name)]
    point = [("clause", clause)] if clause else []
    if request:
        point.append(("beside", ",".join(map(str, _moves(request)))))
    return urlencode(
        [*named, *where, *begun, *calls, *point],
        quote_via=quote,
        safe=",",
    )


def opened(text: str) -> tuple[Implementation, Trace]:
    """What a link leads to: the implementation, and the calls to make.

    Raises:
        LinkError: it leads nowhere.
    """
    said = parse_qs(text, keep_blank_values=True, max_num_fields=200)
    implementation = _implementation(said)
    setting, beginning = _setting(implementation, said)
    state = _state(setting, beginning, said)
    calls = tuple(_operation(setting, each) for each in said.get("call", []))
    return implementation, Trace(setting, state, calls)


def beside(text: str, step: Step) -> Request | None:
    """The page request that a link shows beside its last call, if there is one.

    Raises:
        LinkError: there can be no such request.
    """
    wanted = parse_qs(text).get("beside", [""])[0]
    if not wanted:
        return None
    for each in requests(step):
        if ",".join(map(str, _moves(each))) == wanted:
            return each
    raise LinkError(f"beside {step.operation} there can be no page request with moves {wanted!r}")


def _moves(request: Request) -> tuple[str, int, int, int]:
    """Who makes it and when, which says all of it."""
    return request.device, request.raised, request.looked_up, request.handed


def _named(implementation: Implementation) -> list[tuple[str, str]]:
    """Which implementation: one by name, or a variant of one."""
    if IMPLEMENTATIONS.get(implementation.name) == implementation:
        return [("run", implementation.name)]
    changed = implementation.changed if isinstance(implementation, PythonCore) else None
    if changed is None or changed[0] not in IMPLEMENTATIONS:
        return []
    base, of, changes = changed
    texts = [pair for old, new in changes for pair in (("old", old), ("new", new))]
    return [("run", base), *([("of", of)] if of != "core" else []), *texts]


def _implementation(said: dict[str, list[str]]) -> Implementation:
    name = said.get("run", [""])[0]
    if name not in IMPLEMENTATIONS:
        raise LinkError(f"there is no {name!r}; there are {', '.join(IMPLEMENTATIONS)}")
    changes = list(zip(said.get("old", []), said.get("new", []), strict=False))
    if not changes:
        return IMPLEMENTATIONS[name]
    try:
        return variant(name, *changes, name=f"{name}, changed", of=said.get("of", ["core"])[0])
    except (ValueError, AttributeError, SyntaxError) as wrong:
        raise LinkError(f"the change cannot be made: {wrong}") from wrong


def _setting(
    implementation: Implementation, said: dict[str, list[str]]
) -> tuple[Setting, list[State]]:
    """Who is there, and the states that an exploration would start from."""
    try:
        sizes = [int(size) for size in said.get("scope", ["2,0,2,1"])[0].split(",")]
        devices, incapable, domains, pasids = sizes
        scope = Scope(devices, incapable, domains, pasids, 0)
    except ValueError as wrong:
        raise LinkError(f"the scope makes no sense: {wrong}") from wrong
    every = {s.name: (s, starts) for s, starts in settings(implementation, scope)}
    name = said.get("in", [next(iter(every))])[0]
    if name not in every:
        raise LinkError(f"there is no {name!r} in that scope; there are {', '.join(every)}")
    return every[name]


def settings(implementation: Implementation, scope: Scope) -> list[tuple[Setting, list[State]]]:
    """Each setting of a scope, with its beginnings as the implementation's driver notes them."""
    found = []
    for setting, starts in scope.starts(implementation.lacks, implementation.habitat):
        notes = implementation.boot(setting, Recorder(0)).notes()
        found.append((setting, [s if s.notes else s._replace(notes=notes) for s in starts]))
    return found


def _begun(implementation: Implementation, setting: Setting, start: State) -> list[tuple[str, str]]:
    """How it all begins, as far as that is not an empty group."""
    scope = Scope(*setting.sizes, 0)
    every = {s.name: starts for s, starts in settings(implementation, scope)}
    starts = every.get(setting.name, [])
    told: list[tuple[str, str]] = []
    beginnings = [frozenset(s.notes) for s in starts]
    if frozenset(start.notes) not in beginnings:
        raise LinkError("the driver has notes that no exploration begins with")
    number = beginnings.index(frozenset(start.notes))
    if start.rows != starts[number].rows:
        told += [("row", _row(row)) for row in start.rows]
    if start.resetting:
        told.append(("reset", ",".join(start.resetting)))
    if number:
        told.append(("notes", str(number)))
    return told


def _state(
    setting: Setting,
    starts: list[State],
    said: dict[str, list[str]],
) -> State:
    number = said.get("notes", ["0"])[0]
    if not number.isdecimal() or int(number) >= len(starts):
        raise LinkError(f"notes is {number}, but there are {len(starts)} beginnings, from 0 on")
    beginning = starts[int(number)]
    rows = [_read_row(row, setting) for row in said.get("row", [])] or list(beginning.rows)
    if len(rows) != len(setting.pasids):
        raise LinkError(f"{len(rows)} rows are given for {len(setting.pasids)} PASIDs")
    names = [d.name for d in setting.devices]
    reset = tuple(name for name in said.get("reset", [""])[0].split(",") if name)
    if not set(reset) <= set(names):
        raise LinkError(f"reset names {reset}, but there are {names}")
    return State(tuple(rows), reset, beginning.notes)


def _row(row: Row) -> str:
    slot, hardware = row
    said = ["", ""] if slot is None else [str(slot), ""]
    if isinstance(slot, Entry):
        said = [slot.domain, HANDLES[slot.handle]]
    return ",".join([*said, *(name or "" for name in hardware)])


def _read_row(text: str, setting: Setting) -> Row:
    domain, handle, *hardware = [*text.split(","), "", ""][: 2 + len(setting.devices)]
    known = {d.name for d in setting.domains} | {"", RESERVED}
    if not {domain, *hardware} <= known or handle not in WORDS:
        raise LinkError(f"the row {text!r} names what is not there: there are {sorted(known)}")
    hardware += [""] * (len(setting.devices) - len(hardware))
    slot = RESERVED if domain == RESERVED else Entry(domain, WORDS[handle]) if domain else None
    return Row(slot, tuple(name or None for name in hardware))


def _call(operation: Operation, script: tuple[bool, ...]) -> str:
    kind, device, pasid, domain, handle, type_, who = operation
    faults = "".join("01"[fails] for fails in script).rstrip("0")
    said = [kind, device, str(pasid), domain or "", HANDLES[handle], type_ or "", faults, who or ""]
    return ",".join(said).rstrip(",")


def _operation(setting: Setting, text: str) -> tuple[Operation, tuple[bool, ...]]:
    kind, device, pasid, domain, handle, type_, faults, who = [*text.split(","), *[""] * 8][:8]
    domains = {d.name for d in (*setting.domains, *setting.others)} | {""}
    if kind in ("attach", "replace", "detach", "mm_release"):
        domains -= {""}
    devices = {d.name for d in setting.devices} | {STRAY}
    for value, known in (
        (kind, {*CALLS, *EVENTS}),
        (device, devices),
        (domain, domains),
        (handle, WORDS),
    ):
        if value not in known:
            raise LinkError(f"{text!r} names {value!r}; there are {', '.join(sorted(known))}")
    if not pasid.isdecimal() or set(faults) - set("01"):
        raise LinkError(f"{text!r} is not kind,device,PASID,domain,handle,type,faults,who")
    operation = Operation(
        kind, device, int(pasid), domain or None, WORDS[handle], type_ or None, who or None
    )
    return operation, tuple(fails == "1" for fails in faults)
