# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ``pasid-spec``, or ``python -m reference_impl``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from textwrap import fill
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .cli import printed, replayed, typed
from .contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    Clause,
    Exploration,
    PythonCore,
    Scope,
    explore,
    page_requests_meanwhile,
)
from .contract.clauses.visibility import JUDGES
from .contract.differences import both
from .contract.explorer import joined
from .contract.known import REST
from .linux import DRIVERS
from .linux.errors import LinuxError, NotThereError
from .vectors import ProgramError, Vector

if TYPE_CHECKING:  # it takes a parser of C along, which most commands do not need
    from .linux.machine import Linux

PROGRAM = "pasid-spec"
WHAT = "[IMPLEMENTATION|PATH]"
NAMES = fill(f"Implementations: {typed.listed(IMPLEMENTATIONS)}.", 76, break_on_hyphens=False)
KNOWN = f"\b\n{NAMES}"  # click leaves these lines as they are

implementation = click.argument("implementation", callback=typed.implementation, default="model")
sanitize = click.option(
    "--sanitize", is_flag=True, help="Compile with AddressSanitizer and UndefinedBehaviorSanitizer."
)
driver = click.option(
    "--driver",
    callback=typed.driver,
    default="",
    metavar="vtd|amd",
    help="Take the tree's own driver along, in a scope of 2 capable devices + 1 incapable, "
    "3 domains, 1 PASID and 2 faults, unless another is given.",
)
some = click.argument(
    "implementations", callback=typed.implementations, nargs=-1, metavar="[IMPLEMENTATION]..."
)
reduced = click.option(
    "--reduced",
    is_flag=True,
    help="Take PASIDs one at a time and domains by any name; of a core, that says the same sooner.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group(cls=typed.Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The Linux IOMMU PASID attach, replace and detach contract, executable.

    Exit status: 0, 1 if a clause is broken, 2 if the command line is wrong.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command(epilog=KNOWN)
@click.argument("what", callback=typed.implementation_or_path, default="model", metavar=WHAT)
@typed.scoped
@driver
@reduced
@sanitize
@as_json
def check(
    what: PythonCore | Path,
    scope: Scope,
    driver: str,
    reduced: bool,
    sanitize: bool,
    as_json: bool,
) -> int:
    """Hold every clause against an implementation, or against the functions of a kernel tree.

    The model is meant if none is named; it is explored a second time with the group's other calls,
    which model-group is about. PATH is a kernel tree or a linux-source-*.tar.xz. Every state that
    can be reached within the scope is visited, and every call made there with every combination of
    faults. For each clause that is broken the shortest counterexample is shown.

    Of a kernel tree the functions of drivers/iommu/iommu.c are taken out, compiled and run, as the
    user who types this; nothing is written outside the cache directory (XDG_CACHE_HOME). They too
    are explored a second time with the group's other calls, if the tree has them as 7.3 has. With
    --driver vtd or amd the functions of drivers/iommu/intel/ or amd/ are taken too, over PASID
    tables in memory, and the clauses on drivers are held against both together.

    Exit status: 1 if a clause is broken.
    """
    about = None
    if isinstance(what, PythonCore):
        if sanitize:
            raise click.UsageError("--sanitize is for what is compiled; give the path of a tree")
        if driver:
            raise click.UsageError("--driver is for what is compiled; give the path of a tree")
        runs = [explored(what, scope, reduced)]
        runs += [explored(each, scope) for each in rest(what)]
    else:
        if reduced:
            raise click.UsageError("--reduced is for Python; in C, one PASID may touch another")
        linuxes, left_out = asked(what, sanitize, driver)
        about = printed.about_linux(linuxes, left_out)
        runs = [explored(each, scope) for each in linuxes]
    seen = reduce(joined, (each for each, _ in runs))
    if as_json:
        printed.data(printed.findings(seen, about))
    else:
        if about:
            printed.say_linux(about)
        printed.say_findings(seen)
        for each, seconds in runs:
            printed.say()
            printed.say_summary(each, seconds)
        printed.say_missed(seen)
    return 1 if seen.with_verdict("broken") else 0


@cli.command()
@click.argument("path", callback=typed.tree)
@typed.scoped
@driver
@sanitize
@as_json
def compare(path: Path, scope: Scope, driver: str, sanitize: bool, as_json: bool) -> int:
    """Make every call with the model and with a kernel tree's functions, and compare.

    PATH is a kernel tree or a linux-source-*.tar.xz. Compared are, step by step: what is returned,
    which drivers are asked what, the array, the hardware, what a page request finds, and WARNs.
    The first step that differs is shown as each of them makes it. The group's other calls are
    compared with model-group. With --driver the model of that driver is compared with the tree's,
    and what each of them has noted too.

    Exit status: 1 if a step differs.
    """
    from .linux import run as process

    linuxes, left_out = asked(path, sanitize, driver)
    runs = []
    for name, linux in zip((driver or "model", REST["model"]), linuxes, strict=False):
        start = perf_counter()
        with guarded(), printed.progress(linux.name) as bar:
            runs.append(process.compared(name, linux, scope, bar))
        if not as_json:
            printed.say_comparison(runs[-1], perf_counter() - start)
    found = reduce(both, runs)
    if as_json:
        printed.data(printed.comparison(found))
    elif left_out:
        printed.say_left_out(left_out)
    return 1 if found.different else 0


@cli.command()
@click.argument("path", callback=typed.tree)
@driver
@click.option("--file", type=click.Path(path_type=Path), help="Where the answers are kept.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; exit 1 if anything is news.")
@as_json
def follow(path: Path, driver: str, file: Path | None, dry_run: bool, as_json: bool) -> int:
    """Ask another kernel, keep its answer beside the older ones, and say what has changed.

    PATH is a kernel tree or a linux-source-*.tar.xz. It is explored in the default scope and
    compared with the model. What is news is told against the same release, if its answer is kept
    already, else against the newest one that is older: clauses lost, gained or newly applicable;
    functions that came, went, moved, or take something else. The answers of a checkout are kept
    where its site shows them.

    Exit status: 1 if a clause is lost; with --dry-run, if there is any news.
    """
    from .linux import follow as kept
    from .linux import run as process

    file = file or kept.FILE
    if not file.parent.is_dir():
        raise click.UsageError(f"there is no directory {file.parent}; say --file FILE")
    with guarded():
        data = kept.read(file)
    linuxes, _ = asked(path, sanitize=False, driver=driver)
    scope = DRIVERS[driver] if driver else Scope()
    seen = reduce(joined, (explored(each, scope)[0] for each in linuxes))
    compared = []
    if "replace" not in linuxes[0].lacks:
        for name, linux in zip((driver or "model", REST["model"]), linuxes, strict=False):
            with guarded(), printed.progress(linux.name) as bar:
                compared.append(process.compared(name, linux, scope, bar))
    same = reduce(both, compared) if compared else None
    release = linuxes[0].name.removeprefix("linux-")
    answered = kept.answer(linuxes, path, seen, same)
    older = kept.before(data, release)
    found = kept.news(data, older, answered) if older else []
    if not dry_run:
        kept.put(data, release, answered)
        with guarded():
            kept.write(file, data)
    if as_json:
        printed.data({"release": release, "older": older, "news": found, **answered})
    else:
        printed.say_news(release, older, found, seen)
    return 1 if (found if dry_run else any(kind == "lost" for kind, _ in found)) else 0


@cli.command(epilog=KNOWN)
@implementation
@typed.scoped
@click.option("--calls", default=3, type=click.IntRange(1, 20), show_default=True, metavar="N")
@click.option("--keep", required=True, type=click.Path(path_type=Path), metavar="DIRECTORY")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster; else the cores here.")
@click.option("--jobs", default=-1, type=int, metavar="N", help="How many cores; all if not given.")
@as_json
def campaign(
    implementation: PythonCore,
    scope: Scope,
    calls: int,
    keep: Path,
    scheduler: str | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Explore a large scope in parts, on many cores or machines.

    The parts are kept in a directory as they are done. Interrupted, the same command goes on where
    it was. Every sequence of at most so many calls is made, with every combination of faults.

    Exit status: 1 if a clause is broken.
    """
    from .campaign import CampaignError, run

    start = perf_counter()
    try:
        with printed.parts(implementation.name) as bar:
            found = run(implementation.name, scope, calls, keep, scheduler, jobs, bar)
    except CampaignError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        printed.data(found)
    else:
        printed.say_campaign(found, scope, perf_counter() - start)
    return int(any(cell["verdict"] == "broken" for cell in found["clauses"].values()))


@cli.command()
@click.argument("path", callback=typed.tree)
@click.option(
    "--build",
    "builds",
    type=click.Choice(["plain", "watched"]),
    multiple=True,
    help="Which kernel; both if none is named. The watched one has lockdep, KASAN and PROVE_RCU.",
)
@as_json
def boot(path: Path, builds: tuple[str, ...], as_json: bool) -> int:
    """Build a kernel, boot it under QEMU, and ask it.

    PATH is a kernel tree or a linux-source-*.tar.xz. Inside the kernel every step of an exploration
    of the model is made on a group of several devices whose driver fails where it shall; through
    /dev/iommu calls are made on the kernel's mock device, also with failing allocations; and the
    kernel's own tests are run. Warnings are required where the contract has them and nowhere else.

    A build takes minutes and is kept in the cache directory (XDG_CACHE_HOME); nothing is written
    elsewhere, and nothing is installed.

    Exit status: 1 if anything differs, or the kernel does not build or boot.
    """
    from . import boot as booting
    from .cli import booted

    chosen = [booting.BUILDS[name] for name in dict.fromkeys(builds or booting.BUILDS)]
    with guarded(), booted.ended_like_by_ctrl_c(), booted.progress() as told:
        report = booting.ask(path, chosen, told)
    if as_json:
        printed.data(report.to_json())
    else:
        booted.say_report(report)
    return 1 if report.different else 0


@cli.command("explore", epilog=KNOWN)
@implementation
@typed.scoped
@reduced
@as_json
def explore_(implementation: PythonCore, scope: Scope, reduced: bool, as_json: bool) -> None:
    """Count the states and steps of an implementation.

    The model is meant if none is named.
    """
    seen, seconds = explored(implementation, scope, reduced)
    if as_json:
        printed.data(printed.sizes(seen, seconds))
    else:
        printed.say_summary(seen, seconds)
        printed.say_missed(seen)


@cli.command("requests", epilog=KNOWN)
@implementation
@typed.scoped_as(Scope(devices=2, incapable=0, domains=2, pasids=1, faults=1))
@as_json
def requests_(implementation: PythonCore, scope: Scope, as_json: bool) -> int:
    """Put one page request beside each operation, in every way.

    The device asks, the handle is looked up, and its owner gets the request: at every three moments
    before, during and after every operation that the scope has. The clauses about page requests
    (VIS-6 to VIS-9) are held against what becomes of it. The model is meant if none is named.

    Exit status: 1 if a clause is broken.
    """
    start = perf_counter()
    with printed.progress(implementation.name) as bar:
        seen = explore(implementation, scope, [CLAUSES[id] for id in JUDGES], progress=bar)
        found = page_requests_meanwhile(implementation, scope)
    seconds = perf_counter() - start
    if as_json:
        printed.data(printed.beside(found, seen, seconds))
    else:
        printed.say_findings(seen)
        printed.say()
        printed.say(f"{found!r}, in {seconds:.1f} s")
    return 1 if seen.with_verdict("broken") else 0


@cli.command(epilog=KNOWN)
@some
@typed.scoped
@as_json
def matrix(implementations: list[PythonCore], scope: Scope, as_json: bool) -> None:
    """Show every clause against every implementation.

    That is, against the model and the designs of the thread; or against those that are named.
    """
    runs = [explored(each, scope) for each in implementations]
    if as_json:
        printed.data(printed.verdicts(seen for seen, _ in runs))
    else:
        printed.say_matrix([seen for seen, _ in runs])
        for seen, seconds in runs:
            printed.say()
            printed.say_summary(seen, seconds)
            printed.say_missed(seen)


@cli.command(cls=typed.TakesErrno)
@click.argument("what", metavar="CLAUSE|ERRNO")
@as_json
def explain(what: str, as_json: bool) -> None:
    """Explain a clause, or who gives an errno and when.

    For a clause such as REP-7: what it says, since when, where from, and which function checks
    it. For an errno such as EBUSY, -EBUSY or 16: which calls refuse with it, under which clause,
    and at which place in the order of that call's checks.
    """
    found = typed.clause_or_errno(what)
    if as_json:
        printed.data(printed.about(found))
    elif isinstance(found, Clause):
        printed.say_clause(found)
    else:
        printed.say_errno(found)


@cli.command(epilog=KNOWN)
@click.argument("vectors", callback=typed.vectors, nargs=-1, metavar="[VECTOR|DIR]...")
@click.option(
    "--on",
    callback=typed.implementation_or_path,
    default="model",
    metavar=WHAT,
    help="Where to play them: an implementation, or a kernel tree.",
)
@click.option("--program", metavar="COMMAND", help="Where to play them: a program of yours.")
@as_json
def replay(vectors: list[Vector], on: PythonCore | Path, program: str | None, as_json: bool) -> int:
    """Play vectors, and compare what is seen with what they expect.

    A vector is a file that describes one scenario; all that come with this program are meant if
    none is named. The model is meant if no implementation is named. A program is asked in lines of
    JSON; the page on vectors says how. Vectors about what it has no notion of are left out.

    Exit status: 1 if something else is seen than expected, or a named clause is broken.
    """
    start = perf_counter()
    with guarded():
        outcomes = replayed.outcomes(vectors, on, program)
    if as_json:
        printed.data(replayed.as_data(outcomes))
    else:
        replayed.say_all(outcomes, perf_counter() - start)
    return 1 if any(each.differs for each in outcomes) else 0


@cli.command("vectors")
@click.option(
    "--export",
    type=(click.Choice(["json", "kunit"]), click.Path(path_type=Path)),
    metavar="json|kunit DIR",
    help="Write them there: all as JSON, or those of the core as a KUnit test of the kernel.",
)
@as_json
def vectors_(export: tuple[str, Path] | None, as_json: bool) -> None:
    """List the vectors that come with this program, or export them.

    DIR is made if it is not there. Files that are there are replaced.
    """
    every = typed.published()
    if export is None:
        if as_json:
            printed.data({v.name: v.title for v in every})
        else:
            replayed.say_listed(every)
        return
    kind, folder = export
    written = replayed.write(every, kind, folder)
    if as_json:
        printed.data({"written": written})
    else:
        printed.say(f"{len(written)} files written in {folder}")


def explored(
    implementation: PythonCore | Linux, scope: Scope, reduced: bool = False
) -> tuple[Exploration, float]:
    """An exploration, and how many seconds it took."""
    start = perf_counter()
    if reduced and isinstance(implementation, PythonCore) and implementation.habitat:
        raise click.UsageError(
            f"--reduced is for cores, and {implementation.name} has a driver, "
            "whose records join PASIDs"
        )
    with guarded(), printed.progress(implementation.name) as bar:
        if isinstance(implementation, PythonCore):
            seen = explore(implementation, scope, progress=bar, reduced=reduced)
        else:
            from .linux import run as process

            seen = process.explored(implementation, scope, bar)
    return seen, perf_counter() - start


def rest(implementation: PythonCore) -> list[PythonCore]:
    """What has the group's other calls, if it is not this implementation itself."""
    name = REST.get(implementation.name)
    return [IMPLEMENTATIONS[name]] if name else []


def asked(path: Path, sanitize: bool, driver: str = "") -> tuple[list[Linux], str]:
    """The functions of a kernel tree, compiled; without a driver a second time, with all calls.

    Returns them, and why there is no second one.
    """
    from .linux import ask

    with guarded():
        linuxes = [ask(path, sanitize, driver)]
        if driver:
            return linuxes, ""
        try:
            return [*linuxes, ask(path, sanitize, "group")], ""
        except NotThereError as error:
            return linuxes, str(error)


@contextmanager
def guarded() -> Iterator[None]:
    """What is wrong with a tree or a program is wrong input."""
    try:
        yield
    except (LinuxError, ProgramError) as error:
        raise click.ClickException(str(error)) from None


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: what follows the command's name; None for what was typed.

    Returns:
        The exit status.
    """
    try:
        status: Any = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"{PROGRAM}: {typed.one_line(error)}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except OSError as error:
        click.echo(f"{PROGRAM}: {typed.trouble(error)}", err=True)
        return 2
    return status or 0


def main() -> None:
    """Run the command that was typed, and end with its status."""
    if hasattr(signal, "SIGPIPE"):  # `| head` ends this command as it ends any other
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run())


if __name__ == "__main__":
    main()
