/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands before the extracted functions: the few kernel services that they use, each so that
 * it can be seen from outside, and so that what would hang or kill a kernel ends the call.
 */
#include <generated/autoconf.h>

#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/list.h>
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include <errno.h>

#ifndef __rcu
#define __rcu
#endif
#ifndef __must_check
#define __must_check
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
#ifndef __printf
#define __printf(a, b)
#endif
#define VISIBLE_IF_KUNIT static
#define __init
#define __exit
#define noinline_for_stack
#define __must_hold(x)
#define __acquires(x)
#define __releases(x)

/* WARN and BUG */

void shim_warn(const char *function);
void shim_crash(const char *why) __attribute__((noreturn));

#undef WARN
#undef WARN_ON
#undef WARN_ONCE
#undef WARN_ON_ONCE
#undef WARN_TAINT_ONCE
#undef BUG
#undef BUG_ON
#define SHIM_WARN(condition) ({				\
	bool shim_it = !!(condition);			\
	if (shim_it)					\
		shim_warn(__func__);			\
	shim_it;					\
})
/* A WARN that prints once prints in the first kernel that gets there: each call may be that. */
#define WARN_ON(condition) SHIM_WARN(condition)
#define WARN_ON_ONCE(condition) SHIM_WARN(condition)
#define WARN(condition, ...) SHIM_WARN(condition)
#define WARN_ONCE(condition, ...) SHIM_WARN(condition)
#define dev_WARN(device, ...) SHIM_WARN(true)
#define dev_WARN_ONCE(device, condition, ...) SHIM_WARN(condition)
#define BUG() shim_crash("BUG()")
#define BUG_ON(condition) do { if (condition) shim_crash("BUG_ON(" #condition ")"); } while (0)
#undef unreachable
#define unreachable() shim_crash("unreachable()")

/* Locks */

struct lock_class_key_of_mutex { int unused; };

struct mutex {
	int held;
};

void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
int mutex_trylock(struct mutex *mutex);

#define mutex_init(mutex) ((mutex)->held = 0)
#define mutex_destroy(mutex) do {} while (0)
#define mutex_lock_nested(mutex, subclass) mutex_lock(mutex)
#define mutex_lock_interruptible(mutex) (mutex_lock(mutex), 0)
#define mutex_lock_killable(mutex) (mutex_lock(mutex), 0)
#define mutex_is_locked(mutex) ((mutex)->held != 0)
#define DEFINE_MUTEX(name) struct mutex name = { 0 }

#undef lockdep_assert_held
#undef lockdep_assert_not_held
#undef lockdep_assert
#define lockdep_assert_held(lock) ((void)WARN_ON(!*(int *)(lock)))
#define lockdep_assert_held_write(lock) lockdep_assert_held(lock)
#define lockdep_assert_held_once(lock) lockdep_assert_held(lock)
#define lockdep_assert_not_held(lock) ((void)WARN_ON(*(int *)(lock)))
#define lockdep_assert(condition) ((void)WARN_ON(!(condition)))
#define might_sleep() do {} while (0)
#define might_lock(lock) do {} while (0)
#define cond_resched() do {} while (0)

static inline struct mutex *shim_guarded(struct mutex *mutex)
{
	mutex_lock(mutex);
	return mutex;
}

static inline void shim_unguarded(struct mutex **mutex)
{
	if (*mutex)
		mutex_unlock(*mutex);
}

#define SHIM_JOIN(a, b) a##b
#define SHIM_NAME(a, b) SHIM_JOIN(a, b)
#define shim_guard_mutex_intr(lock) shim_guard_mutex(lock)
#define shim_guard_mutex(lock)								\
	struct mutex *SHIM_NAME(shim_guard_, __COUNTER__)				\
		__attribute__((cleanup(shim_unguarded), unused)) = shim_guarded(lock)
#undef guard
#undef scoped_guard
#define guard(kind) shim_guard_##kind
#define scoped_guard(kind, lock)							\
	for (struct mutex *shim_scope __attribute__((cleanup(shim_unguarded))) =	\
		shim_guarded(lock), *shim_once = shim_scope; shim_once; shim_once = NULL)

/* Memory */

void *shim_alloc(size_t size);
void shim_free(const void *memory);

#undef kmalloc
#undef kzalloc
#undef kcalloc
#undef kfree
#define kmalloc(size, ...) shim_alloc(size)
#define kzalloc(size, ...) shim_alloc(size)
#define kcalloc(number, size, ...) shim_alloc((number) * (size))
#define kmalloc_array(number, size, ...) shim_alloc((number) * (size))
#define kzalloc_obj(what, ...) ((typeof(what) *)shim_alloc(sizeof(what)))
#define kmalloc_obj(what, ...) ((typeof(what) *)shim_alloc(sizeof(what)))
#define kfree(memory) shim_free(memory)

static inline void shim_free_kfree(void *memory)
{
	kfree(*(void **)memory);
}

#undef __free
#undef no_free_ptr
#undef return_ptr
#define __free(how) __attribute__((cleanup(shim_free_##how)))
#define no_free_ptr(memory) ({ typeof(memory) shim_kept = (memory); (memory) = NULL; shim_kept; })
#define return_ptr(memory) return no_free_ptr(memory)

/* Nobody reads what is printed */

