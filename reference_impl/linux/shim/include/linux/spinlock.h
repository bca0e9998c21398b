/* SPDX-License-Identifier: GPL-2.0-only */
/* A spin lock that notices what would hang a kernel: whoever takes it twice, or gives it back free. */
#ifndef SHIM_SPINLOCK_H
#define SHIM_SPINLOCK_H

#include <stdbool.h>

/* `held` comes first, here and in struct mutex: see lockdep_assert_held() */
typedef struct spinlock {
	int held;
} spinlock_t;

void shim_spin_lock(spinlock_t *lock);
void shim_spin_unlock(spinlock_t *lock);

#define DEFINE_SPINLOCK(x) spinlock_t x = { 0 }
#define __SPIN_LOCK_UNLOCKED(x) { 0 }
#define spin_lock_init(x) ((x)->held = 0)
#define spin_lock(x) shim_spin_lock(x)
#define spin_lock_nested(x, subclass) shim_spin_lock(x)
#define spin_unlock(x) shim_spin_unlock(x)
#define spin_lock_bh(x) shim_spin_lock(x)
#define spin_unlock_bh(x) shim_spin_unlock(x)
#define spin_lock_irq(x) shim_spin_lock(x)
#define spin_unlock_irq(x) shim_spin_unlock(x)
#define spin_lock_irqsave(x, f) ((void)(f), shim_spin_lock(x))
#define spin_unlock_irqrestore(x, f) ((void)(f), shim_spin_unlock(x))

#endif
