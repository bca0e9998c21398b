# SPDX-License-Identifier: GPL-2.0-only
"""Follow Linux: keep what each kernel answered, and say of a new one only what has changed.

Of the functions nothing is kept but where each is, the types of its arguments, and a digest by
which a later one can be seen to differ.
"""

from __future__ import annotations

import datetime
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..contract import CLAUSES, Differences, Exploration, Step
from .errors import LinuxError
from .machine import Linux

FILE = Path(__file__).resolve().parents[2] / "spec" / "data" / "linux.json"
"""Where the answers are kept that the site shows; only a checkout has it."""
PACKAGE = re.compile(r"linux-source-[\d.]+_([^/]+)")
Answer = dict[str, Any]


def answer(
    linuxes: Sequence[Linux], path: Path, seen: Exploration, same: Differences | None
) -> Answer:
    """What one kernel answered, as it is kept; with a driver, also in which scope.

    Args:
        linuxes: the kernel's functions; with the group's other calls, those last.
        path: where it was found; Debian's version of the package stands in it, or does not.
        seen: its exploration.
        same: how it compares with the model, if it was compared.
    """
    verdicts: dict[str, Any] = {}
    for id, finding in seen.findings.items():
        cell: dict[str, Any] = {"verdict": finding.verdict}
        if finding.reason:
            cell["reason"] = finding.reason
        if finding.steps:
            cell["calls"] = [called(step) for step in finding.steps]
        verdicts[id] = cell
    how: dict[str, Any] = {
        "interface": list(linuxes[0].said),
        "compiler": linuxes[0].compiler,
        "recorded": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "functions": {
            each.name: [each.file, list(each.parameters), each.digest]
            for linux in linuxes
            for each in linux.functions
        },
    }
    if "/" in linuxes[0].name:
        how["scope"] = str(seen.scope)
    if package := PACKAGE.search(str(path)):
        how["package"] = package[1]
    if same:
        how["compared"] = {"steps": same.steps, "different": same.different}
    return {"how": how, "verdicts": verdicts, "scope": seen.scope.to_json()}


def called(step: Step) -> str:
    """One call of a trace, in a few words."""
    operation = step.operation
    return f"{operation.kind}({operation.domain or ''}, PASID {operation.pasid}): {step.result}"


def read(file: Path) -> Any:
    """The answers that are kept; none where there is no file yet.

    Raises:
        LinuxError: the file cannot be read, or holds something else.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data["implementations"], dict) or not isinstance(data["how"], dict):
            raise TypeError
    except FileNotFoundError:
        return {"scope": {}, "implementations": {}, "how": {}}
    except OSError as error:
        raise LinuxError(f"{file} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError):
        raise LinuxError(f"{file} holds no answers of kernels; name another file") from None
    return data


def write(file: Path, data: Any) -> None:
    """Keep the answers; the file is whole at every moment.

    Raises:
        LinuxError: it cannot be written.
    """
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    try:
        with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
            new = Path(scratch) / file.name
            new.write_text(text, encoding="utf-8")
            new.replace(file)
    except OSError as error:
        raise LinuxError(f"{file} cannot be written ({error.strerror})") from None


def put(data: Any, release: str, answered: Answer) -> None:
    """Keep one kernel's answer among the others, in the order of their releases."""
    if "/" not in release:
        data["scope"] = answered["scope"]
    for part, what in (("implementations", "verdicts"), ("how", "how")):
        data[part] = dict(
            sorted(
                {**data[part], release: answered[what]}.items(),
                key=lambda kv: ("/" in kv[0], number(kv[0])),
            )
        )


def number(release: str) -> tuple[int, ...]:
    """A release as something that can be ordered."""
    return tuple(int(part) for part in re.findall(r"\d+", release))


def before(data: Any, release: str) -> str | None:
    """The release to compare with: the same one if it is kept, else the newest that is older."""
    if release in data["implementations"]:
        return release
    driver = release.partition("/")[2]
    same = [r for r in data["implementations"] if r.partition("/")[2] == driver]
    older = [r for r in same if number(r) < number(release)]
    return max(older, key=number, default=None)


def news(data: Any, older: str, answered: Answer) -> list[tuple[str, str]]:
    """What is not as it was: pairs of what kind of news, and a sentence.

    The kinds are ``"lost"``, ``"gained"``, ``"applicable"``, ``"gone"``, ``"reason"``,
    ``"interface"`` and ``"function"``.
    """
    found: list[tuple[str, str]] = []
    was = data["implementations"][older]
    for id, cell in answered["verdicts"].items():
        old, new = was.get(id, {}).get("verdict"), cell["verdict"]
        title = CLAUSES[id].title if id in CLAUSES else ""
        say = f"{id} {title}"
        if old != new:
            kind = {"broken": "lost", "held": "gained" if old == "broken" else "applicable"}
            found.append((kind.get(new, "gone"), f"{say}: {new}, was {old or 'not asked'}"))
        elif new == "broken" and cell["reason"] != was[id]["reason"]:
            found.append(("reason", f"{say}: {cell['reason']}"))
    found += [
        ("gone", f"{id}: was {cell['verdict']}, and is no clause any more")
        for id, cell in was.items()
        if id not in answered["verdicts"]
    ]
    how, new_how = data["how"][older], answered["how"]
    for phrase in new_how["interface"]:
        if phrase not in how["interface"]:
            found.append(("interface", phrase))
    return found + [("function", each) for each in _moved(how.get("functions"), new_how)]


def _moved(was: dict[str, Any] | None, how: dict[str, Any]) -> list[str]:
    """The functions that came, went, moved, or are another inside."""
    if was is None:
        return []
    found = []
    for name, (file, types, digest) in how["functions"].items():
        if name not in was:
            found.append(f"{name}() came, in {file}")
            continue
        old_file, old_types, old_digest = was[name]
        if file != old_file:
            found.append(f"{name}() moved from {old_file} to {file}")
        if types != old_types:
            found.append(f"{name}() takes ({', '.join(types)}), took ({', '.join(old_types)})")
        elif digest != old_digest:
            found.append(f"{name}() is another inside")
    return found + [f"{name}() went" for name in was if name not in how["functions"]]
