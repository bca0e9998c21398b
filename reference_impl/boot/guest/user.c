// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vectors through /dev/iommu and the kernel's mock device. A line is a call and what it returns; a
 * name stands for the object that an earlier line has made.
 *
 *     vector NAME
 *     ioas I                        device D I [pasid] [no-dirty]
 *     fault Q                       paging P D I [pasid] [parent] [dirty] [fault=Q]
 *     viommu V D P                  nested N D P [pasid] [fault=Q]
 *     rid D P                       attach|replace D 100 P
 *     detach D 100                  check D 100 P|-
 *     arrive D 100                  a page request; read Q and answer Q are user space's part
 *     request D 100 Q               all three
 *     destroy P
 *     nth attach|replace D 100 P    the same at every n-th failing allocation
 *     width D 20                    how many bits its PASIDs have
 *     access D I                    a device without an IOMMU; access D I again: another one
 *     vfio D 0000:00:05.0           the PCI device there, which VFIO is given
 *     vattach D P [pasid=5] [HOW]   through VFIO; its argument may be short, unreadable for the
 *     vdetach D [pasid=5] [HOW]     kernel, or read-only, so that no answer can be written
 *     close D                       the end of its file
 *     end
 *
 * Any of them may begin with a label and a colon, which makes it a result of its own, end with the
 * errno that is expected, and say behind a # what it is about: "S3: attach D 100 S2 = 22  # IFD-9".
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "iommufd_test.h"

#include "say.h"

#define MOST_OBJECTS 64
#define MOST_WORDS 10
#define MOST_NTH 400

static struct object {
	char name[32];
	uint32_t id; /* of a device: what iommufd calls it */
	uint32_t mock; /* of a device: what the mock driver calls it */
	int fd;
	uint32_t cookie; /* of a queue: of the page request that was read last */
} objects[MOST_OBJECTS];
static int count, iommu = -1;

static struct object *find(const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (!strcmp(objects[i].name, name))
			return &objects[i];
	return NULL;
}

static struct object *make(const char *name)
{
	struct object *made = find(name);

	if (!made && name && count < MOST_OBJECTS) {
		made = &objects[count++];
		snprintf(made->name, sizeof(made->name), "%s", name);
	}
	if (made)
		*made = (struct object){ .fd = -1, .mock = 0 };
	if (made)
		snprintf(made->name, sizeof(made->name), "%s", name);
	return made;
}

/* The id of a word: of an object, or a number for one that does not exist. */
static uint32_t id_of(const char *word)
{
	struct object *found = find(word);

	return found ? found->id : word ? strtoul(word, NULL, 0) : 0;
}

static bool has(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

static const char *value(char **words, const char *name)
{
	size_t length = strlen(name);

	for (; *words; words++)
		if (!strncmp(*words, name, length) && (*words)[length] == '=')
			return *words + length + 1;
	return NULL;
}

static int test(struct iommu_test_cmd *cmd, size_t last, unsigned int op, uint32_t id)
{
	cmd->size = last;
	cmd->op = op;
	cmd->id = id;
	return ioctl(iommu, _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32), cmd) ? errno : 0;
}

#define TEST(op, id, field, ...)                                                      \
	({                                                                            \
		cmd = (struct iommu_test_cmd){ .field = { __VA_ARGS__ } };            \
		test(&cmd, sizeof(cmd), IOMMU_TEST_OP_##op, id);                      \
	})

static int hwpt(struct object *made, char **words, bool nested)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc cmd = { .size = sizeof(cmd) };
	const char *fault = value(words, "fault");

	cmd.dev_id = id_of(words[2]);
	cmd.pt_id = id_of(words[3]);
	cmd.flags = (has(words, "pasid") ? IOMMU_HWPT_ALLOC_PASID : 0) |
		    (has(words, "parent") ? IOMMU_HWPT_ALLOC_NEST_PARENT : 0) |
		    (has(words, "dirty") ? IOMMU_HWPT_ALLOC_DIRTY_TRACKING : 0) |
		    (fault ? IOMMU_HWPT_FAULT_ID_VALID : 0);
	cmd.fault_id = fault ? id_of(fault) : 0;
	if (nested) {
		cmd.data_type = IOMMU_HWPT_DATA_SELFTEST;
		cmd.data_len = sizeof(data);
		cmd.data_uptr = (uintptr_t)&data;
	}
	if (ioctl(iommu, IOMMU_HWPT_ALLOC, &cmd))
		return errno;
	made->id = cmd.out_hwpt_id;
	return 0;
}

