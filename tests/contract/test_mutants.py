# SPDX-License-Identifier: GPL-2.0-only
"""Change a line of the model, and the clauses that speak of it are broken."""

from __future__ import annotations

import pytest

from reference_impl.contract import Scope, explore, variant

# Each is a change of reference_impl/model/core.py, written as a diff: its first line says which
# clauses must notice, and what goes wrong.
MUTANTS = """
ATT-1: attach answers another errno
-        raise refused(ENODEV, "ATT-1", f"{dev} is in no group")
+        raise refused(EINVAL, "ATT-1", f"{dev} is in no group")

ATT-2: attach does not ask about the blocked domain
-    if not dev.driver.blocked_domain.takes_pasids:
+    if False:

ATT-5: attach takes one PASID too many
-        if any(pasid >= each.max_pasids for each in group.capable()):
+        if any(pasid > each.max_pasids for each in group.capable()):

ATT-5 ATT-14: attach lets devices without PASIDs set the limit
-        if any(pasid >= each.max_pasids for each in group.capable()):
+        if any(pasid >= each.max_pasids for each in group.devices):

ATT-7 ATT-10 INV-3: attach stores the entry at once
-        if error := group.pasid_array.insert(pasid, RESERVED):
+        if error := group.pasid_array.insert(pasid, entry):

ATT-8 INV-1 INV-4: attach keeps its reservation when it fails
         except OSError:
-            group.pasid_array.release(pasid)
             raise

ATT-9 INV-1: attach keeps its reservation for good
         # RECORD: ATT-9; it cannot fail, the slot is reserved
-        group.pasid_array.store(pasid, entry)

ATT-8 INV-6: attach tells of an old domain
-            set_group_pasid(domain, group, pasid, old=None)
+            set_group_pasid(domain, group, pasid, old=domain)

REP-3: replace does without a handle
-    if pasid == NO_PASID or handle is None:
+    if pasid == NO_PASID:

REP-7 INV-1 INV-4: replace keeps its reservation where nothing was attached
         if current is None:
-            group.pasid_array.release(pasid)

REP-7: replace acts as attach
-            raise refused(EINVAL, "REP-7", f"PASID {pasid} is not attached")
+            set_group_pasid(domain, group, pasid, None)
+            group.pasid_array.store(pasid, entry)
+            return

REP-8: replace does not warn of a published handle
-            group.warn(f"handle {handle} is in use for PASID {pasid}")

REP-10 INV-6: replace asks the drivers although the domain stays
-        if old is not domain:
+        if True:

REP-11: replace asks no driver
-        if old is not domain:
-            set_group_pasid(domain, group, pasid, old)

REP-11 GSP-5 INV-4: replace does not tell the old domain
-            set_group_pasid(domain, group, pasid, old)
+            set_group_pasid(domain, group, pasid, None)

REP-14: replace removes first
         if old is not domain:
+            remove_group_pasid(old, group, pasid)

REP-12: replace erases the old entry before it stores the new one
         # RECORD: REP-12; one store over the old entry, which has been there all the time
+        group.pasid_array.erase(pasid)

REP-12 INV-3: replace stores the entry before it asks
         old = domain_of(current)
+        group.pasid_array.store(pasid, entry)

REP-13: replace writes the old handle
         old = domain_of(current)
+        array_entry(old, current if isinstance(current, AttachHandle) else None)

DET-3 INV-3: detach erases the entry before it asks
         # DRIVERS: DET-2
+        group.pasid_array.erase(pasid)
         remove_group_pasid(domain, group, pasid)

DET-1 DET-5: detach leaves the entry
         # RECORD: DET-3
-        group.pasid_array.erase(pasid)

DET-2 DET-4: detach asks a device under reset
-        if not dev.blocked:
+        if True:

DET-2 GSP-4: nobody warns of a device that cannot be blocked
-        group.warn(f"{dev} cannot be blocked for PASID {pasid}")
+        pass

VIS-1: the look-up waits for the mutex
-    entry = group.pasid_array.load(pasid)
+    with group.mutex:
+        entry = group.pasid_array.load(pasid)

VIS-2: the look-up finds plain domains
-    if not isinstance(entry, AttachHandle):
+    if entry is None:

VIS-3: the look-up takes every type
-    if type and entry.domain.type != type:
+    if False:

GSP-1: the devices are asked in the opposite order
-        for dev in group.capable():
+        for dev in reversed(group.capable()):
             domain.set_dev_pasid(dev, pasid, old)

GSP-3: the device that failed is undone
-            domain.set_dev_pasid(dev, pasid, old)
             done.append(dev)
+            domain.set_dev_pasid(dev, pasid, old)

GSP-4 GSP-5 INV-4: the first device is not undone
-        for dev in done:
+        for dev in done[1:]:

GSP-4 GSP-5: the devices are undone in the opposite order
-        for dev in done:
+        for dev in reversed(done):

GSP-2 ATT-8 REP-11: the error is swallowed
             restore_dev_pasid(domain, group, dev, pasid, old)
-        raise

GSP-5 INV-6: on the way back the roles are not swapped
-        old.set_dev_pasid(dev, pasid, domain)
+        old.set_dev_pasid(dev, pasid, old)

GSP-6: a device that cannot go back keeps the new domain
         group.warn(f"{dev} cannot go back to {old} for PASID {pasid}")
-        remove_dev_pasid(domain, group, dev, pasid)

GSP-7: replace does not lock
     # LOCK
-    with group.mutex:
+    if True:
         if group.recovery_cnt:
             raise refused(EBUSY, "REP-4", "a device of the group is in recovery")

ATT-6 REP-5: the handle does not learn its domain
-    handle.domain = domain

ATT-15: the driver's static domains are foreign
-    return domain.driver is driver or domain in (driver.blocked_domain, driver.identity_domain)
+    return domain.driver is driver
"""


