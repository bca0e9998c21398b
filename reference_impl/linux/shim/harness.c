/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands behind the extracted functions: groups of devices to make calls on, and one function
 * that makes a call and leaves a log of it. The log is bytes, the same for the same step, so that
 * its reader can look it up instead of reading it. The driver of the devices is SHIM_DRIVER:
 * simple.c, with group.c around it where the group's other calls are made, or the tree's own with
 * vtd.c around it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>

enum { DEVICES = 12, DOMAINS = 16, PASIDS = 4, NUMBERS = 128, ODD = 32, LOG = 65536, HEADER = 24,
       EVENT = 6, TRAIT = 8 };
enum { NONE = 255, UNKNOWN = 254, CRASHED = 253 };
enum { SLOT_ABSENT = 0, SLOT_RESERVED = 1, SLOT_DOMAIN = 2, SLOT_ODD = 255 };
enum event {
	LOCKED, UNLOCKED, CALLED, RETURNED, ENTRY, ARRAY, HANDLE, NO_MEMORY, WARNED, ASKED,
	RECORD, DID, TAG, IOPF, ZERO, SILENT, FLUSH, DRAIN, DRIVER_WARNED, LACKING, TABLE
};
enum operation {
	ATTACH, REPLACE, DETACH, HANDLE_GET, RESET_PREPARE, RESET_DONE, MM_RELEASE,
	ATTACH_GROUP, DETACH_GROUP, CLAIM_GROUP, RELEASE_GROUP,
	ATTACH_GROUP_HANDLE, REPLACE_GROUP_HANDLE, DETACH_GROUP_HANDLE,
	USE_DEFAULT, UNUSE_DEFAULT, CLAIM_DEVICE, RELEASE_DEVICE,
	PROBE_DEVICE, REMOVE_DEVICE, DEFERRED_ATTACH
};
/* what may fail */
enum lacking { ANSWER, MEMORY, OF_RECORD, OF_REFERENCE, OF_DID, OF_TAG, OF_QUEUE, OF_TABLE };
enum { OURS = 1, TAKES_PASIDS = 2, NO_OWNER = 4, IDENTITY = 8, TAKES_FAULTS = 16, THE_DEFAULT = 32 };

struct world {
	int devices, domains, pasids, numbers;
	u32 number[NUMBERS];		/* PASID of the contract to PASID here */
	u8 pasid[PASIDS];		/* the PASIDs that are attached and detached */
	u8 resetting[DEVICES];
	u8 flags[DOMAINS];
	struct iommu_domain *domain[DOMAINS];	/* the first is the driver's blocked domain */
	struct own *own;		/* what the driver has for itself */
	struct iommu_group *group;
	struct group_device member[DEVICES];
	struct pci_dev device[DEVICES + 1];	/* the last is in no group */
	struct dev_iommu iommu_of[DEVICES + 1];
	struct iommu_attach_handle handle[PASIDS + 1];	/* the last is a new one */
	struct iommu_domain *names[PASIDS + 1];		/* what each handle is known to name */
	u8 hardware[PASIDS][DEVICES];
	u8 loaded_slot[PASIDS][2];
	u8 loaded_hardware[PASIDS][DEVICES];
	void *odd[ODD];
	int odds;
	bool broken;			/* a crash may have left anything behind */
};

static struct world *w;
static u8 *log_;
static volatile uint64_t *number;	/* of the operation, where a parent can read it */
static int length;
static uint64_t script, answers;
static int asked, faults;
static int spinning;			/* how many spin locks are held */
int shim_errors[64];			/* what each fault answers, where somebody says so */
static bool asked_memory, watching, reading;
static volatile sig_atomic_t armed;
static volatile uint64_t runs;
static sigjmp_buf out_of_call, out_of_reading;
static char why[200];

/* The log */

static void say(enum event kind, u8 a, u8 b, u8 c, u8 d, u8 e)
{
	u8 *at = log_ + length;

	if (!watching || reading)
		return;
	if (length > LOG - 4096)
		shim_crash("it does not end: thousands of events");
	at[0] = kind; at[1] = a; at[2] = b; at[3] = c; at[4] = d; at[5] = e;
	length += EVENT;
}

static bool ask(u8 what)
{
	bool fails = asked < 64 && script >> asked & 1;

	if (!watching || reading)
		return false;
	if (asked < 64)
		answers |= (uint64_t)fails << asked;
	asked++;
	faults += fails;
	say(ASKED, what, fails, 0, 0, 0);
	return fails;
}

