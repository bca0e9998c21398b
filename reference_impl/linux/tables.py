# SPDX-License-Identifier: GPL-2.0-only
"""A driver is what its tables of operations say: of each table what concerns PASIDs is taken."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from .errors import NotThereError
from .extract import Definitions, Item, parser

Tables = dict[str, tuple[str, str]]
"""By name: of which type a table is, and what of it is taken."""


def cut(tree: Path, definitions: Definitions, tables: Tables, file: str, driver: str) -> None:
    """Leave of a driver's tables what is taken.

    Raises:
        NotThereError: the tree has no such table, or no such operation.
    """
    items = definitions.items
    for name, (type_, members) in tables.items():
        item = items.get(name)
        if item is None or item.kind != "variable" or f"struct {type_}" not in item.names:
            raise NotThereError(
                f"{tree / file} and the files beside it have no struct {type_} {name}, by which "
                f"{driver} is known here"
            )
        items[name] = _sliced(item, members.split())
        if "set_dev_pasid" in members and ".set_dev_pasid" not in items[name].text:
            raise NotThereError(
                f"{tree / item.file}: {name} has no set_dev_pasid, which {driver} has since 6.14"
            )


def _sliced(item: Item, members: list[str]) -> Item:
    """A table without its other members, and not constant: the shim stands before the functions."""
    raw = item.text.encode()
    cut: list[tuple[int, int]] = []
    queue = [parser().parse(raw).root_node]
    while queue:
        node = queue.pop()
        if node.type == "initializer_list":
            for each in node.named_children:
                name = each.child_by_field_name("designator")
                text = (name.text or b"").decode().lstrip(".") if name else ""
                if each.type != "initializer_pair" or text not in members:
                    end = each.end_byte + (raw[each.end_byte : each.end_byte + 1] == b",")
                    cut.append((each.start_byte, end))
                else:
                    queue.append(each)
        else:
            queue += node.children
    for start, end in sorted(cut, reverse=True):
        raw = raw[:start] + raw[end:]
    text = raw.decode()
    text = re.sub(r"\bconst\s+(struct iommu_domain_ops)\b", r"\1", text)
    (sliced,) = Definitions({item.file: text}).items.values()
    return replace(sliced, line=item.line)
