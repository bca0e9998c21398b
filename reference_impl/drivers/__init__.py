# SPDX-License-Identifier: GPL-2.0-only
"""What the drivers of Linux do with ``set_dev_pasid``, each as far as the contract is concerned.

:mod:`.vtd` is the one that the discussion is about. What each notes for itself it gives as facts:
see :meth:`reference_impl.model.objects.Driver.save`.
"""

from .amd import Amd
from .mock import Mock
from .smmuv3 import Smmuv3
from .vtd import Vtd, VtdInPlace, VtdRepaired

__all__ = ["Amd", "Mock", "Smmuv3", "Vtd", "VtdInPlace", "VtdRepaired"]