void shim_crash(const char *say_why)
{
	if (reading)
		siglongjmp(out_of_reading, 1);
	if (!armed)
		abort();
	snprintf(why, sizeof(why), "%s", say_why);
	armed = 0;
	siglongjmp(out_of_call, 1);
}

static u8 device_number(const struct device *dev)
{
	const struct pci_dev *device = container_of(dev, struct pci_dev, dev);
	long at = device - w->device;

	return at >= 0 && at <= DEVICES && device == w->device + at ? at : UNKNOWN;
}

static u8 domain_number(const struct iommu_domain *domain)
{
	for (int i = 0; i < w->domains; i++)
		if (domain == w->domain[i])
			return i;
	return domain ? UNKNOWN : NONE;
}

static u8 handle_number(const void *handle)
{
	for (int i = 0; i <= PASIDS; i++)
		if (handle == w->handle + i)
			return i;
	return handle ? UNKNOWN : NONE;
}

static u8 pasid_number(u32 pasid)
{
	for (int i = 0; i < w->numbers; i++)
		if (w->number[i] == pasid)
			return i;
	return UNKNOWN;
}

static int place_of(u8 pasid)
{
	for (int i = 0; i < w->pasids; i++)
		if (w->pasid[i] == pasid)
			return i;
	return -1;
}

/* Slots: as bytes, and as what the array holds */

static void *raw(u8 kind, u8 handle)
{
	if (kind == SLOT_ABSENT)
		return NULL;
	if (kind == SLOT_RESERVED)
		return XA_ZERO_ENTRY;
	if (kind == SLOT_ODD)
		return w->odd[handle];
	if (handle)
		return (void *)((unsigned long)(w->handle + handle - 1) | TAG_OF_HANDLE);
	return (void *)((unsigned long)w->domain[kind - SLOT_DOMAIN] | TAG_OF_DOMAIN);
}

static void as_slot(void *entry, u8 *slot)
{
	slot[0] = slot[1] = 0;
	if (!entry)
		return;
	if (xa_is_zero(entry)) {
		slot[0] = SLOT_RESERVED;
		return;
	}
#ifdef HAS_struct_iommu_attach_handle
	for (int i = 0; i <= PASIDS; i++)
		if ((unsigned long)entry == ((unsigned long)(w->handle + i) | TAG_OF_HANDLE)) {
			u8 domain = domain_number(w->handle[i].domain);

			slot[0] = domain < UNKNOWN ? SLOT_DOMAIN + domain : UNKNOWN;
			slot[1] = 1 + i;
			return;
		}
#endif
	for (int i = 0; i < w->domains; i++)
		if ((unsigned long)entry == ((unsigned long)w->domain[i] | TAG_OF_DOMAIN)) {
			slot[0] = SLOT_DOMAIN + i;
			return;
		}
	slot[0] = SLOT_ODD;
	for (slot[1] = 0; slot[1] < w->odds; slot[1]++)
		if (w->odd[slot[1]] == entry)
			return;
	if (w->odds < ODD)
		w->odd[w->odds++] = entry;
	slot[1] = w->odds - 1;
}

static void *stored(struct xarray *xa, unsigned long index)
{
	XA_STATE(xas, xa, index);

	return xas_load(&xas);
}

/* What a driver brings. */

static void driver_boot(const u32 *types, const u8 *kinds, const u8 *traits);
static void driver_ready(const u8 *op);	/* an operation begins */
static void driver_look(void);		/* notice what has changed since */
static void driver_load(const u8 *notes, int size);	/* NULL: as it was loaded last */
static int driver_notes(u8 *to);	/* what it has noted, after an operation */
static enum lacking driver_wants(size_t size);	/* memory of this size */
static bool driver_warned(void);	/* whether a WARN is the driver's and no one else's */

/* Handles */

void shim_handle_written(const void *handle)
{
#ifdef HAS_struct_iommu_attach_handle
	u8 number = handle_number(handle);

	if (number >= UNKNOWN)
		return;
	w->names[number] = w->handle[number].domain;
	say(HANDLE, number, domain_number(w->handle[number].domain), 0, 0, 0);
#endif
}

/* Whoever wrote a handle in another way is found here, before the next thing happens. */
static void look(void)
{
	if (watching && !reading)
		driver_look();
#ifdef HAS_struct_iommu_attach_handle
	for (int i = 0; watching && i <= PASIDS; i++)
		if (w->names[i] != w->handle[i].domain)
			shim_handle_written(w->handle + i);
#endif
}

