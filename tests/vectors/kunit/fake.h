/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of a kernel as the KUnit test needs to be compiled and played in user space: the types,
 * KUnit's checks, a bus whose devices get their IOMMU when they are added, and a core that keeps
 * to the contract. It checks the test, not the kernel.
 */
#ifndef FAKE_H
#define FAKE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t u32;
typedef u32 ioasid_t;

#define container_of(at, type, member) ((type *)((char *)(at) - offsetof(type, member)))
#define IS_ERR(p) ((uintptr_t)(p) >= (uintptr_t)-4095)
#define IS_ERR_OR_NULL(p) (!(p) || IS_ERR(p))
#define ERR_PTR(e) ((void *)(intptr_t)(e))
#define PTR_ERR(p) ((int)(intptr_t)(p))
#define PTR_ERR_OR_ZERO(p) (IS_ERR(p) ? PTR_ERR(p) : 0)
#define GFP_KERNEL 0
#define kzalloc(size, flags) calloc(1, size)
#define kfree free
#define strscpy(to, from, size) snprintf(to, size, "%s", from)
#define THIS_MODULE NULL
#define MODULE_DESCRIPTION(x)
#define MODULE_LICENSE(x)
#define MODULE_IMPORT_NS(x)

/* KUnit */

struct kunit { const void *param_value; int failures; };
struct kunit_suite;
struct kunit_case { void (*run)(struct kunit *); const void *(*params)(int, char *); };
struct kunit_suite {
	const char *name;
	int (*suite_init)(struct kunit_suite *);
	void (*suite_exit)(struct kunit_suite *);
	void (*exit)(struct kunit *);
	struct kunit_case *test_cases;
};

#define KUNIT_PARAM_DESC_SIZE 128
#define KUNIT_CASE_PARAM(test, gen) { test, gen }
#define KUNIT_ARRAY_PARAM(name, array, describe)					\
	static const void *name##_gen_params(int i, char *to)				\
	{										\
		if (i >= (int)(sizeof(array) / sizeof(array[0])))			\
			return NULL;							\
		describe(&array[i], to);						\
		return &array[i];							\
	}
#define FAKE_CHECK(test, ok, ...) \
	do { if (!(ok)) { (test)->failures++; printf("    " __VA_ARGS__); puts(""); } } while (0)