def read(mutant: str) -> object:
    """The old text, the new text, and the clauses that must notice."""
    head, *diff = mutant.splitlines()
    clauses, _, what = head.partition(": ")
    old = "\n".join(line[1:] for line in diff if line[0] in " -")
    new = "\n".join(line[1:] for line in diff if line[0] in " +")
    return pytest.param(f"{old}\n", f"{new}\n", clauses.split(), id=what)


@pytest.mark.parametrize(
    ("old", "new", "clauses"), [read(mutant) for mutant in MUTANTS.strip().split("\n\n")]
)
def test_a_mutant_is_noticed(old: str, new: str, clauses: list[str]) -> None:
    devices = 3 if "reversed(done)" in new else 2  # there are two to undo, or one
    seen = explore(variant("model", (old, new)), Scope(devices, 1, 2, 1, 2))
    assert set(clauses) <= set(seen.with_verdict("broken"))


ENTRY = "        entry = array_entry(domain, handle)\n"
LIMIT = """f"PASID {pasid} is beyond a device's limit")\n"""
RECOVERY = '"REP-4", "a device of the group is in recovery")\n'
RESERVED = "        # RECORD: ATT-9; it cannot fail, the slot is reserved\n"
STORE = "        # RECORD: REP-12; one store over"
ERASE = "        group.pasid_array.erase(pasid)\n\n\ndef attach_handle_get"
LOAD = "    entry = group.pasid_array.load(pasid)\n"
REFUSE = """\
        if group.pasid_array.erase(pasid) is None:
            raise refused(EINVAL, 'DET-1', 'nothing was attached')


def attach_handle_get"""
TAKE = f"    if not group.mutex.held:\n        with group.mutex:\n            pass\n{LOAD}"
LATE = "        array_entry(domain, handle)\n"


@pytest.mark.parametrize(
    ("clause", "changes"),
    [
        ("ATT-6", [(LIMIT + ENTRY, LIMIT), (RESERVED, RESERVED + ENTRY)]),
        (
            "REP-5",
            [(RECOVERY + ENTRY, f"{RECOVERY}        entry = handle\n"), (STORE, LATE + STORE)],
        ),
        ("DET-1", [(ERASE, REFUSE)]),
        ("VIS-1", [(LOAD, TAKE)]),
    ],
)
def test_a_clause_that_is_broken_alone(clause: str, changes: list[tuple[str, str]]) -> None:
    """Small mutants break these together with others."""
    seen = explore(variant("model", *changes), Scope(2, 1, 2, 1, 2))
    assert seen.with_verdict("broken") == [clause]


def test_a_variant_says_what_it_cannot_change() -> None:
    with pytest.raises(ValueError, match="'no such line' stands 0 times"):
        variant("model", ("no such line", ""))
    with pytest.raises(ValueError, match=r"'with group\.mutex' stands 3 times"):
        variant("model", ("with group.mutex", ""))
