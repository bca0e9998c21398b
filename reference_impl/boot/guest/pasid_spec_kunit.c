// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vectors inside a running kernel: an IOMMU driver that forms one group of several devices,
 * fails where a vector says, and writes down all that it is asked and what a page request would
 * find meanwhile. Built into drivers/iommu of a private copy of the tree; the table of vectors is
 * generated beside it.
 */
#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iommu-priv.h"

enum {
	ATTACH, REPLACE, DETACH, HANDLE_GET, RESET_PREPARE, RESET_DONE,
	ATTACH_GROUP, DETACH_GROUP,
	ATTACH_GROUP_HANDLE, REPLACE_GROUP_HANDLE, DETACH_GROUP_HANDLE,
	CLAIM_GROUP_OWNER, RELEASE_GROUP_OWNER, CLAIM_DEVICE_OWNER, RELEASE_DEVICE_OWNER,
	USE_DEFAULT_DOMAIN, UNUSE_DEFAULT_DOMAIN, PROBE_DEVICE, REMOVE_DEVICE,
};
enum { NO_HANDLE, NEW, PUBLISHED };
enum { OURS = 1, TAKES_PASIDS = 2, SVA = 4 };
enum { BLOCKED, IDENTITY, DEFAULT, OTHERS }; /* the places of the static domains */
enum { NOBODY, VFIO, IOMMUFD, OWNERS };
#define STRAY 255
#define MOST_DEVICES 8
#define MOST_DOMAINS 16
#define MOST_PASIDS 16
#define MOST_CALLS 8

struct spec_domain {
	const char *name;
	u8 flags;
};

struct spec_setting {
	u8 devices, domains, pasids, numbers;
	bool rid; /* whether DMA without a PASID is part of it */
	u8 pasid[MOST_PASIDS]; /* those that are looked at */
	const char *device[MOST_DEVICES];
	u32 limit[MOST_DEVICES]; /* 0: it has no PASIDs */
	struct spec_domain domain[MOST_DOMAINS];
	u32 number[MOST_PASIDS]; /* for each PASID of a vector the one used here */
};

struct spec_call {
	u8 kind, device, pasid, domain, handle, who, type;
	u8 no_memory; /* whether the array gets none */
	u8 fails[MOST_CALLS]; /* the errno of each driver call */
};

struct spec_vector {
	const char *name;
	u16 setting, calls, warnings;
	u32 first;
	const char *expected; /* of the last call */
	/* what has to be ended then */
	u8 uses;
	bool claimed;
	u8 resets[MOST_DEVICES];
	bool fresh; /* needs a group that was never blocked: a group remembers that */
};

#include "pasid_spec_vectors.h"

struct spec_device {
	struct pci_dev pdev; /* on a bus of our own: a reset asks for one, nothing else does */
	unsigned int place;
};

static struct spec_world {
	const struct spec_setting *setting;
	const struct spec_call *call;
	struct spec_device *device[MOST_DEVICES]; /* none where it has gone */
	struct iommu_domain *table[MOST_DEVICES][MOST_PASIDS];
	struct iommu_group *group;
	struct iommu_domain domain[MOST_DOMAINS];
	struct iommu_attach_handle *published[MOST_PASIDS];
	struct iommu_attach_handle *new;
	bool moved; /* whether a device has come or gone */
	unsigned int asked;
	int refused; /* the first error that the driver gave in a call */
	size_t length;
	char said[2048];
} world;

static struct iommu_device spec_iommu;
static struct notifier_block spec_notifier;
static const struct bus_type spec_bus = { .name = "pasid_spec" };
static struct device spec_stray;
static struct iommu_ops spec_ops, foreign_ops;

static __printf(1, 2) void say(const char *format, ...)
{
	va_list rest;

	va_start(rest, format);
	world.length += vscnprintf(world.said + world.length, sizeof(world.said) - world.length,
				   format, rest);
	va_end(rest);
}

static const char *const owner_name[OWNERS] = { NULL, "vfio", "iommufd" };

static void *owner_of(unsigned int who)
{
	return (void *)owner_name[who]; /* any pointer of its own will do */
}

