/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the group's other calls need of the rest of the kernel: PCI, which says that a device has a
 * TLB of its own and how wide its PASIDs are, and sysfs. No two devices here send with the same
 * requester id.
 */
#include <linux/bitfield.h>

struct pci_dev;
struct iommu_ops;
struct group_device;

bool shim_has_tlb(struct pci_dev *device);
const struct iommu_ops *shim_ops(void);
struct group_device *shim_member(struct device *dev);

#ifndef EPROBE_DEFER
#define EPROBE_DEFER 517
#endif
#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define dev_is_pci(device) true
#define pci_ats_supported(device) shim_has_tlb(device)
#define pci_for_each_dma_alias(device, function, data) 0
#define pci_warn(device, ...) do {} while (0)
#define pci_physfn(device) ((device)->physfn)
#define pci_read_config_word(device, where, value) (*(value) = (device)->pasid_supported)
#define PCI_PASID_CAP 4
#define PCI_PASID_CAP_WIDTH 0x1f00
#define device_property_read_u32(device, name, value) (-EINVAL)

/* A device joins a group that is there already, and finds its IOMMU's driver. */

#define dev_iommu_get(device) ((device)->iommu)
#define dev_iommu_free(device) do {} while (0)
#define iommu_fwspec_ops(fwspec) shim_ops()
#define try_module_get(module) true
#define module_put(module) do {} while (0)
#define iommu_device_link(iommu, device) 0
#define iommu_device_unlink(iommu, device) do {} while (0)
#define iommu_group_alloc_device(group, device) shim_member(device)
#define iommu_group_put(group) do {} while (0)
#define iommu_create_device_direct_mappings(domain, device) do {} while (0)
#define iommu_setup_default_domain(group, type) 0
#define iommu_setup_dma_ops(device, ...) do {} while (0)
#define dev_clear_dma_iommu(device) do {} while (0)
#define iommu_domain_free(domain) do {} while (0)
#define sysfs_remove_link(object, name) do {} while (0)
/* the driver has a static domain that blocks: nobody asks for another one in its place */
#define iommu_paging_domain_alloc(device) ((struct iommu_domain *)ERR_PTR(-ENODEV))