/* The array */

struct shim_watch shim_array_before(struct xarray *xa, unsigned long index)
{
	look();
	asked_memory = false;
	return (struct shim_watch){ xa, index, watching ? stored(xa, index) : NULL };
}

void shim_array_after(struct shim_watch watch, bool always)
{
	void *now;
	u8 slot[2];

	if (!watching || watch.xa != &w->group->pasid_array)
		return;
	now = stored(watch.xa, watch.index);
	if (now == watch.before && !always)
		return;
	as_slot(now, slot);
	say(ARRAY, pasid_number(watch.index), slot[0], slot[1], 0, 0);
}

/* Whether that which is wanted now cannot be had. */
static bool lacks(enum lacking what)
{
	look();
	if (!ask(what))
		return false;
	say(what == MEMORY ? NO_MEMORY : LACKING, what, 0, 0, 0, 0);
	return true;
}

static int nodes;
struct kmem_cache *radix_tree_node_cachep = (void *)&nodes;

/* As in the tree's user-space support, what must not wait gets nothing, and asks again. */
void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, int gfp)
{
	struct xa_node *node;

	if (!(gfp & __GFP_DIRECT_RECLAIM))
		return NULL;
	if (!asked_memory) {
		asked_memory = true;
		if (lacks(MEMORY))
			return NULL;
	}
	node = calloc(1, sizeof(*node));
	INIT_LIST_HEAD(&node->private_list);
	return node;
}

void radix_tree_node_rcu_free(struct rcu_head *head)
{
	free(container_of(head, struct xa_node, rcu_head));
}

void *shim_alloc(size_t size)
{
	return lacks(driver_wants(size)) ? NULL : calloc(1, size);
}

void shim_free(const void *memory)
{
	look();
	if ((u8 *)memory < (u8 *)w || (u8 *)memory >= (u8 *)(w + 1))	/* else it is ours */
		free((void *)memory);
}

unsigned long _find_next_bit(const unsigned long *bits, unsigned long size, unsigned long start)
{
	for (; start < size; start++)
		if (bits[start / BITS_PER_LONG] >> start % BITS_PER_LONG & 1)
			return start;
	return size;
}

unsigned long _find_first_bit(const unsigned long *bits, unsigned long size)
{
	return _find_next_bit(bits, size, 0);
}

void __bitmap_clear(unsigned long *map, unsigned int start, int number)
{
	for (; number-- > 0; start++)
		map[start / BITS_PER_LONG] &= ~(1UL << start % BITS_PER_LONG);
}

int lockdep_is_held(const void *lock)
{
	return 1;
}

/* Locks and warnings */

static bool is_the_mutex(struct mutex *mutex)
{
	return w && mutex == &w->group->mutex;
}

void mutex_lock(struct mutex *mutex)
{
	look();
	if (mutex->held)
		shim_crash("deadlock: the mutex is held already");
	if (spinning)
		shim_crash("it sleeps with a spin lock held");
	if (reading && is_the_mutex(mutex))
		shim_crash("deadlock");
	mutex->held = 1;
	if (is_the_mutex(mutex))
		say(LOCKED, 0, 0, 0, 0, 0);
}

void mutex_unlock(struct mutex *mutex)
{
	look();
	if (!mutex->held)
		shim_crash("a mutex is given back that is not held");
	mutex->held = 0;
	if (is_the_mutex(mutex))
		say(UNLOCKED, 0, 0, 0, 0, 0);
}

int mutex_trylock(struct mutex *mutex)
{
	if (mutex->held)
		return 0;
	mutex_lock(mutex);
	return 1;
}

void shim_spin_lock(spinlock_t *lock)
{
	if (lock->held)
		shim_crash("deadlock: a spin lock is held already");
	look();
	lock->held = 1;
	spinning++;
}

void shim_spin_unlock(spinlock_t *lock)
{
	if (!lock->held)
		shim_crash("a spin lock is given back and not held");
	look();
	lock->held = 0;
	spinning--;
}

static const char *warners[64];		/* the functions that have warned */

const char *shim_warner(int number)
{
	return warners[number];
}

void shim_warn(const char *function)
{
	int i = 0;

	look();
	while (i < 63 && warners[i] && strcmp(warners[i], function))
		i++;
	warners[i] = function;
	say(driver_warned() ? DRIVER_WARNED : WARNED, i, 0, 0, 0, 0);
}

