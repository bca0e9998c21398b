// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vectors of the PASID contract as a KUnit test: a mock IOMMU driver whose devices share a group,
 * and which fails where a vector says so. `pasid-spec vectors --export kunit DIR` has written this
 * file and the table beside it; put both into drivers/iommu and add to its Makefile
 *
 *	obj-$(CONFIG_KUNIT) += pasid_vectors_kunit.o
 *
 * The kernel needs CONFIG_KUNIT and CONFIG_IOMMUFD_TEST: the latter has the calls by which a mock
 * bus gets an IOMMU. Where a vector expects a WARN there is one in the log.
 */
#include <kunit/test.h>
#include <linux/device.h>
#include <linux/device/bus.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "iommu-priv.h"

#define PV_NONE		(-1)
#define PV_STRAY	(-2)
#define PV_BLOCKED	0	/* the number of the static blocked domain */
#define PV_IDENTITY	1
#define PV_DEVICES	8
#define PV_DOMAINS	14
#define PV_HANDLES	32
#define PV_PASIDS	16
#define PV_CALLS	128

enum pv_operation { PV_ATTACH, PV_REPLACE, PV_DETACH, PV_HANDLE_GET };

struct pv_device {
	const char *name;
	u32 max_pasids;
};

struct pv_domain {
	const char *name;
	unsigned int type;
	bool foreign, takes_no_pasids;
};

struct pv_fault {
	int device, domain, nth, error;
	bool if_asked;
};

struct pv_call {
	int device, domain, old, sees, result;
	u32 pasid;
};

struct pv_step {
	enum pv_operation operation;
	int device, domain, handle;
	u32 pasid;
	unsigned int type;
	int result, found;
	int nr_faults, nr_calls;
	const struct pv_fault *fault;
	const struct pv_call *call;
};

struct pv_row {
	u32 pasid;
	int domain, handle;		/* PV_NONE: not attached; without a handle */
	int hardware[PV_DEVICES];	/* for each device, the number of the domain it reaches */
};

struct pv_vector {
	const char *name;
	bool cannot_block;		/* the blocked domain cannot be set on a PASID */
	int nr_devices, nr_domains, nr_handles, nr_steps, nr_initial, nr_final;
	const struct pv_device *device;
	const struct pv_domain *domain;	/* from number 2 on */
	const char *const *handle;
	const struct pv_step *step;
	const struct pv_row *initial, *final;
};

#include "pasid_vectors_table.h"

/* What there is while a vector is played */

struct pv_mock_device {
	struct device dev;
	int number;
};

static struct pv_world {
	const struct pv_vector *vector;
	struct kunit *test;
	struct iommu_group *group;
	struct pv_mock_device *device[PV_DEVICES];
	struct device *stray;
	struct iommu_domain domain[PV_DOMAINS];
	struct iommu_attach_handle handle[PV_HANDLES];
	struct { u32 pasid; int reached[PV_DEVICES]; } hardware[PV_PASIDS];
	int nr_hardware;
	const struct pv_step *step;	/* NULL: nothing is noted, and nothing fails */
	struct pv_call call[PV_CALLS];
	int nr_calls;
} pv;

static int pv_domain_number(const struct iommu_domain *domain);

static int pv_handle_number(const struct iommu_attach_handle *handle)
{
	return IS_ERR_OR_NULL(handle) ? PV_NONE : (int)(handle - pv.handle);
}

static int *pv_reached(u32 pasid)
{
	int i;

	for (i = 0; i < pv.nr_hardware; i++)
		if (pv.hardware[i].pasid == pasid)
			return pv.hardware[i].reached;
	if (i == PV_PASIDS)
		return NULL;
	pv.hardware[i].pasid = pasid;
	memset(pv.hardware[i].reached, 0, sizeof(pv.hardware[i].reached));
	pv.nr_hardware++;
	return pv.hardware[i].reached;
}

/* The driver */

static int pv_attach_dev(struct iommu_domain *domain, struct device *dev,
			 struct iommu_domain *old)
{
	return 0;
}

static int pv_fails(int device, int domain)
{
	int i, nth = 1;

	for (i = 0; i < pv.nr_calls; i++)
		nth += pv.call[i].device == device && pv.call[i].domain == domain;
	for (i = 0; i < pv.step->nr_faults; i++) {
		const struct pv_fault *fault = &pv.step->fault[i];

		if (fault->device == device && fault->domain == domain && fault->nth == nth)
			return fault->error;
	}
	return 0;
}