static int arrive(const struct object *device, uint32_t pasid)
{
	struct iommu_test_cmd cmd;

	return TEST(TRIGGER_IOPF, 0, trigger_iopf, .dev_id = device->id, .pasid = pasid,
		    .grpid = 2, .perm = IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE,
		    .addr = 0x1000);
}

/* Read a page request; EAGAIN if there is none. */
static int take(struct object *queue)
{
	struct iommu_hwpt_pgfault fault = {};
	struct pollfd poll_for = { .fd = queue->fd, .events = POLLIN };

	if (poll(&poll_for, 1, 50) <= 0)
		return EAGAIN;
	if (read(queue->fd, &fault, sizeof(fault)) != sizeof(fault))
		return EIO;
	queue->cookie = fault.cookie;
	return 0;
}

static int answer(const struct object *queue)
{
	struct iommu_hwpt_page_response response = {
		.code = IOMMUFD_PAGE_RESP_SUCCESS,
		.cookie = queue->cookie,
	};

	return write(queue->fd, &response, sizeof(response)) < 0 ? errno : 0;
}

static int change(const char *how, uint32_t mock, uint32_t pasid, uint32_t pt)
{
	struct iommu_test_cmd cmd;

	if (!strcmp(how, "attach"))
		return TEST(PASID_ATTACH, mock, pasid_attach, .pasid = pasid, .pt_id = pt);
	return TEST(PASID_REPLACE, mock, pasid_replace, .pasid = pasid, .pt_id = pt);
}

static int check(uint32_t mock, uint32_t pasid, uint32_t pt)
{
	struct iommu_test_cmd cmd;

	return TEST(PASID_CHECK_HWPT, mock, pasid_check, .pasid = pasid, .hwpt_id = pt);
}

/*
 * Attach or replace with the n-th allocation failing, for every n that is reached. After a failure
 * the PASID has what it had, after a success what was asked for. 0, or what was wrong.
 */
static int nth(const char *how, uint32_t mock, uint32_t pasid, uint32_t pt, uint32_t before)
{
	struct iommu_test_cmd cmd;
	int file = open("/proc/self/fail-nth", O_RDWR), failed = 0;
	bool reached;

	if (file < 0)
		return errno;
	for (int n = 1; n < MOST_NTH; n++) {
		char text[16];
		int error, seen, left;

		snprintf(text, sizeof(text), "%d", n);
		if (pwrite(file, text, strlen(text), 0) < 0)
			return errno;
		error = change(how, mock, pasid, pt);
		memset(text, 0, sizeof(text));
		left = pread(file, text, sizeof(text) - 1, 0) < 0 ? 1 : atoi(text);
		while (pwrite(file, "0", 1, 0) < 0 && errno == EFAULT)
			;
		seen = check(mock, pasid, error ? before : pt);
		/* the mock device's own look-up of an object fails with ENOENT */
		if (seen || (error && error != ENOMEM && error != ENOENT)) {
			say("pasid-spec: got %d from %s with allocation %d failing, then %s", error,
			    how, n, seen ? "another domain" : "the right domain");
			close(file);
			return seen ? ESTALE : error;
		}
		failed += !!error;
		reached = error || !left;
		if (!error)
			error = before ? change("replace", mock, pasid, before) :
					 TEST(PASID_DETACH, mock, pasid_detach, .pasid = pasid);
		else
			error = 0;
		if (error || !reached) {
			say("pasid-spec: note %s: %d allocations, %d of them fatal", how, n - 1,
			    failed);
			close(file);
			return error ? error : failed ? 0 : ENODATA;
		}
	}
	close(file);
	return ERANGE;
}

static int put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY), error = file < 0 || write(file, text, strlen(text)) < 0;

	error = error ? errno : 0;
	if (file >= 0)
		close(file);
	return error;
}

