# SPDX-License-Identifier: GPL-2.0-only
"""iommufd keeps its clauses, none is idle, and each is broken by some change of a line or two."""

from __future__ import annotations

import pytest

from reference_impl.contract import CLAUSES, Scope, explore, variant
from reference_impl.contract.implementation import PythonCore
from reference_impl.contract.iommufd_bugs import IOMMUFD_BUGS
from reference_impl.contract.known import iommufd_with
from reference_impl.contract.walk import Walk

OURS = [id for id, clause in CLAUSES.items() if clause.needs == "iommufd"]

# Each begins with the clause that must notice, whose source is changed, and in which setting of the
# scope it shows; then the change, as a diff.
CHANGES = """
IFD-1 of device in group: an unknown id is refused as something that cannot be attached
-    pt = idev.ictx.get(pt_id)
+    pt = idev.ictx.objects.get(pt_id)

IFD-2 of device in group: a queue is refused as if it were not there
-        raise refused(EINVAL, "IFD-2", f"{pt_id} is nothing to attach")
+        raise refused(2, "IFD-2", f"{pt_id} is nothing to attach")

IFD-3 of device in group: the same table may be attached twice
-        if idev in record.devices:
+        if idev in record.devices and record.hwpt is not hwpt:
             raise refused(EBUSY, "IFD-3", f"{idev} has PASID {pasid} attached already")

IFD-3 of device in group: another table is refused before what is attached is looked at
-        if idev in record.devices:
+        if idev in record.devices and record.hwpt is hwpt:
             raise refused(EBUSY, "IFD-3", f"{idev} has PASID {pasid} attached already")

IFD-4 of device in group: the second device of a group brings its own table
-        if record.hwpt is not hwpt:
+        if False:

IFD-5 of device in group: replace attaches
-            raise refused(EINVAL, "IFD-5", f"PASID {pasid} is not attached")
+            igroup.lock.held = False
+            return hw_pagetable_attach(idev, pasid, hwpt)

IFD-7 of device in group: a table is replaced by itself
-        if hwpt is old:
+        if False:

IFD-8 of device in virtual function: nobody asks about virtual functions
-    if hwpt.fault and idev.shares_pri:
+    if False:

IFD-14 of device in virtual function: all virtual functions are refused
-    if hwpt.fault and idev.shares_pri:
+    if idev.shares_pri:

IFD-9 of device in group: with a PASID, any table will do
-    if not hwpt.pasid_compat:
+    if False:

IFD-9 of device in group: what serves DMA without a PASID is not looked at
-    if NO_PASID in attached and not attached[NO_PASID].hwpt.pasid_compat:
+    if False:

IFD-14 of device in group: with a PASID, something must serve DMA without one
-    if NO_PASID in attached and not attached[NO_PASID].hwpt.pasid_compat:
+    if NO_PASID not in attached or not attached[NO_PASID].hwpt.pasid_compat:

IFD-10 of device in group: without a PASID, any table will do
-        if not hwpt.pasid_compat and any(other != NO_PASID for other in attached):
+        if False:

IFD-14 of device in address spaces: without a PASID, only tables for PASIDs will do
-        if not hwpt.pasid_compat and any(other != NO_PASID for other in attached):
+        if not hwpt.pasid_compat:

IFD-11 of hw_pagetable in address spaces: the tables that iommufd makes are for PASIDs
     ioas: Ioas,
     id: str,
-    pasid: bool = False,
+    pasid: bool = True,

IFD-12 of device in address spaces: each attach makes a table
-    for hwpt in [each for each in ioas.hwpts if each.auto]:
+    for hwpt in [each for each in ioas.hwpts if False]:

IFD-12 of device in address spaces: a table that user space made is taken
-    for hwpt in [each for each in ioas.hwpts if each.auto]:
+    for hwpt in list(ioas.hwpts):

IFD-12 of device in address spaces: the table stays when nobody uses it
-    if hwpt.auto and not hwpt.users:
+    if False:

IFD-13 of device in group: who joins is not noted
+        if first:
-        record.devices.append(idev)
+            record.devices.append(idev)

IFD-14 of device in group: the core is asked for each device
-        if first:
+        if True:

IFD-14 of device in group: whatever the core says is called EINVAL
                 if reserves:
                     hwpt.ioas.reserved.discard(idev.dev)
-                raise
+                raise OSError(EINVAL, "no")

IFD-15 of device in group: a failed attach keeps the reserved regions
-                if reserves:
+                if False:

IFD-15 of device in address spaces: a failed replace keeps the new reserved regions
-            if moves:
-                hwpt.ioas.reserved.difference_update(devices)
             raise

IFD-15 of device in group: as Linux 7.3 does: a failed replace gives up what the old one needs
-            if moves:
+            if pasid == NO_PASID:
                 hwpt.ioas.reserved.difference_update(devices)
             raise

IFD-15 of device in address spaces: a table whose mappings cannot be had stays attached
         except OSError:
-            hw_pagetable_detach(idev, pasid)
             raise

IFD-16 of device in group: the record keeps the old table
-        record.hwpt = hwpt
         hwpt.users += len(record.devices)

IFD-18 of device in group: who leaves takes the group along
-        if not record.devices:
+        if True:

IFD-18 of device in group: the last to leave leaves the group attached
         if not record.devices:
-            hwpt_detach_device(hwpt, idev, pasid)
             del igroup.pasid_attach[pasid]

IFD-19 of device in group: replace moves one user, not all
-        hwpt.users += len(record.devices)
+        hwpt.users += 1

IFD-19 of device in group: the old table keeps the users of the others
-        old.users -= len(record.devices) - 1

IFD-19 of device in group: a device's attachments are not counted
-    idev.users += 1

IFD-20 of device in tables: what is attached can be destroyed
-        hwpt.users += 1

IFD-21 of device in group: with a PASID, regions are reserved, too
-        reserves = pasid == NO_PASID and not idev.noiommu
+        reserves = not idev.noiommu

IFD-21 of device in two spaces: with a PASID, regions move, too
-        moves = pasid == NO_PASID and not idev.noiommu and hwpt.ioas is not old.ioas
+        moves = not idev.noiommu and hwpt.ioas is not old.ioas

IFD-21 of device in no IOMMU: without an IOMMU, regions move, too
-        moves = pasid == NO_PASID and not idev.noiommu and hwpt.ioas is not old.ioas
+        moves = pasid == NO_PASID and hwpt.ioas is not old.ioas

IFD-21 of device in address spaces: the old address space keeps the regions
-        if moves:
-            old.ioas.reserved.difference_update(devices)

IFD-21 of device in group: a device that leaves keeps its regions
-        if pasid == NO_PASID:
-            hwpt.ioas.reserved.discard(idev.dev)

IFD-22 of device in no IOMMU: a device without an IOMMU cannot be attached
     hwpt_compatible_device(hwpt, idev)
     hwpt_pasid_compat(hwpt, idev, pasid)
-    if idev.igroup.group is None:
-        return
     handle = idev.ictx.new_handle()
     if pasid == NO_PASID:
         attach_group_handle(hwpt.domain, idev.igroup.group, handle)

IFD-23 of eventq in page requests: the device is not told that nobody takes its request
     if handle is None:
-        respond(ictx, dev, pasid, INVALID)

IFD-23 of eventq in page requests: a request for a table without a queue is kept
-    return handle if handle.domain.iopf_handler else None
+    return handle

IFD-23 of eventq in page requests: a request that cannot be kept is forgotten
-        respond(ictx, dev, pasid, FAILURE)
         return
     queue = queue_of(ictx, handle)

IFD-23 of eventq in page requests: what cannot be kept is the driver's business
-        respond(ictx, dev, pasid, FAILURE)
-        return
+        raise
     queue = queue_of(ictx, handle)

IFD-24 of eventq in page requests: user space's PASID tables are not thought of
-        if error.errno != ENOENT or not dev.driver.user_pasid_table:
+        if True:

IFD-24 of eventq in page requests: what is not nested gets the requests of all PASIDs
-            handle = attach_handle_get(dev.group, NO_PASID, "nested")
+            handle = attach_handle_get(dev.group, NO_PASID)

IFD-24 of eventq in plain IOMMU: every IOMMU is taken for one that user space keeps tables for
-        if error.errno != ENOENT or not dev.driver.user_pasid_table:
+        if False:

IFD-25 of eventq in page requests: the newest is read first
-    request = queue.deliver.pop(0)
+    request = queue.deliver.pop()

IFD-26 of eventq in page requests: a request can be answered twice
-    request = queue.response.pop(cookie)
+    request = queue.response[cookie]
     respond(ictx, request.dev, request.pasid, answer)

IFD-26 of eventq in page requests: any answer will do
-    if answer not in (SUCCESS, INVALID):
+    if False:

IFD-27 of eventq in page requests: what was read is forgotten
-    for cookie in [c for c, r in queue.response.items() if r.handle is handle]:
+    for cookie in []:

IFD-27 of eventq in page requests: everybody's requests are answered
-    for request in [r for r in queue.deliver if r.handle is handle]:
+    for request in list(queue.deliver):

IFD-27 of device in page requests: the requests are answered before the core detaches
     handle = attach_handle(idev.igroup, pasid)
+    auto_response_faults(idev.ictx, hwpt, handle)
     if pasid == NO_PASID:
         detach_group_handle(idev.igroup.group)

IFD-28 of device in tables: one bit too many
-    return max(idev.dev.max_pasids.bit_length() - 1, 0)
+    return idev.dev.max_pasids.bit_length()

IFD-29 of hw_pagetable in tables: a parent takes page requests
-    if fault and nest_parent:
+    if False:

IFD-29 of hw_pagetable in tables: everything can be a parent
-    if parent.auto or not parent.nest_parent or parent.domain.driver is not idev.dev.driver:
+    if parent.auto:

VFIO-1 of vfio in VFIO: unknown flags are ignored
-    if arg.flags & ~PASID_FLAG:
+    if False:

VFIO-1 of vfio in VFIO: the PASID is read although it is not there
-    if arg.argsz < whole:
+    if False:

VFIO-2 of vfio in VFIO without PASIDs: operations that are not there are called
-    if not vdev.takes_pasids:
+    if False:

VFIO-3 of vfio in VFIO: as Linux 7.3 does (DEF-7): PASID 0 is passed on
-    if arg.pasid == NO_PASID:
+    if False:

VFIO-4 of vfio in VFIO: the file forgets what it attached
-    vdev.pasids.add(pasid)

VFIO-4 of vfio in VFIO: the file replaces only without a PASID
-    if pasid in vdev.pasids:
-        return device_replace(vdev.idev, pasid, pt_id)

VFIO-5 of vfio in VFIO: as Linux 7.3 does (DEF-6): the wrong thing is detached
-        if pasid is None:
-            detach_ioas(vdev)
+        detach_ioas(vdev)
-        else:
-            pasid_detach_ioas(vdev, pasid)
         raise

VFIO-6 of vfio in VFIO: detach does not look what this file attached
-    if pasid in vdev.pasids:
-        device_detach(vdev.idev, pasid)
+    device_detach(vdev.idev, pasid)
-        vdev.pasids.remove(pasid)
+    vdev.pasids.remove(pasid)

VFIO-7 of vfio in VFIO: the end of a file leaves the PASIDs
-    for pasid in sorted(vdev.pasids):
+    for pasid in []:

VFIO-6 of vfio in VFIO: a file detaches what another has attached
-    if vdev.attached:
-        device_detach(vdev.idev, NO_PASID)
+    if True:
+        device_detach(vdev.idev, NO_PASID)

VFIO-7 of vfio in VFIO: the device stays bound
-    vdev.idev.ictx.unbind(vdev.idev)
"""


