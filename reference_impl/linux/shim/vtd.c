/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree's own VT-d functions as the driver. What they remember is read from memory: the records,
 * tags and references of each domain, the counts of each device, and the 64 bytes of each entry,
 * all compared with what was there when they were last looked at. That happens whenever a lock is
 * taken or given back, memory is, an entry is written or the hardware is told something.
 */

/* kinds of domain, and what is particular about a device */
enum { ELSE = 0, FIRST_STAGE, SECOND_STAGE, NESTED, NESTED_BADLY, OF_MM };
enum { WITHOUT_PRI = 1 };
/* facts as they are saved and loaded: 8 bytes each, the first says which */
enum { F_RECORD = 1, F_DID, F_TAG, F_IOPF, F_TABLE, F_ENTRY, F_COPIED, F_DEAD, FACT = 8 };
enum { WHOLE = 1, SILENCED, ODD_ENTRY };
enum { TORN = 252, PARENT = DOMAINS, ALL = DOMAINS + 1, BUS = 1 };
enum { WORDS = 8, LEAF = 64, PAGE = 4096, SEEN = 160, NOTES = 4096, ODD_ENTRIES = 64 };
enum { P = 1, FPD = 2, WIDTH_OF_4_LEVELS = 2 };
enum { FIRST = 1, SECOND, BOTH, PASS_THROUGH };		/* types of an entry */

struct seen {
	int number;
	u64 key[SEEN];
	unsigned int users[SEEN];
};

struct flush {				/* what has to be invalidated for an entry, in this order */
	enum { NOTHING, PASID_CACHE, IOTLB, DEVICE_TLB } due;
	u16 did;
	u8 type;
};

struct own {
	u8 directory[DEVICES + 1][PAGE] __attribute__((aligned(PAGE)));
	u8 leaf[DEVICES + 1][PAGE] __attribute__((aligned(PAGE)));
	u8 registers[PAGE];
	struct page_req_dsc request[2];
	bool leaf_taken[DEVICES + 1];
	unsigned long copied[65536 / BITS_PER_LONG];
	struct intel_iommu iommu;
	struct device unit;		/* the IOMMU's own device */
	struct device_domain_info info[DEVICES + 1];
	struct pasid_table table[DEVICES + 1];
	struct dmar_domain domain[ALL];
	struct qi_batch batch[ALL];
	struct mm_struct mm[ALL];
	u8 kind[ALL];
	bool dead[ALL];
	struct iommu_ops foreign_ops;
	struct iommu_domain_ops able, unable;
	/* as it was last seen */
	struct seen records[ALL], tags[ALL];
	u16 did[ALL];
	unsigned int users[ALL];
	unsigned int iopf[DEVICES];
	bool queued[DEVICES];
	u64 entry[DEVICES][NUMBERS][WORDS];
	u8 reached[DEVICES][NUMBERS];
	struct flush flush[DEVICES][NUMBERS];
	u64 odd[ODD_ENTRIES][WORDS];
	int odds;
	u8 loaded[NOTES];
	int size;
	bool stale;			/* lists may be in another order than they were loaded */
};

static struct {
	struct iommu_domain_ops *ops;
	int (*op)(struct iommu_domain *wanted, struct device *at, ioasid_t number,
		  struct iommu_domain *told);
} taken[8];
static int ops_taken;
static int inside;			/* a function of the driver */
static bool unordered;			/* entries were written since the last barrier */
static bool waited, flushed, drained;	/* how far draining has come */

_Static_assert(sizeof(struct pasid_entry) == WORDS * sizeof(u64), "an entry has 64 bytes");

/* Who is who */

static struct dmar_domain *domain_at(int number)
{
	return number == PARENT ? &w->own->domain[PARENT] : to_dmar_domain(w->domain[number]);
}

static bool is_ours(int number)
{
	return number == PARENT || (number < w->domains && w->own->kind[number] != ELSE);
}

static u64 *entry_of(int device, int number)
{
	u32 pasid = w->number[number];
	u64 directory = ((u64 *)w->own->directory[device])[pasid / LEAF];

	return directory & P ? (u64 *)(directory & ~(u64)(PAGE - 1)) + pasid % LEAF * WORDS : NULL;
}

static u64 root_of(int domain)
{
	return (u64)(0x1000 + domain) * PAGE;
}

