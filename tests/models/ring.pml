/* SPDX-License-Identifier: Apache-2.0
 *
 * The submission and completion queue between a program and the kernel, as kernel/ipc/ring.cpp works it off
 * (process_ring), with indices that wrap around.
 *
 * Bounds: queues of SQ and CQ entries with indices modulo WRAP (a multiple of both, so that they wrap often), each
 * message one value; each load and store of a shared word is a step of its own, and the program may take any number of
 * steps between two of the kernel's (as with a poller on another CPU: more than one CPU can do today).
 *
 * Two programs. Honest (default): submits MESSAGES numbered entries whenever there is room, takes completions.
 *   once      each entry is worked off exactly once, in order; each gives exactly one completion
 *   no loss   all completions arrive, in order, with their own entry's result
 *   no block  the program is never left waiting with room on both sides (no invalid end state)
 * Hostile (-DHOSTILE): writes any value into any shared word at any time, so each load may give any value.
 *   inside    the kernel reads and writes entries inside the queues only
 *   bounded   one cap_enter works off at most SQ entries and says at most CQ completions
 *   one read  what the kernel acts upon is what it checked, whatever the program writes meanwhile
 *
 * -DSEED=n, a mistake put in: 1 the number of submitted entries is believed; 2 room for the completion is not looked
 * at; 3 an entry is read a second time after its check; 4 the tail is published before the entry is written; 5 an
 * index is used without the modulo; 6 the head is not given back after a completion.
 */
#ifndef SEED
#define SEED 0
#endif
#define SQ 2
#define CQ 4
#define WRAP 8
#define MESSAGES 6
#define EMPTY 15

#define MOD(x) ((x) & (WRAP - 1))
#define MINUS(a, b) MOD((a) + WRAP - (b))

/* Shared page: what a program may write at any time. */
byte sq_head, sq_tail, cq_head, cq_tail;
byte sq[SQ], cq[CQ];

/* Ghosts. */
byte worked;     /* entries worked off, honest program */
byte taken;      /* completions the program has taken */
byte submitted;
bit entered;     /* the program is inside cap_enter, or the poller is running */

byte head, tail, count, done, seen, entry, checked, available;

#ifdef HOSTILE
/* Whatever the program wrote last: any value, another one at each load. Shared words need no memory then. */
inline load(into, word) {
  atomic { select(into : 0 .. WRAP - 1) }
}
#else
inline load(into, word) { into = word }
#endif
#ifdef HOSTILE
inline store(word, value) { skip } /* the program may overwrite it at once */
#else
inline store(word, value) { word = value }
#endif

/* ring.cpp: process_ring, one cap_enter */
inline cap_enter() {
  load(head, sq_head);
  load(tail, cq_tail);
  load(seen, sq_tail);
  count = MINUS(seen, head);
  if
  :: count > SQ && SEED != 1 -> count = SQ
  :: else -> skip
  fi;
  done = 0;
  do
  :: done < count ->
    load(seen, cq_head);
    if
    :: MINUS(tail, seen) >= CQ && SEED != 2 -> break
    :: else -> skip
    fi;
    assert(SEED == 5 || head % SQ < SQ);
    if
    :: SEED == 5 -> assert(head < SQ)
    :: else -> skip
    fi;
    load(entry, sq[head % SQ]); /* copied once */
    checked = entry;
    if
    :: SEED == 3 -> load(entry, sq[head % SQ])
    :: else -> skip
    fi;
    assert(entry == checked); /* one read */
#ifndef HOSTILE
    d_step {
      assert(entry == worked % EMPTY); /* once, in order */
      worked++
    }
#endif
    if
    :: SEED == 4 -> seen = MOD(tail + 1); store(cq_tail, seen)
    :: else -> skip
    fi;
#ifndef HOSTILE
    cq[tail % CQ] = entry;
#endif
    tail = MOD(tail + 1);
    if
    :: SEED == 4 -> skip
    :: else -> store(cq_tail, tail)
    fi;
    head = MOD(head + 1);
    if
    :: SEED == 6 -> skip
    :: else -> store(sq_head, head)
    fi;
    done++;
    assert(done <= SQ) /* bounded */
  :: else -> break
  od;
  load(seen, cq_head);
  available = MINUS(tail, seen);
  if
  :: available > CQ -> available = CQ
  :: else -> skip
  fi;
  assert(available <= CQ);
  d_step { head = 0; tail = 0; count = 0; done = 0; seen = 0; entry = 0; checked = 0; available = 0 }
}

active proctype kernel() {
  end:
  do
  :: entered -> cap_enter(); entered = 0
  od
}

#ifndef HOSTILE
/* What runtime/src/ring.cpp does, free in the order of its steps: fill, publish, enter, take. */
active proctype program() {
  byte mine, at;
  do
  :: submitted < MESSAGES && MINUS(sq_tail, sq_head) < SQ ->
    sq[sq_tail % SQ] = submitted;
    submitted++;
    sq_tail = MOD(sq_tail + 1)
  :: MINUS(cq_tail, cq_head) > 0 ->
    mine = cq[cq_head % CQ];
    atomic {
      assert(mine == taken); /* no loss */
      taken++;
      cq[cq_head % CQ] = EMPTY
    }
    cq_head = MOD(cq_head + 1)
  :: !entered && sq_tail != sq_head -> entered = 1
  :: taken == MESSAGES && !entered -> break
  od;
  assert(worked == MESSAGES && sq_head == sq_tail && cq_head == cq_tail)
}
#else
active proctype program() {
  end:
  do
  :: !entered -> entered = 1
  od
}
#endif
