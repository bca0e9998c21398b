/* SPDX-License-Identifier: GPL-2.0-only */
/* What the extracted functions and the array are configured with: the least that both allow. */
#include "bit-length.h"
#define CONFIG_XARRAY_MULTI 1
#define CONFIG_IOMMU_API 1
#define CONFIG_INTEL_IOMMU 1
#define CONFIG_INTEL_IOMMU_SVM 1