/* What DMA reaches through an entry that is present: a domain if all parts of it agree. */
static u8 decoded(const u64 *entry)
{
	u8 type = entry[0] >> 6 & 7, width = entry[0] >> 2 & 7, levels = entry[2] >> 2 & 3;
	u64 second = entry[0] & ~(u64)(PAGE - 1), first = entry[2] & ~(u64)(PAGE - 1);
	u16 did = entry[1];
	bool upper = width == WIDTH_OF_4_LEVELS && second == root_of(PARENT);

	if (type == PASS_THROUGH)
		return did == FLPT_DEFAULT_DID ? 1 : TORN;
	for (int i = 0; i < w->domains; i++) {
		if (!is_ours(i) || did != (w->own->kind[i] == OF_MM ? 1 : w->own->did[i]))
			continue;
		switch (w->own->kind[i]) {
		case FIRST_STAGE:
		case OF_MM:
			if (type == FIRST && first == root_of(i) && !levels)
				return i;
			break;
		case SECOND_STAGE:
			if (type == SECOND && second == root_of(i) && width == WIDTH_OF_4_LEVELS)
				return i;
			break;
		default:
			if (type == BOTH && first == root_of(i) && !levels && upper)
				return i;
		}
	}
	return TORN;
}

static void encode(u64 *entry, int domain, u16 did)
{
	u8 kind = domain == 1 ? ELSE : w->own->kind[domain];
	u8 type = kind == ELSE ? PASS_THROUGH : kind == SECOND_STAGE ? SECOND :
		  kind == FIRST_STAGE || kind == OF_MM ? FIRST : BOTH;

	entry[0] = P | WIDTH_OF_4_LEVELS << 2 | type << 6;
	entry[0] |= type == SECOND ? root_of(domain) : type == BOTH ? root_of(PARENT) : 0;
	entry[1] = did;
	entry[2] = type == FIRST || type == BOTH ? root_of(domain) : 0;
}

/* Look */

static unsigned int users_of(const struct seen *seen, u64 key)
{
	for (int i = 0; i < seen->number; i++)
		if (seen->key[i] == key)
			return seen->users[i];
	return 0;
}

static void note(struct seen *seen, u64 key, unsigned int users)
{
	for (int i = 0; i < seen->number; i++)
		if (seen->key[i] == key) {
			if (seen->users[i] > 1000)
				shim_crash("a list does not end");
			seen->users[i] += users;
			return;
		}
	if (seen->number == SEEN)
		shim_crash("a list does not end");
	seen->key[seen->number] = key;
	seen->users[seen->number++] = users;
}

static u64 key_of(u8 a, u8 b, u8 c, u16 did)
{
	return (u64)did << 32 | a << 16 | b << 8 | c;
}

static void say_key(enum event kind, bool more, int domain, u64 key)
{
	if (kind == RECORD)
		say(RECORD, more, domain, key >> 8, key, 0);
	else
		say(TAG, more, domain, key >> 16, key >> 8, key);
}

/* Say what differs: first what there is less of, then what there is more of. */
static void compare(enum event kind, int domain, struct seen *was, const struct seen *now)
{
	if (was->number == now->number &&
	    !memcmp(was->key, now->key, now->number * sizeof(*now->key)) &&
	    !memcmp(was->users, now->users, now->number * sizeof(*now->users)))
		return;
	w->own->stale = true;
	for (int i = 0; i < was->number; i++)
		for (int n = users_of(was, was->key[i]) - users_of(now, was->key[i]); n > 0; n--)
			say_key(kind, false, domain, was->key[i]);
	for (int i = 0; i < now->number; i++)
		for (int n = users_of(now, now->key[i]) - users_of(was, now->key[i]); n > 0; n--)
			say_key(kind, true, domain, now->key[i]);
	*was = *now;
}

static void look_at_lists(int number)
{
	struct dmar_domain *domain = domain_at(number);
	struct own *own = w->own;
	struct seen now;
	struct dev_pasid_info *record;
	struct cache_tag *tag;

	if (!list_empty(&domain->dev_pasids) || own->records[number].number) {
		now.number = 0;
		list_for_each_entry(record, &domain->dev_pasids, link_domain)
			note(&now, key_of(0, device_number(record->dev),
					  pasid_number(record->pasid), 0), 1);
		compare(RECORD, number, &own->records[number], &now);
	}
	if (!list_empty(&domain->cache_tags) || own->tags[number].number) {
		now.number = 0;
		list_for_each_entry(tag, &domain->cache_tags, node)
			note(&now, key_of(tag->type, tag->dev == &own->unit ? NONE :
					  device_number(tag->dev), pasid_number(tag->pasid),
					  tag->domain_id), tag->users);
		compare(TAG, number, &own->tags[number], &now);
	}
}

