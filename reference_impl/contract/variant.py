# SPDX-License-Identifier: GPL-2.0-only
"""What if a line were different? The same core or driver with a few words of its source changed."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

from ..model.objects import Driver
from .implementation import PythonCore
from .known import IMPLEMENTATIONS
from .surroundings import Modules

Change = tuple[str, str]


def variant(
    base: str | PythonCore, *changes: Change, name: str = "variant", of: str = "core"
) -> PythonCore:
    """Make an implementation from another one's source.

    Args:
        base: the implementation to start from, or its name.
        changes: pairs of what stands in its source exactly once, and what shall stand there.
        name: what to call the result.
        of: whose source: ``"core"``, ``"driver"`` (its methods and those it inherits), or another
            module of the model, as :class:`.surroundings.Modules` has it, such as ``"rid"``. The
            modules that stand upon it then stand upon what was changed.

    Raises:
        ValueError: a text does not stand in the source exactly once.
    """
    known = IMPLEMENTATIONS[base] if isinstance(base, str) else base
    parts: dict[str, Any] = {"changed": (known.name, of, changes)}
    if of == "driver":
        driver = _changed_driver(known.driver, changes)
        return replace(known, name=name, driver=driver, **parts)
    if of == "core":
        core = _changed_module(known.core, changes, name)
        around = _upon(known.around, core, name)
        return replace(known, name=name, core=core, around=around, **parts)
    changed = _changed_module(getattr(known.around, of), changes, name)
    return replace(known, name=name, around=_upon(known.around, changed, name), **parts)


def _upon(around: Modules, changed: ModuleType, name: str) -> Modules:
    """The modules, each made again with what it takes from those that are made again."""
    made = {changed.__name__: changed}
    for part, module in around._asdict().items():
        if module.__name__ == changed.__name__:
            around = around._replace(**{part: changed})
            continue
        again = _changed_module(module, (), name)
        for key, value in vars(again).items():
            origin = made.get(getattr(value, "__module__", ""))
            if origin and key in vars(origin):
                vars(again)[key] = vars(origin)[key]
        made[again.__name__] = again
        around = around._replace(**{part: again})
    return around


def _changed_module(module: ModuleType, changes: tuple[Change, ...], name: str) -> ModuleType:
    text = getattr(module, "__changed_source__", None) or inspect.getsource(module)
    for old, new in changes:
        if text.count(old) != 1:
            found = text.count(old)
            raise ValueError(f"{old!r} stands {found} times in {module.__name__}, not once")
        text = text.replace(old, new)
    changed = ModuleType(f"{module.__name__}")
    changed.__package__ = module.__package__
    changed.__dict__["__changed_source__"] = text
    exec(compile(text, f"<{name} of {module.__name__}>", "exec"), changed.__dict__)
    return changed


def _changed_driver(driver: type[Driver], changes: tuple[Change, ...]) -> type[Driver]:
    """A subclass in which the methods with the changed texts are overridden."""
    methods: dict[str, FunctionType] = {}
    homes: dict[str, type] = {}
    for each in reversed(driver.__mro__):
        own = {k: v for k, v in vars(each).items() if isinstance(v, FunctionType)}
        methods.update(own)
        homes.update(dict.fromkeys(own, each))
    texts = {key: inspect.getsource(method) for key, method in methods.items()}
    touched: set[str] = set()
    for old, new in changes:
        where = [key for key, text in texts.items() for _ in range(text.count(old))]
        if len(where) != 1:
            raise ValueError(f"{old!r} stands {len(where)} times in {driver.__name__}, not once")
        texts[where[0]] = texts[where[0]].replace(old, new)
        touched.add(where[0])
    overrides: dict[str, Any] = {}
    for key in touched:
        space: dict[str, Any] = {}
        body = textwrap.indent(textwrap.dedent(texts[key]), "    ")
        text = f"def made(__class__):\n{body}\n    return {key}\n"  # so that it can say super()
        exec(compile(text, f"<changed {key}()>", "exec"), methods[key].__globals__, space)
        overrides[key] = space["made"](homes[key])
    return type(driver.__name__, (driver,), overrides)
