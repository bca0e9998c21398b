/* SPDX-License-Identifier: GPL-2.0-only */
/* A driver that does as it is told, or says that it cannot; it notes nothing for itself. */

struct own {
	struct iommu_ops ops, foreign_ops;
	struct iommu_domain_ops able, unable;
	struct iommu_device iommu, foreign_iommu;
	struct iommu_domain domain[DOMAINS];
#ifdef HAS_GROUP
	u8 facts[FACTS];	/* of the group, then of each device; as the next call finds them */
	u8 traits[DEVICES][TRAIT];
	struct pci_dev physical[DEVICES];	/* of a virtual function */
#endif
};

static int answer(struct iommu_domain *domain, struct device *dev, u32 pasid, bool may_fail)
{
	static const int errors[] = { EIO, ENOSPC, ENXIO };
	u8 device = device_number(dev), at = pasid_number(pasid);
	u8 reached = domain == w->domain[0] ? NONE : domain_number(domain);
	int place = place_of(at);

	if (may_fail && ask(ANSWER)) {
		int error = shim_errors[(faults - 1) % 64];

		if (!error)
			error = errors[(faults - 1) % 3];
		say(RETURNED, device, error, 0, 0, 0);
		return -error;
	}
	if (place >= 0 && device < DEVICES)
		w->hardware[place][device] = reached;
	if (device < DEVICES)
		say(ENTRY, device, at, reached, 0, 0);
	say(RETURNED, device, 0, 0, 0, 0);
	return 0;
}

#if !SET_DEV_PASID_OLD || REMOVE_DEV_PASID == 2
/* A driver that is not told looks up what the array says: see MSG-2. */
static u8 looked_up(u32 pasid)
{
	u8 slot[2];

	as_slot(xa_load(&w->group->pasid_array, pasid), slot);
	return slot[0] < SLOT_DOMAIN ? NONE : slot[0] - SLOT_DOMAIN;
}
#endif

#if SET_DEV_PASID_OLD
static int set_dev_pasid(struct iommu_domain *wanted, struct device *at, ioasid_t number,
			 struct iommu_domain *told)
{
	call(wanted, at, number, domain_number(told));
	return answer(wanted, at, number, true);
}
#else
static int set_dev_pasid(struct iommu_domain *wanted, struct device *at, ioasid_t number)
{
	call(wanted, at, number, looked_up(number));
	return answer(wanted, at, number, true);
}
#endif

#if REMOVE_DEV_PASID == 3
static void remove_dev_pasid(struct device *at, ioasid_t number, struct iommu_domain *told)
{
	call(w->domain[0], at, number, domain_number(told));
	answer(w->domain[0], at, number, false);
}
#elif REMOVE_DEV_PASID == 2
static void remove_dev_pasid(struct device *at, ioasid_t number)
{
	call(w->domain[0], at, number, looked_up(number));
	answer(w->domain[0], at, number, false);
}
#endif

static void simple_boot(const u32 *types, const u8 *kinds, const u8 *traits)
{
	struct own *own = w->own = calloc(1, sizeof(*own));

	own->able.set_dev_pasid = set_dev_pasid;
	own->iommu.ops = &own->ops;
	own->foreign_iommu.ops = &own->foreign_ops;
	for (int i = 0; i < w->domains; i++) {
		struct iommu_domain *domain = w->domain[i] = &own->domain[i];
		u8 flags = w->flags[i];

		domain->type = types[i];
		domain->ops = flags & TAKES_PASIDS ? &own->able : &own->unable;
#ifdef HAS_iommu_domain_owner
		domain->owner = flags & NO_OWNER ? NULL :
				flags & OURS ? &own->ops : &own->foreign_ops;
#endif
#ifdef HAS_iommu_ops_identity_domain
		if (flags & IDENTITY)
			own->ops.identity_domain = domain;
#endif
	}
#ifdef HAS_iommu_ops_blocked_domain
	own->ops.blocked_domain = w->domain[0];
#endif
#if REMOVE_DEV_PASID
	if (w->flags[0] & TAKES_PASIDS)
		own->ops.remove_dev_pasid = remove_dev_pasid;
#endif
	for (int i = 0; i <= DEVICES; i++)
		w->iommu_of[i].iommu_dev = &own->iommu;
}

/* Where none can block, some drivers have a domain that does not take PASIDs, and some have none. */
static void simple_ready(const u8 *op)
{
#ifdef HAS_iommu_ops_blocked_domain
	bool none = !(w->flags[0] & TAKES_PASIDS) && op[0] == ATTACH && op[4] == NONE;

	w->own->ops.blocked_domain = none ? NULL : w->domain[0];
#endif
}

#ifndef HAS_GROUP
static void driver_boot(const u32 *types, const u8 *kinds, const u8 *traits)
{
	simple_boot(types, kinds, traits);
}

static void driver_ready(const u8 *op)
{
	simple_ready(op);
}

static void driver_load(const u8 *notes, int size) { }

static int driver_notes(u8 *to)
{
	return 0;
}
#endif

static void driver_look(void) { }

static enum lacking driver_wants(size_t size)
{
	return MEMORY;
}

static bool driver_warned(void)
{
	return false;
}
