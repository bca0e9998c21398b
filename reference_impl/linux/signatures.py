# SPDX-License-Identifier: GPL-2.0-only
"""Which form of the interface a tree has: found from its declarations, not from its version."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from . import amd, group, vtd
from .errors import LinuxError, NotThereError
from .extract import COMMENT, CORE, FILES, Definitions, Extracted, Item, read

ATTACH, REPLACE, DETACH, GET = (
    "iommu_attach_device_pasid",
    "iommu_replace_device_pasid",
    "iommu_detach_device_pasid",
    "iommu_attach_handle_get",
)
LOOK_UP = "iommu_get_domain_for_dev_pasid"
DOMAIN, DEVICE, PASID, HANDLE = (
    "struct iommu_domain *",
    "struct device *",
    "ioasid_t",
    "struct iommu_attach_handle *",
)
FORMS: dict[str, tuple[tuple[str, ...], ...]] = {
    ATTACH: ((DOMAIN, DEVICE, PASID), (DOMAIN, DEVICE, PASID, HANDLE)),
    REPLACE: ((DOMAIN, DEVICE, PASID), (DOMAIN, DEVICE, PASID, HANDLE)),
    DETACH: ((DOMAIN, DEVICE, PASID),),
    GET: (("struct iommu_group *", PASID, "unsigned int"),),
    LOOK_UP: ((DEVICE, PASID, "unsigned int"),),
    "set_dev_pasid": ((DOMAIN, DEVICE, PASID), (DOMAIN, DEVICE, PASID, DOMAIN)),
    "remove_dev_pasid": ((DEVICE, PASID), (DEVICE, PASID, DOMAIN)),
}
"""The forms that the harness knows."""

STRUCTURES = (
    "iommu_group",
    "group_device",
    "iommu_ops",
    "iommu_domain",
    "iommu_domain_ops",
    "iommu_device",
    "dev_iommu",
    "iommu_attach_handle",
)
MEMBERS = {
    "iommu_group": ("devices", "mutex", "pasid_array"),
    "group_device": ("dev", "list"),
    "iommu_domain": ("type", "ops"),
    "dev_iommu": ("iommu_dev", "max_pasids"),
    "iommu_device": ("ops",),
}
"""What the harness needs of the structures that the functions work on."""
TRACE = re.compile(r"\btrace_\w+(?=\()")
TYPES = {
    "paging": "IOMMU_DOMAIN_UNMANAGED",
    "sva": "IOMMU_DOMAIN_SVA",
    "nested": "IOMMU_DOMAIN_NESTED",
    "identity": "IOMMU_DOMAIN_IDENTITY",
    "blocked": "IOMMU_DOMAIN_BLOCKED",
}
TAGS = {"TAG_OF_DOMAIN": "IOMMU_PASID_ARRAY_DOMAIN", "TAG_OF_HANDLE": "IOMMU_PASID_ARRAY_HANDLE"}


SIDES: dict[str, Any] = {"vtd": vtd, "amd": amd, "group": group}
"""What can be taken along with the core: each knows its roots."""


class Taken(NamedTuple):
    """A function that was taken from a tree: which, and by what a later one can be told from it."""

    name: str
    file: str
    parameters: tuple[str, ...]
    """The types of its arguments."""
    digest: str
    """Of its text, however that is spaced and commented."""


def taken(item: Item) -> Taken:
    """What is kept of a function."""
    text = "".join(COMMENT.sub(" ", item.text).split())
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Taken(item.name, item.file, item.parameters, digest)


@dataclass(frozen=True)
class Interface:
    """What was found in a tree, and the C text to compile."""

    source: str
    """The extracted definitions between the configuration and the harness."""
    functions: tuple[Taken, ...]
    """The functions that were taken from the tree."""
    lacks: frozenset[str]
    """``"handles"``, ``"recovery"``, ``"replace"``: see :class:`.Implementation`."""
    said: tuple[str, ...]
    """The form in words, one phrase each."""


def find(
    tree: Path, given: frozenset[str], driver: str = "", own: dict[str, str] | None = None
) -> Interface:
    """Find the interface in a tree, and take the functions out.

    Args:
        tree: the tree.
        given: the names that the shim defines.
        driver: ``"vtd"`` if the tree's own driver takes part, ``"group"`` if the group's other
            calls do.
        own: texts of the shim that are read before the tree's.

    Raises:
        NotThereError: it has not got what is taken along with the core.
        LinuxError: the tree has no such interface, or one of a form that is not known.
    """
    side = SIDES.get(driver)
    texts = read(tree, FILES)
    core = Definitions(texts)
    for name in (ATTACH, DETACH):
        item = core.items.get(name)
        if item is None or (item.kind, item.file) != ("function", CORE):
            raise LinuxError(_missing(tree, name, texts[CORE], core))
    try:
        beside = read(tree, side.FILES if side else ())
    except LinuxError as error:
        raise NotThereError(str(error)) from None
    definitions = Definitions({**(own or {}), **texts, **beside})
    items = definitions.items
    wanted = [f"struct {name}" for name in STRUCTURES] + list(TYPES.values()) + list(TAGS.values())
    roots = [ATTACH, REPLACE, DETACH, GET, LOOK_UP, *wanted]
    if side:
        side.prepare(tree, definitions)
        roots += side.ROOTS
        given -= side.WATCHED
    found = definitions.closure(roots, given)
    if side:
        side.watch(found)

    def function(name: str) -> Item | None:
        item = found.named(name)
        if item and item.kind == "function" and item.parameters not in FORMS[name]:
            raise LinuxError(_unknown(tree, f"{name}()", item.parameters, FORMS[name]))
        return item if item and item.kind == "function" else None

    def operation(structure: str, name: str) -> tuple[str, ...] | None:
        members = items[f"struct {structure}"].members if f"struct {structure}" in items else {}
        form = members.get(name)
        if form is not None and form not in FORMS[name]:
            raise LinuxError(_unknown(tree, f"{structure}.{name}", form, FORMS[name]))
        return form

    attach, replace, get = function(ATTACH), function(REPLACE), function(GET)
    function(DETACH)
    look_up = function(LOOK_UP)
    set_ = operation("iommu_domain_ops", "set_dev_pasid")
    remove = operation("iommu_ops", "remove_dev_pasid")
    if set_ is None or attach is None:
        raise LinuxError(
            f"{tree}: struct iommu_domain_ops of include/linux/iommu.h has no set_dev_pasid, "
            "which a driver needs to attach a PASID"
        )
    for name, needed in MEMBERS.items():
        if f"struct {name}" not in items:
            raise LinuxError(f"{tree} nowhere defines struct {name}, which {ATTACH}() works on")
        has = items[f"struct {name}"].members
        for each in needed:
            if each not in has:
                raise LinuxError(
                    f"{tree}: struct {name} has no {each}, which the harness looks at; "
                    f"it has {', '.join(has)}"
                )
    whole, member = items["struct iommu_group"].members, items["struct group_device"].members
    has_handle = len(attach.parameters) == 4
    lacks = set()
    if not has_handle:
        lacks.add("handles")
    if "recovery_cnt" not in whole or "blocked" not in member:
        lacks.add("recovery")
    if replace is None:
        lacks.add("replace")
    return Interface(
        _source(definitions, found, driver, has_handle, replace, get, look_up, set_, remove),
        tuple(taken(item) for item in found.items if item.kind == "function"),
        frozenset(lacks),
        (
            f"attach {'with' if has_handle else 'without'} a handle",
            "replace" if replace else "no replace",
            "a look-up of handles" if get else "a look-up of domains" if look_up else "no look-up",
            f"set_dev_pasid {'with' if len(set_) == 4 else 'without'} the old domain",
            f"remove_dev_pasid {'with' if len(remove) == 3 else 'without'} the domain"
            if remove
            else "detach by the blocked domain",
            "no recovery from resets" if "recovery" in lacks else "recovery from resets",
        ),
    )


def _source(
    definitions: Definitions,
    found: Extracted,
    driver: str,
    has_handle: bool,
    replace: Item | None,
    get: Item | None,
    look_up: Item | None,
    set_: tuple[str, ...],
    remove: tuple[str, ...] | None,
) -> str:
    """The configuration of the harness, and the extracted definitions."""
    settings: dict[str, int | str] = {
        "ATTACH_HANDLE": int(has_handle),
        "SET_DEV_PASID_OLD": int(len(set_) == 4),
        "REMOVE_DEV_PASID": len(remove or ()),
        "REPLACE_HANDLE": int(replace is not None and len(replace.parameters) == 4),
    }
    for macro, item in (
        ("HAS_REPLACE", replace),
        ("HAS_HANDLE_GET", get),
        ("HAS_DOMAIN_GET", look_up),
    ):
        if item:
            settings[macro] = 1
    for name in STRUCTURES:
        item = definitions.items.get(f"struct {name}")
        if item:
            settings[f"HAS_struct_{name}"] = 1
            settings |= {f"HAS_{name}_{member}": 1 for member in item.members}
    if driver:
        settings |= SIDES[driver].settings(found)
    source = found.source()
    lines = [f"#define {name} {value}" for name, value in settings.items()]
    traces = sorted(set(TRACE.findall(source)) - definitions.items.keys())
    lines += [f"#define {name}(...) do {{}} while (0)" for name in traces]
    tags = [
        f"#define {name} {constant if constant in definitions.items else 0}"
        for name, constant in TAGS.items()
    ]
    if "struct iommu_attach_handle" not in definitions.items:
        tags.append("struct iommu_attach_handle { struct iommu_domain *domain; };")
    values = ", ".join(
        constant if constant in definitions.items else str(0x10000 + number)
        for number, constant in enumerate(TYPES.values())
    )
    return "\n".join(
        [
            *lines,
            '#include "prelude.h"',
            f'#include "{driver}_prelude.h"' if driver else "",
            source,
            '#line 1 "what the harness needs"',
            *tags,
            f"const unsigned int shim_types[] = {{ {values} }};",
            f'#define SHIM_DRIVER "{driver or "simple"}.c"',
            '#include "harness.c"',
            "",
        ]
    )


def _missing(tree: Path, name: str, text: str, definitions: Definitions) -> str:
    """Why a function that must be there is not."""
    if f"{name}(" in text:
        return (
            f"{tree / CORE} names {name}(), but no definition of it can be read; "
            "is there a syntax error before it?"
        )
    close = sorted(
        other
        for other, item in definitions.items.items()
        if item.kind == "function" and item.file == CORE and "pasid" in other
    )
    seen = (
        f"of the functions with pasid in their name it has {', '.join(close[:4])}"
        if close
        else ("none of its functions has pasid in its name")
    )
    return f"{tree / CORE} has no {name}(), which Linux has since 6.2; {seen}"


def _unknown(
    tree: Path, what: str, form: tuple[str, ...], known: tuple[tuple[str, ...], ...]
) -> str:
    forms = " or ".join(f"({', '.join(each)})" for each in known)
    return f"{tree}: {what} takes ({', '.join(form)}); known is {forms}"
