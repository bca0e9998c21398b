# SPDX-License-Identifier: GPL-2.0-only
"""User space by hand: what fails is named, and what cannot fail is said."""

from __future__ import annotations

import pytest

from reference_impl.contract.setting import TableSpec
from reference_impl.contract.user_space import TABLES, UserSpace
from reference_impl.drivers import Vtd
from reference_impl.present import diagram


def rows(text: str) -> list[str]:
    """What happens in a diagram's text, without how things are then."""
    return [line[4:].split("  ")[0] for line in text.splitlines()[2:-1]]


@pytest.mark.parametrize("copy", [1, 2, 3])
def test_every_copy_of_an_ioctl_can_fail(copy: int) -> None:
    user = UserSpace()
    assert user.vfio_attach("S", pasid=1, fail={"copy": copy}).outcome == "-EFAULT"
    assert user.attached(1).outcome == "-ENOENT"
    if copy < 3:
        assert user.call("vfio_detach", None, 1, fail={"copy": copy}).outcome == "-EFAULT"
    with pytest.raises(ValueError, match="copy was not asked so often"):
        user.vfio_attach("S", pasid=1, fail={"copy": 4})


def test_every_need_of_an_attach_can_fail() -> None:
    for needs in range(1, 10):
        user = UserSpace()
        try:
            assert user.attach("S", pasid=1, fail={"memory": needs}).outcome == "-ENOMEM"
        except ValueError:
            break
    # the PASID's slot, the record, the device's slot, the handle, and the core's slot
    assert needs == 6


def test_the_book_of_vfio_needs_memory_too() -> None:
    user = UserSpace()
    assert user.vfio_attach("S", pasid=1, fail={"memory": 6}).outcome == "-ENOMEM"
    with pytest.raises(ValueError, match="memory was not asked so often"):
        user.vfio_attach("S", pasid=1, fail={"memory": 7})


@pytest.mark.parametrize("of", ["I", "P"])
def test_a_table_needs_memory(of: str) -> None:
    user = UserSpace()
    assert user.call("iommufd_alloc", of, fail={"memory": 1}).outcome == "-ENOMEM"
    assert user.call("iommufd_alloc", of).outcome == "0"


def test_a_request_that_cannot_be_read_goes_on_waiting() -> None:
    user = UserSpace()
    user.attach("F")
    user.page_request()
    assert user.call("fault_read", "Q", fail={"memory": 1}).outcome == "-ENOMEM"
    assert user.read().found == "d0, PASID 0"


def test_a_device_is_there() -> None:
    with pytest.raises(ValueError, match=r"there is no device d7, only \['d0'\]"):
        UserSpace().attach("S", dev="d7")


def test_a_driver_with_records_of_its_own() -> None:
    user = UserSpace(driver=Vtd)
    assert user.attach("S", pasid=1).outcome == "0"
    assert user.replace("S", pasid=1).outcome == "0"
    assert user.attach("N", pasid=2).outcome == "0"
    assert user.replace("S", pasid=2).outcome == "0"
    assert user.detach(1).outcome == user.detach(2).outcome == "0"
    assert user.attach("S", pasid=1, fail={"tag": 1}).outcome == "-ENOMEM"


def test_a_diagram_tells_what_iommufd_does() -> None:
    user = UserSpace()
    user.attach("F", pasid=1)
    asked = user.page_request(1)
    assert rows(repr(diagram(asked))) == ["before", "d0: asks for a page, waits in Q", "returns 0"]
    assert "Q: PASID 1 of d0 is read" in repr(diagram(user.read()))
    replaced = repr(diagram(user.replace("S", pasid=1)))
    assert "d0: gets the answer invalid" in replaced
    assert "noted: S for d0" in replaced
    assert "refused by iommufd" in repr(diagram(user.attach("S", pasid=1)))
    assert "get memory -> ENOMEM" in repr(diagram(user.attach("S", 2, fail={"memory": 1})))
    copied = repr(diagram(user.vfio_attach("S", 2, fail={"copy": 3})))
    assert "copy to or from user space -> EFAULT" in copied
    assert "noted: nothing" in copied
    assert "get reserved regions -> ENOMEM" in repr(
        diagram(user.attach("S", fail={"reserved regions": 1}))
    )


@pytest.mark.parametrize("what", ["reserved regions", "mappings"])
def test_what_an_address_space_cannot_give(what: str) -> None:
    user = UserSpace(tables=(*TABLES, TableSpec("J", "ioas")))
    assert user.attach("I", fail={what: 1}).outcome == "-ENOMEM"
    user.attach("S")
    assert user.replace("J", fail={what: 1}).outcome == "-ENOMEM"
    assert user.attached().found == "h"
    assert user.replace("J").outcome == "0"