def read(change: str) -> object:
    """The clause, the module, the part of the scope, and what becomes what."""
    head, *diff = change.splitlines()
    where, _, what = head.partition(": ")
    id, _, of, _, part = where.split(maxsplit=4)
    old = "\n".join(line[1:] for line in diff if line[0] in " -")
    new = "\n".join(line[1:] for line in diff if line[0] in " +")
    return pytest.param(id, of, part, f"{old}\n", f"{new}\n", id=f"{id} {what}")


EVERY = CHANGES.strip().split("\n\n")


def breaks(implementation: PythonCore, id: str, faults: int = 1) -> bool:
    """Whether a clause is broken; looks no further than the first time."""
    clause = CLAUSES[id]
    assert implementation.habitat is not None
    for setting, starts in implementation.habitat.starts(Scope(2, 0, 1, 1, faults), frozenset()):
        for step, _ in Walk(implementation, setting, starts, faults):
            if step.operation.kind in clause.on and isinstance(clause.predicate(step), str):
                return True
    return False


@pytest.mark.parametrize(("id", "of", "part", "old", "new"), [read(change) for change in EVERY])
def test_a_change_breaks_the_clause(id: str, of: str, part: str, old: str, new: str) -> None:
    broken = variant(iommufd_with(part), (old, new), of=of)
    assert breaks(broken, id)


def test_every_clause_is_broken_by_something() -> None:
    by_a_change = {change.split()[0] for change in EVERY}
    in_linux_once = {bug.clause for bug in IOMMUFD_BUGS.values()}
    assert set(OURS) == by_a_change | in_linux_once


def test_within_three_calls_every_clause_is_held_and_none_is_idle() -> None:
    """The whole exploration is in the notebook, with how often each of them is held."""
    clauses = [CLAUSES[id] for id in OURS]
    seen = explore(iommufd_with(), Scope(2, 0, 1, 1, 1), clauses, calls=3)
    assert {id: seen.findings[id].reason for id in OURS} == dict.fromkeys(OURS, "")
    assert seen.with_verdict("held") == OURS
