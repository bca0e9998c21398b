# SPDX-License-Identifier: GPL-2.0-only
"""iommufd, as far as PASIDs are concerned: read :mod:`.objects`, then :mod:`.device`.

The modules have the names of the kernel's files: :mod:`.device` attaches, :mod:`.hw_pagetable`
makes what is attached, :mod:`.eventq` carries page requests.
"""
