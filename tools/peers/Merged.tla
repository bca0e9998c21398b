---- MODULE Merged ----
\* SPDX-License-Identifier: GPL-2.0-only
(***************************************************************************)
(* The merged core for TLC: attach, replace and detach of PASIDs in a      *)
(* group of capable devices.  The same states as the setting "group" of an *)
(* exploration has, counted by another program.                            *)
(*                                                                         *)
(* A call is one step.  One after which nothing is promised (a device that *)
(* cannot be blocked) leads back to the start.                             *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS Devices, Domains, Pasids, Faults

VARIABLES slot, hw

Blocked == 0
Nothing == [domain |-> 0, handle |-> FALSE]
Start == slot = [p \in 1..Pasids |-> Nothing]
         /\ hw = [p \in 1..Pasids |-> [d \in 1..Devices |-> Blocked]]

\* How a call stands: the hardware of its PASID, faults so far, and whether a device is lost.
Now(p) == [hw |-> hw[p], faults |-> 0, lost |-> FALSE]

Fail(s) == IF s.faults < Faults THEN {[s EXCEPT !.faults = @ + 1]} ELSE {}

Set(s, d, domain) == [s EXCEPT !.hw[d] = domain]

Block(s, d) == {Set(s, d, Blocked)} \cup {[t EXCEPT !.lost = TRUE] : t \in Fail(s)}

\* One device goes back to the domain `old`, or to nothing.
Back(s, d, old) ==
  IF old = Blocked THEN Block(s, d)
  ELSE {Set(s, d, old)} \cup UNION {Block(t, d) : t \in Fail(s)}

RECURSIVE Undo(_, _, _, _)
Undo(S, d, failing, old) ==
  IF d = failing THEN S ELSE Undo(UNION {Back(s, d, old) : s \in S}, d + 1, failing, old)

\* Every device in turn: all the ways to get through, and all those to fail.
RECURSIVE Through(_, _, _)
Through(s, d, domain) ==
  IF d > Devices THEN {s} ELSE Through(Set(s, d, domain), d + 1, domain)

RECURSIVE Failing(_, _, _, _)
Failing(s, d, domain, old) ==
  IF d > Devices THEN {}
  ELSE UNION {Undo({t}, 1, d, old) : t \in Fail(s)}
       \cup Failing(Set(s, d, domain), d + 1, domain, old)

RECURSIVE BlockAll(_, _)
BlockAll(S, d) ==
  IF d > Devices THEN S ELSE BlockAll(UNION {Block(s, d) : s \in S}, d + 1)

Leave(p, s, entry) ==
  IF s.lost THEN slot' = [q \in 1..Pasids |-> Nothing]
                 /\ hw' = [q \in 1..Pasids |-> [d \in 1..Devices |-> Blocked]]
  ELSE slot' = [slot EXCEPT ![p] = entry] /\ hw' = [hw EXCEPT ![p] = s.hw]

SetGroup(p, domain, old, entry) ==
  \/ \E s \in Through(Now(p), 1, domain) : Leave(p, s, entry)
  \/ \E s \in Failing(Now(p), 1, domain, old) : Leave(p, s, slot[p])

Attach(p, domain, handle) ==
  /\ slot[p] = Nothing
  /\ SetGroup(p, domain, Blocked, [domain |-> domain, handle |-> handle])

Replace(p, domain) ==
  /\ slot[p] # Nothing
  /\ LET entry == [domain |-> domain, handle |-> TRUE] IN
     IF slot[p].domain = domain THEN Leave(p, Now(p), entry)
     ELSE SetGroup(p, domain, slot[p].domain, entry)

Detach(p) == \E s \in BlockAll({Now(p)}, 1) : Leave(p, s, Nothing)

Call == \E p \in 1..Pasids :
  \/ \E domain \in 1..Domains :
       Replace(p, domain) \/ \E handle \in BOOLEAN : Attach(p, domain, handle)
  \/ Detach(p)

Spec == Start /\ [][Call]_<<slot, hw>>

\* No device reaches anything but what the array names.
Agreed == \A p \in 1..Pasids : \A d \in 1..Devices : hw[p][d] \in {Blocked, slot[p].domain}
====