static void look_at_id(int number)
{
	struct iommu_domain_info *info = stored(&domain_at(number)->iommu_array, 0);
	unsigned int users = info ? info->refcnt : 0, was = w->own->users[number];

	w->own->did[number] = info ? info->did : 0;
	w->own->users[number] = users;
	if (users != was)
		say(DID, users > was, number, users, 0, 0);
}

static bool is(const u64 *entry, u64 first)
{
	static const u64 zero[WORDS];

	return entry[0] == first && !memcmp(entry + 1, zero, sizeof(zero) - sizeof(*zero));
}

static void look_at_entry(int device, int number)
{
	static const u64 none[WORDS];
	u64 *was = w->own->entry[device][number];
	const u64 *now = entry_of(device, number);
	struct flush *flush = &w->own->flush[device][number];
	u8 *reached = &w->own->reached[device][number];
	bool present, others;

	now = now ? now : none;
	if (!memcmp(was, now, sizeof(none)))
		return;
	present = now[0] & P;
	others = (was[0] ^ now[0]) & ~(u64)P || memcmp(was + 1, now + 1, sizeof(none) - 8);
	if (was[0] & P) {
		flush->due = PASID_CACHE;
		flush->did = was[1];
		flush->type = was[0] >> 6 & 7;
		/* hardware may be fetching it in pieces */
		if (others && *reached != TORN)
			say(ENTRY, device, number, *reached = TORN, 0, 0);
	} else if (present && (others || unordered)) {
		say(ENTRY, device, number, *reached = TORN, 0, 0);
	}
	if (present) {
		u8 domain = decoded(now);

		if (domain != *reached)
			say(ENTRY, device, number, domain, 0, 0);
		*reached = domain;
	} else if (was[0] & P) {
		say(ENTRY, device, number, *reached = NONE, 0, 0);
	}
	if (is(now, 0))
		say(ZERO, device, number, 0, 0, 0);
	else if (is(now, FPD))
		say(SILENT, device, number, 0, 0, 0);
	memcpy(was, now, sizeof(none));
	for (int i = 0; i < w->pasids; i++)
		if (w->pasid[i] == number)
			w->hardware[i][device] = *reached;
}

static void look_at_entries(void)
{
	for (int device = 0; device < w->devices; device++)
		for (int number = 1; number < w->numbers; number++)
			look_at_entry(device, number);
}

static void driver_look(void)
{
	for (int i = 2; i <= PARENT; i = i == w->domains - 1 ? PARENT : i + 1)
		if (is_ours(i)) {
			look_at_lists(i);
			look_at_id(i);
		}
	for (int i = 0; i < w->devices; i++)
		if (w->own->info[i].iopf_refcount != w->own->iopf[i]) {
			w->own->iopf[i] = w->own->info[i].iopf_refcount;
			say(IOPF, i, w->own->iopf[i], 0, 0, 0);
		}
	look_at_entries();
}

void shim_look(void)
{
	look();
}

void shim_wrote(const volatile void *where)
{
	const u8 *at = (const u8 *)where;

	if (!watching || at < w->own->leaf[0] || at >= w->own->leaf[DEVICES] + PAGE)
		return;
	look_at_entries();
	unordered = true;
}

void shim_barrier(void)
{
	unordered = false;
}

/* What may not be had */

int shim_id(unsigned int *ids, unsigned int from, unsigned int last)
{
	if (lacks(OF_DID))
		return -ENOSPC;
	for (unsigned int id = from; id <= last && id < 32; id++)
		if (!(*ids >> id & 1)) {
			*ids |= 1u << id;
			return id;
		}
	return -ENOSPC;
}

void shim_id_back(unsigned int *ids, unsigned int id)
{
	look();
	if (id >= 32 || !(*ids >> id & 1))
		shim_warn("ida_free");
	*ids &= ~(1u << (id & 31));
}

void *shim_page(void)
{
	if (lacks(OF_TABLE))
		return NULL;
	for (int i = 0; i <= DEVICES; i++)
		if (!w->own->leaf_taken[i]) {
			w->own->leaf_taken[i] = true;
			return memset(w->own->leaf[i], 0, PAGE);
		}
	return NULL;
}

