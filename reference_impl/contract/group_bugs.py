# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that Linux has had in resets, each made again with a few words: see :mod:`.bugs`."""

from __future__ import annotations

from .bugs import Bug
from .scope import Scope

SCOPE = Scope(devices=2, incapable=0, domains=1, pasids=1, faults=1)
"""In which they are caught."""

BUGS: dict[str, Bug] = {
    bug.id: bug
    for bug in (
        Bug(
            "B22",
            "the end of one device's reset set the domains again on the whole group",
            "1615e8896a8f",
            "7.1, 7.0.10",
            "RST-9",
            "model-group",
            (
                (
                    "                return_dev_pasid(domain, group, dev, pasid)\n",
                    (
                        "                for each in group.devices:\n"
                        "                    return_dev_pasid(domain, group, each, pasid)\n"
                    ),
                ),
            ),
            "recovery",
        ),
        Bug(
            "B24",
            "what must succeed was refused during a reset, and a domain stayed that was freed",
            "5474e6e17a26",
            "7.1, 7.0.10",
            "RID-2",
            "model-group",
            (("if group.recovery_cnt and not must_succeed:", "if group.recovery_cnt:"),),
            "rid",
        ),
        Bug(
            "B25",
            "a reset that began within another one was refused",
            "0d5fd7a9323c",
            "7.1, 7.0.10",
            "RST-3",
            "model-group",
            (
                (
                    "        if dev.reset_depth > 1:\n            return\n",
                    (
                        "        if dev.reset_depth > 1:\n"
                        '            group.warn(f"{dev} is under reset")\n'
                        '            raise OSError(16, "a reset within a reset")\n'
                    ),
                ),
            ),
            "recovery",
        ),
        Bug(
            "B26",
            "the end of a reset crashed in a group without a domain",
            "d769711fcddd",
            "7.1, 7.0.10",
            "INV-9",
            "model-group",
            (
                (
                    "if group.domain not in (None, group.blocking_domain):",
                    "if group.domain is not group.blocking_domain:",
                ),
            ),
            "recovery",
        ),
    )
}
"""By number."""

BEYOND: dict[str, str] = {
    "B27": "references to an mm are not counted, so that nothing goes away with the last one",
    "B39": "what is returned is a bond or an errno, never a null pointer",
}
"""Those that cannot be expressed, and why."""
