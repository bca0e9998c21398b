# SPDX-License-Identifier: GPL-2.0-only
"""What is typed: the values that the command line takes, and what it says of any other."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from difflib import get_close_matches
from functools import wraps
from os.path import realpath
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ..contract import CLAUSES, CORES, IMPLEMENTATIONS, Clause, PythonCore, Scope, ScopeError
from ..contract.scope import LARGEST, SMALLEST
from ..contract.step import errno_name
from ..linux import DRIVERS
from ..vectors import Vector, VectorError, read
from ..vectors.known import PUBLISHED, paths

SIZES = {
    "devices": "Devices of the group that have PASIDs",
    "incapable": "Devices of the group that have none",
    "domains": "Domains to attach",
    "pasids": "PASIDs in use at the same time",
    "faults": "How many things may fail in one call",
}
T = TypeVar("T")


class NoSuch(click.UsageError):
    """A name that is none. The message says which there are, and which was probably meant.

    Args:
        kind: of what it is no name.
        given: the name.
        known: the names that there are.
        say: what there is, where listing all of it would be too much.
    """

    def __init__(self, kind: str, given: str, known: Iterable[str], say: str = "") -> None:
        by_lower = {name.lower(): name for name in known}
        say = say or f"there are {listed(by_lower.values())}"
        near = get_close_matches(given.lower(), by_lower, n=1)
        meant = f"; did you mean {by_lower[near[0]]}?" if near else ""
        super().__init__(f"there is no {kind} {shown(given)}; {say}{meant}")


HELPS = {
    errno.ENOSPC: "make room, or write elsewhere",
    errno.EDQUOT: "make room, or write elsewhere",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "allow it, or name another place",
}
"""What to do about an error of the machine."""


def trouble(error: OSError) -> str:
    """What the machine could not do, and what would help."""
    what = f"{error.filename or 'the output'} cannot be used ({error.strerror})"
    return f"{what}; {HELPS.get(error.errno or 0, 'put that right, and repeat the command')}"


def one_line(error: click.ClickException) -> str:
    """What is wrong with the command line, and what would be right."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx and isinstance(error, click.NoSuchOption):
        options = [each for param in ctx.command.get_params(ctx) for each in param.opts]
        known = [each for each in options if each.startswith("-")]
        return NoSuch("option", error.option_name, known).message
    if isinstance(error, NoSuch):
        return error.message
    message = " ".join(error.format_message().split()).removesuffix(".")
    return f"{message}; see {ctx.command_path} --help" if ctx else message


