/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver of simple.c, which also serves DMA without a PASID; and what a group is besides its
 * array and its hardware, read from the tree's own structures and written into them.
 */
enum { WITHOUT_TLB = 1, REQUIRES_DIRECT = 2, DEFERS = 4, IS_VIRTUAL = 8 };
enum { OF_GROUP = 6, OF_DEVICE = 8, FACTS = OF_GROUP + OF_DEVICE * DEVICES };

#include "simple.c"

static char owners[UNKNOWN];	/* who claims is an address, and none is null */

bool shim_has_tlb(struct pci_dev *device)
{
	u8 at = device_number(&device->dev);

	return at < DEVICES && !(w->own->traits[at][0] & WITHOUT_TLB);
}

const struct iommu_ops *shim_ops(void)
{
	return &w->own->ops;
}

struct group_device *shim_member(struct device *dev)
{
	struct group_device *member = &w->member[device_number(dev)];

	memset(member, 0, sizeof(*member));
	member->dev = dev;
	return member;
}

/* What the driver tells of a device, and what it does when it leaves */

static struct iommu_device *probe_device(struct device *dev)
{
	memcpy(&w->own->iommu.max_pasids, w->own->traits[device_number(dev)] + 4, 4);
	return &w->own->iommu;
}

static struct iommu_group *device_group(struct device *dev)
{
	return w->group;
}

static bool is_attach_deferred(struct device *dev)
{
	return w->own->traits[device_number(dev)][0] & DEFERS;
}

static void release_device(struct device *dev)
{
	u8 device = device_number(dev);

	for (int i = 0; i < w->pasids; i++)
		if (w->pasid[i] && w->hardware[i][device] != NONE) {
			w->hardware[i][device] = NONE;
			say(ENTRY, device, w->pasid[i], NONE, 0, 0);
		}
}

/* How wide its PASIDs are: bits + 1, or 0 if nothing is said of it */
static void set_width(struct pci_dev *device, u8 width)
{
	device->pasid_cap = width ? 0x100 : 0;
	device->pasid_supported = FIELD_PREP(PCI_PASID_CAP_WIDTH, width ? width - 1 : 0);
}

static int attach_dev(struct iommu_domain *wanted, struct device *at, struct iommu_domain *told)
{
	call(wanted, at, 0, domain_number(told));
	return answer(wanted, at, 0, true);
}

static struct iommu_domain *the_default(void)
{
	for (int i = 0; i < w->domains; i++)
		if (w->flags[i] & THE_DEFAULT)
			return w->domain[i];
	return NULL;
}

static void driver_boot(const u32 *types, const u8 *kinds, const u8 *traits)
{
	static const struct bus_type bus;
	struct own *own;

	simple_boot(types, kinds, traits);
	own = w->own;
	own->able.attach_dev = own->unable.attach_dev = attach_dev;
	own->ops.probe_device = probe_device;
	own->ops.device_group = device_group;
	own->ops.is_attach_deferred = is_attach_deferred;
	own->ops.release_device = release_device;
	own->ops.release_domain = w->domain[0];
	for (int i = 0; i < w->devices; i++) {
		struct pci_dev *device = &w->device[i];
		const u8 *of = memcpy(own->traits[i], traits + i * TRAIT, TRAIT);

		w->iommu_of[i].require_direct = !!(of[0] & REQUIRES_DIRECT);
		device->dev.bus = &bus;
		device->is_virtfn = of[0] & IS_VIRTUAL;
		device->physfn = &own->physical[i];
		set_width(device, of[1]);
		set_width(device->physfn, of[2]);
	}
}

static void driver_load(const u8 *notes, int size)
{
	if (notes)
		memcpy(w->own->facts, notes, size);
}

