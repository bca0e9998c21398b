/* SPDX-License-Identifier: GPL-2.0-only */
/* Page tables as far as AMD's functions know them; read with the tree's files, before all of them. */
struct pt_iommu {
	struct iommu_domain domain;
};

struct pt_iommu_amdv1 {
	struct pt_iommu iommu;
};

struct pt_iommu_x86_64 {
	struct pt_iommu iommu;
};

struct pt_iommu_x86_64_hw_info {
	u64 gcr3_pt;
};

static void pt_iommu_x86_64_hw_info(struct pt_iommu_x86_64 *table,
				    struct pt_iommu_x86_64_hw_info *found)
{
	found->gcr3_pt = 0;
}
