# SPDX-License-Identifier: GPL-2.0-only
"""Compile what was taken out of a tree, once for each content.

The array is the tree's own ``lib/xarray.c``, built with the tree's user-space headers for that.
Results lie in a cache directory by the hash of all that goes into them; nothing is written
elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from .errors import LinuxError
from .extract import Definitions

SHIM = Path(__file__).resolve().parent / "shim"
ARRAY = "lib/xarray.c"
SUPPORT = ("tools/testing/shared", "tools/testing/radix-tree")
ARCHITECTURES = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm64", "arm64": "arm64"}
# as a kernel is compiled, as far as that changes what C means
FLAGS = (
    "-O1",
    "-g",
    "-fPIC",
    "-std=gnu11",
    "-fms-extensions",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-fno-delete-null-pointer-checks",
    "-fno-omit-frame-pointer",
    "-D_LGPL_SOURCE",
)
SANITIZE = (
    "-fsanitize=address,undefined",
    "-fno-sanitize=alignment,null",  # a null pointer is a crash in any case
    "-fsanitize-recover=address,undefined",
    "-DSHIM_SANITIZED",
)
SECONDS = 120
UNDEFINED = re.compile(r"undefined (?:reference to|symbol:) [`']?(\w+)")
COMPLAINT = re.compile(r": (?:fatal )?error: |undefined (?:reference|symbol)")


def store() -> Path:
    """The cache directory.

    Raises:
        LinuxError: it cannot be written.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        path = Path(base).expanduser() / "pasid-spec"
    except RuntimeError:
        raise LinuxError(
            "this user has no home directory; set XDG_CACHE_HOME to one that can be written"
        ) from None
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise LinuxError(
            f"the cache directory {path} cannot be written ({error.strerror}); "
            "set XDG_CACHE_HOME to one that can"
        ) from None
    return path


def compiler() -> list[str]:
    """The system's C compiler, or what CC names.

    Raises:
        LinuxError: there is none.
    """
    given = shlex.split(os.environ.get("CC", ""))
    for words in (given,) if given else (["cc"], ["gcc"], ["clang"]):
        if shutil.which(words[0]):
            return words
    raise LinuxError(
        f"there is no C compiler {given[0] if given else 'cc'}; "
        "install one (on Debian: gcc and libc6-dev) or set CC"
    )


def version_of(words: list[str]) -> str:
    """What the compiler says that it is."""
    return _version(tuple(words))