#undef printk
#undef pr_err
#undef pr_warn
#undef pr_info
#undef pr_debug
#undef pr_cont
#define printk(...) do {} while (0)
#define pr_err(...) do {} while (0)
#define pr_warn(...) do {} while (0)
#define pr_info(...) do {} while (0)
#define pr_debug(...) do {} while (0)
#define pr_notice(...) do {} while (0)
#define pr_warn_once(...) do {} while (0)
#define pr_err_ratelimited(...) do {} while (0)
#define pr_warn_ratelimited(...) do {} while (0)
#define dev_err(...) do {} while (0)
#define dev_warn(...) do {} while (0)
#define dev_info(...) do {} while (0)
#define dev_dbg(...) do {} while (0)
#define dev_notice(...) do {} while (0)
#define dev_err_once(...) do {} while (0)
#define dev_warn_once(...) do {} while (0)
#define dev_err_ratelimited(...) do {} while (0)
#define dev_warn_ratelimited(...) do {} while (0)
#define dev_err_probe(device, error, ...) (error)
#define dump_stack() do {} while (0)

/* What the kernel's structures hold, and no function here looks into */

typedef u64 dma_addr_t;

struct kobject { int unused; };
struct kset { int unused; };
struct attribute { int unused; };
struct notifier_block { int unused; };
struct ida { int unused; };
struct work_struct { int unused; };
struct completion { int unused; };
struct module { int unused; };
struct lock { int unused; };
typedef struct { int counter; } refcount_t;

struct iommu_group;
struct dev_iommu;

struct device;

struct bus_type {
	int (*dma_configure)(struct device *device);
};

struct device {
	struct kobject kobj;
	struct device *parent;
	const struct bus_type *bus;
	const void *driver;
	struct iommu_group *iommu_group;
	struct dev_iommu *iommu;
	int number;
};

struct pci_dev {
	struct device dev;
	struct pci_dev *physfn;
	bool is_virtfn;
	u16 pasid_cap, pasid_supported;
};

#define dev_name(device) "a device"

/* The array: each function of it that writes is watched. */

struct shim_watch {
	struct xarray *xa;
	unsigned long index;
	void *before;
};

struct shim_watch shim_array_before(struct xarray *xa, unsigned long index);
void shim_array_after(struct shim_watch watch, bool always);

#define SHIM_WATCHED(type, always, xa, index, call) ({					\
	struct xarray *shim_xa = (xa);							\
	unsigned long shim_index = (index);						\
	struct shim_watch shim_w = shim_array_before(shim_xa, shim_index);		\
	type shim_result = call;							\
	shim_array_after(shim_w, always && !xa_is_err((void *)(long)shim_result));	\
	shim_result;									\
})
#define SHIM_WATCHED_VOID(xa, index, call) ({						\
	struct xarray *shim_xa = (xa);							\
	unsigned long shim_index = (index);						\
	struct shim_watch shim_w = shim_array_before(shim_xa, shim_index);		\
	call;										\
	shim_array_after(shim_w, false);						\
})
#define xa_store(xa, i, entry, gfp) \
	SHIM_WATCHED(void *, true, xa, i, (xa_store)(shim_xa, shim_index, entry, gfp))
#define __xa_store(xa, i, entry, gfp) \
	SHIM_WATCHED(void *, true, xa, i, (__xa_store)(shim_xa, shim_index, entry, gfp))
#define xa_erase(xa, i) \
	SHIM_WATCHED(void *, false, xa, i, (xa_erase)(shim_xa, shim_index))
#define __xa_erase(xa, i) \
	SHIM_WATCHED(void *, false, xa, i, (__xa_erase)(shim_xa, shim_index))
#define xa_insert(xa, i, entry, gfp) \
	SHIM_WATCHED(int, false, xa, i, (xa_insert)(shim_xa, shim_index, entry, gfp))
#define __xa_insert(xa, i, entry, gfp) \
	SHIM_WATCHED(int, false, xa, i, (__xa_insert)(shim_xa, shim_index, entry, gfp))
#define xa_reserve(xa, i, gfp) \
	SHIM_WATCHED(int, false, xa, i, (xa_reserve)(shim_xa, shim_index, gfp))
#define xa_release(xa, i) \
	SHIM_WATCHED_VOID(xa, i, (xa_release)(shim_xa, shim_index))
#define xa_cmpxchg(xa, i, old, entry, gfp) \
	SHIM_WATCHED(void *, false, xa, i, (xa_cmpxchg)(shim_xa, shim_index, old, entry, gfp))
#define __xa_cmpxchg(xa, i, old, entry, gfp) \
	SHIM_WATCHED(void *, false, xa, i, (__xa_cmpxchg)(shim_xa, shim_index, old, entry, gfp))
#define xas_store(xas, entry)								\
	SHIM_WATCHED(void *, true, (xas)->xa, (xas)->xa_index, (xas_store)(xas, entry))
/* nothing interrupts here */
#define xa_store_irq(...) xa_store(__VA_ARGS__)
#define xa_store_bh(...) xa_store(__VA_ARGS__)
#define xa_erase_irq(...) xa_erase(__VA_ARGS__)
#define xa_erase_bh(...) xa_erase(__VA_ARGS__)
#define xa_insert_irq(...) xa_insert(__VA_ARGS__)
#define xa_insert_bh(...) xa_insert(__VA_ARGS__)
#define xa_reserve_irq(...) xa_reserve(__VA_ARGS__)
#define xa_reserve_bh(...) xa_reserve(__VA_ARGS__)
#define xa_cmpxchg_irq(...) xa_cmpxchg(__VA_ARGS__)
#define xa_cmpxchg_bh(...) xa_cmpxchg(__VA_ARGS__)

/*
 * The extraction puts this behind each assignment to a member called `domain`: that of an attach
 * handle is an event, and one that writes what was there already could not be seen otherwise.
 */
struct iommu_attach_handle;
void shim_handle_written(const void *handle);
static inline void shim_not_written(const void *other) { }
#define SHIM_WROTE(object) _Generic((object),						\
	struct iommu_attach_handle *: shim_handle_written,				\
	default: shim_not_written)(object)
