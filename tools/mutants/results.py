# SPDX-License-Identifier: GPL-2.0-only
"""What was found, as it is kept in spec/data/mutants.json, and what is to be said of it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "spec" / "data" / "mutants.json"
REASONS = Path(__file__).parent / "reasons.toml"
COUNTS = "counts"
"""In place of clauses: every verdict is the same, but not how many states or steps there are."""
CLAUSE = re.compile(r"[A-Z]+-\d+")
BARS = {"notebooks": 90, "clauses": 95, "together": 98}
"""How many of a hundred mutants of model/core.py that are no equivalents have to be noticed."""


class Row:
    """The mutants of one module.

    Args:
        module: its file.
        data: what is kept: which mutants, and who has noticed each.
        reasons: why some are not noticed, from reasons.toml; in a key of it ``*`` is any text.
    """

    def __init__(self, module: str, data: dict[str, Any], reasons: dict[str, Any]) -> None:
        self.module = module
        self.data = data
        self.same = self._known(reasons.get("same", {}))
        """Those that do what the original does, and why that is so."""
        self.left = self._known(reasons.get("left", {}))
        """Those that do something else, and why that is left so where somebody misses it."""

    def _known(self, reasons: dict[str, str]) -> dict[str, str]:
        return {key: why for like, why in reversed(reasons.items()) for key in self.like(like)}

    def like(self, pattern: str) -> list[str]:
        """The mutants that a reason is about."""
        known = re.compile(".*".join(map(re.escape, pattern.split("*"))))
        return [key for key in self.mutants if known.fullmatch(key)]

    @property
    def mutants(self) -> dict[str, dict[str, Any]]:
        """Of each mutant, by which suite it is noticed and how."""
        found: dict[str, dict[str, Any]] = self.data["mutants"]
        return found

    @property
    def asked(self) -> dict[str, int]:
        """The suites that were asked, and of each how many mutants it was given: each n-th."""
        suites: dict[str, int] = self.data["asked"]
        return suites

    def answered(self, suite: str, every: int, said: dict[str, Any]) -> None:
        """Take the answers of a suite."""
        self.asked[suite] = every
        for key, found in self.mutants.items():
            found.pop(suite, None)
            if key in said:
                found[suite] = said[key]

    def noticed(self, key: str, suite: str) -> bool:
        """Whether a suite notices; ``"together"``: whether any does."""
        if suite == "together":
            return any(self.noticed(key, each) for each in self.asked)
        return bool(self.mutants[key].get(suite, [COUNTS]) != [COUNTS])

    def different(self, suite: str = "together") -> list[str]:
        """The mutants that are no equivalents, of those that a suite was given."""
        given = list(self.mutants)[:: self.asked.get(suite, min(self.asked.values(), default=1))]
        return [key for key in given if key not in self.same]

    def missed(self, suite: str) -> list[str]:
        """Those of them that a suite does not notice."""
        return [key for key in self.different(suite) if not self.noticed(key, suite)]

    def share(self, suite: str) -> float:
        """How many of a hundred of them a suite notices."""
        given = self.different(suite)
        return 100 - 100 * len(self.missed(suite)) / len(given) if given else 0.0

    def only(self) -> dict[str, list[str]]:
        """Of each clause, the mutants that no other clause notices."""
        found: dict[str, list[str]] = {}
        for key, said in self.mutants.items():
            clauses = said.get("clauses", [])
            if len(clauses) == 1 and CLAUSE.fullmatch(clauses[0]):  # it may have crashed, too
                found.setdefault(clauses[0], []).append(key)
        return found

    def __str__(self) -> str:
        shares = ", ".join(f"{s} {self.share(s):.1f} %" for s in (*self.asked, "together"))
        missed = self.missed("together")
        open_ = sum(key not in self.left for key in missed)
        return (
            f"{self.module}: {len(self.mutants)} mutants, {len(self.same)} of them equivalent; "
            f"noticed by {shares}; {len(missed)} by none, {open_} of them without a reason"
        )


class Results:
    """Every module that was asked about.

    Args:
        kept: what is in mutants.json.
        reasons: what is in reasons.toml.
    """

    def __init__(self, kept: dict[str, Any], reasons: dict[str, Any]) -> None:
        self._reasons = reasons
        self.clauses: dict[str, str] = reasons.get("clauses", {})
        """Why a clause that notices no mutant alone stands for itself."""
        self.rows = {m: Row(m, data, self.reasons(m)) for m, data in kept.items()}

    def reasons(self, module: str) -> dict[str, dict[str, str]]:
        """What is known of a module's mutants, and then what is known of any."""
        own, every = self._reasons.get(module, {}), self._reasons.get("every module", {})
        return {kind: own.get(kind, {}) | every.get(kind, {}) for kind in ("same", "left")}

    @classmethod
    def read(cls) -> Results:
        """What is kept."""
        kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        return cls(kept, tomllib.loads(REASONS.read_text(encoding="utf-8")))

    def begin(self, module: str, keys: list[str]) -> Row:
        """The row of a module; what is kept of other mutants than these is dropped."""
        kept = self.rows[module].data if module in self.rows else {}
        if list(kept.get("mutants", ())) != keys:
            kept = {"mutants": {key: {} for key in keys}}
        data = {"on": "", "asked": {}, **kept}
        self.rows[module] = Row(module, data, self.reasons(module))
        return self.rows[module]

    def only(self) -> dict[str, list[tuple[str, str]]]:
        """Of each clause, the mutants that it alone notices: where, and which."""
        found: dict[str, list[tuple[str, str]]] = {}
        for module, row in self.rows.items():
            for clause, keys in row.only().items():
                found.setdefault(clause, []).extend((module, key) for key in keys)
        return dict(sorted(found.items()))

    def beside(self) -> dict[str, list[set[str]]]:
        """Of each clause that notices something, and nothing alone, who notices each with it."""
        said = [
            {id for id in found.get("clauses", ()) if CLAUSE.fullmatch(id)}
            for row in self.rows.values()
            for found in row.mutants.values()
        ]
        some = set().union(*said) - self.only().keys()
        return {id: [ids - {id} for ids in said if id in ids] for id in sorted(some)}

    def idle(self) -> list[str]:
        """The reasons that explain nothing: whatever they are about, everybody notices."""
        found = []
        for module, reasons in self._reasons.items():
            rows = [self.rows[module]] if module in self.rows else list(self.rows.values())
            for like in (*reasons.get("same", ()), *reasons.get("left", ())):
                missed = {key for row in rows for suite in row.asked for key in row.missed(suite)}
                same = {key for row in rows for key in row.same}
                if not any(key in missed | same for row in rows for key in row.like(like)):
                    found.append(f"{module}: {like}")
        return found

    def write(self, file: Path) -> None:
        """Keep it."""
        data = {module: row.data for module, row in self.rows.items()}
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
