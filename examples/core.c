// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of attach, replace and detach once more, in C and from the clauses alone, as an
 * example of a program that vectors can be held against:
 *
 *     cc -o core examples/core.c && pasid-spec replay --program ./core
 *
 * It reads and writes lines of JSON; see the page on vectors. What it has no notion of it says.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 16			/* devices, domains, PASIDs, faults */
#define NAME 32

/* JSON: a value is where it begins; the text itself is never changed. */

static const char *space(const char *p) { while (isspace((unsigned char)*p)) p++; return p; }

static const char *skip(const char *p)	/* to behind the value that begins here */
{
	int depth = 0;

	for (p = space(p); *p; p++) {
		if (*p == '"')
			for (p++; *p && *p != '"'; p++)
				p += *p == '\\' && p[1];
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		if (depth < 0 || (depth == 0 && *p == ','))
			return p;
		if (depth == 0 && (*p == '}' || *p == ']' || *p == '"'))
			return *p ? p + 1 : p;
		if (!*p)
			break;
	}
	return p;
}

static const char *next(const char *p)	/* the next item of an array or object; NULL: no more */
{
	p = space(p);
	p = space(*p == '{' || *p == '[' || *p == ',' ? p + 1 : p);
	return *p && *p != '}' && *p != ']' ? p : NULL;
}

static const char *value(const char *item) { return space(strchr(skip(item), ':') + 1); }

static const char *get(const char *object, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = object ? next(object) : NULL; at; at = next(skip(value(at))))
		if (!strncmp(at + 1, key, length) && at[1 + length] == '"')
			return value(at);
	return NULL;
}

static void text(char *to, const char *from, const char *otherwise)
{
	snprintf(to, NAME, "%.*s", from ? (int)strcspn(from + 1, "\"") : NAME - 1,
		 from ? from + 1 : otherwise);
}

static long number(const char *from, long otherwise) { return from ? atol(from) : otherwise; }
static int yes(const char *from, int otherwise) { return from ? *from == 't' : otherwise; }

/* The group */

struct { char name[NAME]; long max_pasids; int resetting; } device[MOST];
struct { char name[NAME], type[NAME]; int ours, takes_pasids; } domain[MOST + 1];
struct { long pasid; int present, reserved, domain, hw[MOST]; char handle[NAME]; } row[MOST];
struct { char device[NAME], domain[NAME], error[NAME]; long nth, allocation; } fault[MOST];
static int devices, domains, rows, faults, asked[MOST][MOST + 1], allocations, said, warns;

enum { NONE = -1, BLOCKED };		/* domain 0 is always the driver's blocked one */

static int domain_at(const char *name)
{
	for (int i = 0; i < domains; i++)
		if (!strcmp(domain[i].name, name))
			return i;
	return NONE;
}

static int device_at(const char *name)
{
	for (int i = 0; i < devices; i++)
		if (!strcmp(device[i].name, name))
			return i;
	return NONE;
}

static int row_of(long pasid)
{
	for (int i = 0; i < rows; i++)
		if (row[i].pasid == pasid)
			return i;
	if (rows == MOST)
		exit(1);
	row[rows].pasid = pasid;
	row[rows].present = row[rows].reserved = 0;
	memset(row[rows].hw, 0, sizeof(row[rows].hw));
	return rows++;
}

static const char *seen(int r)		/* by whoever looks up without the lock */
{
	return row[r].present && !row[r].reserved && *row[r].handle ? row[r].handle : "none";
}

static const char *set(int new, int d, int r, int old)	/* the driver; "0" or why not */
{
	const char *result = "0";

	asked[d][new]++;
	for (int i = 0; i < faults; i++)
		if (!fault[i].allocation && fault[i].nth == asked[d][new] &&
		    !strcmp(fault[i].device, device[d].name) &&
		    !strcmp(fault[i].domain, domain[new].name))
			result = fault[i].error;
	printf("%s{\"device\": \"%s\", \"domain\": \"%s\", \"old\": \"%s\", \"sees\": \"%s\", "
	       "\"result\": \"%s\", \"pasid\": %ld}", said++ ? ", " : "", device[d].name,
	       domain[new].name, old == NONE ? "none" : domain[old].name, seen(r), result,
	       row[r].pasid);
	if (!strcmp(result, "0"))
		row[r].hw[d] = new;
	return result;
}

static void block(int d, int r, int old) { warns += strcmp(set(BLOCKED, d, r, old), "0") != 0; }

