// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of attach, replace and detach once more, in C and from the clauses alone, as an
 * example of a program that vectors can be held against:
 *
 *     cc -o core examples/core.c && pasid-spec replay --program ./core
 *
 * It reads and writes lines of JSON; see the page on vectors. What it has no notion of it says. What
 * it is asked has been checked before, so it takes that on trust.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 32			/* a vector has no more of anything */
#define NAME 32			/* a name has at most 24 letters */
#define each(at, list) (const char *at = first(list); at; at = next(at))

/* JSON: a value is a pointer to where it begins in the line; an item of an object, to its key. */

static const char *space(const char *p) { return p + strspn(p, " \n"); }

static const char *skip(const char *p)			/* to what comes after the value or key */
{
	int depth = 0;

	do {
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		if (*p == '"')
			for (p++; *p && *p != '"'; p++)
				p += *p == '\\' && p[1];
		p += *p != 0;
	} while (*p && (depth > 0 || !strchr(":,]} \n", *p)));
	return space(p);
}

static const char *value(const char *item) { return space(skip(item) + 1); }

static const char *first(const char *list)
{
	const char *p = list ? space(list + 1) : "]";

	return strchr("]}", *p) ? NULL : p;
}

static const char *next(const char *item)
{
	const char *p = skip(item);

	p = *p == ':' ? skip(space(p + 1)) : p;
	return *p == ',' ? space(p + 1) : NULL;
}

static int is(const char *json, const char *name)
{
	return json && !strncmp(json + 1, name, strlen(name)) && json[1 + strlen(name)] == '"';
}

static const char *get(const char *object, const char *key)
{
	for each(at, object)
		if (is(at, key))
			return value(at);
	return NULL;
}

static void text(char *to, const char *json, const char *otherwise)
{
	snprintf(to, NAME, "%.*s", json ? (int)strcspn(json + 1, "\"") : NAME,
		 json ? json + 1 : otherwise);
}

static long number(const char *json, long otherwise) { return json ? atol(json) : otherwise; }
static int yes(const char *json) { return !json || *json == 't'; }

/* The group */

enum { NONE = -1, BLOCKED };		/* domain 0 is the one that the driver blocks with */
enum { EMPTY, RESERVED, USED };

struct { char name[NAME]; long max_pasids; int resetting; } device[MOST];
struct { char name[NAME], type[NAME]; int ours, takes_pasids; } domain[MOST];
struct { long pasid; int slot, domain, hw[MOST]; char handle[NAME]; } row[MOST];
struct { char device[NAME], domain[NAME], error[NAME]; long nth; } fault[MOST];
static int devices, domains, rows, faults, asked[MOST][MOST], allocations, said, warns;

#define find(list, number, json) find_in(list, sizeof(*(list)), number, json)

static int find_in(const void *list, size_t size, int number, const char *json)
{
	for (int i = 0; i < number; i++)
		if (is(json, (const char *)list + i * size))
			return i;
	return NONE;
}

static int row_of(long pasid)
{
	for (int r = 0; r < rows; r++)
		if (row[r].pasid == pasid)
			return r;
	memset(&row[rows], 0, sizeof(*row));
	row[rows].pasid = pasid;
	return rows++;
}

static const char *outcome(const char *device, const char *domain, long nth)
{
	for (int i = 0; i < faults; i++)
		if (!strcmp(fault[i].device, device) && !strcmp(fault[i].domain, domain) &&
		    fault[i].nth == nth)
			return fault[i].error;
	return "0";
}

static const char *seen(int r)			/* by whoever looks up without the lock */
{
	return row[r].slot == USED && *row[r].handle ? row[r].handle : "none";
}

static const char *comma(int *items) { return (*items)++ ? ", " : ""; }

static const char *set(int new, int d, int r, int old)	/* the driver: "0", or why not */
{
	const char *result = outcome(device[d].name, domain[new].name, ++asked[d][new]);

	printf("%s{\"device\": \"%s\", \"domain\": \"%s\", \"old\": \"%s\", \"sees\": \"%s\", "
	       "\"result\": \"%s\", \"pasid\": %ld}", comma(&said), device[d].name,
	       domain[new].name, old == NONE ? "none" : domain[old].name, seen(r), result,
	       row[r].pasid);
	if (*result == '0')
		row[r].hw[d] = new;
	return result;
}