/* Give a PCI device to VFIO, the first time, and bind it to this iommufd. */
static int vfio(struct object *made, const char *address)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
	char path[200];
	int error;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", address);
	error = put(path, "vfio-pci");
	if (!error)
		error = put("/sys/bus/pci/drivers/vfio-pci/bind", address);
	if (error && error != EBUSY && access("/dev/vfio/devices/vfio0", F_OK))
		return error;
	made->fd = open("/dev/vfio/devices/vfio0", O_RDWR);
	if (made->fd < 0 || ioctl(made->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return errno;
	made->id = bind.out_devid;
	return 0;
}

/* Attach or detach, the argument as it shall be; its two forms begin alike. */
static int vfio_change(const struct object *device, unsigned long request, char **words,
		       uint32_t pt)
{
	struct vfio_device_attach_iommufd_pt *argument;
	const char *pasid = value(words, "pasid");
	bool attaches = request == VFIO_DEVICE_ATTACH_IOMMUFD_PT;
	struct vfio_device_detach_iommufd_pt *detach;
	int error;

	argument = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argument == MAP_FAILED)
		return errno;
	detach = (void *)argument;
	if (attaches) {
		argument->argsz = sizeof(*argument);
		argument->flags = pasid ? VFIO_DEVICE_ATTACH_PASID : 0;
		argument->pasid = pasid ? strtoul(pasid, NULL, 0) : 0;
		argument->pt_id = pt;
	} else {
		detach->argsz = sizeof(*detach);
		detach->flags = pasid ? VFIO_DEVICE_DETACH_PASID : 0;
		detach->pasid = pasid ? strtoul(pasid, NULL, 0) : 0;
	}
	if (has(words, "short"))
		argument->argsz = 4;
	if (has(words, "read-only"))
		mprotect(argument, 4096, PROT_READ);
	if (has(words, "unreadable"))
		mprotect(argument, 4096, PROT_NONE);
	error = ioctl(device->fd, request, argument) ? errno : 0;
	munmap(argument, 4096);
	return error;
}

static int width(const struct object *device, uint32_t expected)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = device->id };

	if (ioctl(iommu, IOMMU_GET_HW_INFO, &info))
		return errno;
	return info.out_max_pasid_log2 == expected ? 0 : ERANGE;
}

static int perform(char **words)
{
	struct object *device = find(words[1]), *made;
	const char *verb = words[0];
	struct iommu_test_cmd cmd;
	uint32_t pasid = words[1] && words[2] ? strtoul(words[2], NULL, 0) : 0;
	uint32_t mock = device ? device->mock : 0;
	int error;

	if (!strcmp(verb, "ioas")) {
		struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

		made = make(words[1]);
		error = ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc) ? errno : 0;
		made->id = alloc.out_ioas_id;
		return error;
	}
	if (!strcmp(verb, "device")) {
		uint32_t flags = (has(words, "pasid") ? MOCK_FLAGS_DEVICE_PASID : 0) |
				 (has(words, "no-dirty") ? MOCK_FLAGS_DEVICE_NO_DIRTY : 0);

		made = make(words[1]);
		error = TEST(MOCK_DOMAIN_FLAGS, id_of(words[2]), mock_domain_flags,
			     .dev_flags = flags);
		made->id = cmd.mock_domain_flags.out_idev_id;
		made->mock = cmd.mock_domain_flags.out_stdev_id;
		return error;
	}
	if (!strcmp(verb, "access") && device)
		return TEST(ACCESS_REPLACE_IOAS, device->id, access_replace_ioas,
			    .ioas_id = id_of(words[2]));
	if (!strcmp(verb, "access")) {
		made = make(words[1]);
		error = TEST(CREATE_ACCESS, id_of(words[2]), create_access, .flags = 0);
		made->id = cmd.create_access.out_access_fd;
		made->fd = error ? -1 : (int)made->id;
		return error;
	}
	if (!strcmp(verb, "fault")) {
		struct iommu_fault_alloc alloc = { .size = sizeof(alloc) };

		made = make(words[1]);
		error = ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &alloc) ? errno : 0;
		made->id = alloc.out_fault_id;
		made->fd = error ? -1 : (int)alloc.out_fault_fd;
		return error;
	}
	if (!strcmp(verb, "viommu")) {
		struct iommu_viommu_alloc alloc = {
			.size = sizeof(alloc),
			.type = IOMMU_VIOMMU_TYPE_SELFTEST,
			.dev_id = id_of(words[2]),
			.hwpt_id = id_of(words[3]),
		};

		made = make(words[1]);
		error = ioctl(iommu, IOMMU_VIOMMU_ALLOC, &alloc) ? errno : 0;
		made->id = alloc.out_viommu_id;
		return error;
	}
	if (!strcmp(verb, "paging") || !strcmp(verb, "nested"))
		return hwpt(make(words[1]), words, verb[0] == 'n');
	if (!strcmp(verb, "destroy")) {
		struct iommu_destroy destroy = { .size = sizeof(destroy) };
		struct object *gone = find(words[1]);

		destroy.id = id_of(words[1]);
		if (gone && gone->fd >= 0)
			close(gone->fd);
		return ioctl(iommu, IOMMU_DESTROY, &destroy) ? errno : 0;
	}
	if (!strcmp(verb, "nth")) {
		device = find(words[2]);
		pasid = strtoul(words[3], NULL, 0);
		return nth(words[1], device ? device->mock : 0, pasid, id_of(words[4]),
			   words[5] ? id_of(words[5]) : 0);
	}
	if (!strcmp(verb, "vfio"))
		return vfio(make(words[1]), words[2]);
	if (!device)
		return EDOM;
	if (!strcmp(verb, "vattach"))
		return vfio_change(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, words, id_of(words[2]));
	if (!strcmp(verb, "vdetach"))
		return vfio_change(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, words, 0);
	if (!strcmp(verb, "close")) {
		error = close(device->fd) ? errno : 0;
		device->fd = -1;
		return error;
	}
	if (!strcmp(verb, "width"))
		return width(device, pasid);
	if (!strcmp(verb, "rid"))
		return TEST(MOCK_DOMAIN_REPLACE, mock, mock_domain_replace,
			    .pt_id = id_of(words[2]));
	if (!strcmp(verb, "attach") || !strcmp(verb, "replace"))
		return change(verb, mock, pasid, id_of(words[3]));
	if (!strcmp(verb, "detach"))
		return TEST(PASID_DETACH, mock, pasid_detach, .pasid = pasid);
	if (!strcmp(verb, "check"))
		return check(mock, pasid, strcmp(words[3], "-") ? id_of(words[3]) : 0);
	if (!strcmp(verb, "arrive"))
		return arrive(device, pasid);
	if (!strcmp(verb, "request") && find(words[3])) {
		error = arrive(device, pasid);
		error = error ? error : take(find(words[3]));
		return error ? error : answer(find(words[3]));
	}
	if (!strcmp(verb, "read"))
		return take(device);
	if (!strcmp(verb, "answer"))
		return answer(device);
	return EDOM;
}

