# SPDX-License-Identifier: GPL-2.0-only
"""The group's other calls: every clause holds, and one changed line breaks those about it."""

from __future__ import annotations

import pytest

from reference_impl.contract import (
    CLAUSES,
    IMPLEMENTATIONS,
    Scope,
    explore,
    variant,
)
from tests.contract.scopes import one

# Each is a change of a module of the model, written as a diff. Its first line says which module,
# in which setting (by how its name begins), which clauses must notice, and what goes wrong.
MUTANTS = """
rid whole RID-1: the first device is left out
-    for dev in group.devices:
+    for dev in group.devices[1:]:
         if dev.blocked:

rid no RID-1 INV-9: a group that has no domain to go back to gets none
     if domain is None:
-        group.warn("there is no domain to set")
-        raise refused(EINVAL, "RID-1", "there is no domain to set")
+        pass

rid whole RID-1 GRP-4: drivers are asked although nothing changes
-    if old is domain:
-        return

rid whole RID-2: the domain is changed during recovery
-    if group.recovery_cnt and not must_succeed:
+    if False:

rid whole RID-2: B24, what must succeed is refused during recovery
-    if group.recovery_cnt and not must_succeed:
+    if group.recovery_cnt:

rid whole RID-2 RID-6: a device under reset is asked
-        if dev.blocked:
+        if False:
             continue  # the end of its reset will set what the group has then

rid firmware RID-4: a device that firmware needs is blocked
-    if dev.require_direct and (domain.type == "blocked" or domain is group.blocking_domain):
+    if False:

rid firmware RID-4: a deferred attach stays deferred
-        dev.attach_deferred = False
     try:
         domain.attach_dev(dev, old)
+        dev.attach_deferred = True

rid whole RID-2 OWN-3: what is refused during recovery is refused with another errno
-        raise refused(EBUSY, "RID-2", "a device of the group is in recovery")
+        raise refused(EINVAL, "RID-2", "a device of the group is in recovery")

rid firmware RID-4 OWN-3: what firmware forbids is refused with another errno
-        raise refused(EINVAL, "RID-4", f"firmware needs mappings of {dev}")
+        raise refused(EBUSY, "RID-4", f"firmware needs mappings of {dev}")

rid whole RID-5: nobody goes back
-            for each in done:
+            for each in ():

rid whole RID-5: what nobody asked for goes back
-            for each in done:
+            for each in group.devices[::-1]:

rid whole RID-7 RID-5: the device that failed goes back, too
-            for each in done:
+            for each in (*done, dev):

rid whole RID-5: on the way back the roles are not swapped
-        set_device_domain(old, group, dev, domain, must_succeed=True)
+        set_device_domain(old, group, dev, old, must_succeed=True)

rid no INV-9: a group that had no domain goes back to nothing
-    if old is None:
-        return  # the first probe has failed, and the group goes away

rid whole RID-6: the first failure ends what must succeed
-            if must_succeed:
+            if False:
                 continue

rid whole RID-6: a device that failed is left with what may be gone
-        if must_succeed and group.blocking_domain not in (None, domain):
-            block_device(group, dev, old)

rid whole RID-3: a device reaches a domain of nobody's
-        domain.attach_dev(dev, old)
+        dev.driver.write_entry(dev, 0, dev.driver.identity_domain)
+        domain.attach_dev(dev, old)

rid whole GRP-1: the handle is there before the drivers agreed
-        if error := group.pasid_array.insert(NO_PASID, RESERVED):
+        if error := group.pasid_array.insert(NO_PASID, entry):

rid whole GRP-1: the reservation stays
-            group.pasid_array.release(NO_PASID)
             raise

rid whole GRP-2: a second domain is attached
-    if group.domain not in (None, group.default_domain, group.blocking_domain):
+    if False:

rid whole GRP-2: a foreign domain is attached
-    if not belongs(domain, group.devices[0]):
+    if False:

rid whole GRP-3: a replace that fails takes the old handle along
-            group.pasid_array.release(NO_PASID)  # a handle that was there stays
+            group.pasid_array.erase(NO_PASID)

rid whole GRP-3: the new handle is there although it failed
             set_group_domain(domain, group)
         except OSError:
             group.pasid_array.release(NO_PASID)  # a handle that was there stays
+            group.pasid_array.store(NO_PASID, entry)

rid whole GRP-5: the handle goes first
     with group.mutex:
         # DRIVERS
-        set_group_core_domain(group)
+        group.pasid_array.erase(NO_PASID)
+        set_group_core_domain(group)

rid whole GRP-5: an owned group gets the kernel's domain
-    set_group_domain_nofail(group.blocking_domain if group.owner else group.default_domain, group)
+    set_group_domain_nofail(group.default_domain, group)

rid firmware RST-15: a deferred attach is made during the reset
-        if dev.blocked:
+        if False:
             raise refused(EBUSY, "RST-15", f"{dev} is under reset")

recovery firmware RST-1: a device without ATS is blocked
-    if not dev.ats or group is None:
+    if group is None:
         return
     with group.mutex:
         dev.reset_depth += 1

recovery whole RST-3: B25, a reset within a reset is one too many
-        if dev.reset_depth > 1:
-            return

recovery whole RST-3: a done too many counts down
-        if dev.reset_depth == 0:
+        if False:

recovery whole RST-5: the device keeps its DMA without a PASID
-        if group.domain is not blocking:
+        if False:

recovery whole RST-5: a prepare that failed counts
-                dev.reset_depth -= 1
                 raise

recovery whole RST-5: the group's domain is changed
         dev.blocked = True  # before the driver is asked again, and asks what there is
+        group.domain = blocking

recovery whole RST-7: the PASIDs are not blocked
-                remove_dev_pasid(domain, group, dev, pasid)
+                pass

recovery whole RST-12 RST-7: the array forgets what it had
-                remove_dev_pasid(domain, group, dev, pasid)
+                group.pasid_array.erase(pasid)
+                remove_dev_pasid(domain, group, dev, pasid)

recovery whole RST-8: nobody counts
-        group.recovery_cnt += 1

recovery whole RST-8: it never ends
-        group.recovery_cnt -= 1

recovery no RST-9 INV-9: B26, a group without a domain
-        if group.domain not in (None, group.blocking_domain):
+        if group.domain is not group.blocking_domain:

recovery whole RST-9: B22, all devices are set again
-                return_dev_pasid(domain, group, dev, pasid)
+                for each in group.devices:
+                    return_dev_pasid(domain, group, each, pasid)

recovery whole RST-9: drivers are told that there was nothing
-        domain.set_dev_pasid(dev, pasid, group.blocking_domain)
+        domain.set_dev_pasid(dev, pasid, None)

recovery whole RST-11: what was detached comes back
         # WITH A PASID
         if dev.max_pasids:
-            for pasid, domain in attached(group.pasid_array):
-                return_dev_pasid(domain, group, dev, pasid)
+            return_dev_pasid(group.default_domain, group, dev, 1)

ownership whole OWN-1: a group that is taken is used
-        if group.owner_cnt and (
-            group.domain is not group.default_domain or group.owner or not group.pasid_array.empty
-        ):
+        if False:

ownership whole OWN-1: the first driver is asked for an empty array, too
-        if group.owner_cnt and (
+        if (

ownership whole OWN-2: what is attached is left behind
-        if not group.owner_cnt or not group.pasid_array.empty:
+        if not group.owner_cnt:

ownership whole OWN-3 INV-5 GRP-6: a group with attachments is claimed
-    if group.domain not in (None, group.default_domain) or not group.pasid_array.empty:
+    if False:

ownership whole OWN-3: a group in use is claimed
         if group.owner_cnt:
-            raise refused(EPERM, "OWN-3", "the group is in use")
+            pass
         take_dma_ownership(group, owner)

ownership whole OWN-4 INV-5: a group with attachments is given back
-    if not (group.owner_cnt and group.owner and group.pasid_array.empty):
+    if not (group.owner_cnt and group.owner):

ownership whole OWN-5: the first release gives the group back
-        if group.owner_cnt > 1:
+        if False:

ownership whole GSP-7: the count is changed without the mutex
-    with group.mutex:
+    if True:
         if not group.owner_cnt or not group.pasid_array.empty:

membership devices PRB-1: a device that joins is set on the PASIDs
             set_device_domain(group.domain, group, dev, None)
+            dev.driver.blocked_domain.set_dev_pasid(dev, 2, None)

membership devices PRB-1: a device whose driver refuses joins
-            group.devices.remove(dev)
             deinit_device(dev)

membership devices PRB-1: a device whose driver refuses keeps what it has
             group.devices.remove(dev)
-            deinit_device(dev)
+            dev.group = None

membership devices PRB-3: a device that leaves keeps its DMA
-            parked.attach_dev(dev, group.domain)
+            pass

membership devices PRB-3: the array is emptied when a device leaves
     with group.mutex:
         group.devices.remove(dev)
+        group.pasid_array.erase(2)

membership devices PRB-4: nobody warns of a group that is owned
-        if not group.devices and (group.owner_cnt or group.domain is not group.default_domain):
+        if False:

membership devices PRB-5: nobody joins during recovery
-    dev.max_pasids = get_max_pasids(capability)
+    if group.recovery_cnt:
+        raise OSError(16, "in recovery")

core devices PRB-2: a device that has nothing is not asked
-        if not dev.blocked:
+        if not dev.blocked and pasid in dev.pasid_table:

membership cap CAP-1: who says nothing has one
-    dev.max_pasids = get_max_pasids(capability)
+    dev.max_pasids = get_max_pasids(capability) or 1

membership cap CAP-2: a width of nothing is none
-    dev.max_pasids = get_max_pasids(capability)
+    dev.max_pasids = get_max_pasids(capability) if capability.bits else 0

sva proc SVA-1: every process gets the same PASID
-            if pasid not in self.taken:
+            if True:

sva proc SVA-1: a device is bound with a PASID that it cannot send
-        if mm.pasid >= dev.max_pasids:
+        if False:

sva proc SVA-1: a device is bound whose table walk does not fit
-    if not mm.dma_compatible:
+    if False:

sva proc SVA-2: a second bond is not counted
-        bond.users += 1
         return bond

sva proc SVA-2: another attachment is taken for none
-        bond = attach_handle_get(group, pasid, "sva")
+        bond = attach_handle_get(group, pasid)

sva proc SVA-3: a new domain for each group
-    for domain in mm.sva_domains:
+    for domain in ():

sva proc SVA-3: where a domain is refused, no new one is tried
-        with suppress(OSError):
+        if True:

sva proc SVA-3: a domain that nobody needs stays
-            dev.driver.free_domain(domain)
             raise

sva proc SVA-4: the domain is freed before it is detached
     assert mm.pasid is not None
+    domain.driver.free_domain(domain)
     detach_device_pasid(domain, bond.device, mm.pasid)

sva proc SVA-4: the first one detaches
-    if bond.users:
+    if False:

sva proc SVA-4: a domain that is in use elsewhere is freed
-    if not domain.users:
+    if True:

core proc SVA-5: attach tells of an old domain
-            set_group_pasid(domain, group, pasid, old=None)
+            set_group_pasid(domain, group, pasid, old=domain)

membership cap CAP-3: the IOMMU sets no limit
-    dev.max_pasids = get_max_pasids(capability)
+    dev.max_pasids = get_max_pasids(capability._replace(iommu=1 << 20))
"""