static const char *domain_name(const struct iommu_domain *domain)
{
	if (!domain)
		return "-";
	if (domain < world.domain || domain >= world.domain + world.setting->domains)
		return "?";
	return world.setting->domain[domain - world.domain].name;
}

static unsigned int place_of(ioasid_t pasid)
{
	unsigned int at;

	for (at = 0; at < world.setting->numbers; at++)
		if (world.setting->number[at] == pasid)
			break;
	return at;
}

static const char *handle_name(const struct iommu_attach_handle *handle, unsigned int pasid)
{
	if (IS_ERR_OR_NULL(handle))
		return "-";
	if (handle == world.new)
		return "h'";
	return pasid < MOST_PASIDS && handle == world.published[pasid] ? "h" : "?";
}

/* The driver */

static int change(struct iommu_domain *domain, struct device *dev, ioasid_t number,
		  struct iommu_domain *old)
{
	struct spec_device *device = container_of(dev, struct spec_device, pdev.dev);
	unsigned int pasid = place_of(number), asked;
	int error = 0;

	if (world.call) {
		asked = world.asked++;
		if (asked < MOST_CALLS)
			error = world.call->fails[asked];
		world.refused = world.refused ?: error;
		say(" %s/%u:%s<%s@%s=%d", world.setting->device[device->place], pasid, domain_name(domain),
		    domain_name(old),
		    handle_name(iommu_attach_handle_get(world.group, number, 0), pasid), error);
	}
	if (!error && pasid < MOST_PASIDS)
		world.table[device->place][pasid] = domain == &world.domain[BLOCKED] ? NULL : domain;
	return -error;
}

static int spec_set(struct iommu_domain *domain, struct device *dev, ioasid_t number,
		    struct iommu_domain *old)
{
	return change(domain, dev, number, old);
}

static int spec_attach(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
{
	return world.setting->rid ? change(domain, dev, IOMMU_NO_PASID, old) : 0;
}

static const struct iommu_domain_ops with_pasids = {
	.attach_dev = spec_attach,
	.set_dev_pasid = spec_set,
};

static const struct iommu_domain_ops without_pasids = {
	.attach_dev = spec_attach,
};

static struct iommu_device *spec_probe(struct device *dev)
{
	return &spec_iommu;
}

/* A driver frees the table of the device's PASIDs, whatever is in it. */
static void spec_release(struct device *dev)
{
	struct spec_device *device = container_of(dev, struct spec_device, pdev.dev);

	memset(&world.table[device->place][1], 0, sizeof(world.table[0]) - sizeof(world.table[0][0]));
}

static struct iommu_group *spec_group(struct device *dev)
{
	if (world.group)
		return iommu_group_ref_get(world.group);
	world.group = iommu_group_alloc();
	return world.group;
}

static bool spec_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY;
}

/* The world of one setting */

static void spec_free(struct device *dev)
{
	kfree(container_of(dev, struct spec_device, pdev.dev));
}

/* A device goes; with its last one the group does. */
static void remove(unsigned int place)
{
	unsigned int i;

	device_unregister(&world.device[place]->pdev.dev);
	world.device[place] = NULL;
	for (i = 0; i < MOST_DEVICES; i++)
		if (world.device[i])
			return;
	world.group = NULL;
}

/* A device comes. That the core refuses it is not told by the bus, but seen by its having no group. */
static int probe(unsigned int place)
{
	struct spec_device *device = kzalloc(sizeof(*device), GFP_KERNEL);
	static unsigned int serial;
	int error;

	if (!device)
		return -ENOMEM;
	device->place = place;
	device->pdev.ats_cap = 1;
	device->pdev.dev.bus = &spec_bus;
	device->pdev.dev.release = spec_free;
	device_initialize(&device->pdev.dev);
	error = dev_set_name(&device->pdev.dev, "pasid_spec%u", serial++);
	if (!error)
		error = iommu_mock_device_add(&device->pdev.dev, &spec_iommu);
	if (error) {
		put_device(&device->pdev.dev);
		return error;
	}
	world.device[place] = device;
	if (!device->pdev.dev.iommu_group) {
		remove(place);
		return -(world.refused ?: ENODEV);
	}
	device->pdev.dev.iommu->max_pasids = world.setting->limit[place];
	return 0;
}

