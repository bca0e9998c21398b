# SPDX-License-Identifier: GPL-2.0-only
"""What is typed: the values that the command line takes, and what it says of any other."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar

import click

from ..contract import CLAUSES, IMPLEMENTATIONS, Clause, PythonCore, Scope
from ..contract.clauses.checks import errno_name
from ..contract.scope import LARGEST, SMALLEST

SIZES = {
    "devices": "Devices of the group that have PASIDs",
    "incapable": "Devices of the group that have none",
    "domains": "Domains to attach",
    "pasids": "PASIDs in use at the same time",
    "faults": "How many things may fail in one call",
}
F = TypeVar("F", bound=Callable[..., Any])


def no_such(kind: str, given: str, known: Iterable[str], say: str = "") -> click.UsageError:
    """The error for a name that is none: what there is, and which of it was probably meant.

    Args:
        kind: of what it is no name.
        given: the name.
        known: the names that there are.
        say: what there is, where listing all of it would be too much.
    """
    by_lower = {name.lower(): name for name in known}
    message = f"there is no {kind} {shown(given)}; {say or f'there are {listed(by_lower.values())}'}"
    for near in get_close_matches(given.lower(), by_lower, n=1):
        message += f"; did you mean {by_lower[near]}?"
    return click.UsageError(message)


def one_line(error: click.ClickException) -> str:
    """What is wrong with the command line."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx and isinstance(error, click.NoSuchOption):
        options = [each for param in ctx.command.get_params(ctx) for each in param.opts]
        known = [each for each in options if each.startswith("-")]
        return no_such("option", error.option_name, known).message
    message = " ".join(error.format_message().split())
    return f"{message} (see {ctx.command_path} --help)" if ctx else message


class Commands(click.Group):
    """Commands that are listed where one is not known."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise no_such("command", cmd_name, self.commands)
        return found


class ImplementationName(click.ParamType):
    """The name of an implementation."""

    name = "implementation"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> PythonCore:
        """The implementation of that name."""
        if value not in IMPLEMENTATIONS:
            raise no_such("implementation", value, IMPLEMENTATIONS)
        return IMPLEMENTATIONS[value]


class Size(click.ParamType):
    """One size of a scope."""

    name = "N"

    def __init__(self, of: str) -> None:
        self.low, self.high = SMALLEST[of], LARGEST[of]

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """A number within the limits."""
        try:
            number = int(value)
        except ValueError:
            number = -1
        if not self.low <= number <= self.high:
            self.fail(f"{shown(str(value))} is not a number from {self.low} to {self.high}.")
        return number


def sizes(command: F) -> F:
    """Give a command the options of a scope."""
    for size in reversed(fields(Scope)):
        low, high = SMALLEST[size.name], LARGEST[size.name]
        command = click.option(
            f"--{size.name}",
            type=Size(size.name),
            metavar="N",
            default=size.default,
            show_default=True,
            help=f"{SIZES[size.name]}, {low} to {high}.",
        )(command)
    return command


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
    if name.isdecimal() and int(name) in errno.errorcode:
        return errno_name(int(name))
    if name in errno.errorcode.values() or hasattr(errno, name):
        return errno_name(getattr(errno, name))
    families = list(dict.fromkeys(clause.family for clause in CLAUSES.values()))
    refusing = sorted({clause.refuses for clause in CLAUSES.values() if clause.refuses})
    raise no_such(
        "clause or errno",
        given,
        [*CLAUSES, *refusing, *errno.errorcode.values()],
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
