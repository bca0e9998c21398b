/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What AMD's functions need of the rest of the kernel, and of the hardware: pages of which the
 * tables consist, a device table, and flushes, whenever the tables are looked at.
 */
#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/log2.h>

struct device;
struct iommu_domain;
struct protection_domain;

void shim_look(void);
void *shim_page(void);
void shim_page_back(void *page);
void shim_serves(struct device *dev, bool set);
struct protection_domain *shim_pdomain(struct iommu_domain *domain);

#undef PAGE_MASK
#define PAGE_MASK (~(unsigned long)(SZ_4K - 1))
#define iommu_alloc_pages_node_sz(node, gfp, size) shim_page()
#define get_zeroed_page(gfp) ((unsigned long)shim_page())
#define iommu_free_pages(page) shim_page_back(page)
#define iommu_virt_to_phys(where) ((u64)(unsigned long)(where))
#define iommu_phys_to_virt(where) ((void *)(unsigned long)(where))
#define __sme_set(where) (where)
#define get_count_order(number) ((number) <= 1 ? 0 : 64 - __builtin_clzl((number) - 1ul))
#define dev_to_node(device) 0
#define NUMA_NO_NODE (-1)

#define get_amd_iommu_from_dev(dev) ((struct amd_iommu *)NULL)
#define get_amd_iommu_from_dev_data(data) ((struct amd_iommu *)NULL)
#define amd_iommu_hd_support(iommu) true
#define amd_iommu_max_glx_val 2
#define amd_iommu_snp_en false
#define amd_iommu_snp_mode0_sup false
#define amd_iommu_pdom_id_alloc() 2
#define amd_iommu_pdom_id_free(id) do {} while (0)
#define pdom_attach_iommu(iommu, domain) 0
#define pdom_detach_iommu(iommu, domain) do {} while (0)
#define pdev_enable_caps(device) do {} while (0)
#define pdev_disable_caps(device) do {} while (0)
#define pdev_enable_cap_ats(device) do {} while (0)
#define pdev_disable_cap_pri(device) do {} while (0)
#define amd_iommu_iopf_add_device(iommu, data) 0
#define amd_iommu_iopf_remove_device(iommu, data) do {} while (0)
#define iopf_queue_flush_dev(device) do {} while (0)
#define to_pdomain(domain) shim_pdomain(domain)
#define dev_update_dte(data, set) shim_serves((data)->dev, set)
#define amd_iommu_domain_flush_all(domain) shim_look()
#define amd_iommu_dev_flush_pasid_pages(data, pasid, first, last) shim_look()

#define dev_iommu_priv_get(dev) ({ shim_look(); (dev)->iommu->priv; })
#define iommu_group_mutex_assert(dev) lockdep_assert_held(&(dev)->iommu_group->mutex)
#define __iommu_group_alloc_blocking_domain(group) 0
#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define dev_is_pci(device) true
#define pci_ats_supported(device) true
#define pci_for_each_dma_alias(device, function, data) 0
#define pci_warn(device, ...) do {} while (0)

#define raw_spinlock_t spinlock_t

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