static void leave(void)
{
	unsigned int i;

	for (i = 0; i < MOST_DEVICES; i++)
		if (world.device[i])
			remove(i);
	memset(world.table, 0, sizeof(world.table));
	world.setting = NULL;
	world.moved = false;
}

static int enter(const struct spec_setting *setting)
{
	unsigned int i;
	int error = 0;

	world.setting = setting;
	memset(world.domain, 0, sizeof(world.domain));
	for (i = 0; i < setting->domains; i++) {
		struct iommu_domain *domain = &world.domain[i];
		u8 flags = setting->domain[i].flags;

		domain->ops = flags & TAKES_PASIDS ? &with_pasids : &without_pasids;
		domain->type = i == BLOCKED ? IOMMU_DOMAIN_BLOCKED :
			       i == IDENTITY ? IOMMU_DOMAIN_IDENTITY :
			       i == DEFAULT ? IOMMU_DOMAIN_PLATFORM :
			       flags & SVA ? IOMMU_DOMAIN_SVA : IOMMU_DOMAIN_UNMANAGED;
		if (i >= OTHERS)
			domain->owner = flags & OURS ? &spec_ops : &foreign_ops;
	}
	for (i = 0; i < setting->devices && !error; i++)
		error = probe(i);
	return error;
}

/* One call of a vector */

static struct device *device_of(const struct spec_call *call)
{
	return call->device == STRAY ? &spec_stray : &world.device[call->device]->pdev.dev;
}

/* Any device that is there. */
static struct device *someone(void)
{
	unsigned int i;

	for (i = 0; i < MOST_DEVICES; i++)
		if (world.device[i])
			return &world.device[i]->pdev.dev;
	return &spec_stray;
}

/* Who has claimed the group: who may do so once more. */
static const char *owner(void)
{
	unsigned int who;

	if (!iommu_group_dma_owner_claimed(world.group))
		return "-";
	for (who = VFIO; who < OWNERS; who++) {
		if (iommu_device_claim_dma_owner(someone(), owner_of(who)))
			continue;
		iommu_device_release_dma_owner(someone());
		return owner_name[who];
	}
	return "used";
}

static struct iommu_attach_handle *published(unsigned int pasid)
{
	void *found;

	if (!world.group)
		return NULL;
	found = iommu_attach_handle_get(world.group, world.setting->number[pasid], 0);
	return IS_ERR(found) ? NULL : found;
}

static void say_group(void)
{
	unsigned int i;

	say("; owner %s %s", owner(), domain_name(iommu_get_domain_for_dev(someone())));
	for (i = 0; i < world.setting->devices; i++)
		if (world.device[i] && world.device[i]->pdev.dev.iommu_group == world.group)
			say(" %s", world.setting->device[i]);
}

static int call_it(const struct spec_call *call, struct iommu_attach_handle *handle,
		   struct iommu_attach_handle **found)
{
	struct iommu_domain *domain = &world.domain[call->domain];
	ioasid_t number = world.setting->number[call->pasid];
	struct device *dev = call->kind == PROBE_DEVICE ? NULL : device_of(call);