void shim_page_back(void *page)
{
	for (int i = 0; i <= DEVICES; i++)
		if (page == w->own->leaf[i])
			w->own->leaf_taken[i] = false;
}

static enum lacking driver_wants(size_t size)
{
	switch (size) {
	case sizeof(struct dev_pasid_info):
		return OF_RECORD;
	case sizeof(struct cache_tag):
		return OF_TAG;
	case sizeof(struct iommu_domain_info):
		return OF_REFERENCE;
	}
	return MEMORY;
}

/* The fault queue */

int shim_queue_add(struct device *dev)
{
	u8 device = device_number(dev);

	if (device >= DEVICES || w->own->queued[device])
		return -EBUSY;
	if (lacks(OF_QUEUE))
		return -ENOMEM;
	w->own->queued[device] = true;
	return 0;
}

void shim_queue_remove(struct device *dev)
{
	u8 device = device_number(dev);

	look();
	if (device >= DEVICES || !w->own->queued[device])
		shim_warn("iopf_queue_remove_device");
	else
		w->own->queued[device] = false;
}

static u64 *page_requests(unsigned int which)
{
	return (u64 *)(w->own->registers + which);
}

/* The thread that takes requests from the hardware has handled all of them. */
void shim_wait(void)
{
	if (waited)
		shim_crash("it waits for page requests that do not come");
	*page_requests(DMAR_PQH_REG) = *page_requests(DMAR_PQT_REG);
	waited = true;
}

void shim_queue_flush(struct device *dev)
{
	flushed = waited;
}

#undef intel_iommu_drain_pasid_prq
/* A request of this PASID is under way, so draining has to wait for it. */
void shim_drain(struct device *dev, u32 pasid)
{
	struct device_domain_info *info = &w->own->info[device_number(dev) % (DEVICES + 1)];
	struct page_req_dsc *request = w->own->request;

	look();
	request->rid = PCI_DEVID(info->bus, info->devfn);
	request->pasid_present = 1;
	request->pasid = pasid;
	*page_requests(DMAR_PQH_REG) = 0;
	*page_requests(DMAR_PQT_REG) = sizeof(*request);
	waited = flushed = drained = false;
	intel_iommu_drain_pasid_prq(dev, pasid);
	look();
	say(DRAIN, device_number(dev), pasid_number(pasid), drained, 0, 0);
}

/* Invalidations */

static bool matches(u64 descriptor, u32 pasid)
{
	return (descriptor >> 32 & 0xfffff) == pasid;
}

static u8 granularity(u64 descriptor)
{
	return descriptor >> 4 & 3;
}

static void invalidated(const struct qi_desc *desc, int device, int number)
{
	struct flush *flush = &w->own->flush[device][number];
	bool same_id = (u16)(desc->qw0 >> 16) == flush->did;
	u8 what = granularity(desc->qw0);
	u32 pasid = w->number[number];
	bool by_pasid = flush->type == FIRST || flush->type == PASS_THROUGH;

	if (!flush->due)
		return;
	switch (desc->qw0 & 15) {
	case QI_PC_TYPE:
		if (flush->due == PASID_CACHE && (what == QI_PC_GLOBAL || (same_id &&
		    (what == QI_PC_ALL_PASIDS || matches(desc->qw0, pasid)))))
			flush->due = IOTLB;
		break;
	case QI_EIOTLB_TYPE:
		if (flush->due == IOTLB && by_pasid && same_id && what == QI_GRAN_NONG_PASID &&
		    matches(desc->qw0, pasid))
			flush->due = DEVICE_TLB;
		break;
	case QI_IOTLB_TYPE:
		if (flush->due == IOTLB && (what == 1 || (what == 2 && same_id && !by_pasid)))
			flush->due = DEVICE_TLB;
		break;
	case QI_DEIOTLB_TYPE:
		if (flush->due == DEVICE_TLB && matches(desc->qw0, pasid) &&
		    (u16)(desc->qw0 >> 16) == PCI_DEVID(BUS, device << 3) &&
		    desc->qw1 >> 11 == (u64)~0 >> 12)
			flush->due = NOTHING;
		break;
	}
	if (flush->due == DEVICE_TLB && !w->own->info[device].ats_enabled)
		flush->due = NOTHING;
	if (!flush->due)
		say(FLUSH, device, number, 0, 0, 0);
}

