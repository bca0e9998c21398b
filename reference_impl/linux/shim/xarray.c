// SPDX-License-Identifier: GPL-2.0-only
/* The tree's own array, built in user space with the tree's own headers for that. */
#include <linux/types.h>
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/rcupdate.h>

#include XARRAY_C
