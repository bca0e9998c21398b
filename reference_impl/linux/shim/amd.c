/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree's own AMD functions as the driver. What they remember is read from memory: the records of
 * each process, and each device's table of page tables, looked at whenever a lock is taken or given
 * back, memory is, or the hardware is told something.
 */
enum { F_RECORD = 1, F_NO_TABLE = 9, FACT = 8 };
enum { PAGE = 4096, PAGES = 80, ENTRIES = 512, WIDE = 1 << 17, TORN = 252 };

struct own {
	u8 page[PAGES][PAGE] __attribute__((aligned(PAGE)));
	bool taken[PAGES];
	struct iommu_ops ops, foreign_ops;
	struct iommu_domain_ops able, unable;
	struct iommu_device iommu;
	struct iommu_dev_data data[DEVICES + 1];
	struct protection_domain domain[DOMAINS];
	struct mm_struct mm[DOMAINS];
	/* as it was last seen */
	bool serves[DEVICES + 1], table[DEVICES + 1];
	u8 record[DOMAINS][DEVICES][PASIDS];
	u8 loaded[4096];
	int size;
};

static int (*set_blocked)(struct iommu_domain *, struct device *, ioasid_t, struct iommu_domain *);
static int (*set_mm)(struct iommu_domain *, struct device *, ioasid_t, struct iommu_domain *);
static int (*attach_blocked)(struct iommu_domain *, struct device *, struct iommu_domain *);
static int (*attach_identity)(struct iommu_domain *, struct device *, struct iommu_domain *);
static int inside;			/* a function of the driver */

/* What the driver does with any domain; where that is no part of a larger one, it goes astray. */
struct protection_domain *shim_pdomain(struct iommu_domain *domain)
{
	if (domain == w->domain[0])
		shim_crash("the blocked domain is taken for a larger structure than it is");
	return container_of(domain, struct protection_domain, domain);
}

/* Look */

static u64 root_of(int domain)
{
	return (u64)(0x1000 + domain) * PAGE;
}

static u8 reached(int device, int place)
{
	struct gcr3_tbl_info *info = &w->own->data[device].gcr3_info;
	u32 pasid = w->number[w->pasid[place]];
	u64 entry = w->own->serves[device] && info->gcr3_tbl ? GCR3_VALID : 0;
	u64 *table = info->gcr3_tbl;

	for (int level = info->glx; entry && level >= 0; level--) {
		entry = table[pasid >> 9 * level & (ENTRIES - 1)];
		table = (u64 *)(unsigned long)(entry & PAGE_MASK);
	}
	if (!(entry & GCR3_VALID))
		return NONE;
	for (int i = 0; i < w->domains; i++)
		if (entry == (root_of(i) | GCR3_VALID))
			return i;
	return TORN;
}

static void look_at_entries(void)
{
	for (int device = 0; device < w->devices; device++)
		for (int place = 0; place < w->pasids; place++) {
			u8 now = reached(device, place);

			if (now != w->hardware[place][device])
				say(ENTRY, device, w->pasid[place], now, 0, 0);
			w->hardware[place][device] = now;
		}
}

static void look_at_records(int domain)
{
	u8 now[DEVICES][PASIDS] = { 0 };
	struct pdom_dev_data *record;
	int number = 0;

	list_for_each_entry(record, &w->own->domain[domain].dev_data_list, list) {
		u8 device = device_number(record->dev_data->dev);
		int place = place_of(pasid_number(record->pasid));

		if (number++ > 1000)
			shim_crash("a list does not end");
		if (device < DEVICES && place >= 0)
			now[device][place]++;
	}
	for (int device = 0; device < w->devices; device++)
		for (int place = 0; place < w->pasids; place++) {
			int more = now[device][place] - w->own->record[domain][device][place];

			if (more)
				say(RECORD, more > 0, domain, device, w->pasid[place], 0);
		}
	memcpy(w->own->record[domain], now, sizeof(now));
}

static void driver_look(void)
{
	look_at_entries();
	for (int device = 0; device < w->devices; device++) {
		bool now = w->own->data[device].gcr3_info.gcr3_tbl;

		if (now != w->own->table[device])
			say(TABLE, now, device, 0, 0, 0);
		w->own->table[device] = now;
	}
	for (int i = 2; i < w->domains; i++)
		look_at_records(i);
}