int shim_invalidate(const void *descriptors, unsigned int number, unsigned long options)
{
	const struct qi_desc *desc = descriptors;

	look();
	unordered = false;		/* a write to a register orders all before it */
	if (options & QI_OPT_WAIT_DRAIN) {
		/* a fence, and the caches through which responses go: number says how many */
		drained = flushed && number == 3 && (desc[0].qw0 & 15) == QI_IWD_TYPE &&
			  desc[0].qw0 & QI_IWD_FENCE &&
			  (desc[1].qw0 & 15) == QI_EIOTLB_TYPE &&
			  matches(desc[1].qw0, w->own->request->pasid) &&
			  (desc[2].qw0 & 15) == QI_DEIOTLB_TYPE &&
			  matches(desc[2].qw0, w->own->request->pasid) &&
			  (u16)(desc[2].qw0 >> 16) == w->own->request->rid;
		return 0;
	}
	for (unsigned int i = 0; i < number; i++)
		for (int device = 0; device < w->devices; device++)
			for (int n = 1; n < w->numbers; n++)
				invalidated(desc + i, device, n);
	return 0;
}

/* Calls */

static bool driver_warned(void)
{
	return inside > 0;
}

static int asked_to_set(struct iommu_domain *wanted, struct device *at, ioasid_t number,
			struct iommu_domain *told)
{
	int result = -ENOSYS;

	call(wanted, at, number, domain_number(told));
	inside++;
	for (int i = 0; i < ops_taken; i++)
		if (taken[i].ops == wanted->ops)
			result = taken[i].op(wanted, at, number, told);
	look();
	inside--;
	say(RETURNED, device_number(at), -result, 0, 0, 0);
	return result;
}

#ifdef HAS_RESET
/* Traffic without a PASID is not the tree's here: it is served as it is asked for. */
static int asked_to_attach(struct iommu_domain *wanted, struct device *at,
			   struct iommu_domain *told)
{
	u8 reached = wanted == w->domain[0] ? NONE : domain_number(wanted);

	call(wanted, at, 0, domain_number(told));
	say(ENTRY, device_number(at), 0, reached, 0, 0);
	say(RETURNED, device_number(at), 0, 0, 0, 0);
	return 0;
}

static void serve_without_pasid(struct iommu_domain *domain)
{
	((struct iommu_domain_ops *)domain->ops)->attach_dev = asked_to_attach;
}
#endif

static void take(const struct iommu_domain_ops *given)
{
	struct iommu_domain_ops *ops = (struct iommu_domain_ops *)given;

	if (!ops->set_dev_pasid)
		return;
	taken[ops_taken].ops = ops;
	taken[ops_taken++].op = ops->set_dev_pasid;
	ops->set_dev_pasid = asked_to_set;
}

static void driver_mm_release(struct iommu_domain *domain)
{
	struct mmu_notifier *notifier = &to_dmar_domain(domain)->notifier;

	w->own->dead[domain_number(domain)] = true;
	inside++;
	notifier->ops->release(notifier, domain->mm);
	look();
	inside--;
}

void shim_rebuilt(struct device *dev)
{
	struct device_domain_info *info = &w->own->info[device_number(dev) % (DEVICES + 1)];

	clear_context_copied(&w->own->iommu, info->bus, info->devfn);
}

/* Save and load */

static void put(u8 **at, u8 a, u8 b, u8 c, u8 d, u8 e, u8 f, u8 g)
{
	u8 fact[FACT] = { a, b, c, d, e, f, g };

	memcpy(*at, fact, FACT);
	*at += FACT;
}

static void put_keys(u8 **at, int domain)
{
	struct seen *records = &w->own->records[domain], *tags = &w->own->tags[domain];

	for (int i = 0; i < records->number; i++) {
		u64 key = records->key[i];

		put(at, F_RECORD, key, domain, key >> 8, records->users[i], 0, 0);
	}
	for (int i = 0; i < tags->number; i++) {
		u64 key = tags->key[i];

		put(at, F_TAG, key, domain, key >> 16, key >> 32, key >> 8, tags->users[i]);
	}
}

