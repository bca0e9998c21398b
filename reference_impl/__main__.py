# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ``pasid-spec``, or ``python -m reference_impl``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import click

from . import __version__
from .cli import printed
from .cli.typed import (
    Commands,
    ImplementationName,
    TakesErrno,
    clause_or_errno,
    one_line,
    sizes,
)
from .contract import IMPLEMENTATIONS, Exploration, PythonCore, Scope, ScopeError, explore

PROGRAM = "pasid-spec"

implementation = click.argument("implementation", type=ImplementationName(), default="model")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group(cls=Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The Linux IOMMU PASID attach, replace and detach contract, executable.

    Exit status: 0, 1 if a clause is broken, 2 if the command line is wrong.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@implementation
@sizes
@as_json
def check(implementation: PythonCore, as_json: bool, **sizes: int) -> int:
    """Hold every clause against an implementation.

    IMPLEMENTATION is model (the default), posted-v1 or merged. Every reachable state within the
    scope is visited, and every call made there with every combination of faults. For each clause
    that is broken the shortest counterexample is shown.

    Exit status: 1 if a clause is broken.
    """
    seen, seconds = explored(implementation, Scope(**sizes))
    if as_json:
        printed.data(printed.findings(seen))
    else:
        printed.say_findings(seen)
        printed.say_summary(seen, seconds)
    return 1 if seen.with_verdict("broken") else 0


@cli.command("explore")
@implementation
@sizes
@as_json
def explore_(implementation: PythonCore, as_json: bool, **sizes: int) -> None:
    """Count the states and steps of an implementation.

    IMPLEMENTATION is model (the default), posted-v1 or merged.
    """
    seen, seconds = explored(implementation, Scope(**sizes))
    if as_json:
        printed.data(
            {
                "implementation": seen.implementation,
                "scope": seen.scope.to_json(),
                "states": seen.states,
                "steps": seen.steps,
                "different": seen.different,
                "seconds": round(seconds, 3),
                "verdicts": printed.counts(seen),
            }
        )
    else:
        printed.say_summary(seen, seconds)


@cli.command()
@sizes
@as_json
def matrix(as_json: bool, **sizes: int) -> None:
    """Show every clause against every implementation."""
    scope = Scope(**sizes)
    seen = [explored(each, scope) for each in IMPLEMENTATIONS.values()]
    if as_json:
        printed.data(
            {
                "implementations": {
                    each.implementation: {
                        id: {"verdict": finding.verdict} for id, finding in each.findings.items()
                    }
                    for each, _ in seen
                }
            }
        )
    else:
        printed.say_matrix([each for each, _ in seen])
        for each, seconds in seen:
            printed.say_summary(each, seconds)


@cli.command(cls=TakesErrno)
@click.argument("what", metavar="CLAUSE|ERRNO")
@as_json
def explain(what: str, as_json: bool) -> None:
    """Explain a clause, or who gives an errno and when.

    For a clause such as REP-7: what it says, since when, where from, and which function checks
    it. For an errno such as EBUSY, -EBUSY or 16: which calls refuse with it, under which clause,
    and at which place in the order of that call's checks.
    """
    found = clause_or_errno(what)
    if isinstance(found, str):
        printed.data(printed.about_errno(found)) if as_json else printed.say_errno(found)
    else:
        printed.data(printed.about_clause(found)) if as_json else printed.say_clause(found)


def explored(implementation: PythonCore, scope: Scope) -> tuple[Exploration, float]:
    """An exploration, and how many seconds it took."""
    start = perf_counter()
    with printed.progress(implementation.name) as bar:
        seen = explore(implementation, scope, progress=bar)
    return seen, perf_counter() - start


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: what follows the command's name; None for what was typed.

    Returns:
        The exit status.
    """
    try:
        status: Any = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (click.ClickException, ScopeError) as error:
        message = one_line(error) if isinstance(error, click.ClickException) else str(error)
        click.echo(f"{PROGRAM}: {message}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    return status or 0


def main() -> None:
    """Run the command that was typed, and end with its status."""
    if hasattr(signal, "SIGPIPE"):  # `| head` ends this command as it ends any other
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run())


if __name__ == "__main__":
    main()
