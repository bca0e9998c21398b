# SPDX-License-Identifier: GPL-2.0-only
"""Scopes too large for one process: explored in shards, here or on many machines.

What is there to explore is in :mod:`.shards`, who does it in :mod:`.engines`, and what is kept of
it, so that an interrupted campaign goes on, in :mod:`.kept`.
"""

from .engines import run
from .kept import CampaignError
from .shards import Shard, shards

__all__ = ["CampaignError", "Shard", "run", "shards"]