#define KUNIT_EXPECT_EQ_MSG(test, a, b, ...) FAKE_CHECK(test, (a) == (b), __VA_ARGS__)
#define KUNIT_EXPECT_EQ(test, a, b) FAKE_CHECK(test, (a) == (b), "%s is not %s", #b, #a)
#define KUNIT_ASSERT_EQ(test, a, b) \
	do { if ((a) != (b)) { KUNIT_FAIL(test, "%s is not %s", #b, #a); return; } } while (0)
#define KUNIT_ASSERT_NOT_NULL(test, a) \
	do { if (!(a)) { KUNIT_FAIL(test, "%s is NULL", #a); return; } } while (0)
#define KUNIT_FAIL(test, ...) FAKE_CHECK(test, false, __VA_ARGS__)

/* Devices */

struct bus_type { const char *name; };
struct notifier_block { int unused; };
struct iommu_device { u32 max_pasids; const struct iommu_ops *ops; };
struct dev_iommu { u32 max_pasids; struct iommu_device *iommu_dev; };
struct device {
	const struct bus_type *bus;
	void (*release)(struct device *);
	char name[64];
	u32 bits;
	struct iommu_group *iommu_group;
	struct dev_iommu *iommu;
	struct dev_iommu place;
};
struct property_entry { const char *name; u32 value; };
#define PROPERTY_ENTRY_U32(name, value) { name, value }

static inline void device_initialize(struct device *dev) { (void)dev; }
#define dev_set_name(dev, ...) (snprintf((dev)->name, sizeof((dev)->name), __VA_ARGS__) < 0)
static inline const char *dev_name(struct device *dev) { return dev->name; }
static inline void put_device(struct device *dev) { dev->release(dev); }
static inline int device_create_managed_software_node(struct device *dev,
						      const struct property_entry *is, void *parent)
{
	(void)parent;
	dev->bits = strcmp(is->name, "pasid-num-bits") ? 0 : 1u << is->value;
	return 0;
}
static struct device fake_root;
static inline struct device *root_device_register(const char *name)
{
	snprintf(fake_root.name, sizeof(fake_root.name), "%s", name);
	return &fake_root;
}
static inline void root_device_unregister(struct device *dev) { (void)dev; }
static inline int bus_register(const struct bus_type *bus) { (void)bus; return 0; }
static inline void bus_unregister(const struct bus_type *bus) { (void)bus; }

/* The core */

enum { IOMMU_DOMAIN_BLOCKED, IOMMU_DOMAIN_IDENTITY, IOMMU_DOMAIN_UNMANAGED = 3,
       IOMMU_DOMAIN_SVA = 4, IOMMU_DOMAIN_NESTED = 8 };

struct iommu_domain {
	unsigned int type;
	const struct iommu_domain_ops *ops;
	const struct iommu_ops *owner;
};
struct iommu_domain_ops {
	int (*attach_dev)(struct iommu_domain *, struct device *, struct iommu_domain *);
	int (*set_dev_pasid)(struct iommu_domain *, struct device *, ioasid_t,
			     struct iommu_domain *);
};
struct iommu_ops {
	struct iommu_device *(*probe_device)(struct device *);
	struct iommu_group *(*device_group)(struct device *);
	struct iommu_domain *default_domain, *blocked_domain, *identity_domain;
	void *owner;
};
struct iommu_attach_handle { struct iommu_domain *domain; };
struct iommu_group {
	struct device *device[8];
	int devices;
	struct { ioasid_t pasid; bool taken, reserved; struct iommu_attach_handle *handle;
		 struct iommu_domain *domain; } slot[32];
};

static struct iommu_group fake_group;
static inline struct iommu_group *iommu_group_alloc(void)
{
	memset(&fake_group, 0, sizeof(fake_group));
	return &fake_group;
}
static inline struct iommu_group *iommu_group_ref_get(struct iommu_group *group) { return group; }
#define iommu_device_sysfs_add(iommu, parent, groups, ...) 0
static inline void iommu_device_sysfs_remove(struct iommu_device *iommu) { (void)iommu; }
static inline int iommu_device_register_bus(struct iommu_device *unit,
					    const struct iommu_ops *given,
					    const struct bus_type *bus, struct notifier_block *nb)
{
	(void)bus; (void)nb;
	unit->ops = given;
	return 0;
}
static inline void iommu_device_unregister_bus(struct iommu_device *iommu,
					       const struct bus_type *bus,
					       struct notifier_block *nb)
{
	(void)iommu; (void)bus; (void)nb;
}
static inline int iommu_mock_device_add(struct device *dev, struct iommu_device *iommu)
{
	struct iommu_device *found = iommu->ops->probe_device(dev);

	if (IS_ERR(found))
		return PTR_ERR(found);
	dev->iommu = &dev->place;
	dev->iommu->iommu_dev = found;
	dev->iommu_group = iommu->ops->device_group(dev);
	dev->iommu->max_pasids = dev->bits < found->max_pasids ? dev->bits : found->max_pasids;
	dev->iommu_group->device[dev->iommu_group->devices++] = dev;
	return 0;
}
static inline void device_unregister(struct device *dev) { dev->release(dev); }

#ifndef WRONG
#define WRONG 0		/* 1 to 3: break a rule, so that the test can be seen to fail */
#endif

static int fake_slot(struct iommu_group *group, ioasid_t pasid)
{
	int i = 0;

	while (group->slot[i].taken && group->slot[i].pasid != pasid)
		i++;
	for (int j = 0; j < 32; j++)
		if (group->slot[j].taken && group->slot[j].pasid == pasid)
			return j;
	group->slot[i].pasid = pasid;
	return i;
}

static int fake_set(struct iommu_group *group, struct iommu_domain *new, ioasid_t pasid,
		    struct iommu_domain *old)
{
	for (int i = 0; i < group->devices; i++) {
		struct device *dev = group->device[i];
		int error = dev->iommu->max_pasids ?
			new->ops->set_dev_pasid(new, dev, pasid, old) : 0;

		for (int j = 0; error && j < i + (WRONG == 1); j++) {
			struct device *done = group->device[j];
			struct iommu_domain *blocked = done->iommu->iommu_dev->ops->blocked_domain;

			if (!done->iommu->max_pasids ||
			    (old && !old->ops->set_dev_pasid(old, done, pasid, new)))
				continue;
			blocked->ops->set_dev_pasid(blocked, done, pasid, new);
		}
		if (error)
			return error;
	}
	return 0;
}

static inline int fake_attach(struct iommu_domain *new, struct device *dev, ioasid_t pasid,
			      struct iommu_attach_handle *handle, bool replaces)
{
	struct iommu_group *group = dev->iommu_group;
	const struct iommu_ops *ops;
	struct iommu_domain *old = NULL;
	int at, error;

	if (!group)
		return -ENODEV;
	ops = dev->iommu->iommu_dev->ops;
	if (!new->ops->set_dev_pasid || (!replaces && !ops->blocked_domain->ops->set_dev_pasid))
		return -EOPNOTSUPP;
	if ((new->owner != ops && new != ops->blocked_domain && new != ops->identity_domain) ||
	    !pasid || (replaces && !handle))
		return -EINVAL;
	for (int i = 0; i < group->devices && !replaces; i++)
		if (group->device[i]->iommu->max_pasids &&
		    pasid >= group->device[i]->iommu->max_pasids)
			return -EINVAL;
	at = fake_slot(group, pasid);
	if (group->slot[at].taken != replaces)
		return replaces ? -EINVAL : -EBUSY;
	if (handle)
		handle->domain = new;
	if (replaces && group->slot[at].handle == handle)
		return -EINVAL;
	if (replaces)
		old = group->slot[at].handle ? group->slot[at].handle->domain :
					       group->slot[at].domain;
	group->slot[at].taken = true;
	group->slot[at].reserved = !replaces;
	if (WRONG == 2) {
		group->slot[at].reserved = false;
		group->slot[at].handle = handle;
	}
	error = old == new ? 0 : fake_set(group, new, pasid, old);
	group->slot[at].reserved = false;
	group->slot[at].taken = !error || replaces;
	if (error)
		return error;
	group->slot[at].handle = handle;
	group->slot[at].domain = new;
	return 0;
}

static inline int iommu_attach_device_pasid(struct iommu_domain *wanted, struct device *any,
					    ioasid_t pasid, struct iommu_attach_handle *handle)
{
	return fake_attach(wanted, any, pasid, handle, false);
}

static inline int iommu_replace_device_pasid(struct iommu_domain *wanted, struct device *any,
					     ioasid_t pasid, struct iommu_attach_handle *handle)
{
	return fake_attach(wanted, any, pasid, handle, true);
}

static inline void iommu_detach_device_pasid(struct iommu_domain *wanted, struct device *any,
					     ioasid_t pasid)
{
	struct iommu_group *group = any->iommu_group;

	if (WRONG == 3)
		group->slot[fake_slot(group, pasid)].taken = false;
	for (int i = 0; i < group->devices; i++) {
		struct iommu_domain *blocked =
			group->device[i]->iommu->iommu_dev->ops->blocked_domain;

		if (group->device[i]->iommu->max_pasids)
			blocked->ops->set_dev_pasid(blocked, group->device[i], pasid, wanted);
	}
	group->slot[fake_slot(group, pasid)].taken = false;
}

static inline struct iommu_attach_handle *iommu_attach_handle_get(struct iommu_group *of,
								  ioasid_t pasid, unsigned int kind)
{
	int at = fake_slot(of, pasid);
	struct iommu_attach_handle *handle = of->slot[at].handle;

	if (!of->slot[at].taken || of->slot[at].reserved || !handle)
		return ERR_PTR(-ENOENT);
	return kind && handle->domain->type != kind ? ERR_PTR(-EBUSY) : handle;
}

#define kunit_test_suite(suite)								\
	int main(void)									\
	{										\
		int played = 0, failed = 0;						\
		char name[KUNIT_PARAM_DESC_SIZE];					\
		const void *param;							\
											\
		if ((suite).suite_init(&(suite)))					\
			return 2;							\
		while ((param = (suite).test_cases->params(played, name))) {		\
			struct kunit test = { param, 0 };				\
											\
			(suite).test_cases->run(&test);					\
			(suite).exit(&test);						\
			played++;							\
			failed += test.failures > 0;					\
			if (test.failures)						\
				printf("not ok %s\n", name);				\
		}									\
		(suite).suite_exit(&(suite));						\
		printf("%d played, %d failed\n", played, failed);			\
		return failed > 0;							\
	}

#endif