class Commands(click.Group):
    """Commands that are listed where one is not known."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise NoSuch("command", cmd_name, self.commands)
        return found


def implementation(_ctx: click.Context, _param: click.Parameter, value: str) -> PythonCore:
    """The implementation of that name."""
    if value not in IMPLEMENTATIONS:
        raise NoSuch("implementation", value, IMPLEMENTATIONS)
    return IMPLEMENTATIONS[value]


def implementation_or_path(
    ctx: click.Context, param: click.Parameter, value: str
) -> PythonCore | Path:
    """The implementation of that name, or the path of a kernel tree."""
    if value not in IMPLEMENTATIONS and looks_like_a_path(value):
        return expanded(value)
    return implementation(ctx, param, value)


def expanded(value: str) -> Path:
    """A path, with ``~`` for what it stands for, if it stands for anything."""
    try:
        return Path(value).expanduser()
    except RuntimeError:
        return Path(value)


def tree(_ctx: click.Context, _param: click.Parameter, value: str) -> Path:
    """The path of a kernel tree; whether it is one is seen when it is read."""
    return expanded(value)


def driver(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """The name of a driver that can be taken out of a tree; or none is meant."""
    if value and value not in DRIVERS:
        raise NoSuch("driver", value, DRIVERS, f"a tree can be asked with {listed(DRIVERS)}")
    return value


def vectors(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> list[Vector]:
    """The vectors of those files, directories and names; the published ones if there are none."""
    files = (
        [path for value in values for path in vector_files(value)] if values else published_files()
    )
    by_name: dict[str, Path] = {}
    for path in files:
        other = by_name.setdefault(path.stem, path)
        if other != path and realpath(other) != realpath(path):
            raise click.UsageError(f"two vectors have the name {path.stem}: {other} and {path}")
    try:
        return [read(path) for path in by_name.values()]
    except VectorError as error:
        raise click.ClickException(str(error)) from None


def vector_files(value: str) -> list[Path]:
    """The files of a directory, a file, or the published one of that name."""
    try:
        path = expanded(value)
        if value and path.is_dir():
            found = paths(path)
            if not found:
                raise click.UsageError(f"there is no vector (*.toml) in {shown(value)}")
            return found
        if value and path.exists():
            return [path]
    except (OSError, ValueError):
        pass
    known = {each.stem: each for each in published_files()}
    if value not in known:
        raise NoSuch(
            "vector",
            value,
            known,
            "give a file, a directory, or a name that pasid-spec vectors lists",
        )
    return [known[value]]


def published() -> list[Vector]:
    """The vectors that come with this program."""
    return [read(path) for path in published_files()]


def published_files() -> list[Path]:
    """Their files."""
    found = paths(PUBLISHED)
    if not found:
        raise click.UsageError(f"the vectors that should be in {PUBLISHED} are not there")
    return found


def looks_like_a_path(value: str) -> bool:
    """Whether somebody who types this means a file."""
    try:
        return "/" in value or value in (".", "..", "~") or Path(value).exists()
    except (OSError, ValueError):
        return False


def implementations(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> list[PythonCore]:
    """The implementations of those names; the model and the designs if there are none."""
    return [implementation(ctx, param, value) for value in dict.fromkeys(values or CORES)]


def size(_ctx: click.Context, param: click.Parameter, value: str) -> int:
    """One size of a scope."""
    low, high = SMALLEST[param.name or ""], LARGEST[param.name or ""]
    try:
        number = int(value)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise click.BadParameter(f"{shown(value)} is not a number from {low} to {high}")
    return number


def scoped(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of a scope, and the scope that they make."""
    return scoped_as(Scope())(command)


def scoped_as(usual: Scope) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The same, where another scope is meant if none is given."""

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        @wraps(command)
        def with_scope(**given: Any) -> T:
            sizes = {each.name: given.pop(each.name) for each in fields(Scope)}
            if given.get("driver"):
                source = click.get_current_context().get_parameter_source
                own = DRIVERS[given["driver"]]
                for name in sizes:
                    if source(name) is ParameterSource.DEFAULT:
                        sizes[name] = getattr(own, name)
            try:
                scope = Scope(**sizes)
            except ScopeError as error:
                raise click.UsageError(str(error)) from None
            return command(scope=scope, **given)

        for each in reversed(fields(Scope)):
            low, high = SMALLEST[each.name], LARGEST[each.name]
            with_scope = click.option(
                f"--{each.name}",
                type=str,
                callback=size,
                metavar="N",
                default=str(getattr(usual, each.name)),
                show_default=True,
                help=f"{SIZES[each.name]}, {low} to {high}.",
            )(with_scope)
        return with_scope

    return decorate


class TakesErrno(click.Command):
    """A command that takes ``-EBUSY``, as the kernel writes it, for a word and not for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, without the sign."""
        return super().parse_args(ctx, [re.sub(r"^-(?=[eE\d])", "", each) for each in args])


def clause_or_errno(given: str) -> Clause | str:
    """The clause of that id or the kernel's name of that errno, however it is written."""
    name = given.upper()
    if name in CLAUSES:
        return CLAUSES[name]
    is_number = name.isdecimal() and len(name) < 5
    number: int = int(name) if is_number else getattr(errno, name, 0)
    if number in errno.errorcode:
        return errno_name(number)
    families = list(dict.fromkeys(clause.family for clause in CLAUSES.values()))
    refusing = sorted({clause.refuses for clause in CLAUSES.values() if clause.refuses})
    raise NoSuch(
        "clause or errno",
        given,
        [*CLAUSES, *refusing],
        f"a clause is one of {listed(families)} with a number, as in {next(iter(CLAUSES))}; "
        f"the errnos of the contract are {listed(refusing)}",
    )


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def shown(given: str) -> str:
    """What was typed, on one line and not too long."""
    return f"{given!r:.60}"