static void block(int d, int r, int old) { warns += *set(BLOCKED, d, r, old) != '0'; }

static const char *set_group(int new, int r, int old)		/* GSP-1 to GSP-6 */
{
	const char *result = "0";
	int d, failed;

	for (d = 0; d < devices && *result == '0'; d++)
		if (device[d].max_pasids)
			result = set(new, d, r, old);
	failed = *result == '0' ? 0 : d - 1;
	for (d = 0; d < failed; d++) {
		if (!device[d].max_pasids || (old != NONE && *set(old, d, r, new) == '0'))
			continue;
		warns += old != NONE;
		block(d, r, new);
	}
	return result;
}

static const char *attach(int new, int dev, int r, const char *handle, int replaces)
{
	int present = row[r].slot == USED, old = replaces ? row[r].domain : NONE;
	const char *result;

	if (dev == NONE)					/* ATT-1, REP-1 */
		return "ENODEV";
	if (!domain[new].takes_pasids || (!replaces && !domain[BLOCKED].takes_pasids))
		return "EOPNOTSUPP";				/* ATT-2, REP-2 */
	if (!domain[new].ours || !row[r].pasid || (replaces && !handle))
		return "EINVAL";				/* ATT-3, REP-3 */
	for (int d = 0; d < devices; d++)
		if (device[d].resetting)			/* ATT-4, REP-4 */
			return "EBUSY";
	for (int d = 0; d < devices && !replaces; d++)
		if (device[d].max_pasids && row[r].pasid >= device[d].max_pasids)
			return "EINVAL";			/* ATT-5 */
	if (!replaces && present)				/* ATT-7 */
		return "EBUSY";
	if (!present && *outcome("", "", ++allocations) != '0')	/* ATT-7, REP-6 */
		return "ENOMEM";
	if (replaces && !present)				/* REP-7 */
		return "EINVAL";
	if (replaces && is(handle, row[r].handle)) {		/* REP-5, REP-8 */
		row[r].domain = new;
		warns++;
		return "EINVAL";
	}
	row[r].slot = replaces ? USED : RESERVED;
	result = old == new ? "0" : set_group(new, r, old);	/* ATT-8, REP-10, REP-11 */
	row[r].slot = replaces || *result == '0' ? USED : EMPTY;
	if (*result == '0') {					/* ATT-9, REP-12 */
		row[r].domain = new;
		text(row[r].handle, handle, "");
	}
	return result;
}

static void detach(int old, int r)				/* DET-2 to DET-4 */
{
	for (int d = 0; d < devices; d++)
		if (device[d].max_pasids && !device[d].resetting)
			block(d, r, old);
	row[r].slot = EMPTY;
}

static void reset(int d, int begins)
{
	device[d].resetting = begins;
	for (int r = 0; r < rows && device[d].max_pasids; r++)
		if (row[r].slot == USED && begins)
			block(d, r, row[r].domain);
		else if (row[r].slot == USED)
			warns += *set(row[r].domain, d, r, BLOCKED) != '0';
}

/* The protocol */

static void load(const char *group, const char *state)
{
	if (get(state, "group")) {
		printf("{\"cannot\": \"traffic without a PASID\"}\n");
		return;
	}
	devices = rows = 0;
	domains = 1;
	strcpy(domain[BLOCKED].name, strcpy(domain[BLOCKED].type, "blocked"));
	domain[BLOCKED].ours = 1;
	domain[BLOCKED].takes_pasids = yes(get(group, "blocked_takes_pasids"));
	for each(at, get(group, "devices")) {
		text(device[devices].name, get(at, "name"), "");
		device[devices].resetting = 0;
		device[devices++].max_pasids = number(get(at, "max_pasids"), 0);
	}
	for each(at, get(group, "domains")) {
		if (is(get(at, "name"), "blocked"))
			continue;
		text(domain[domains].name, get(at, "name"), "");
		text(domain[domains].type, get(at, "type"), "paging");
		domain[domains].ours = yes(get(at, "ours"));
		domain[domains++].takes_pasids = yes(get(at, "takes_pasids"));
	}
	for each(at, get(state, "pasid")) {
		const char *array = get(value(at), "array");
		int r = row_of(atol(at + 1));

		row[r].slot = array ? USED : EMPTY;
		row[r].domain = find(domain, domains, get(array, "domain"));
		text(row[r].handle, get(array, "handle"), "");
		for each(dev, get(value(at), "hardware"))
			row[r].hw[find(device, devices, dev)] = find(domain, domains, value(dev));
	}
	for each(at, get(state, "resetting"))
		device[find(device, devices, at)].resetting = 1;
	printf("{\"ok\": true}\n");
}

