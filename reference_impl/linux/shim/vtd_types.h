/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables as far as an entry points to them. These definitions are read together with the
 * tree's files, before all of them, as they stand on types of the tree.
 */
#define PT_FEAT_DMA_INCOHERENT 0
#define PT_FEAT_VTDSS_FORCE_COHERENCE 1

struct pt_common {
	unsigned int features;
	unsigned int max_vasz_lg2;
};

struct pt_table {
	struct pt_common common;
	u64 root;
};

struct pt_iommu {
	struct iommu_domain domain;
};

struct pt_iommu_x86_64 {
	struct pt_iommu iommu;
	struct pt_table x86_64_pt;
};

struct pt_iommu_vtdss {
	struct pt_iommu iommu;
	struct pt_table vtdss_pt;
};

struct pt_iommu_x86_64_hw_info {
	u64 gcr3_pt;
	unsigned int levels;
};

struct pt_iommu_vtdss_hw_info {
	u64 ssptptr;
	unsigned int aw;
};

static void pt_iommu_x86_64_hw_info(struct pt_iommu_x86_64 *table,
				    struct pt_iommu_x86_64_hw_info *found)
{
	found->gcr3_pt = table->x86_64_pt.root;
	found->levels = 4;
}

static void pt_iommu_vtdss_hw_info(struct pt_iommu_vtdss *table,
				   struct pt_iommu_vtdss_hw_info *found)
{
	found->ssptptr = table->vtdss_pt.root;
	found->aw = 2;
}