/* The driver */

/* What a page request finds that arrives now: a handle, or without handles a domain. */
static u8 page_request(u32 pasid)
{
	u8 found = NONE;

	reading = true;
	if (sigsetjmp(out_of_reading, 0)) {
		w->group->pasid_array.xa_lock.held = 0;
		spinning = 0;
		found = CRASHED;
	} else {
#if defined(HAS_HANDLE_GET)
		void *handle = iommu_attach_handle_get(w->group, pasid, 0);

		found = IS_ERR_OR_NULL(handle) ? NONE : handle_number(handle);
#elif defined(HAS_DOMAIN_GET)
		found = domain_number(iommu_get_domain_for_dev_pasid(&w->device->dev, pasid, 0));
#endif
	}
	reading = false;
	return found;
}

static void call(struct iommu_domain *domain, struct device *dev, u32 pasid, u8 old)
{
	look();
	if (spinning)
		shim_crash("a driver is asked with a spin lock held");
	say(CALLED, device_number(dev), domain_number(domain), old, pasid_number(pasid),
	    page_request(pasid));
}

#include SHIM_DRIVER

/* Signals: what would kill the process ends the call. */

static stack_t own_stack;
static struct sigaction before[32];
static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGVTALRM };
static uint64_t ticked_at;
static int ticks, patience = 50;	/* hundredths of a second, of this process alone */

static void on_signal(int number, siginfo_t *info, void *context)
{
	if (number == SIGVTALRM && armed) {
		if (ticked_at != runs)
			ticks = 0;
		ticked_at = runs;
		if (++ticks < patience)
			return;
		ticks = 0;
		patience = 3;
	}
	if (armed && reading)
		siglongjmp(out_of_reading, 1);
	if (armed) {
		if (number == SIGVTALRM)
			strcpy(why, "it does not return");
		else
			strcpy(why, number == SIGSEGV ? "a wild or null pointer (SIGSEGV)" :
				    number == SIGBUS ? "a wild pointer (SIGBUS)" :
				    number == SIGFPE ? "a division by zero (SIGFPE)" :
				    number == SIGILL ? "an illegal instruction (SIGILL)" :
				    "an abort (SIGABRT)");
		armed = 0;
		siglongjmp(out_of_call, 1);
	}
	if (before[number].sa_flags & SA_SIGINFO) {
		before[number].sa_sigaction(number, info, context);
	} else if (before[number].sa_handler != SIG_IGN && number != SIGVTALRM) {
		signal(number, before[number].sa_handler);
		raise(number);
	}
}

static void catch_signals(void)
{
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } };
	struct sigaction action = { 0 };

	own_stack.ss_size = 1 << 16;
	own_stack.ss_sp = malloc(own_stack.ss_size);
	sigaltstack(&own_stack, NULL);
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
	for (unsigned int i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &action, &before[caught[i]]);
	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

#ifdef SHIM_SANITIZED
/* A report is a verdict: the first line of it is noted, and the call goes on. */
static char reported[200];

static void on_report(const char *report)
{
	const char *line = strstr(report, "ERROR: ");

	if (!reported[0])
		snprintf(reported, sizeof(reported), "%.*s", (int)strcspn(line ? line + 7 : report,
			 "\n"), line ? line + 7 : report);
}

void __asan_set_error_report_callback(void (*callback)(const char *));
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file,
				     unsigned int *line, unsigned int *column, char **address);

void __ubsan_on_report(void)
{
	const char *kind, *message, *file;
	unsigned int line, column;
	char *address;

	__ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
	if (!reported[0])
		snprintf(reported, sizeof(reported), "UndefinedBehaviorSanitizer: %s", message);
}
#endif

/* The group */

static void build_group(void)
{
	struct iommu_group *group = w->group;

	memset(group, 0, sizeof(*group));
	INIT_LIST_HEAD(&group->devices);
	xa_init(&group->pasid_array);
	mutex_init(&group->mutex);
#ifdef HAS_iommu_group_blocking_domain
	group->blocking_domain = w->domain[0];
#endif
	for (int i = 0; i < w->devices; i++) {
		w->member[i].dev = &w->device[i].dev;
		list_add_tail(&w->member[i].list, &group->devices);
		w->device[i].dev.iommu_group = group;
	}
}