static u8 odd_entry(const u64 *entry)
{
	struct own *own = w->own;
	int i = 0;

	while (i < own->odds && memcmp(own->odd[i], entry, sizeof(own->odd[i])))
		i++;
	if (i == own->odds && own->odds < ODD_ENTRIES - 1)
		memcpy(own->odd[own->odds++], entry, sizeof(own->odd[i]));
	return i;
}

static void put_entry(u8 **at, int device, int number)
{
	const u64 *entry = w->own->entry[device][number];
	u8 reached = w->own->reached[device][number];

	if (is(entry, 0))
		return;
	if (is(entry, FPD))
		put(at, F_ENTRY, number, device, SILENCED, 0, 0, 0);
	else if (entry[0] & P && reached != TORN)
		put(at, F_ENTRY, number, device, WHOLE, reached, entry[1], 0);
	else
		put(at, F_ENTRY, number, device, ODD_ENTRY, odd_entry(entry), entry[0] & P, 0);
}

static int in_order(const void *a, const void *b)
{
	return memcmp(a, b, FACT);
}

static int driver_notes(u8 *to)
{
	struct own *own = w->own;
	u8 *at = to;

	for (int i = 0; i < w->devices; i++)
#ifdef HAS_group_device_blocked
		*at++ = w->member[i].blocked;
#else
		*at++ = 0;
#endif
	to = at;
	for (int i = 2; i <= PARENT; i = i == w->domains - 1 ? PARENT : i + 1) {
		put_keys(&at, i);
		if (own->users[i])
			put(&at, F_DID, i, own->did[i], own->users[i], 0, 0, 0);
		if (own->dead[i])
			put(&at, F_DEAD, i, 0, 0, 0, 0, 0);
	}
	for (int i = 0; i < w->devices; i++) {
		struct device_domain_info *info = &own->info[i];

		if (own->iopf[i])
			put(&at, F_IOPF, i, own->iopf[i], 0, 0, 0, 0);
		if (((u64 *)own->directory[i])[0] & P)
			put(&at, F_TABLE, i, 0, 0, 0, 0, 0);
		if (context_copied(&own->iommu, info->bus, info->devfn))
			put(&at, F_COPIED, i, 0, 0, 0, 0, 0);
		for (int number = 1; number < w->numbers; number++)
			put_entry(&at, i, number);
	}
	qsort(to, (at - to) / FACT, FACT, in_order);
	return w->devices + (at - to);
}

/* After a crash nobody knows what the lists hold; they are left where they are. */
static void forget(int number)
{
	struct dmar_domain *domain = domain_at(number);
	struct dev_pasid_info *record, *next_record;
	struct cache_tag *tag, *next_tag;

	if (!w->broken) {
		list_for_each_entry_safe(record, next_record, &domain->dev_pasids, link_domain)
			free(record);
		list_for_each_entry_safe(tag, next_tag, &domain->cache_tags, node)
			free(tag);
		free(stored(&domain->iommu_array, 0));
		(xa_erase)(&domain->iommu_array, 0);
	}
	INIT_LIST_HEAD(&domain->dev_pasids);
	INIT_LIST_HEAD(&domain->cache_tags);
	xa_init(&domain->iommu_array);
	domain->lock.held = domain->cache_lock.held = 0;
	w->own->dead[number] = false;
}

static void load_record(const u8 *fact)
{
	for (int i = 0; i < fact[4]; i++) {
		struct dev_pasid_info *record = calloc(1, sizeof(*record));

		record->dev = &w->device[fact[3]].dev;
		record->pasid = w->number[fact[1]];
		list_add_tail(&record->link_domain, &domain_at(fact[2])->dev_pasids);
	}
}

static void load_tag(const u8 *fact)
{
	struct cache_tag *tag = calloc(1, sizeof(*tag));

	tag->type = fact[3];
	tag->iommu = &w->own->iommu;
	tag->dev = fact[5] == NONE ? &w->own->unit : &w->device[fact[5]].dev;
	tag->domain_id = fact[4];
	tag->pasid = w->number[fact[1]];
	tag->users = fact[6];
	list_add_tail(&tag->node, &domain_at(fact[2])->cache_tags);
}

static void load_id(const u8 *fact)
{
	struct iommu_domain_info *info = calloc(1, sizeof(*info));

	info->iommu = &w->own->iommu;
	info->did = fact[2];
	info->refcnt = fact[3];
	(xa_store)(&domain_at(fact[1])->iommu_array, 0, info, GFP_KERNEL);
	*(unsigned int *)&w->own->iommu.domain_ida |= 1u << fact[2];
}