def read(mutant: str) -> object:
    """The module, the change, the setting, and the clauses that must notice."""
    head, *diff = mutant.splitlines()
    names, _, what = head.partition(": ")
    module, setting, *clauses = names.split()
    old = "\n".join(line[1:] for line in diff if line[0] in " -")
    new = "\n".join(line[1:] for line in diff if line[0] in " +")
    return pytest.param(module, (old, new), setting, clauses, id=what)


@pytest.mark.parametrize(
    ("module", "change", "setting", "clauses"),
    [read(mutant) for mutant in MUTANTS.strip("\n").split("\n\n")],
)
def test_a_mutant_is_noticed(
    module: str, change: tuple[str, str], setting: str, clauses: list[str]
) -> None:
    judged = [CLAUSES[id] for id in clauses]
    scope = one(setting, 2, 0, 2 if "GRP-3" in clauses else 1, 1, 2 if "RID-5" in clauses else 1)
    changed = variant("model-group", change, of=module)
    broken = set[str]()
    for calls in (1, 2, 3):  # most need no more than one or two
        broken.update(explore(changed, scope, judged, calls=calls).with_verdict("broken"))
        if broken == set(clauses):
            return
    raise AssertionError(broken)


def test_a_driver_that_asks_notices_a_flag_that_is_set_late() -> None:
    early = (
        "        dev.blocked = True  # before the driver is asked again, and asks what there is\n"
    )
    count = "        group.recovery_cnt += 1\n"
    late = variant("smmuv3", (early, ""), (count, count + early), of="recovery")
    scope = one("resets of one", 1, 0, 1, 1, 0)
    assert explore(late, scope, [CLAUSES["DRV-10"]]).with_verdict("broken") == ["DRV-10"]


def test_within_three_calls_the_model_holds_every_clause() -> None:
    """The whole exploration is in the notebook."""
    seen = explore(IMPLEMENTATIONS["model-group"], Scope(2, 0, 1, 1, 1), calls=3)
    verdicts = {id: finding.verdict for id, finding in seen.findings.items()}
    assert "broken" not in verdicts.values()
    needed = [id for id, each in CLAUSES.items() if each.needs in ("group", "sva")]
    assert {verdicts[id] for id in needed} == {"held"}
