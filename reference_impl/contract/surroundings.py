# SPDX-License-Identifier: GPL-2.0-only
"""What is around the three calls in a Python machine: the group's other calls, and its facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..model import membership, ownership, recovery, rid, sva, vfio
from ..model.capability import Capability
from ..model.iommufd import device, eventq, hw_pagetable
from ..model.objects import AttachHandle, Device, Domain, Driver, Fact, Group, Notes
from ..model.observer import Observer
from .facts import DEFAULT, GroupFacts, MmFacts, as_notes, bonds, group_facts, mm_facts
from .setting import NEW, Operation, Setting


class Modules(NamedTuple):
    """The modules of :mod:`reference_impl.model` that have the calls, one upon the other."""

    rid: Any = rid
    recovery: Any = recovery
    ownership: Any = ownership
    membership: Any = membership
    sva: Any = sva
    hw_pagetable: Any = hw_pagetable
    eventq: Any = eventq
    device: Any = device
    vfio: Any = vfio


class Surroundings:
    """A group beyond its array and its hardware.

    Args:
        modules: who has the calls.
        setting: who is there.
        group: the group, with all the devices that the setting names.
        domains: every domain by name; the default one is added.
        observer: sees what happens.
    """

    def __init__(
        self,
        modules: Modules,
        setting: Setting,
        group: Group,
        domains: dict[str | None, Domain],
        observer: Observer,
    ) -> None:
        self.modules = modules
        self.setting = setting
        self.group = group
        self.observer = observer
        self.domains = domains
        self.devices = {dev.name: dev for dev in group.devices}
        self.driver: Driver = group.devices[0].driver
        self.default = self.driver.identity_domain
        if setting.rid:
            self.default = domains[DEFAULT] = Domain(DEFAULT, self.driver)
        self.specs = {d.name: d for d in setting.devices}
        self.calls = self._calls()
        self.mms: dict[str | None, Any] = {}
        self.global_pasids: Any = None
        self.bonds: dict[int, int] = {}

    def _calls(self) -> dict[str, Callable[[Operation], object]]:
        """What each kind of operation calls."""
        of, group = self.modules, self.group

        def dev(op: Operation) -> Device:
            return self.devices[op.device]

        def domain(op: Operation) -> Domain:
            return self.domains[op.domain]

        def handle(op: Operation) -> AttachHandle | None:
            return AttachHandle(NEW, self.observer) if op.handle == NEW else None

        rid, own = of.rid, of.ownership
        return {
            "attach_group": lambda op: rid.attach_group(domain(op), group),
            "detach_group": lambda _: rid.detach_group(group),
            "attach_group_handle": lambda op: rid.attach_group_handle(
                domain(op), group, handle(op)
            ),
            "replace_group_handle": lambda op: rid.replace_group_handle(
                domain(op), group, handle(op)
            ),
            "detach_group_handle": lambda _: rid.detach_group_handle(group),
            "deferred_attach": lambda op: rid.deferred_attach(dev(op), self.default),
            "reset_prepare": lambda op: of.recovery.reset_prepare(dev(op)),
            "reset_done": lambda op: of.recovery.reset_done(dev(op)),
            "use_default_domain": lambda op: own.device_use_default_domain(dev(op)),
            "unuse_default_domain": lambda op: own.device_unuse_default_domain(dev(op)),
            "claim_group_owner": lambda op: own.group_claim_dma_owner(group, op.who),
            "release_group_owner": lambda _: own.group_release_dma_owner(group),
            "claim_device_owner": lambda op: own.device_claim_dma_owner(dev(op), op.who),
            "release_device_owner": lambda op: own.device_release_dma_owner(dev(op)),
            "probe_device": lambda op: self._probe(dev(op)),
            "remove_device": lambda op: of.membership.release_device(dev(op)),
            "release": lambda op: self.driver.release_device(dev(op)),
            "probe": lambda op: self.driver.probe_device(dev(op)),
            "sva_bind": lambda op: of.sva.sva_bind_device(
                dev(op), self.mms[op.who], self.global_pasids
            ),
            "sva_unbind": lambda op: of.sva.sva_unbind_device(self._bond_of(self.mms[op.who])),
        }

    def _bond_of(self, mm: Any) -> AttachHandle | None:
        entry = self.group.pasid_array.load(mm.pasid)
        return entry if isinstance(entry, AttachHandle) else None

    def _probe(self, dev: Device) -> None:
        spec = self.specs[dev.name]
        known = Capability(20 if spec.max_pasids else None, spec.max_pasids)
        self.modules.membership.probe_device(dev, self.group, spec.capability or known, spec.defers)

    def load(self, notes: Notes, resetting: tuple[str, ...]) -> None:
        """Be in this state; what follows from the rows is left out."""
        group = self.group
        group.default_domain = self.default
        if self.setting.mms:
            self._load_mms(notes)
        for dev in self.devices.values():
            dev.blocked = dev.name in resetting
            dev.attach_deferred = False
            dev.reset_depth = int(dev.blocked)
        if not self.setting.rid:
            group.recovery_cnt = len(resetting)
            group.domain = self.default
            group.blocking_domain = self.driver.blocked_domain
            return
        facts = group_facts(notes)
        group.devices[:] = [self.devices[name] for name in facts.members]
        found = dict(facts.max_pasids)
        for dev in self.devices.values():
            dev.group = group if dev in group.devices else None
            dev.attach_deferred = dev.name in facts.deferred
            dev.reset_depth = facts.depth(dev.name)
            dev.max_pasids = found.get(dev.name, self.specs[dev.name].max_pasids)
        group.default_domain = self.default if facts.default else None
        group.domain = self.domains[facts.domain] if facts.domain else None
        group.blocking_domain = self.driver.blocked_domain if facts.blocking else None
        group.owner, group.owner_cnt = facts.owner, facts.owner_cnt
        group.recovery_cnt = facts.recovery_cnt

    def _load_mms(self, notes: Notes) -> None:
        of = self.modules.sva
        self.mms.clear()
        self.bonds = bonds(notes)
        self.global_pasids = of.GlobalPasids()
        for facts in mm_facts(notes).values():
            mm = self.mms[facts.name] = of.Mm(facts.name, facts.compatible)
            mm.pasid = facts.pasid
            if mm.pasid is not None:
                self.global_pasids.taken.add(mm.pasid)
            for name, users in facts.domains:
                domain = self.domains[name] = of.SvaDomain(name, self.driver, mm, users)
                mm.sva_domains.append(domain)

    def published(self, pasid: int, name: str, domain: Domain | None) -> AttachHandle:
        """The handle that the array has at first."""
        if pasid in self.bonds and domain is not None and domain.type == "sva":
            bond: AttachHandle = self.modules.sva.Bond(self.observer, domain, self.bonds[pasid])
            bond.device = self.group.devices[0]  # type: ignore[attr-defined]
            return bond
        return AttachHandle(name, self.observer, domain)

    def notes(self) -> Notes:
        """The facts of the group and of processes, if they are part of the setting."""
        if self.setting.mms:
            return self._notes_of_mms()
        if not self.setting.rid:
            return ()
        group = self.group
        facts = GroupFacts(
            tuple([dev.name for dev in group.devices]),
            group.domain.name if group.domain else None,
            group.blocking_domain is not None,
            group.owner,
            group.owner_cnt,
            group.recovery_cnt,
            tuple([(d.name, d.reset_depth) for d in self.devices.values() if d.reset_depth]),
            tuple([dev.name for dev in self.devices.values() if dev.attach_deferred]),
            tuple(sorted(group.pasid_array.slots)),
            tuple([(d.name, d.max_pasids) for d in group.devices if self.specs[d.name].capability]),
            group.default_domain.name if group.default_domain else None,
        )
        return as_notes(facts)

    def _notes_of_mms(self) -> Notes:
        found: set[Fact] = set()
        for mm in self.mms.values():
            domains = tuple((each.name, each.users) for each in mm.sva_domains)
            found.add(MmFacts(mm.name, mm.pasid, mm.dma_compatible, domains).fact())
            bond = self._bond_of(mm) if mm.pasid is not None else None
            if isinstance(bond, self.modules.sva.Bond):
                found.add(("bond", mm.pasid, bond.users))
        return frozenset(found)