static void load_table(int device)
{
	w->own->leaf_taken[device] = true;
	((u64 *)w->own->directory[device])[0] = (u64)(unsigned long)w->own->leaf[device] | P;
}

static void load_entry(const u8 *fact)
{
	u64 *entry = entry_of(fact[2], fact[1]);

	if (!entry)
		return;
	if (fact[3] == WHOLE)
		encode(entry, fact[4], fact[5]);
	else if (fact[3] == SILENCED)
		entry[0] = FPD;
	else
		memcpy(entry, w->own->odd[fact[4]], sizeof(w->own->odd[0]));
}

static void load_fact(const u8 *fact)
{
	struct own *own = w->own;

	switch (fact[0]) {
	case F_RECORD:
		return load_record(fact);
	case F_TAG:
		return load_tag(fact);
	case F_DID:
		return load_id(fact);
	case F_IOPF:
		own->info[fact[1]].iopf_refcount = fact[2];
		own->queued[fact[1]] = true;
		return;
	case F_TABLE:
		return load_table(fact[1]);
	case F_ENTRY:
		return load_entry(fact);
	case F_COPIED:
		return set_context_copied(&own->iommu, own->info[fact[1]].bus,
					  own->info[fact[1]].devfn);
	case F_DEAD:
		own->dead[fact[1]] = true;
	}
}

static void driver_load(const u8 *notes, int size)
{
	struct own *own = w->own;

	if (notes)
		memcpy(own->loaded, notes, own->size = size);
	for (int i = 2; i <= PARENT; i = i == w->domains - 1 ? PARENT : i + 1)
		if (is_ours(i))
			forget(i);
	for (int i = 0; i < w->devices; i++) {
		struct device_domain_info *info = &own->info[i];

		if (own->leaf_taken[i])
			memset(own->leaf[i], 0, PAGE);
		memset(own->directory[i], 0, PAGE / 8);
		info->iopf_refcount = 0;
		clear_context_copied(&own->iommu, info->bus, info->devfn);
	}
	memset(own->leaf_taken, 0, sizeof(own->leaf_taken));
	memset(own->queued, 0, sizeof(own->queued));
	own->iommu.lock.held = own->iommu.did_lock.held = own->iommu.iopf_lock.held = 0;
	*(unsigned int *)&own->iommu.domain_ida = 0;
	/* tables before what stands in them: the facts are in order of their kinds */
	for (int at = 0; at < own->size; at += FACT)
		load_fact(own->loaded + at);
	spinning = 0;
	driver_look();
	own->stale = false;
}

static void driver_ready(const u8 *op)
{
	bool blocks = w->flags[0] & TAKES_PASIDS;

	((struct iommu_domain_ops *)w->domain[0]->ops)->set_dev_pasid = blocks ? asked_to_set : NULL;
#ifdef HAS_RESET
	serve_without_pasid(w->domain[0]);
	serve_without_pasid(w->domain[1]);
	w->group->domain = w->group->default_domain = w->domain[1];
#endif
	inside = 0;
	unordered = waited = flushed = drained = false;
	if (w->own->stale)
		driver_load(NULL, 0);
	memset(w->own->flush, 0, w->devices * sizeof(w->own->flush[0]));
}

/* Begin */

static void boot_iommu(struct intel_iommu *iommu)
{
	intel_iommu_sm = 1;
#ifdef HAS_POLICY
	dmar_policy = 1;
#endif
	iommu->reg = w->own->registers;
	/* 48 bits of addresses, 4 levels, large pages; 5 levels and supervisor requests are not */
	iommu->cap = 1ull << 56 | 3ull << 34 | 47ull << 16 | 1ull << (8 + WIDTH_OF_4_LEVELS);
	/* scalable mode: both stages, nesting, PASIDs, coherent walks, snoop control */
	iommu->ecap = 1ull << 48 | 1ull << 47 | 1ull << 46 | 1ull << 45 | 1ull << 43 | 1ull << 40 |
		      1ull << 26 | 1 << 7 | 1 << 1 | 1;
	iommu->gcmd = DMA_GCMD_TE;
	iommu->agaw = iommu->msagaw = WIDTH_OF_4_LEVELS;
	iommu->flags = VTD_FLAG_SVM_CAPABLE;
#ifdef HAS_MAX_DOMAIN_ID
	iommu->max_domain_id = MAX_DOMAIN_ID;
#endif
	iommu->copied_tables = w->own->copied;
	iommu->prq = w->own->request;
	iommu->flush.flush_iotlb = qi_flush_iotlb;
	iommu->iommu.ops = &intel_iommu_ops;
	iommu->iommu.dev = &w->own->unit;
}

