# SPDX-License-Identifier: GPL-2.0-only
"""Who explores the shards: this machine's cores by joblib, or a Dask cluster. The results agree."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ..contract import Scope
from .kept import CampaignError, Kept, summed
from .shards import Shard, explored, shards

TRIES = 3
"""How often a shard is tried whose worker dies."""
SECONDS = 10
"""How long a scheduler has to answer."""
Progress = Callable[[int, int], None]
Done = Iterator[tuple[Shard, dict[str, Any]]]


def run(
    implementation: str,
    scope: Scope,
    calls: int,
    place: Path,
    scheduler: str | None = None,
    jobs: int = -1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Explore every shard that is not done yet, and say what all of them found.

    Args:
        implementation: its name.
        scope: how large.
        calls: how many calls there are at most, one after the other.
        place: the directory in which results are kept.
        scheduler: the address of a Dask scheduler; None: this machine's cores.
        jobs: how many of these; -1: all.
        progress: called with how many shards are done, and how many there are.

    Raises:
        CampaignError: it cannot be run to its end. What is done is kept.
    """
    every = shards(implementation, scope, calls)
    about = {"implementation": implementation, "scope": scope.to_json(), "calls": calls}
    kept = Kept(place, about)
    todo = [shard for shard in every if kept.get(shard) is None]
    done = len(every) - len(todo)
    found = on_dask(todo, scheduler) if scheduler else here(todo, jobs)
    if progress:
        progress(done, len(every))
    for shard, result in found if todo else ():
        kept.put(shard, result)
        done += 1
        if progress:
            progress(done, len(every))
    results = (kept.get(shard) for shard in every)
    return {**about, **summed(result for result in results if result is not None)}


def here(todo: list[Shard], jobs: int) -> Done:
    """On this machine's cores. A worker that is killed takes nothing with it but its shard."""
    joblib = _imported("joblib")
    killed = _imported("joblib.externals.loky.process_executor").TerminatedWorkerError
    left = dict.fromkeys(todo)
    for tried in range(TRIES):
        pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        results = pool(joblib.delayed(_both)(shard) for shard in list(left))
        try:
            for shard, result in results:
                del left[shard]
                yield shard, result
        except killed:
            if tried + 1 == TRIES:
                raise CampaignError(
                    f"workers were killed {TRIES} times (is there enough memory?); "
                    "what is done is kept, and the same command goes on"
                ) from None
        finally:
            with warnings.catch_warnings():
                # of results that nobody waits for any more
                warnings.simplefilter("ignore")
                results.close()
        if not left:
            return


def on_dask(todo: list[Shard], scheduler: str) -> Done:
    """On a cluster whose workers have this package."""
    distributed = _imported("distributed")
    # it repeats what a worker had that has died, and need not tell
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(scheduler, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError):
        raise CampaignError(
            f"there is no Dask scheduler at {scheduler}; one is started by `dask scheduler`, "
            "and prints its address"
        ) from None
    with client, client.as_current():
        futures = client.map(_both, todo, retries=TRIES, pure=False)
        try:
            for _, result in distributed.as_completed(futures, with_results=True):
                yield result
        except Exception as error:
            raise CampaignError(
                f"the cluster gave up ({type(error).__name__}); what is done is kept, "
                "and the same command goes on"
            ) from None


def _both(shard: Shard) -> tuple[Shard, dict[str, Any]]:
    return shard, explored(shard)


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise CampaignError(
            f"a campaign needs {name.partition('.')[0]}; install pasid-spec[campaign], which has it"
        ) from None
