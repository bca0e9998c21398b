/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the group's other calls need of the rest of the kernel: PCI, which says that a device has a
 * TLB of its own. No two devices here send with the same requester id.
 */
struct pci_dev;

bool shim_has_tlb(struct pci_dev *device);

#ifndef EPROBE_DEFER
#define EPROBE_DEFER 517
#endif
#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define dev_is_pci(device) true
#define pci_ats_supported(device) shim_has_tlb(device)
#define pci_for_each_dma_alias(device, function, data) 0
#define pci_warn(device, ...) do {} while (0)
#define trace_attach_device_to_domain(device) do {} while (0)
/* the driver has a static domain that blocks: nobody asks for another one in its place */
#define iommu_paging_domain_alloc(device) ((struct iommu_domain *)ERR_PTR(-ENODEV))