@cache
def _version(words: tuple[str, ...]) -> str:
    try:
        said = subprocess.run(
            [*words, "--version"], capture_output=True, text=True, timeout=SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    return said.splitlines()[0] if said else words[0]


@cache
def given(driver: str = "") -> frozenset[str]:
    """The names that the shim defines, which are not taken from the tree."""
    names = ("prelude.h", *([f"{driver}_prelude.h"] if driver else ()))
    texts = {name: (SHIM / name).read_text(encoding="utf-8") for name in names}
    return frozenset(Definitions(texts).items)


@cache
def own(driver: str) -> dict[str, str]:
    """The shim's definitions that are read with the tree's, by file."""
    name = f"{driver}_types.h"
    return {name: (SHIM / name).read_text(encoding="utf-8")} if (SHIM / name).is_file() else {}


def build(tree: Path, source: str, sanitize: bool = False) -> Path:
    """Compile extracted definitions, and link them with the tree's array.

    Args:
        tree: where they come from.
        source: what :func:`.signatures.find` made of them.
        sanitize: whether AddressSanitizer and UndefinedBehaviorSanitizer watch.

    Returns:
        The shared object.

    Raises:
        LinuxError: something is missing, or the compiler refuses.
    """
    support = [tree / name for name in SUPPORT if (tree / name / "linux").is_dir()]
    if not support or not (tree / "tools/include/linux").is_dir():
        raise LinuxError(
            f"{tree} has no tools/testing/shared or tools/include, the user-space support of "
            f"{ARRAY}; a whole kernel tree has them"
        )
    if not (tree / ARRAY).is_file():
        raise LinuxError(f"{tree} has no {ARRAY}; a whole kernel tree has one")
    words = compiler()
    cached = store()
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    paths = [
        SHIM / "include",
        SHIM,
        *(tree / name for name in SUPPORT),
        tree / "tools/include",
        tree / "tools/arch" / architecture / "include",
        tree / "lib",
    ]
    flags = [*FLAGS, *(SANITIZE if sanitize else ())]
    say = hashlib.sha256(repr((version_of(words), words, flags)).encode())
    for path in _inputs(tree, architecture):
        say.update(str(path.relative_to(tree if path.is_relative_to(tree) else SHIM)).encode())
        say.update(path.read_bytes())
    array_key = say.hexdigest()[:32]
    say.update(source.encode())
    key = say.hexdigest()[:32]
    made = cached / f"core-{key}.so"
    if made.exists():
        return made
    include = [f"-I{path}" for path in paths]
    with tempfile.TemporaryDirectory(dir=cached) as scratch:
        here = Path(scratch)
        (here / "core.c").write_text(source, encoding="utf-8")
        array = cached / f"array-{array_key}.o"
        jobs = [
            ([*words, *flags, *include, "-c", str(here / "core.c"), "-o", str(here / "core.o")])
        ]
        if not array.exists():
            name = f'-DXARRAY_C="{tree / ARRAY}"'
            shim = str(SHIM / "xarray.c")
            jobs.append([*words, *flags, *include, name, "-c", shim, "-o", str(here / "array.o")])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: _run(job, tree), jobs))
        if not array.exists():
            (here / "array.o").replace(array)
        link = [*words, *flags, "-shared", str(here / "core.o"), str(array)]
        link += ["-Wl,-z,defs" if not sanitize else "-Wl,-z,lazy", "-o", str(here / "core.so")]
        _run(link, tree)
        (here / "core.so").replace(made)
    return made


def _inputs(tree: Path, architecture: str) -> Iterator[Path]:
    """The files that the compiler may read."""
    yield from sorted(SHIM.rglob("*.[ch]"))
    yield tree / ARRAY
    for name in ("xarray", "kconfig", "gfp_types", "cleanup"):
        if (tree / f"include/linux/{name}.h").is_file():
            yield tree / f"include/linux/{name}.h"
    for name in (*SUPPORT, "tools/include", f"tools/arch/{architecture}/include"):
        root = tree / name
        skip = ("uapi", "nolibc", "io_uring", "trace")
        for directory in (root, *(root / d for d in ("linux", "asm", "asm-generic", "vdso"))):
            if directory.is_dir() and directory.name not in skip:
                found = sorted(p for p in directory.iterdir() if p.suffix in (".h", ".c"))
                yield from (p for p in found if p.is_file())  # there are broken links


def _run(command: list[str], tree: Path) -> None:
    """Run the compiler; what it says is shown only if it fails, and then its first complaint.

    The last word of the command is what it has to make.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, errors="replace"
        )
    except OSError as error:
        raise LinuxError(
            f"the C compiler {command[0]} cannot be run ({error.strerror}); "
            "set CC to one that works"
        ) from None
    except subprocess.TimeoutExpired:
        raise LinuxError(
            f"the C compiler {command[0]} did not come to an end within {SECONDS} s"
        ) from None
    if done.returncode:
        lines = done.stderr.splitlines() or [f"exit status {done.returncode}"]
        if missing := UNDEFINED.search(done.stderr):
            raise LinuxError(
                f"the functions of {tree} call {missing[1]}(), which none of the files that are "
                "read defines, and the harness neither"
            )
        first = next((line for line in lines if COMPLAINT.search(line)), lines[0])
        raise LinuxError(
            f"the C compiler {command[0]} refuses the functions of {tree}: {first.strip()}"
        )
    if not Path(command[-1]).is_file():
        raise LinuxError(
            f"the C compiler {command[0]} says that it is done, and has made nothing; "
            "set CC to one that works"
        )