void shim_look(void)
{
	look();
}

/* The device table: whether it leads to anything */
void shim_serves(struct device *dev, bool set)
{
	u8 device = device_number(dev);

	w->own->serves[device] = set;
	look();
	if (set && device < DEVICES)
		say(ENTRY, device, 0, 1, 0, 0);
}

/* What may not be had */

void *shim_page(void)
{
	if (lacks(OF_TABLE))
		return NULL;
	for (int i = 0; i < PAGES; i++)
		if (!w->own->taken[i]) {
			w->own->taken[i] = true;
			return memset(w->own->page[i], 0, PAGE);
		}
	return NULL;
}

void shim_page_back(void *page)
{
	long at = (u8 (*)[PAGE])page - w->own->page;

	if (at < 0 || at >= PAGES || !w->own->taken[at])
		shim_crash("a page is given back that nobody has");
	w->own->taken[at] = false;
}

static enum lacking driver_wants(size_t size)
{
	return size == sizeof(struct pdom_dev_data) ? OF_RECORD : MEMORY;
}

/* Calls */

static bool driver_warned(void)
{
	return inside > 0;
}

static int asked_to_set(struct iommu_domain *wanted, struct device *at, ioasid_t number,
			struct iommu_domain *told)
{
	int result;

	call(wanted, at, number, domain_number(told));
	inside++;
	result = (wanted == w->domain[0] ? set_blocked : set_mm)(wanted, at, number, told);
	look();
	inside--;
	say(RETURNED, device_number(at), -result, 0, 0, 0);
	return result;
}

static int asked_to_attach(struct iommu_domain *wanted, struct device *at,
			   struct iommu_domain *told)
{
	int result;

	call(wanted, at, 0, domain_number(told));
	inside++;
	result = (wanted == w->domain[0] ? attach_blocked : attach_identity)(wanted, at, told);
	look();
	inside--;
	say(RETURNED, device_number(at), -result, 0, 0, 0);
	return result;
}

static void driver_mm_release(struct iommu_domain *domain)
{
	struct mmu_notifier *notifier = &to_pdomain(domain)->mn;

	inside++;
	notifier->ops->release(notifier, domain->mm);
	look();
	inside--;
}

/* Save and load */

static void put(u8 **at, u8 a, u8 b, u8 c, u8 d, u8 e)
{
	u8 fact[FACT] = { a, b, c, d, e };

	memcpy(*at, fact, FACT);
	*at += FACT;
}

static int driver_notes(u8 *to)
{
	struct own *own = w->own;
	u8 *at = to;

	for (int i = 0; i < w->devices; i++)
		*at++ = w->member[i].blocked;
	for (int i = 2; i < w->domains; i++)
		for (int device = 0; device < w->devices; device++)
			for (int place = 0; place < w->pasids; place++)
				if (own->record[i][device][place])
					put(&at, F_RECORD, w->pasid[place], i, device,
					    own->record[i][device][place]);
	for (int device = 0; device < w->devices; device++)
		if (!own->table[device])
			put(&at, F_NO_TABLE, device, 0, 0, 0);
	return at - to;
}

static void load_table(int device)
{
	struct iommu_dev_data *data = &w->own->data[device];
	struct gcr3_tbl_info *info = &data->gcr3_info;

	info->gcr3_tbl = shim_page();
	info->glx = 1;
	data->domain = to_pdomain(w->domain[1]);
	list_add(&data->list, &data->domain->dev_list);
	w->own->serves[device] = true;
	for (int place = 0; place < w->pasids; place++) {
		u32 pasid = w->number[w->pasid[place]];
		u8 domain = w->loaded_hardware[place][device];
		u64 *leaf;

		if (domain == NONE)
			continue;
		leaf = shim_page();
		info->gcr3_tbl[pasid / ENTRIES] = (u64)(unsigned long)leaf | GCR3_VALID;
		leaf[pasid % ENTRIES] = GCR3_VALID | (domain == TORN ? 0 : root_of(domain));
	}
}

static void load_record(const u8 *fact)
{
	struct pdom_dev_data *record = calloc(1, sizeof(*record));

	record->dev_data = &w->own->data[fact[3]];
	record->pasid = w->number[fact[1]];
	list_add_tail(&record->list, &w->own->domain[fact[2]].dev_data_list);
}

