# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of a campaign: a directory with a file for each shard that is done."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..contract import CLAUSES
from .shards import Shard, fingerprint

ABOUT = "campaign.json"


class CampaignError(Exception):
    """A campaign that cannot be run; the message says why, and what would be right."""


class Kept:
    """The results of one campaign.

    Args:
        place: the directory; it is made if it is not there.
        about: what the campaign is: implementation, scope, calls.

    Raises:
        CampaignError: the directory belongs to another campaign, or cannot be written.
    """

    def __init__(self, place: Path, about: dict[str, Any]) -> None:
        self.place = place
        wanted = {**about, "package": fingerprint()}
        try:
            place.mkdir(parents=True, exist_ok=True)
            file = place / ABOUT
            if not file.exists():
                if any(each.name[:5] != ".new-" for each in place.iterdir()):
                    raise CampaignError(
                        f"{place} is not empty, and holds no campaign; name another"
                    )
                self._write(file, wanted)
            found = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise CampaignError(
                f"{place} cannot be used ({error.strerror}); name another"
            ) from None
        except ValueError:
            raise CampaignError(f"{place / ABOUT} is damaged; name another directory") from None
        other = [name for name in wanted if found.get(name) != wanted[name]]
        if other:
            raise CampaignError(
                f"{place} holds another campaign, which differs in {', '.join(other)}; "
                "name another directory"
            )

    def put(self, shard: Shard, result: dict[str, Any]) -> None:
        """Keep a result; the file is whole or not there.

        Raises:
            CampaignError: it cannot be written.
        """
        try:
            self._write(self.place / f"{shard.key}.json", result)
        except OSError as error:
            raise CampaignError(
                f"{self.place} cannot be written ({error.strerror}); what is done is kept, "
                "and the same command goes on"
            ) from None

    def _write(self, file: Path, data: dict[str, Any]) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.place, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as new:
                json.dump(data, new)
                new.flush()
                os.fsync(new.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def get(self, shard: Shard) -> dict[str, Any] | None:
        """The result of a shard, if it is done; one that is damaged is done again."""
        try:
            text = (self.place / f"{shard.key}.json").read_text(encoding="utf-8")
            result: dict[str, Any] = json.loads(text)
        except (OSError, ValueError):
            return None
        return result if result.get("shard") == json.loads(json.dumps(shard)) else None


def summed(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What all shards say together: for each clause the shortest of all counterexamples."""
    total: dict[str, Any] = {"shards": 0, "steps": 0, "clauses": {}}
    clauses: dict[str, Any] = dict.fromkeys(CLAUSES)
    weight = ("not-promised", "not-applicable", "held", "broken")
    for result in results:
        total["shards"] += 1
        total["steps"] += result["steps"]
        for id, cell in result["clauses"].items():
            best = clauses.get(id)
            if best is None:
                clauses[id] = cell
                continue
            older, newer = weight.index(best["verdict"]), weight.index(cell["verdict"])
            if newer > older or (newer == older and cell["rank"] < best["rank"]):
                clauses[id] = cell
    total["clauses"] = {id: cell for id, cell in clauses.items() if cell}
    return total
