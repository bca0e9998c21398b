# SPDX-License-Identifier: GPL-2.0-only
"""The Linux IOMMU contract for attaching, replacing and detaching PASIDs, executable."""

__version__ = "0.1.0"
