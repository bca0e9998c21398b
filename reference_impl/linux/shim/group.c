/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver of simple.c, which also serves DMA without a PASID; and what a group is besides its
 * array and its hardware, read from the tree's own structures and written into them.
 */
enum { WITHOUT_TLB = 1, REQUIRES_DIRECT = 2 };
enum { OF_GROUP = 6, OF_DEVICE = 3, FACTS = OF_GROUP + OF_DEVICE * DEVICES };
enum { MEMBER = 1, BLOCKED = 2 };

#include "simple.c"

static char owners[UNKNOWN];	/* who claims is an address, and none is null */

bool shim_has_tlb(struct pci_dev *device)
{
	u8 at = device_number(&device->dev);

	return at < DEVICES && !w->own->without_tlb[at];
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
	simple_boot(types, kinds, traits);
	w->own->able.attach_dev = w->own->unable.attach_dev = attach_dev;
	for (int i = 0; i < w->devices; i++) {
		w->own->without_tlb[i] = traits[i] & WITHOUT_TLB;
		w->iommu_of[i].require_direct = !!(traits[i] & REQUIRES_DIRECT);
	}
}

static void driver_load(const u8 *notes, int size)
{
	if (notes)
		memcpy(w->own->facts, notes, size);
}

static void driver_ready(void)
{
	struct iommu_group *group = w->group;
	const u8 *facts = w->own->facts;

	group->domain = facts[0] == NONE ? NULL : w->domain[facts[0]];
	group->blocking_domain = facts[1] ? w->domain[0] : NULL;
	group->owner = facts[2] ? &owners[facts[2]] : NULL;
	group->owner_cnt = facts[3];
	group->recovery_cnt = facts[4];
	group->default_domain = facts[5] ? the_default() : NULL;
	INIT_LIST_HEAD(&group->devices);
	for (int i = 0; i < w->devices; i++) {
		const u8 *of = facts + OF_GROUP + OF_DEVICE * i;

		w->device[i].iommu_group = of[0] ? group : NULL;
		if (of[0])
			list_add_tail(&w->member[i].list, &group->devices);
		w->member[i].reset_depth = of[1];
		w->iommu_of[i].attach_deferred = of[2];
	}
}

static int driver_notes(u8 *to)
{
	struct iommu_group *group = w->group;
	u8 *facts = w->own->facts;
	int size = OF_GROUP + OF_DEVICE * w->devices;

	facts[0] = domain_number(group->domain);
	facts[1] = group->blocking_domain == w->domain[0] ? 1 : group->blocking_domain ? UNKNOWN : 0;
	facts[2] = group->owner ? (char *)group->owner - owners : 0;
	facts[3] = group->owner_cnt;
	facts[4] = group->recovery_cnt;
	facts[5] = group->default_domain == NULL ? 0 :
		   group->default_domain == the_default() ? 1 : UNKNOWN;
	for (int i = 0; i < w->devices; i++) {
		u8 *of = facts + OF_GROUP + OF_DEVICE * i;

		if (of[0])
			of[0] = w->member[i].blocked ? BLOCKED : MEMBER;
		of[1] = w->member[i].reset_depth;
		of[2] = w->iommu_of[i].attach_deferred;
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
	case DEFERRED_ATTACH:
		return iommu_deferred_attach(dev, the_default());
	}
	return -ENOSYS;
}