static void ready(const u8 *op)
{
	struct iommu_group *group = w->group;
	int resetting = 0;

	group->mutex.held = 0;
	group->pasid_array.xa_lock.held = 0;
	spinning = 0;
	for (int i = 0; i < w->devices; i++) {
		resetting += w->resetting[i];
#ifdef HAS_group_device_blocked
		w->member[i].blocked = w->resetting[i];
#endif
#ifdef HAS_group_device_reset_depth
		w->member[i].reset_depth = w->resetting[i];
#endif
	}
#ifdef HAS_iommu_group_recovery_cnt
	group->recovery_cnt = resetting;
#endif
	memset(&w->handle[PASIDS], 0, sizeof(w->handle[PASIDS]));
	w->names[PASIDS] = NULL;
	driver_ready(op);
}

static void load_slot(int place)
{
	struct xarray *xa = &w->group->pasid_array;
	unsigned long index = w->number[w->pasid[place]];
	u8 *slot = w->loaded_slot[place];
	void *entry;

#ifdef HAS_struct_iommu_attach_handle
	w->handle[place].domain = NULL;
	if (slot[0] >= SLOT_DOMAIN && slot[0] < UNKNOWN && slot[1])
		w->handle[place].domain = w->domain[slot[0] - SLOT_DOMAIN];
	w->names[place] = w->handle[place].domain;
#endif
	entry = raw(slot[0], slot[1]);
	if (stored(xa, index) == entry)
		return;
	if (entry)
		(xa_store)(xa, index, entry, GFP_KERNEL);
	else
		(xa_erase)(xa, index);
}

/* What follows is called from outside. */

void shim_free_world(struct world *world)
{
	if (!world->broken)
		xa_destroy(&world->group->pasid_array);
	free(world->own);
	free(world->group);
	free(world);
}

/*
 * domains: the first is the driver's blocked domain; flags, types and kinds of each. numbers: the
 * PASID here for each of the contract's. What kinds of domain and traits of devices are, TRAIT bytes
 * of each, only the driver knows.
 */
struct world *shim_boot(int devices, const u32 *max_pasids, const u8 *traits, int domains,
			const u8 *flags, const u32 *types, const u8 *kinds, int pasids,
			const u8 *pasid, int numbers, const u32 *number)
{
	static bool caught_already;

	w = calloc(1, sizeof(*w));
	w->group = calloc(1, sizeof(*w->group));
	w->devices = devices;
	w->domains = domains;
	w->pasids = pasids;
	w->numbers = numbers;
	memcpy(w->flags, flags, domains);
	memcpy(w->pasid, pasid, pasids);
	memcpy(w->number, number, numbers * sizeof(*number));
	for (int i = 0; i <= DEVICES; i++) {
		w->device[i].dev.iommu = &w->iommu_of[i];
		w->iommu_of[i].max_pasids = i < devices ? max_pasids[i] : 1 << 20;
	}
	w->device[DEVICES].dev.iommu = NULL;	/* and has no IOMMU */
	driver_boot(types, kinds, traits);
	memset(w->hardware, NONE, sizeof(w->hardware));
	memset(w->loaded_hardware, NONE, sizeof(w->loaded_hardware));
	build_group();
	if (!caught_already)
		catch_signals();
	caught_already = true;
#ifdef SHIM_SANITIZED
	__asan_set_error_report_callback(on_report);
#endif
	return w;
}

void shim_log_to(u8 *to)
{
	number = (uint64_t *)to;
	log_ = to + sizeof(*number);
}

/* Count an operation that is not made, as it is known to kill the process. */
void shim_skip(void)
{
	runs++;
}

/* Be in this state in one PASID. row: two bytes of the slot, then each device's domain. */
void shim_load(struct world *world, int place, const u8 *row)
{
	w = world;
	watching = false;
	memcpy(w->loaded_slot[place], row, 2);
	memcpy(w->loaded_hardware[place], row + 2, w->devices);
	memcpy(w->hardware[place], row + 2, w->devices);
	if (!w->broken)
		load_slot(place);
}

void shim_reset(struct world *world, const u8 *resetting)
{
	memcpy(world->resetting, resetting, world->devices);
}

/* Have the driver note this, after all that is loaded otherwise. */
void shim_note(struct world *world, const u8 *notes, int size)
{
	w = world;
	watching = false;
	driver_load(notes, size);
}