static void driver_load(const u8 *notes, int size)
{
	struct own *own = w->own;
	bool without[DEVICES + 1] = { 0 };

	if (notes)
		memcpy(own->loaded, notes, own->size = size);
	memset(own->taken, 0, sizeof(own->taken));
	for (int i = 1; i < w->domains; i++) {
		struct protection_domain *domain = &own->domain[i];
		struct pdom_dev_data *record, *next;

		if (!w->broken)
			list_for_each_entry_safe(record, next, &domain->dev_data_list, list)
				free(record);
		INIT_LIST_HEAD(&domain->dev_data_list);
		INIT_LIST_HEAD(&domain->dev_list);
		domain->lock.held = 0;
	}
	for (int at = 0; at < own->size; at += FACT)
		if (own->loaded[at] == F_NO_TABLE)
			without[own->loaded[at + 1]] = true;
		else
			load_record(own->loaded + at);
	for (int i = 0; i <= w->devices; i++) {
		struct iommu_dev_data *data = &own->data[i];

		memset(&data->gcr3_info, 0, sizeof(data->gcr3_info));
		data->mutex.held = 0;
		data->domain = NULL;
		own->serves[i] = false;
		if (i < w->devices && !without[i])
			load_table(i);
	}
	driver_look();
}

static void driver_ready(const u8 *op)
{
	bool blocks = w->flags[0] & TAKES_PASIDS;

	((struct iommu_domain_ops *)blocked_domain.ops)->set_dev_pasid = blocks ? asked_to_set : NULL;
	w->group->domain = w->group->default_domain = w->domain[1];
	inside = 0;
	driver_load(NULL, 0);
}

/* Begin */

static void take_operations(void)
{
	struct iommu_domain_ops *blocked = (struct iommu_domain_ops *)blocked_domain.ops;

	if (set_mm)
		return;
	set_blocked = blocked->set_dev_pasid;
	attach_blocked = blocked->attach_dev;
	set_mm = amd_sva_domain_ops.set_dev_pasid;
	attach_identity = identity_domain_ops.attach_dev;
	blocked->attach_dev = identity_domain_ops.attach_dev = asked_to_attach;
	amd_sva_domain_ops.set_dev_pasid = asked_to_set;
}

static void boot_domain(int number, u32 type, u8 flags, bool is_mm)
{
	struct protection_domain *pdom = &w->own->domain[number];
	struct iommu_domain *domain = w->domain[number] = &pdom->domain;

	w->own->mm[number].pgd = (void *)root_of(number);
	INIT_LIST_HEAD(&pdom->dev_data_list);
	INIT_LIST_HEAD(&pdom->dev_list);
	domain->type = type;
	domain->owner = flags & OURS ? &w->own->ops : &w->own->foreign_ops;
	domain->ops = is_mm ? &amd_sva_domain_ops :
		      flags & TAKES_PASIDS ? &w->own->able : &w->own->unable;
	domain->mm = &w->own->mm[number];
	pdom->mn.ops = &sva_mn;
	if (number == 1) {
		domain->ops = &identity_domain_ops;
		domain->owner = NULL;
	}
}

static void driver_boot(const u32 *types, const u8 *kinds, const u8 *traits)
{
	struct own *own = w->own = aligned_alloc(PAGE, sizeof(*own));

	memset(own, 0, sizeof(*own));
	take_operations();
	w->domain[0] = &blocked_domain;
	for (int i = 1; i < w->domains; i++)
		boot_domain(i, types[i], w->flags[i], kinds[i]);
	own->ops.blocked_domain = w->domain[0];
	own->ops.identity_domain = w->domain[1];
	own->iommu.ops = &own->ops;
	own->able.set_dev_pasid = asked_to_set;
	for (int i = 0; i <= DEVICES; i++) {
		struct iommu_dev_data *data = &own->data[i];

		data->dev = &w->device[i].dev;
		data->max_pasids = WIDE;
		data->pasid_enabled = 1;
		data->flags = AMD_IOMMU_DEVICE_FLAG_PASID_SUP;
		w->iommu_of[i].priv = data;
		w->iommu_of[i].iommu_dev = &own->iommu;
	}
}
