# SPDX-License-Identifier: GPL-2.0-only
"""Wrong input: one line that says what is wrong and what is allowed, status 2, nothing else."""

from __future__ import annotations

import pytest

from tests.cli.command import Runner

LONG = "9" * 5000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        # commands and options
        (
            "chekc",
            "there is no command 'chekc'; there are check, compare, follow, campaign, boot, ",
        ),
        ("chekc", "did you mean check?"),
        ("site", "there is no command 'site'"),
        ("--bogus", "there is no option '--bogus'; there are --version and --help"),
        ("check --devics 3", "there is no option '--devics'"),
        ("check --devics 3", "did you mean --devices?"),
        ("explain --jsno REP-7", "did you mean --json?"),
        ("check -x", "there is no option '-x'; there are --devices"),
        ("check --devices", "'--devices' requires an argument"),
        ("check --json=1", "'--json' does not take a value"),
        ("check model merged", "unexpected extra argument (merged); see pasid-spec check --help"),
        ("matrix model modle", "there is no implementation 'modle'"),
        ("explain REP-7 REP-8", "unexpected extra argument (REP-8)"),
        ("explain", "Missing argument 'CLAUSE|ERRNO'; see pasid-spec explain --help"),
        # implementations
        ("check modle", "there is no implementation 'modle'; there are model, model-group, "),
        ("check modle", "did you mean model?"),
        ("explore POSTED-V1", "did you mean posted-v1?"),
        (
            "check /no/such/linux",
            "there is no /no/such/linux; give a kernel tree or a linux-source-",
        ),
        ("follow /no/such/linux", "there is no /no/such/linux; give a kernel tree"),
        ("follow . --file /no/such/file", "there is no directory /no/such; say --file FILE"),
        ("check .", "is no kernel tree: it has no Makefile with VERSION and PATCHLEVEL"),
        ("explore vtd --reduced", "--reduced is for cores, and vtd has a driver"),
        ("check /no/such/linux --reduced", "--reduced is for Python"),
        ("campaign model", "Missing option '--keep'"),
        ("campaign model --keep README.md", "README.md cannot be used"),
        ("campaign modle --keep x", "did you mean model?"),
        # clauses and errnos
        ("explain REP-99", "there is no clause or errno 'REP-99'; a clause is one of ATT, "),
        ("explain REP-99", "did you mean REP-9?"),
        ("explain REP", "with a number, as in ATT-1; the errnos of the contract are EBUSY, "),
        ("explain EBUSSY", "did you mean EBUSY?"),
        ("explain -EBUSSY", "there is no clause or errno 'EBUSSY'"),
        ("explain 0", "there is no clause or errno '0'"),
        ("explain 16384", "there is no clause or errno '16384'"),
        (f"explain {LONG}", "there is no clause or errno '999"),
        # sizes
        ("check --devices -1", "'--devices': '-1' is not a number from 0 to 6; see pasid-spec"),
        ("check --devices 1000000", "'1000000' is not a number from 0 to 6"),
        (f"explore --faults {LONG}", "is not a number from 0 to 8"),
        ("explore --pasids 0", "'--pasids': '0' is not a number from 1 to 4"),
        ("explore --domains two", "'--domains': 'two' is not a number from 1 to 6"),
        ("matrix --incapable 1.5", "'--incapable': '1.5' is not a number from 0 to 4"),
        ("check --devices 0 --incapable 0", "a group has no devices: give at least one"),
        ("explore merged --devices=0 --incapable=0 --json", "a group has no devices"),
    ],
)
def test_wrong_input(command: Runner, words: str, said: str) -> None:
    done = command(*words.split())
    assert done.status == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("pasid-spec: ")
    assert said in done.err
    assert len(done.err) < 400


@pytest.mark.parametrize("word", ["a\nb", "", "\x1b[31mred", "\udcff", "a\rb"])
@pytest.mark.parametrize("name", ["check", "explain", "nothing"])
def test_what_is_typed_does_not_break_the_line(command: Runner, name: str, word: str) -> None:
    done = command(name, word) if name != "nothing" else command(word or "\n")
    assert done.status == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert done.err[:-1].isprintable()