static void driver_ready(const u8 *op)
{
	struct iommu_group *group = w->group;
	const u8 *facts = w->own->facts;

	group->domain = facts[0] == NONE ? NULL : w->domain[facts[0]];
	group->blocking_domain = facts[1] ? w->domain[0] : NULL;
	group->owner = facts[2] ? &owners[facts[2]] : NULL;
	group->owner_cnt = facts[3];
	group->recovery_cnt = facts[4];
	group->default_domain = facts[5] ? the_default() : NULL;
	iommu_probe_device_lock.held = 0;
	simple_ready(op);
	INIT_LIST_HEAD(&group->devices);
	for (int i = 0; i < w->devices; i++) {
		const u8 *of = facts + OF_GROUP + OF_DEVICE * i;

		w->device[i].dev.iommu_group = of[0] ? group : NULL;
		w->member[i].dev = &w->device[i].dev;
		w->member[i].reset_depth = of[1];
		w->iommu_of[i].iommu_dev = &w->own->iommu;
		w->iommu_of[i].attach_deferred = of[2];
		memcpy(&w->iommu_of[i].max_pasids, of + 4, 4);
	}
	for (int place = 1; place <= w->devices; place++)
		for (int i = 0; i < w->devices; i++)
			if (facts[OF_GROUP + OF_DEVICE * i] == place)
				list_add_tail(&w->member[i].list, &group->devices);
}

static int driver_notes(u8 *to)
{
	struct iommu_group *group = w->group;
	u8 *facts = w->own->facts;
	int size = OF_GROUP + OF_DEVICE * w->devices, place = 0;
	struct group_device *member;

	facts[0] = domain_number(group->domain);
	facts[1] = group->blocking_domain == w->domain[0] ? 1 : group->blocking_domain ? UNKNOWN : 0;
	facts[2] = group->owner ? (char *)group->owner - owners : 0;
	facts[3] = group->owner_cnt;
	facts[4] = group->recovery_cnt;
	facts[5] = group->default_domain == NULL ? 0 :
		   group->default_domain == the_default() ? 1 : UNKNOWN;
	memset(facts + OF_GROUP, 0, size - OF_GROUP);
	list_for_each_entry(member, &group->devices, list) {
		u8 *of = facts + OF_GROUP + OF_DEVICE * device_number(member->dev);

		if (place == w->devices)
			break;
		of[0] = ++place;
		of[1] = member->reset_depth;
		of[3] = member->blocked;
	}
	for (int i = 0; i < w->devices; i++) {
		u8 *of = facts + OF_GROUP + OF_DEVICE * i;

		of[2] = w->iommu_of[i].attach_deferred;
		memcpy(of + 4, &w->iommu_of[i].max_pasids, 4);
		w->member[i].blocked = of[3];
	}
	memcpy(to, facts, size);
	return size;
}

static int make_of_group(u8 kind, struct device *dev, struct iommu_domain *domain,
			 struct iommu_attach_handle *handle, u32 owner)
{
	struct iommu_group *group = w->group;

	switch (kind) {
	case ATTACH_GROUP:
		return iommu_attach_group(domain, group);
	case DETACH_GROUP:
		iommu_detach_group(group->domain, group);
		return 0;
	case CLAIM_GROUP:
		return iommu_group_claim_dma_owner(group, owner ? &owners[owner] : NULL);
	case RELEASE_GROUP:
		iommu_group_release_dma_owner(group);
		return 0;
	case ATTACH_GROUP_HANDLE:
		return iommu_attach_group_handle(domain, group, handle);
	case REPLACE_GROUP_HANDLE:
		return iommu_replace_group_handle(group, domain, handle);
	case DETACH_GROUP_HANDLE:
		iommu_detach_group_handle(group->domain, group);
		return 0;
	case USE_DEFAULT:
		return iommu_device_use_default_domain(dev);
	case UNUSE_DEFAULT:
		iommu_device_unuse_default_domain(dev);
		return 0;
	case CLAIM_DEVICE:
		return iommu_device_claim_dma_owner(dev, owner ? &owners[owner] : NULL);
	case RELEASE_DEVICE:
		iommu_device_release_dma_owner(dev);
		return 0;
	case PROBE_DEVICE:
		return iommu_probe_device(dev);
	case REMOVE_DEVICE:
		iommu_release_device(dev);
		return 0;
	case DEFERRED_ATTACH:
		return iommu_deferred_attach(dev, the_default());
	}
	return -ENOSYS;
}
