# SPDX-License-Identifier: GPL-2.0-only
"""Fetch the kernel sources that Debian packages: 6.12, and the newest 7.x.

    python tools/fetch_kernels.py [DIRECTORY]

apt does it, with a configuration, lists and a cache of its own below the directory; mirror and
keys are those of the machine's own sources. Nothing else is written, and nobody has to be root.
The paths of the archives are printed, one a line. Exit status 3: they cannot be had.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUITES = ("bookworm", "trixie-backports", "sid")
SECURITY = ("bookworm-security",)
OLD, NEW = "linux-source-6.12", re.compile(r"linux-source-7\.(\d+)")
APT_SOURCES = Path("/etc/apt")
MINUTES = 20


class FetchError(Exception):
    """Why the sources cannot be fetched here."""


def default_directory() -> Path:
    """Where the suite looks for kernels: below the cache directory of ``pasid-spec check``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "pasid-spec" / "kernels"


def sources() -> Iterator[tuple[str, str]]:
    """The mirrors of the machine's own sources, each with the keyring named there, if any."""
    for path in (APT_SOURCES / "sources.list", *sorted(APT_SOURCES.glob("sources.list.d/*"))):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if path.suffix == ".sources":
            for part in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", part, re.MULTILINE))
                for uri in fields.get("URIs", "").split():
                    yield uri, fields.get("Signed-By", "")
        else:
            for options, uri in re.findall(r"^deb\s+(\[[^]]*\]\s+)?(\S+)", text, re.MULTILINE):
                key = re.search(r"signed-by=([^\s\]]+)", options)
                yield uri, key[1] if key else ""


def mirror(ending: str) -> tuple[str, str] | None:
    """The first mirror whose address ends so, and its keyring."""
    return next((s for s in sources() if s[0].rstrip("/").endswith(ending)), None)


class Apt:
    """apt with everything of its own below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        home = directory / "apt"
        for name in ("lists/partial", "cache/archives/partial"):
            (home / name).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        (home / "apt.conf").write_text(
            f'Dir::State "{home}"; Dir::State::lists "{home}/lists";\n'
            f'Dir::State::status "{home}/status"; Dir::Cache "{home}/cache";\n'
            f'Dir::Etc::sourcelist "{home}/debian.sources"; Dir::Etc::sourceparts "-";\n'
            'Acquire::Languages "none"; APT::Sandbox::User ""; APT::Architecture "amd64";\n',
            encoding="utf-8",
        )
        main, security = mirror("/debian"), mirror("/debian-security")
        if main is None:
            raise FetchError("no source of this machine's apt is a mirror of Debian")
        blocks = [(main, SUITES)] + ([(security, SECURITY)] if security else [])
        (home / "debian.sources").write_text(
            "\n".join(
                f"Types: deb\nURIs: {uri}\nSuites: {' '.join(suites)}\nComponents: main\n"
                + (f"Signed-By: {key}\n" if key else "")
                for (uri, key), suites in blocks
            ),
            encoding="utf-8",
        )
        self.environment = {**os.environ, "APT_CONFIG": str(home / "apt.conf"), "LC_ALL": "C"}

    def run(self, *command: str) -> str:
        """Run one of apt's programs in the directory."""
        try:
            done = subprocess.run(
                command,
                cwd=self.directory,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=60 * MINUTES,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FetchError(f"{command[0]} does not run here: {error}") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = (said or done.stderr.splitlines() or ["no reason given"])[0]
            raise FetchError(f"{' '.join(command[:2])}: {why}")
        return done.stdout


def fetch(directory: Path) -> list[Path]:
    """The archives of both sources, fetched unless they are there in their newest version."""
    directory.mkdir(parents=True, exist_ok=True)
    apt = Apt(directory)
    apt.run("apt-get", "update")
    names = apt.run("apt-cache", "pkgnames", "linux-source-7.").split()
    newest = max((n for n in names if NEW.fullmatch(n)), key=_minor, default=None)
    if newest is None:
        raise FetchError("the mirror has no linux-source-7.x")
    return [_one(apt, name) for name in (OLD, newest)]


def _minor(name: str) -> int:
    return int(name.rpartition(".")[2])


def _one(apt: Apt, name: str) -> Path:
    """One package's archive."""
    said = apt.run("apt-cache", "policy", name)
    candidate = re.search(r"Candidate: (\S+)", said)
    if not candidate or candidate[1] == "(none)":
        raise FetchError(f"the mirror has no {name}")
    version = re.sub(r"[^\w.+~-]", "_", candidate[1])
    wanted = apt.directory / f"{name}_{version}" / f"{name}.tar.xz"
    if wanted.is_file():
        return wanted
    apt.run("apt-get", "download", f"{name}={candidate[1]}")
    (package,) = apt.directory.glob(f"{name}_*.deb")
    scratch = apt.directory / f"unpacking-{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    apt.run("dpkg-deb", "--extract", str(package), str(scratch))
    for old in apt.directory.glob(f"{name}_*/"):
        shutil.rmtree(old)
    wanted.parent.mkdir()
    (found,) = scratch.glob("usr/src/*.tar.xz")
    found.replace(wanted)
    shutil.rmtree(scratch)
    package.unlink()
    return wanted


def main(arguments: list[str]) -> int:
    """Fetch, and say where the archives are."""
    directory = Path(arguments[0]) if arguments else default_directory()
    try:
        for path in fetch(directory.resolve()):
            print(path)
    except (FetchError, OSError) as error:
        print(f"fetch_kernels: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