static int pv_set_dev_pasid(struct iommu_domain *wanted, struct device *dev, ioasid_t pasid,
			    struct iommu_domain *old)
{
	int device = container_of(dev, struct pv_mock_device, dev)->number;
	int number = pv_domain_number(wanted), result = 0;
	int *reached = pv_reached(pasid);

	if (pv.step) {
		result = pv_fails(device, number);
		if (pv.nr_calls < PV_CALLS)
			pv.call[pv.nr_calls++] = (struct pv_call) {
				.device = device,
				.domain = number,
				.old = pv_domain_number(old),
				.sees = pv_handle_number(
					iommu_attach_handle_get(pv.group, pasid, 0)),
				.result = result,
				.pasid = pasid,
			};
	}
	if (!result && reached)
		reached[device] = number;
	return result;
}

static const struct iommu_domain_ops pv_domain_ops = {
	.attach_dev = pv_attach_dev,
	.set_dev_pasid = pv_set_dev_pasid,
};

static const struct iommu_domain_ops pv_domain_ops_without = {
	.attach_dev = pv_attach_dev,
};

static struct iommu_domain pv_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &pv_domain_ops,
};

static struct iommu_domain pv_identity = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &pv_domain_ops,
};

static int pv_domain_number(const struct iommu_domain *domain)
{
	if (!domain)
		return PV_NONE;
	if (domain == &pv_blocked)
		return PV_BLOCKED;
	return domain == &pv_identity ? PV_IDENTITY : (int)(domain - pv.domain);
}

static struct iommu_domain *pv_domain_of(int number)
{
	if (number == PV_BLOCKED)
		return &pv_blocked;
	return number == PV_IDENTITY ? &pv_identity : &pv.domain[number];
}

static struct iommu_device pv_iommu;
static struct notifier_block pv_notifier;
static const struct bus_type pv_bus = { .name = "pasid_vectors" };

static struct iommu_device *pv_probe_device(struct device *dev)
{
	struct pv_mock_device *mock = container_of(dev, struct pv_mock_device, dev);

	if (dev->bus != &pv_bus)
		return ERR_PTR(-ENODEV);
	/* looked at right after this call: so each device gets a limit that is no power of two */
	pv_iommu.max_pasids = pv.vector->device[mock->number].max_pasids;
	return &pv_iommu;
}

static struct iommu_group *pv_device_group(struct device *dev)
{
	if (pv.group)
		return iommu_group_ref_get(pv.group);
	pv.group = iommu_group_alloc();
	return pv.group;
}

static const struct iommu_ops pv_ops = {
	.probe_device = pv_probe_device,
	.device_group = pv_device_group,
	.default_domain = &pv_blocked,
	.blocked_domain = &pv_blocked,
	.identity_domain = &pv_identity,
	.owner = THIS_MODULE,
};

static const struct iommu_ops pv_foreign_ops = { .owner = THIS_MODULE };

/* Devices */

static void pv_release(struct device *dev)
{
	kfree(container_of(dev, struct pv_mock_device, dev));
}

static struct pv_mock_device *pv_new_device(const char *name)
{
	struct pv_mock_device *mock = kzalloc(sizeof(*mock), GFP_KERNEL);

	if (!mock)
		return NULL;
	device_initialize(&mock->dev);
	mock->dev.release = pv_release;
	if (dev_set_name(&mock->dev, "pasid_vectors_%s", name)) {
		put_device(&mock->dev);
		return NULL;
	}
	return mock;
}

static int pv_add_device(int number, const struct pv_device *spec)
{
	const struct property_entry bits[] = { PROPERTY_ENTRY_U32("pasid-num-bits", 20), {} };
	struct pv_mock_device *mock = pv_new_device(spec->name);
	int result = 0;

	if (!mock)
		return -ENOMEM;
	mock->number = number;
	mock->dev.bus = &pv_bus;
	if (spec->max_pasids)
		result = device_create_managed_software_node(&mock->dev, bits, NULL);
	if (!result)
		result = iommu_mock_device_add(&mock->dev, &pv_iommu);
	if (result)
		put_device(&mock->dev);
	else
		pv.device[number] = mock;
	return result;
}

