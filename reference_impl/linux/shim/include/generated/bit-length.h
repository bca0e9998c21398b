/* SPDX-License-Identifier: GPL-2.0-only */
#define CONFIG_64BIT 1
#define CONFIG_PHYS_ADDR_T_64BIT 1