	switch (call->kind) {
	case ATTACH:
		return iommu_attach_device_pasid(domain, dev, number, handle);
	case REPLACE:
		return iommu_replace_device_pasid(domain, dev, number, handle);
	case DETACH:
		iommu_detach_device_pasid(domain, dev, number);
		return 0;
	case HANDLE_GET:
		*found = iommu_attach_handle_get(world.group, number, call->type);
		return PTR_ERR_OR_ZERO(*found);
	case RESET_PREPARE:
		return pci_dev_reset_iommu_prepare(to_pci_dev(dev));
	case RESET_DONE:
		pci_dev_reset_iommu_done(to_pci_dev(dev));
		return 0;
	case ATTACH_GROUP:
		return iommu_attach_group(domain, world.group);
	case DETACH_GROUP:
		iommu_detach_group(domain, world.group);
		return 0;
	case ATTACH_GROUP_HANDLE:
		return iommu_attach_group_handle(domain, world.group, handle);
	case REPLACE_GROUP_HANDLE:
		return iommu_replace_group_handle(world.group, domain, handle);
	case DETACH_GROUP_HANDLE:
		iommu_detach_group_handle(domain, world.group);
		return 0;
	case CLAIM_GROUP_OWNER:
		return iommu_group_claim_dma_owner(world.group, owner_of(call->who));
	case RELEASE_GROUP_OWNER:
		iommu_group_release_dma_owner(world.group);
		return 0;
	case CLAIM_DEVICE_OWNER:
		return iommu_device_claim_dma_owner(dev, owner_of(call->who));
	case RELEASE_DEVICE_OWNER:
		iommu_device_release_dma_owner(dev);
		return 0;
	case USE_DEFAULT_DOMAIN:
		return iommu_device_use_default_domain(dev);
	case UNUSE_DEFAULT_DOMAIN:
		iommu_device_unuse_default_domain(dev);
		return 0;
	case PROBE_DEVICE:
		world.moved = true;
		return probe(call->device);
	case REMOVE_DEVICE:
		world.moved = true;
		remove(call->device);
		return 0;
	}
	return -ENOSYS;
}

static void make(const struct spec_call *call)
{
	const struct spec_setting *setting = world.setting;
	unsigned int i, j, pasid;
	struct iommu_attach_handle *handle = NULL, *found = NULL;
	int error;

	world.length = 0;
	world.asked = 0;
	world.refused = 0;
	for (i = 0; i < setting->pasids; i++)
		world.published[setting->pasid[i]] = published(setting->pasid[i]);
	if (call->handle == NEW)
		handle = world.new = kzalloc(sizeof(*handle), GFP_KERNEL);
	else if (call->handle == PUBLISHED)
		handle = published(call->pasid);
	world.call = call;
	current->make_it_fail = call->no_memory;
	error = call_it(call, handle, &found);
	current->make_it_fail = 0;
	world.call = NULL;
	say(" = %d", error);
	if (call->kind == HANDLE_GET)
		say(" %s", handle_name(found, call->pasid));
	for (i = 0; i < setting->pasids; i++) {
		struct iommu_attach_handle *now = published(setting->pasid[i]);

		pasid = setting->pasid[i];
		say("; %s:%s", handle_name(now, pasid), domain_name(now ? now->domain : NULL));
		for (j = 0; j < setting->devices; j++)
			say(" %s", domain_name(world.table[j][pasid]));
	}
	if (setting->rid)
		say_group();
	/* the caller owns what is not published any more; nobody looks it up here */
	for (i = 0; i < setting->pasids; i++) {
		pasid = setting->pasid[i];
		if (world.published[pasid] && published(pasid) != world.published[pasid])
			kfree(world.published[pasid]);
	}
	if (world.new) {
		bool kept = false;

		for (i = 0; i < setting->pasids; i++)
			kept |= published(setting->pasid[i]) == world.new;
		if (!kept)
			kfree(world.new);
		world.new = NULL;
	}
}

/*
 * Back to a group with nothing attached, claimed or reset: what the next vector starts from. Each
 * claim, use and reset is ended once, so one too many would be a warning, and one too few stays.
 */
static void settle(const struct spec_vector *vector)
{
	const struct spec_setting *setting = world.setting;
	struct iommu_attach_handle *held;
	struct device *dev = someone();
	unsigned int i, pasid;
	int n;

	for (i = 0; i < setting->devices; i++)
		for (n = 0; n < vector->resets[i]; n++)
			pci_dev_reset_iommu_done(&world.device[i]->pdev);
	if (!(setting->domain[BLOCKED].flags & TAKES_PASIDS))
		return; /* then nothing could be attached */
	for (i = 0; i < setting->pasids; i++) {
		pasid = setting->pasid[i];
		if (!pasid)
			continue;
		held = published(pasid);
		iommu_detach_device_pasid(&world.domain[OTHERS], dev, setting->number[pasid]);
		kfree(held);
	}
	if (!setting->rid)
		return;
	held = published(0);
	if (held)
		iommu_detach_group_handle(&world.domain[OTHERS], world.group);
	else
		iommu_detach_group(&world.domain[OTHERS], world.group);
	kfree(held);
	for (n = 0; n < vector->uses; n++) {
		if (vector->claimed)
			iommu_device_release_dma_owner(dev);
		else
			iommu_device_unuse_default_domain(dev);
	}
	/* where no way back was found on the driver's side, as it was told */
	for (i = 0; i < setting->devices; i++)
		world.table[i][0] = &world.domain[DEFAULT];
}

