/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tree's user-space headers take from liburcu, for a process with one thread: there is
 * nobody to wait for, so a grace period is over at once.
 */
#ifndef SHIM_URCU_H
#define SHIM_URCU_H

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

#define rcu_read_lock() do {} while (0)
#define rcu_read_unlock() do {} while (0)
#define rcu_dereference(p) (p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define rcu_register_thread() do {} while (0)
#define rcu_unregister_thread() do {} while (0)
#undef synchronize_rcu
#define synchronize_rcu() do {} while (0)
#define rcu_barrier() do {} while (0)
#define call_rcu(head, function) (function)(head)

#endif