static const char *set_group(int new, int r, int old)	/* GSP-1 to GSP-6 */
{
	for (int d = 0; d < devices; d++) {
		const char *result = device[d].max_pasids ? set(new, d, r, old) : "0";

		if (!strcmp(result, "0"))
			continue;
		for (int i = 0; i < d; i++) {
			if (!device[i].max_pasids)
				continue;
			if (old != NONE && !strcmp(set(old, i, r, new), "0"))
				continue;
			warns += old != NONE;
			block(i, r, new);
		}
		return result;
	}
	return "0";
}

static int allocates(void)
{
	allocations++;
	for (int i = 0; i < faults; i++)
		if (fault[i].allocation == allocations)
			return 0;
	return 1;
}

static const char *attach(int new, int dev, int r, const char *handle, int replaces)
{
	int old = NONE, recovering = 0;
	const char *result;

	if (dev == NONE)					/* ATT-1, REP-1 */
		return "ENODEV";
	if (!domain[new].takes_pasids || (!replaces && !domain[BLOCKED].takes_pasids))
		return "EOPNOTSUPP";				/* ATT-2, REP-2 */
	if (!domain[new].ours || !row[r].pasid || (replaces && !*handle))
		return "EINVAL";				/* ATT-3, REP-3 */
	for (int d = 0; d < devices; d++)
		recovering |= device[d].resetting;
	if (recovering)						/* ATT-4, REP-4 */
		return "EBUSY";
	for (int d = 0; d < devices && !replaces; d++)
		if (device[d].max_pasids && row[r].pasid >= device[d].max_pasids)
			return "EINVAL";			/* ATT-5 */
	if (!replaces && row[r].present)			/* ATT-7 */
		return "EBUSY";
	if (!row[r].present && !allocates())			/* ATT-7, REP-6 */
		return "ENOMEM";
	if (replaces && !row[r].present)			/* REP-7 */
		return "EINVAL";
	if (replaces && !strcmp(handle, row[r].handle)) {	/* REP-5, REP-8 */
		row[r].domain = new;
		warns++;
		return "EINVAL";
	}
	if (replaces)
		old = row[r].domain;
	else
		row[r].present = row[r].reserved = 1;
	result = old == new ? "0" : set_group(new, r, old);	/* ATT-8, REP-10, REP-11 */
	if (!replaces)
		row[r].reserved = 0;
	if (strcmp(result, "0")) {
		row[r].present = replaces;
		return result;
	}
	row[r].domain = new;					/* ATT-9, REP-12 */
	strcpy(row[r].handle, handle);
	return "0";
}

static void detach(int old, int r)				/* DET-2 to DET-4 */
{
	for (int d = 0; d < devices; d++)
		if (device[d].max_pasids && !device[d].resetting)
			block(d, r, old);
	row[r].present = 0;
}

static void reset(int d, int begins)
{
	device[d].resetting = begins;
	for (int r = 0; r < rows && device[d].max_pasids; r++) {
		if (row[r].present && begins)
			block(d, r, row[r].domain);
		else if (row[r].present)
			warns += strcmp(set(row[r].domain, d, r, BLOCKED), "0") != 0;
	}
}

/* The protocol */

static void load(const char *what)
{
	const char *group = get(what, "group"), *state = get(what, "state"), *list;
	char name[NAME];

	devices = rows = 0;
	domains = 1;
	strcpy(domain[BLOCKED].name, "blocked");
	strcpy(domain[BLOCKED].type, "blocked");
	domain[BLOCKED].ours = 1;
	domain[BLOCKED].takes_pasids = yes(get(group, "blocked_takes_pasids"), 1);
	list = get(group, "devices");
	for (const char *at = list ? next(list) : NULL; at && devices < MOST; at = next(skip(at))) {
		text(device[devices].name, get(at, "name"), "");
		device[devices].resetting = 0;
		device[devices++].max_pasids = number(get(at, "max_pasids"), 0);
	}
	list = get(group, "domains");
	for (const char *at = list ? next(list) : NULL; at && domains < MOST; at = next(skip(at))) {
		text(name, get(at, "name"), "");
		if (!strcmp(name, "blocked"))
			continue;
		strcpy(domain[domains].name, name);
		text(domain[domains].type, get(at, "type"), "paging");
		domain[domains].ours = yes(get(at, "ours"), 1);
		domain[domains++].takes_pasids = yes(get(at, "takes_pasids"), 1);
	}
	list = get(state, "pasid");
	for (const char *at = list ? next(list) : NULL; at; at = next(skip(value(at)))) {
		int r = row_of(atol(at + 1));
		const char *array = get(value(at), "array"), *hw = get(value(at), "hardware");

		row[r].present = array != NULL;
		text(row[r].handle, get(array, "handle"), "");
		text(name, get(array, "domain"), "blocked");
		row[r].domain = domain_at(name);
		for (int d = 0; d < devices; d++) {
			text(name, get(hw, device[d].name), "blocked");
			row[r].hw[d] = domain_at(name);
		}
	}
	list = get(state, "resetting");
	for (const char *at = list ? next(list) : NULL; at; at = next(skip(at))) {
		text(name, at, "");
		device[device_at(name)].resetting = 1;
	}
	printf("{\"ok\": true}\n");
}

