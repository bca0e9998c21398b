# SPDX-License-Identifier: GPL-2.0-only
"""The script that fetches kernel sources changes nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import fetch_kernels

DEB822 = """Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/one.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """# deb http://old.example/debian buster main
deb [arch=amd64 signed-by=/usr/share/keyrings/two.gpg] https://other.example/debian/ sid main
deb https://else.example/apt stable main
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's own sources, none yet."""
    (tmp_path / "etc" / "sources.list.d").mkdir(parents=True)
    monkeypatch.setattr(fetch_kernels, "APT_SOURCES", tmp_path / "etc")
    return tmp_path / "etc"


def test_mirror_and_keys_are_the_machines_own(machine: Path) -> None:
    (machine / "sources.list.d" / "debian.sources").write_text(DEB822)
    assert fetch_kernels.mirror("/debian") == (
        "http://mirror.example/debian",
        "/usr/share/keyrings/one.gpg",
    )
    assert fetch_kernels.mirror("/debian-security") == ("http://mirror.example/debian-security", "")
    (machine / "sources.list").write_text(ONE_LINE)
    assert fetch_kernels.mirror("/debian") == (
        "https://other.example/debian/",
        "/usr/share/keyrings/two.gpg",
    )


def test_all_that_apt_writes_is_below_the_directory(machine: Path, tmp_path: Path) -> None:
    (machine / "sources.list").write_text(ONE_LINE)
    out = tmp_path / "out"
    fetch_kernels.Apt(out)
    settings = (out / "apt" / "apt.conf").read_text()
    for name in ("Dir::State ", "Dir::State::lists", "Dir::State::status", "Dir::Cache"):
        assert f'{name.strip()} "{out}/apt' in settings
    assert 'Dir::Etc::sourceparts "-"' in settings
    sources = (out / "apt" / "debian.sources").read_text()
    assert "Suites: bookworm trixie-backports sid\n" in sources
    assert "Signed-By: /usr/share/keyrings/two.gpg\n" in sources
    assert {path.name for path in tmp_path.iterdir()} == {"etc", "out"}


def test_no_mirror_is_said_in_one_line(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not list(machine.glob("*.list"))
    assert fetch_kernels.main([str(tmp_path / "out")]) == 3
    out, err = capsys.readouterr()
    assert not out
    assert err == "fetch_kernels: no source of this machine's apt is a mirror of Debian\n"


def test_no_network_is_said_in_one_line(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / "sources.list").write_text("deb file:///nowhere/debian sid main\n")
    assert fetch_kernels.main([str(tmp_path / "out")]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fetch_kernels: apt-get")


def test_the_newest_is_the_largest_number() -> None:
    names = ["linux-source-7.9", "linux-source-7.10", "linux-source-7.2-rt"]
    fitting = [name for name in names if fetch_kernels.NEW.fullmatch(name)]
    assert max(fitting, key=fetch_kernels._minor) == "linux-source-7.10"
