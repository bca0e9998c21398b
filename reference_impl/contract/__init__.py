# SPDX-License-Identifier: GPL-2.0-only
"""Steps, clauses, and the exploration that brings them together."""

from . import clauses as _clauses
from .clause import CLAUSES, Clause
from .differences import Differences, differences
from .explorer import Exploration, Finding, explore
from .hitless import hitless
from .implementation import Implementation, PythonCore
from .judging import judge_driver
from .known import CORES, IMPLEMENTATIONS, with_driver
from .meanwhile import mm_released_meanwhile, page_requests_meanwhile
from .requests import Request
from .scope import Habitat, Scope, ScopeError
from .session import Session
from .setting import Operation, Setting
from .step import State, Step, Trace
from .variant import variant
from .walk import replay

__all__ = [
    "CLAUSES",
    "CORES",
    "IMPLEMENTATIONS",
    "Clause",
    "Differences",
    "Exploration",
    "Finding",
    "Habitat",
    "Implementation",
    "Operation",
    "PythonCore",
    "Request",
    "Scope",
    "ScopeError",
    "Session",
    "Setting",
    "State",
    "Step",
    "Trace",
    "differences",
    "explore",
    "hitless",
    "judge_driver",
    "mm_released_meanwhile",
    "page_requests_meanwhile",
    "replay",
    "variant",
    "with_driver",
]

assert _clauses.__all__, "importing the clauses has registered them"