static void tell_state(void)
{
	int n = 0, m;

	printf("\"state\": {\"resetting\": [");
	for (int d = 0; d < devices; d++)
		if (device[d].resetting)
			printf("%s\"%s\"", comma(&n), device[d].name);
	printf("], \"pasid\": {");
	for (int r = n = 0; r < rows; r++) {
		if (!row[r].pasid)
			continue;
		printf("%s\"%ld\": {\"hardware\": {", comma(&n), row[r].pasid);
		for (int d = m = 0; d < devices; d++)
			if (row[r].hw[d] != BLOCKED)
				printf("%s\"%s\": \"%s\"", comma(&m), device[d].name,
				       domain[row[r].hw[d]].name);
		if (row[r].slot == USED)
			printf("}, \"array\": {\"domain\": \"%s\"", domain[row[r].domain].name);
		if (row[r].slot == USED && *row[r].handle)
			printf(", \"handle\": \"%s\"", row[r].handle);
		printf("}}");
	}
	printf("}}}\n");
}

static void run(const char *what)
{
	static const char operations[][NAME] = {
		"attach", "replace", "detach", "handle_get", "reset_prepare", "reset_done" };
	enum { ATTACH, REPLACE, DETACH, HANDLE_GET, PREPARE, DONE };
	int operation = find(operations, 6, get(what, "operation"));
	int dev = find(device, devices, get(what, "device"));
	int d = find(domain, domains, get(what, "domain"));
	const char *type = get(what, "type"), *result = "0", *found = "none";
	int r = operation < PREPARE ? row_of(number(get(what, "pasid"), 0)) : 0;
	char name[NAME];

	if (operation == NONE) {
		text(name, get(what, "operation"), "");
		printf("{\"cannot\": \"%s\"}\n", name);
		return;
	}
	faults = allocations = said = warns = 0;
	memset(asked, 0, sizeof(asked));
	for each(at, get(what, "faults")) {	/* an allocation's has no device and no domain */
		text(fault[faults].device, get(at, "device"), "");
		text(fault[faults].domain, get(at, "domain"), "");
		text(fault[faults].error, get(at, "error"), "");
		fault[faults++].nth = number(get(at, "allocation"), number(get(at, "nth"), 1));
	}
	printf("{\"calls\": [");
	if (operation == ATTACH || operation == REPLACE)
		result = attach(d, dev, r, get(what, "handle"), operation == REPLACE);
	else if (operation == DETACH)
		detach(d, r);
	else if (operation == PREPARE || operation == DONE)
		reset(dev, operation == PREPARE);
	else if (!strcmp(seen(r), "none"))			/* VIS-2 */
		result = "ENOENT";
	else if (type && !is(type, domain[row[r].domain].type))	/* VIS-3 */
		result = "EBUSY";
	else
		found = seen(r);
	printf("], \"result\": \"%s\", \"found\": \"%s\", \"warns\": %d, ", result, found, warns);
	tell_state();
}

int main(void)
{
	static char line[1 << 18];
	const char *what;

	while (fgets(line, sizeof(line), stdin) && !get(line, "bye")) {
		if (get(line, "hello"))
			printf("{\"hello\": \"core.c\", \"protocol\": 1}\n");
		else if ((what = get(line, "load")))
			load(get(what, "group"), get(what, "state"));
		else
			run(get(line, "run"));
		fflush(stdout);
	}
	return 0;
}