/*
 * A warning of the core prints thirty lines. Where KUnit can count them instead they are counted,
 * and else told from the log by whoever reads it.
 */
#ifdef kunit_warning_suppress
static struct kunit_suppressed_warning *counter;

static void count_warnings(struct kunit *test)
{
	counter = kunit_start_suppress_warning(test);
}

static void stop_counting(struct kunit *test)
{
	kunit_end_suppress_warning(test, counter);
}

static int warned(int expected)
{
	return kunit_suppressed_warning_count(counter);
}
#define COUNTED true
#else
static void count_warnings(struct kunit *test)
{
}

static void stop_counting(struct kunit *test)
{
}

static int warned(int expected)
{
	return expected;
}
#define COUNTED false
#endif

static void vectors(struct kunit *test)
{
	unsigned int i, j, failed = 0;

	pr_info("pasid-spec: 1..%zu warnings are %s\n", ARRAY_SIZE(spec_vectors),
		COUNTED ? "counted" : "printed");
	count_warnings(test);
	for (i = 0; i < ARRAY_SIZE(spec_vectors); i++) {
		const struct spec_vector *vector = &spec_vectors[i];
		int before = warned(0), now;
		bool same;

		if (world.setting != &spec_settings[vector->setting] || vector->fresh) {
			leave();
			KUNIT_ASSERT_EQ(test, enter(&spec_settings[vector->setting]), 0);
		}
		for (j = 0; j < vector->calls; j++)
			make(&spec_calls[vector->first + j]);
		settle(vector);
		now = warned(vector->warnings) - before;
		same = !strcmp(world.said, vector->expected) && now == vector->warnings &&
		       !iommu_group_dma_owner_claimed(world.group);
		if (!same) {
			failed++;
			pr_info("pasid-spec: got%s; warnings %d\n", world.said, now);
			pr_info("pasid-spec: not%s; warnings %d\n", vector->expected,
				vector->warnings);
		}
		pr_info("pasid-spec: %s %u %s\n", same ? "ok" : "not ok", i + 1, vector->name);
		if (!same || world.moved)
			leave();
		cond_resched();
	}
	stop_counting(test);
	KUNIT_EXPECT_EQ(test, failed, 0);
}

static struct kunit_case spec_cases[] = {
	KUNIT_CASE_SLOW(vectors),
	{}
};

static int spec_start(struct kunit_suite *suite)
{
	int error;

	spec_ops = (struct iommu_ops){
		.default_domain = &world.domain[DEFAULT],
		.blocked_domain = &world.domain[BLOCKED],
		.release_domain = &world.domain[BLOCKED],
		.identity_domain = &world.domain[IDENTITY],
		.capable = spec_capable,
		.probe_device = spec_probe,
		.release_device = spec_release,
		.device_group = spec_group,
		.default_domain_ops = &with_pasids,
		.owner = THIS_MODULE,
	};
	foreign_ops = spec_ops;
	error = bus_register(&spec_bus);
	if (error)
		return error;
	error = iommu_device_sysfs_add(&spec_iommu, NULL, NULL, "pasid_spec");
	if (error)
		return error;
	return iommu_device_register_bus(&spec_iommu, &spec_ops, &spec_bus, &spec_notifier);
}

static void spec_end(struct kunit_suite *suite)
{
	leave();
	iommu_device_unregister_bus(&spec_iommu, &spec_bus, &spec_notifier);
	iommu_device_sysfs_remove(&spec_iommu);
	bus_unregister(&spec_bus);
}

static struct kunit_suite spec_suite = {
	.name = "pasid_spec",
	.suite_init = spec_start,
	.suite_exit = spec_end,
	.test_cases = spec_cases,
};
kunit_test_suites(&spec_suite);
