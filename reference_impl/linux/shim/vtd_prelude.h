/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What VT-d's functions need of the rest of the kernel, and of the hardware: memory that they write
 * is looked at whenever they write it, and whatever they ask for may not be there.
 */
#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/bitmap.h>

struct device;

void shim_look(void);
void shim_wrote(const volatile void *where);
void shim_barrier(void);
int shim_id(unsigned int *ids, unsigned int from, unsigned int last);
void shim_id_back(unsigned int *ids, unsigned int id);
void *shim_page(void);
void shim_page_back(void *page);
int shim_queue_add(struct device *dev);
void shim_queue_remove(struct device *dev);
void shim_queue_flush(struct device *dev);
int shim_invalidate(const void *descriptors, unsigned int number, unsigned long options);
void shim_wait(void);
void shim_drain(struct device *dev, u32 pasid);
void shim_rebuilt(struct device *dev);

/* Memory that the hardware reads */

#undef WRITE_ONCE
#define WRITE_ONCE(where, what) do {				\
	*(volatile typeof(where) *)&(where) = (what);		\
	shim_wrote(&(where));					\
} while (0)
#undef dma_wmb
#define dma_wmb() shim_barrier()
#define clflush_cache_range(where, size) do {} while (0)
#undef PAGE_MASK
#define PAGE_MASK (~(unsigned long)(SZ_4K - 1))
#define virt_to_phys(where) ((phys_addr_t)(unsigned long)(where))
#define phys_to_virt(where) ((void *)(unsigned long)(where))
#undef __pa
#define __pa(where) ((phys_addr_t)(unsigned long)(where))
#define try_cmpxchg64(where, old, new) ({			\
	bool shim_same = *(where) == *(old);			\
	if (shim_same)						\
		*(where) = (new);				\
	else							\
		*(old) = *(where);				\
	shim_same;						\
})
#define iommu_alloc_pages_node_sz(node, gfp, size) shim_page()
#define iommu_free_pages(page) shim_page_back(page)
#ifndef __aligned_u64
#define __aligned_u64 u64 __attribute__((aligned(8)))
#endif

/* Registers, and what is sent to the hardware */

#ifndef __iomem
#define __iomem
#endif
#define readl(where) (*(volatile u32 *)(where))
#define readq(where) (*(volatile u64 *)(where))
#define writel(what, where) (*(volatile u32 *)(where) = (what))
#define writeq(what, where) (*(volatile u64 *)(where) = (what))
#define qi_submit_sync(iommu, descriptors, number, options) \
	shim_invalidate(descriptors, number, options)
#define iommu_flush_write_buffer(iommu) do {} while (0)
#define intel_iommu_drain_pasid_prq(dev, pasid) shim_drain(dev, pasid)

/* The core's part: page requests, and traffic without a PASID, which is left out */

#define iopf_queue_add_device(queue, dev) shim_queue_add(dev)
#define iopf_queue_remove_device(queue, dev) shim_queue_remove(dev)
#define iopf_queue_flush_dev(dev) shim_queue_flush(dev)
#define dev_iommu_priv_get(dev) ({ shim_look(); (dev)->iommu->priv; })
#define iommu_group_mutex_assert(dev) do {			\
	shim_look();						\
	lockdep_assert_held(&(dev)->iommu_group->mutex);	\
} while (0)
#define intel_pasid_setup_sm_context(dev) (shim_rebuilt(dev), 0)
#define __iommu_group_alloc_blocking_domain(group) 0

/* The rest */

#undef set_bit
#undef clear_bit
#define set_bit(bit, words) ((words)[(bit) / BITS_PER_LONG] |= 1UL << (bit) % BITS_PER_LONG)
#define clear_bit(bit, words) ((words)[(bit) / BITS_PER_LONG] &= ~(1UL << (bit) % BITS_PER_LONG))

#define raw_spinlock_t spinlock_t
#define cpu_feature_enabled(feature) false
#define reinit_completion(completion) do {} while (0)
#define wait_for_completion(completion) shim_wait()
#define cap_ndoms(capabilities) MAX_DOMAIN_ID
#define ida_alloc_range(ida, from, last, gfp) shim_id((unsigned int *)(ida), from, last)
#define ida_free(ida, id) shim_id_back((unsigned int *)(ida), id)
#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define dev_is_pci(device) true
#define pci_real_dma_dev(device) (device)
#define pci_device_is_present(device) true
#define pci_ats_supported(device) true
#define pci_for_each_dma_alias(device, function, data) 0
#define pci_warn(device, ...) do {} while (0)
#define PCI_DEVID(bus, function) ((u16)((bus) << 8 | (function)))

struct mm_struct {
	void *pgd;
};

struct mmu_notifier;

struct mmu_notifier_ops {
	void (*release)(struct mmu_notifier *notifier, struct mm_struct *mm);
};

struct mmu_notifier {
	const struct mmu_notifier_ops *ops;
};