static struct device *pv_device_of(int number)
{
	return number == PV_STRAY ? pv.stray : &pv.device[number]->dev;
}

static void pv_tear_down(struct kunit *test)
{
	int i;

	pv.step = NULL;
	for (i = 0; i < PV_DEVICES; i++)
		if (pv.device[i])
			device_unregister(&pv.device[i]->dev);
	if (pv.stray)
		put_device(pv.stray);
	memset(&pv, 0, sizeof(pv));
}

static void pv_set_up(struct kunit *test, const struct pv_vector *vector)
{
	struct pv_mock_device *stray;
	int i;

	pv.vector = vector;
	pv.test = test;
	pv_blocked.ops = vector->cannot_block ? &pv_domain_ops_without : &pv_domain_ops;
	for (i = 0; i < vector->nr_domains; i++) {
		const struct pv_domain *spec = &vector->domain[i];

		pv.domain[2 + i].type = spec->type;
		pv.domain[2 + i].owner = spec->foreign ? &pv_foreign_ops : &pv_ops;
		pv.domain[2 + i].ops =
			spec->takes_no_pasids ? &pv_domain_ops_without : &pv_domain_ops;
	}
	for (i = 0; i < vector->nr_devices; i++)
		KUNIT_ASSERT_EQ(test, 0, pv_add_device(i, &vector->device[i]));
	for (i = 0; i < vector->nr_devices; i++)
		KUNIT_ASSERT_EQ(test, vector->device[i].max_pasids,
				pv.device[i]->dev.iommu->max_pasids);
	stray = pv_new_device("stray");
	KUNIT_ASSERT_NOT_NULL(test, stray);
	pv.stray = &stray->dev;
	for (i = 0; i < vector->nr_initial; i++) {
		const struct pv_row *row = &vector->initial[i];

		KUNIT_ASSERT_EQ(test, 0, iommu_attach_device_pasid(
			pv_domain_of(row->domain), pv_device_of(0), row->pasid,
			row->handle == PV_NONE ? NULL : &pv.handle[row->handle]));
	}
}

/* Playing */

static const char *pv_domain_name(int number)
{
	if (number < 0)
		return "none";
	if (number <= PV_IDENTITY)
		return number == PV_BLOCKED ? "blocked" : "identity";
	return pv.vector->domain[number - 2].name;
}

static const char *pv_handle_name(int number)
{
	return number < 0 || number >= pv.vector->nr_handles ? "none" :
	       pv.vector->handle[number];
}

static int pv_make(const struct pv_step *step, int *found)
{
	struct iommu_attach_handle *handle =
		step->handle == PV_NONE ? NULL : &pv.handle[step->handle];
	struct iommu_domain *domain = pv_domain_of(step->domain);
	struct device *dev = pv_device_of(step->device);

	switch (step->operation) {
	case PV_ATTACH:
		return iommu_attach_device_pasid(domain, dev, step->pasid, handle);
	case PV_REPLACE:
		return iommu_replace_device_pasid(domain, dev, step->pasid, handle);
	case PV_DETACH:
		iommu_detach_device_pasid(domain, dev, step->pasid);
		return 0;
	case PV_HANDLE_GET:
		handle = iommu_attach_handle_get(pv.group, step->pasid, step->type);
		*found = pv_handle_number(handle);
		return PTR_ERR_OR_ZERO(handle);
	}
	return -ENOSYS;
}

static void pv_compare(struct kunit *test, int number, int result, int found)
{
	const struct pv_step *step = &pv.vector->step[number];
	int i;

	KUNIT_EXPECT_EQ_MSG(test, step->result, result, "step %d: result", number + 1);
	KUNIT_EXPECT_EQ_MSG(test, step->found, found, "step %d: found %s, not %s", number + 1,
			    pv_handle_name(found), pv_handle_name(step->found));
	KUNIT_EXPECT_EQ_MSG(test, step->nr_calls, pv.nr_calls, "step %d: driver calls",
			    number + 1);
	for (i = 0; i < pv.nr_calls; i++) {
		const struct pv_call *is = &pv.call[i], *want = &step->call[i];
		const char *name = pv.vector->device[is->device].name;

		if (i >= step->nr_calls || is->device != want->device ||
		    is->domain != want->domain || is->old != want->old ||
		    is->sees != want->sees || is->result != want->result ||
		    is->pasid != want->pasid)
			KUNIT_FAIL(test, "step %d, call %d: %s sets %s on PASID %u (old: %s) = %d; a page request finds %s",
				   number + 1, i + 1, name, pv_domain_name(is->domain), is->pasid,
				   pv_domain_name(is->old), is->result, pv_handle_name(is->sees));
	}
}

