# SPDX-License-Identifier: GPL-2.0-only
"""Read a table of unknown origin, field by field; whatever is wrong is said in one line."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_'-]{0,23}")
ID = re.compile(rf"{NAME.pattern}(\({NAME.pattern}\))?")
"""What a user of iommufd names by an id: a name, or ``auto1(I)``, made for an address space."""
NONE = "none"
"""How a file says that there is none: no handle, no old domain, nothing found."""
UNDEFINED = "undefined"
"""How a file says that nothing is promised of a call: the caller has broken a rule."""
MISSING: Any = object()


class VectorError(Exception):
    """A vector that cannot be used; the message says what is wrong, and what would be right."""


def shown(value: object) -> str:
    """A value on one line and not too long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}…{text[-1]}"


def fits_id(value: object) -> bool:
    """Whether it is the id of a user's table."""
    return isinstance(value, str) and ID.fullmatch(value) is not None


def errno_number(name: str) -> int:
    """The number of an errno's name; 0 if there is none of that name."""
    number: int = getattr(errno, name, 0) if name.isupper() else 0
    return number if number in errno.errorcode else 0


class Table:
    """A table of which every field is asked for once; what nobody asked for is a mistake.

    Args:
        data: what was read.
        where: what to call it in a message: ``"step 2"``.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise VectorError(f"{where} is {shown(data)}, but must be a table")
        self._left: dict[str, object] = dict(data)
        self._asked: list[str] = []
        self.where = where

    def __enter__(self) -> Table:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._left:
            unknown = min(self._left, key=str)
            near = get_close_matches(str(unknown), self._asked, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._asked)}"
            raise self.wrong(f"has no field {shown(unknown)}; {meant}")

    def wrong(self, what: str) -> VectorError:
        """The error that says what is wrong with this table."""
        return VectorError(f"{self.where} {what}")

    def has(self, field: str) -> bool:
        """Whether the field is there."""
        return field in self._left

    def take(self, field: str, default: Any = MISSING) -> Any:
        """The field as it is."""
        self._asked.append(field)
        if field not in self._left:
            if default is MISSING:
                raise self.wrong(f"must have the field {field}")
            return default
        return self._left.pop(field)

    def number(self, field: str, low: int, high: int, default: Any = MISSING) -> int:
        """A whole number in a range."""
        value = self.take(field, default)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(f"has {field} = {shown(value)}, not a number from {low} to {high}")
        return value

    def flag(self, field: str, default: bool) -> bool:
        """Yes or no."""
        value = self.take(field, default)
        if not isinstance(value, bool):
            raise self.wrong(f"has {field} = {shown(value)}, not true or false")
        return value

    def text(self, field: str, default: Any = MISSING, longest: int = 2000) -> str:
        """A line of text."""
        value = self.take(field, default)
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise self.wrong(f"has {field} = {shown(value)}, not a line of up to {longest} letters")
        return value

    def one_of(self, field: str, known: Iterable[str], default: Any = MISSING) -> str:
        """One of the texts that make sense there."""
        value = self.take(field, default)
        names = list(known)
        if not isinstance(value, str) or value not in names:
            said = ", ".join([*names[:7], *["and others"] * (len(names) > 7)])
            raise self.wrong(f"has {field} = {shown(value)}, which is none of {said}")
        return value

    def name(self, field: str, default: Any = MISSING) -> str:
        """A name of something, made up by whoever wrote this."""
        value = self.take(field, default)
        if value == "" == default:
            return ""
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self.wrong(f"has {field} = {shown(value)}, not a name of up to 24 letters")
        return value

    def says(self, field: str, *texts: str) -> bool:
        """Whether the field is one of these."""
        return self._left.get(field) in texts

    def id(self, field: str) -> str:
        """The id of a user's table."""
        value = self.take(field)
        if not fits_id(value):
            raise self.wrong(f"has {field} = {shown(value)}, not a table such as I or auto1(I)")
        return str(value)

    def error(self, field: str, default: Any = MISSING) -> str:
        """The kernel's name of an errno."""
        value = self.take(field, default)
        if not isinstance(value, str) or not errno_number(value):
            raise self.wrong(f"has {field} = {shown(value)}, not an errno such as EINVAL")
        return value

    def outcome(self, field: str, default: Any = MISSING) -> str:
        """The kernel's name of an errno, or 0."""
        value = self.take(field, default)
        if not isinstance(value, str) or not (value == "0" or errno_number(value)):
            raise self.wrong(f'has {field} = {shown(value)}, not "0" or an errno such as "EINVAL"')
        return value

    def result(self, field: str) -> str:
        """What a call returns, or that nothing is said of it."""
        if self._left.get(field) == UNDEFINED:
            return str(self.take(field))
        return self.outcome(field)

    def texts(self, field: str, most: int, default: Any = MISSING) -> tuple[str, ...]:
        """Some texts."""
        value = self.take(field, default)
        if not isinstance(value, list | tuple) or len(value) > most:
            raise self.wrong(f"has {field} = {shown(value)}, not a list of up to {most} texts")
        for each in value:
            if not isinstance(each, str) or len(each) > 200 or not each.isprintable():
                raise self.wrong(f"has {shown(each)} in {field}, not a line of up to 200 letters")
        return tuple(value)

    def tables(self, field: str, most: int, default: Any = MISSING) -> list[Table]:
        """Some tables."""
        value = self.take(field, default)
        if not isinstance(value, list) or len(value) > most:
            raise self.wrong(f"has {field} = {shown(value)}, not a list of up to {most} tables")
        one = field.removesuffix("s")
        place = "" if self.where == "the file" else f" of {self.where}"
        return [Table(each, f"{one} {i}{place}") for i, each in enumerate(value, 1)]

    def table(self, field: str, default: Any = MISSING) -> Table:
        """A table."""
        place = "" if self.where == "the file" else f" of {self.where}"
        return Table(self.take(field, default), f"[{field}]{place}")

    def rest(self, most: int) -> dict[str, object]:
        """All fields that nobody has asked for."""
        if len(self._left) > most:
            raise self.wrong(f"has {len(self._left)} fields; more than {most} is too much")
        left, self._left = self._left, {}
        return left