static void finish(void)
{
	for (int i = 0; i < count; i++)
		if (objects[i].fd >= 0)
			close(objects[i].fd);
	count = 0;
	if (iommu >= 0)
		close(iommu);
	iommu = -1;
}

static int play(FILE *file)
{
	char line[400], vector[200] = "", *words[MOST_WORDS + 1];
	static int point;
	bool good = true;

	if (!file)
		return 2;
	while (fgets(line, sizeof(line), file)) {
		char *label = NULL, *rest = line;
		int number = 0, expected = 0, error;
		char whole[400];

		line[strcspn(line, "\n#")] = 0;
		snprintf(whole, sizeof(whole), "%s", line);
		while (number < MOST_WORDS && (words[number] = strtok_r(rest, " ", &rest)))
			number++;
		words[number] = NULL;
		if (!number)
			continue;
		if (words[0][strlen(words[0]) - 1] == ':') {
			label = words[0];
			label[strlen(label) - 1] = 0;
			memmove(words, words + 1, number * sizeof(*words));
			number--;
		}
		if (number > 2 && !strcmp(words[number - 2], "=")) {
			expected = atoi(words[number - 1]);
			words[number -= 2] = NULL;
		}
		if (!strcmp(words[0], "vector")) {
			snprintf(vector, sizeof(vector), "%s", strchr(whole, ' ') + 1);
			iommu = open("/dev/iommu", O_RDWR);
			good = iommu >= 0;
			continue;
		}
		if (!strcmp(words[0], "end")) {
			finish();
			say("pasid-spec: %s %d %s", good ? "ok" : "not ok", ++point, vector);
			continue;
		}
		error = perform(words);
		if (error != expected) {
			say("pasid-spec: got %d from: %s", error, whole);
			good = false;
		}
		if (label)
			say("pasid-spec: %s %d %s/%s", error == expected ? "ok" : "not ok", ++point,
			    vector, label);
	}
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	int error = 0;

	for (int i = 1; !error && i < argc; i++)
		error = play(fopen(argv[i], "re"));
	return error;
}