static void boot_domain(int number, u32 type, u8 flags)
{
	struct dmar_domain *dmar = &w->own->domain[number];
	struct iommu_domain *domain = &dmar->domain;
	u8 kind = w->own->kind[number];

	w->own->mm[number].pgd = (void *)root_of(number);
	INIT_LIST_HEAD(&dmar->devices);
	INIT_LIST_HEAD(&dmar->dev_pasids);
	INIT_LIST_HEAD(&dmar->cache_tags);
	xa_init(&dmar->iommu_array);
	dmar->qi_batch = &w->own->batch[number];
	domain->type = type;
	domain->owner = flags & OURS ? &intel_iommu_ops : &w->own->foreign_ops;
	domain->ops = flags & TAKES_PASIDS ? &w->own->able : &w->own->unable;
	if (flags & TAKES_FAULTS)
		domain->iopf_handler = (void *)asked_to_set;	/* nobody calls it */
	if (kind == FIRST_STAGE) {
		dmar->fspt.x86_64_pt.root = root_of(number);
		domain->ops = &intel_fs_paging_domain_ops;
	} else if (kind == SECOND_STAGE) {
		dmar->sspt.vtdss_pt.root = root_of(number);
		domain->ops = &intel_ss_paging_domain_ops;
	} else if (kind == OF_MM) {
		domain->ops = &intel_svm_domain_ops;
		domain->mm = &w->own->mm[number];
		dmar->notifier.ops = &intel_mmuops;
	} else if (kind) {
		domain->ops = &intel_nested_domain_ops;
		dmar->s2_domain = &w->own->domain[PARENT];
		dmar->s1_cfg.pgtbl_addr = root_of(number);
		dmar->s1_cfg.addr_width = kind == NESTED ? ADDR_WIDTH_4LEVEL : 39;
	}
}

static void boot_device(int number, bool has_pri)
{
	struct own *own = w->own;
	struct device_domain_info *info = &own->info[number];

	info->bus = BUS;
	info->devfn = number << 3;
	info->pasid_supported = info->pasid_enabled = 1;
	info->pri_supported = info->pri_enabled = has_pri;
	info->ats_supported = info->ats_enabled = 1;
	info->dev = &w->device[number].dev;
	info->iommu = &own->iommu;
	own->table[number].table = own->directory[number];
	own->table[number].max_pasid = PAGE / sizeof(u64) * LEAF;
	info->pasid_table = &own->table[number];
	w->iommu_of[number].priv = info;
	w->iommu_of[number].iommu_dev = &own->iommu.iommu;
}

static void driver_boot(const u32 *types, const u8 *kinds, const u8 *traits)
{
	struct own *own = w->own = aligned_alloc(PAGE, sizeof(*own));

	memset(own, 0, sizeof(*own));
	memset(own->reached, NONE, sizeof(own->reached));
	memcpy(own->kind, kinds, w->domains);
	if (!ops_taken) {
		take(&intel_fs_paging_domain_ops);
		take(&intel_ss_paging_domain_ops);
		take(&intel_nested_domain_ops);
		take(&intel_svm_domain_ops);
		take(intel_iommu_ops.blocked_domain->ops);
		take(intel_iommu_ops.identity_domain->ops);
	}
	own->able.set_dev_pasid = asked_to_set;
	boot_iommu(&own->iommu);
	own->kind[PARENT] = SECOND_STAGE;
	for (int i = 2; i < w->domains; i++) {
		w->domain[i] = &own->domain[i].domain;
		boot_domain(i, types[i], w->flags[i]);
	}
	boot_domain(PARENT, IOMMU_DOMAIN_UNMANAGED, OURS | TAKES_PASIDS);
	own->domain[PARENT].nested_parent = 1;
	w->domain[0] = intel_iommu_ops.blocked_domain;
	w->domain[1] = intel_iommu_ops.identity_domain;
	for (int i = 0; i <= DEVICES; i++)
		boot_device(i, i >= w->devices || !(traits[i * TRAIT] & WITHOUT_PRI));
}
