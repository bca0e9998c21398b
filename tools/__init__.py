# SPDX-License-Identifier: GPL-2.0-only
"""What keeps the document in order: its form, its regeneration, the check of the built site."""