static void pv_compare_row(struct kunit *test, const struct pv_row *row)
{
	struct iommu_attach_handle *handle = iommu_attach_handle_get(pv.group, row->pasid, 0);
	int *reached = pv_reached(row->pasid);
	int i, found = pv_handle_number(handle);

	KUNIT_EXPECT_EQ_MSG(test, row->handle, found, "PASID %u: the array has %s, not %s",
			    row->pasid, pv_handle_name(found), pv_handle_name(row->handle));
	if (row->handle != PV_NONE && found == row->handle)
		KUNIT_EXPECT_EQ_MSG(test, row->domain, pv_domain_number(handle->domain),
				    "PASID %u: the handle's domain", row->pasid);
	KUNIT_ASSERT_NOT_NULL(test, reached);
	for (i = 0; i < pv.vector->nr_devices; i++)
		KUNIT_EXPECT_EQ_MSG(test, row->hardware[i], reached[i],
				    "PASID %u: %s reaches %s, not %s", row->pasid,
				    pv.vector->device[i].name, pv_domain_name(reached[i]),
				    pv_domain_name(row->hardware[i]));
	/* what has no handle cannot be looked up, but the PASID is taken all the same */
	pv.step = NULL;
	if (row->domain != PV_NONE && row->handle == PV_NONE)
		KUNIT_EXPECT_EQ(test, -EBUSY,
				iommu_attach_device_pasid(pv_domain_of(row->domain),
							  pv_device_of(0), row->pasid, NULL));
	if (row->domain != PV_NONE)
		iommu_detach_device_pasid(pv_domain_of(row->domain), pv_device_of(0), row->pasid);
}

static void pv_play(struct kunit *test)
{
	const struct pv_vector *vector = test->param_value;
	int i;

	pv_set_up(test, vector);
	for (i = 0; i < vector->nr_steps; i++) {
		int result, found = PV_NONE;

		pv.nr_calls = 0;
		pv.step = &vector->step[i];
		result = pv_make(pv.step, &found);
		pv.step = NULL;
		pv_compare(test, i, result, found);
	}
	for (i = 0; i < vector->nr_final; i++)
		pv_compare_row(test, &vector->final[i]);
}

static void pv_describe(const struct pv_vector *vector, char *to)
{
	strscpy(to, vector->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pv, pv_vectors, pv_describe);

static struct kunit_case pv_cases[] = {
	KUNIT_CASE_PARAM(pv_play, pv_gen_params),
	{}
};

static struct device *pv_root;

static int pv_suite_init(struct kunit_suite *suite)
{
	int result;

	pv_root = root_device_register("pasid_vectors_iommu");
	if (IS_ERR(pv_root))
		return PTR_ERR(pv_root);
	result = bus_register(&pv_bus);
	if (result)
		goto err_root;
	result = iommu_device_sysfs_add(&pv_iommu, pv_root, NULL, "%s", dev_name(pv_root));
	if (result)
		goto err_bus;
	result = iommu_device_register_bus(&pv_iommu, &pv_ops, &pv_bus, &pv_notifier);
	if (!result)
		return 0;

	iommu_device_sysfs_remove(&pv_iommu);
err_bus:
	bus_unregister(&pv_bus);
err_root:
	root_device_unregister(pv_root);
	return result;
}

static void pv_suite_exit(struct kunit_suite *suite)
{
	iommu_device_sysfs_remove(&pv_iommu);
	iommu_device_unregister_bus(&pv_iommu, &pv_bus, &pv_notifier);
	bus_unregister(&pv_bus);
	root_device_unregister(pv_root);
}

static struct kunit_suite pv_suite = {
	.name = "pasid_vectors",
	.suite_init = pv_suite_init,
	.suite_exit = pv_suite_exit,
	.exit = pv_tear_down,
	.test_cases = pv_cases,
};

kunit_test_suite(pv_suite);

MODULE_DESCRIPTION("Vectors of the PASID contract");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("IOMMUFD_INTERNAL");
MODULE_IMPORT_NS("IOMMUFD");
