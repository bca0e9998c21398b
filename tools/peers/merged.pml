/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The merged core for Spin: attach, replace and detach of PASIDS PASIDs in a group of DEVICES
 * capable devices, with DOMAINS domains and at most FAULTS faults in a call. The same states as
 * the setting "group" of an exploration has, counted by another program.
 *
 * A call is one atomic step, so Spin stores the states between calls alone. A call after which
 * nothing is promised (a device that cannot be blocked) is judged, and leads back to the start.
 */
#define NOTHING 0
#define BLOCKED 0
#define entry(domain, handle) (1 + 2 * (domain) + (handle))
#define named(slot) ((slot - 1) / 2)

byte slot[PASIDS];		/* NOTHING, or an entry */
byte hw[PASIDS * DEVICES];	/* BLOCKED, or 1 + the domain */

/* within a call; all zero between calls */
byte p, domain, handle, i, k, faults, was, hardware[DEVICES];
bit bad, failed, lost;
#define HW(device) hw[p * DEVICES + device]

inline may_fail() {
	if
	:: bad = 0
	:: faults < FAULTS -> bad = 1; faults++
	fi
}

inline set(device, wanted) {
	may_fail();
	if
	:: bad
	:: else -> HW(device) = wanted
	fi
}

inline block(device) {
	set(device, BLOCKED);
	lost = lost | bad
}

/* Every device in turn; at the first that fails, those before it go back to `was`. */
inline set_group() {
	i = 0;
	do
	:: i < DEVICES && !failed -> set(i, domain + 1); failed = bad; i++
	:: else -> break
	od;
	if
	:: failed ->
		k = 0;
		do
		:: k + 1 < i ->
			if
			:: was == NOTHING -> block(k)
			:: else ->
				set(k, named(was) + 1);
				if
				:: bad -> block(k)
				:: else
				fi
			fi;
			k++
		:: else -> break
		od
	:: else
	fi
}

inline attach() {
	if
	:: was != NOTHING	/* -EBUSY */
	:: else ->
		may_fail();	/* the array's memory */
		if
		:: bad
		:: else ->
			set_group();
			if
			:: failed
			:: else -> slot[p] = entry(domain, handle)
			fi;
			assert(lost || HW(0) == (failed -> BLOCKED : domain + 1))
		fi
	fi
}

inline replace() {
	if
	:: was == NOTHING -> may_fail()		/* -ENOMEM or -EINVAL */
	:: handle == 0		/* -EINVAL */
	:: was != NOTHING && handle == 1 ->
		if
		:: named(was) == domain
		:: else -> set_group()
		fi;
		if
		:: failed -> assert(slot[p] == was)
		:: else -> slot[p] = entry(domain, handle)
		fi
	fi
}

inline detach() {
	do
	:: i < DEVICES -> block(i); i++
	:: else -> break
	od;
	slot[p] = NOTHING;
	assert(lost || HW(0) == BLOCKED)
}

active proctype caller() {
	do
	:: atomic {
		select(p: 0 .. PASIDS - 1);
		select(domain: 0 .. DOMAINS - 1);
		was = slot[p];
		for (i : 0 .. DEVICES - 1) { hardware[i] = HW(i) }
		i = 0;
		if
		:: handle = 0; attach()
		:: handle = 1; attach()
		:: handle = 0; replace()
		:: handle = 1; replace()
		:: detach()
		fi;
		/* what was refused or could not be done has changed nothing, but for what went back */
		k = 0;
		do
		:: k < DEVICES ->
			assert(lost || slot[p] == was || HW(k) == BLOCKED || HW(k) == named(slot[p]) + 1);
			assert(slot[p] != was || HW(k) == BLOCKED || HW(k) == hardware[k]
			       || (was != NOTHING && HW(k) == named(was) + 1) || lost);
			k++
		:: else -> break
		od;
		if
		:: lost ->
			for (i : 0 .. PASIDS - 1) { slot[i] = NOTHING }
			for (i : 0 .. PASIDS * DEVICES - 1) { hw[i] = BLOCKED }
		:: else
		fi;
		for (i : 0 .. DEVICES - 1) { hardware[i] = 0 }
		p = 0; domain = 0; handle = 0; i = 0; k = 0; faults = 0; was = 0;
		bad = 0; failed = 0; lost = 0
	}
	od
}
