# SPDX-License-Identifier: GPL-2.0-only
"""The guest's file system: an archive in the form that the kernel unpacks, made without root."""

from __future__ import annotations

import gzip
import stat
from collections.abc import Mapping

CONSOLE = (5, 1)
"""Major and minor number of /dev/console, without which the first process has no output."""


def initramfs(programs: Mapping[str, bytes], texts: Mapping[str, str]) -> bytes:
    """An archive of files in the root directory, and a console.

    Args:
        programs: executables by name.
        texts: other files by name.
    """
    entries = [
        _entry(1, "dev", stat.S_IFDIR | 0o755),
        _entry(2, "dev/console", stat.S_IFCHR | 0o600, device=CONSOLE),
    ]
    for name, content in programs.items():
        entries.append(_entry(len(entries) + 1, name, stat.S_IFREG | 0o755, content))
    for name, text in texts.items():
        entries.append(_entry(len(entries) + 1, name, stat.S_IFREG | 0o644, text.encode()))
    entries.append(_entry(0, "TRAILER!!!", 0))
    return gzip.compress(b"".join(entries), compresslevel=1, mtime=0)


def _entry(
    number: int, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
) -> bytes:
    """One file in cpio's "newc" form: a header of hexadecimal numbers, the name, the content."""
    fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name.encode() + b"\0") + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
