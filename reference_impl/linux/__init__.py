# SPDX-License-Identifier: GPL-2.0-only
"""Ask Linux: the same clauses and the same explorer, over the C functions of a kernel tree.

The tree's own code is compiled and run; it is found by name (:mod:`.extract`), in whichever form
the tree has it (:mod:`.signatures`), and run in a process of its own (:mod:`.run`).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .drivers import DRIVERS
from .errors import LinuxError, NotThereError

if TYPE_CHECKING:
    from .machine import Linux

__all__ = ["DRIVERS", "LinuxError", "ask", "ask_all"]


def ask(path: str | Path, sanitize: bool = False, driver: str = "") -> Linux:
    """Take the functions out of a kernel tree and compile them.

    Args:
        path: a tree, or a ``linux-source-*.tar.xz``.
        sanitize: whether AddressSanitizer and UndefinedBehaviorSanitizer watch; such a result runs
            only in a process of its own (:func:`.run.explored`).
        driver: ``"vtd"`` or ``"amd"``: the tree's own driver takes part, and not one of the shim;
            ``"group"``: the group's other calls do.

    Raises:
        NotThereError: the tree has not got the driver, or the group's other calls, in a form that
            is known.
        LinuxError: the tree cannot be asked.
    """
    from . import build, locate, signatures
    from .amd_machine import LinuxAmd
    from .group_machine import LinuxGroup
    from .machine import Linux
    from .vtd_machine import LinuxVtd

    tree = locate.tree_at(Path(path))
    try:
        release = locate.release_of(tree)
        interface = signatures.find(tree, build.given(driver), driver, build.own(driver))
        library = build.build(tree, interface.source, sanitize)
    except LinuxError as error:  # of an archive, what was unpacked is nothing that anybody knows
        raise type(error)(str(error).replace(str(tree), str(path))) from None
    name = "linux-" + ".".join(map(str, release))
    kinds: dict[str, type[Linux]] = {
        "": Linux,
        "vtd": LinuxVtd,
        "amd": LinuxAmd,
        "group": LinuxGroup,
    }
    return kinds[driver](
        f"{name}/{driver}" if driver else name,
        library,
        interface.lacks,
        release,
        interface.said,
        interface.functions,
        build.version_of(build.compiler()),
        sanitize,
    )


def ask_all(path: str | Path) -> list[Linux]:
    """The core of a tree, and with it each thing that can be taken along, if the tree has it.

    Raises:
        LinuxError: the tree cannot be asked.
    """
    found = [ask(path)]
    for driver in ("group", *DRIVERS):
        with suppress(NotThereError):
            found.append(ask(path, driver=driver))
    return found