static void tell_state(void)
{
	int first = 1;

	printf("\"state\": {\"pasid\": {");
	for (int r = 0; r < rows; r++) {
		int reaches = 0, comma = 0;

		for (int d = 0; d < devices; d++)
			reaches |= row[r].hw[d] != BLOCKED;
		if (!row[r].present && !reaches)
			continue;
		printf("%s\"%ld\": {\"hardware\": {", first ? "" : ", ", row[r].pasid);
		first = 0;
		for (int d = 0; d < devices; d++)
			if (row[r].hw[d] != BLOCKED)
				printf("%s\"%s\": \"%s\"", comma++ ? ", " : "", device[d].name,
				       domain[row[r].hw[d]].name);
		printf("}");
		if (row[r].present) {
			printf(", \"array\": {\"domain\": \"%s\"", domain[row[r].domain].name);
			if (*row[r].handle)
				printf(", \"handle\": \"%s\"", row[r].handle);
			printf("}");
		}
		printf("}");
	}
	printf("}, \"resetting\": [");
	first = 1;
	for (int d = 0; d < devices; d++)
		if (device[d].resetting)
			printf("%s\"%s\"", first-- > 0 ? "" : ", ", device[d].name);
	printf("]}}\n");
}

static void run(const char *what)
{
	char operation[NAME], name[NAME], handle[NAME], type[NAME];
	const char *list = get(what, "faults"), *result = "0", *found = "none";
	int dev, d, r;

	text(operation, get(what, "operation"), "");
	if (!strcmp(operation, "mm_release") || !strstr("attach replace detach handle_get "
	    "reset_prepare reset_done", operation)) {
		printf("{\"cannot\": \"%s\"}\n", operation);
		return;
	}
	faults = allocations = said = warns = 0;
	memset(asked, 0, sizeof(asked));
	for (const char *at = list ? next(list) : NULL; at && faults < MOST; at = next(skip(at))) {
		text(fault[faults].device, get(at, "device"), "");
		text(fault[faults].domain, get(at, "domain"), "");
		text(fault[faults].error, get(at, "error"), "");
		fault[faults].nth = number(get(at, "nth"), 1);
		fault[faults++].allocation = number(get(at, "allocation"), 0);
	}
	text(name, get(what, "device"), device[0].name);
	dev = device_at(name);
	text(name, get(what, "domain"), "blocked");
	d = domain_at(name);
	text(handle, get(what, "handle"), "");
	text(type, get(what, "type"), "");
	printf("{\"calls\": [");
	r = strncmp(operation, "reset", 5) ? row_of(number(get(what, "pasid"), 0)) : 0;
	if (!strcmp(operation, "attach") || !strcmp(operation, "replace"))
		result = attach(d, dev, r, handle, *operation == 'r');
	else if (!strcmp(operation, "detach"))
		detach(d, r);
	else if (strcmp(operation, "handle_get"))
		reset(dev, !strcmp(operation, "reset_prepare"));
	else if (!strcmp(seen(r), "none"))			/* VIS-2 */
		result = "ENOENT";
	else if (*type && strcmp(type, domain[row[r].domain].type))
		result = "EBUSY";				/* VIS-3 */
	else
		found = seen(r);
	printf("], \"result\": \"%s\", \"found\": \"%s\", \"warns\": %d, ", result, found, warns);
	tell_state();
}

int main(void)
{
	static char line[1 << 18];

	while (fgets(line, sizeof(line), stdin) && !get(line, "bye")) {
		if (get(line, "hello"))
			printf("{\"hello\": \"core.c\", \"protocol\": 1}\n");
		else if (get(line, "load"))
			load(get(line, "load"));
		else
			run(get(line, "run"));
		fflush(stdout);
	}
	return 0;
}