static int make(const u8 *op, u8 *found)
{
	struct device *dev = &w->device[op[1] == UNKNOWN ? DEVICES : op[1]].dev;
	u32 pasid = w->number[op[2]];
	struct iommu_domain *domain = w->domain[op[3]];
	struct iommu_attach_handle *handle = op[4] == NONE ? NULL : &w->handle[op[4]];
	u32 type;

	memcpy(&type, op + 5, sizeof(type));
	switch (op[0]) {
	case ATTACH:
#if ATTACH_HANDLE
		return iommu_attach_device_pasid(domain, dev, pasid, handle);
#else
		return iommu_attach_device_pasid(domain, dev, pasid);
#endif
#ifdef HAS_REPLACE
	case REPLACE:
#if REPLACE_HANDLE
		return iommu_replace_device_pasid(domain, dev, pasid, handle);
#else
		return iommu_replace_device_pasid(domain, dev, pasid);
#endif
#endif
	case DETACH:
		iommu_detach_device_pasid(domain, dev, pasid);
		return 0;
#ifdef HAS_HANDLE_GET
	case HANDLE_GET: {
		void *got = iommu_attach_handle_get(w->group, pasid, type);

		if (IS_ERR(got))
			return PTR_ERR(got);
		*found = handle_number(got);
		return 0;
	}
#endif
#ifdef HAS_RESET
	case RESET_PREPARE:
		return pci_dev_reset_iommu_prepare(to_pci_dev(dev));
	case RESET_DONE:
		pci_dev_reset_iommu_done(to_pci_dev(dev));
		return 0;
#endif
#ifdef HAS_MM_RELEASE
	case MM_RELEASE:
		driver_mm_release(domain);
		return 0;
#endif
	}
#ifdef HAS_GROUP
	return make_of_group(op[0], dev, domain, handle, type);
#else
	return -ENOSYS;
#endif
}

/*
 * Make a call. Returns the length of the log: result (4 bytes), handle found, whether it crashed,
 * number of questions, number of faults, answers (8 bytes), where the events end and where the rows
 * begin (4 bytes each); the events; if it crashed, why; a row for each PASID; what the driver has
 * noted.
 */
int shim_run(struct world *world, const u8 *op, uint64_t follow)
{
	u8 found = NONE;
	volatile int32_t result = 0;
	volatile bool crashed = false;

	w = world;
	if (w->broken) {
		build_group();
		for (int i = 0; i < w->pasids; i++)
			load_slot(i);
		driver_load(NULL, 0);
		w->broken = false;
	}
	ready(op);
	length = HEADER;
	script = follow;
	answers = 0;
	asked = faults = 0;
	asked_memory = reading = false;
	*number = ++runs;
#ifdef SHIM_SANITIZED
	reported[0] = 0;
#endif
	if (!sigsetjmp(out_of_call, 0)) {
		watching = true;
		armed = 1;
		result = make(op, &found);
		look();
		if (spinning)
			shim_crash("it returns with a spin lock held");
	} else {
		crashed = true;
	}
	armed = 0;
	reading = false;
#ifdef SHIM_SANITIZED
	if (!crashed && reported[0]) {
		strcpy(why, reported);
		crashed = true;
	}
#endif
	memcpy(log_, (void *)&result, 4);
	log_[4] = found;
	log_[5] = crashed;
	log_[6] = asked > 64 ? 64 : asked;
	log_[7] = faults;
	memcpy(log_ + 8, &answers, 8);
	memcpy(log_ + 16, &length, 4);
	if (crashed) {
		w->broken = true;
		strcpy((char *)log_ + length, why);
		length += strlen(why);
	}
	memcpy(log_ + 20, &length, 4);
	for (int i = 0; i < w->pasids; i++) {
		u8 *row = log_ + length;

		if (crashed)
			memcpy(row, w->loaded_slot[i], 2);	/* who knows what it holds */
		else
			as_slot(stored(&w->group->pasid_array, w->number[w->pasid[i]]), row);
		memcpy(row + 2, w->hardware[i], w->devices);
		length += 2 + w->devices;
	}
	length += driver_notes(log_ + length);
#ifdef HAS_group_device_blocked
	for (int i = 0; i < w->devices; i++)
		w->resetting[i] = w->member[i].blocked;
#endif
	watching = false;
	if (!crashed && place_of(op[2]) < 0)	/* nobody else would take it away again */
		(xa_erase)(&w->group->pasid_array, w->number[op[2]]);
	return length;
}
