# SPDX-License-Identifier: GPL-2.0-only
"""What a vector can ask for: the kinds of operation, with the arguments of each."""

from __future__ import annotations

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """The arguments of one kind of operation."""

    needs: tuple[str, ...]
    may_have: tuple[str, ...] = ()


OPERATIONS: dict[str, Kind] = {
    "attach": Kind(("device", "pasid", "domain"), ("handle",)),
    "replace": Kind(("device", "pasid", "domain"), ("handle",)),
    "detach": Kind(("device", "pasid", "domain")),
    "handle_get": Kind(("pasid",), ("type",)),
    "reset_prepare": Kind(("device",)),
    "reset_done": Kind(("device",)),
    "mm_release": Kind(("domain",)),
    **dict.fromkeys(("attach_group",), Kind(("domain",))),
    **dict.fromkeys(
        ("attach_group_handle", "replace_group_handle"), Kind(("domain",), ("handle",))
    ),
    **dict.fromkeys(("detach_group", "detach_group_handle", "release_group_owner"), Kind(())),
    "claim_group_owner": Kind((), ("who",)),
    "claim_device_owner": Kind(("device",), ("who",)),
    "release_device_owner": Kind(("device",)),
    **dict.fromkeys(("use_default_domain", "unuse_default_domain"), Kind(("device",))),
    **dict.fromkeys(("probe_device", "remove_device", "deferred_attach"), Kind(("device",))),
    **dict.fromkeys(("release", "probe"), Kind(("device",))),
    **dict.fromkeys(("sva_bind", "sva_unbind"), Kind(("device", "who"))),
    **dict.fromkeys(("iommufd_attach", "iommufd_replace"), Kind(("device", "pasid", "table"))),
    "iommufd_detach": Kind(("device", "pasid")),
    "iommufd_alloc": Kind(("device", "table"), ("flags",)),
    "iommufd_destroy": Kind(("table",)),
    "iommufd_hw_info": Kind(("device",)),
    "vfio_attach": Kind(("device", "pasid", "table"), ("odd",)),
    "vfio_detach": Kind(("device", "pasid"), ("odd",)),
    "vfio_unbind": Kind(("device",)),
    "page_request": Kind(("device", "pasid")),
    "fault_read": Kind(("queue",)),
    "fault_write": Kind(("queue", "answer")),
}
"""What can be asked. A new kind of operation is a new entry; no old vector changes."""

STANDS_FOR = {
    **dict.fromkeys(("table", "queue"), "domain"),
    **dict.fromkeys(("flags", "answer", "odd"), "type"),
}
"""The arguments that have another name in `contract.setting.Operation`."""

ANSWERS = ("success", "invalid", "failure", "wrong cookie")
ODD = ("PASID 0", "short", "without PASID", "unknown flag")
FLAGS = re.compile(
    r"(pasid|parent|[A-Z][A-Za-z0-9]{0,15})( (pasid|parent|[A-Z][A-Za-z0-9]{0,15}))*"
)
NEEDS = ("mappings", "reserved regions", "copy", "record")
"""What may fail that belongs to no driver's call."""
