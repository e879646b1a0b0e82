/* SPDX-License-Identifier: Apache-2.0
 *
 * The submission and completion queue between a program and the kernel: kernel/ipc/ring_submission.cpp
 * (take_submissions), ring_completion.cpp (end, put_out, flush, write), ring.cpp (enter), with indices that wrap around,
 * operations that end later and in any order, and completions that wait for room.
 *
 * Bounds: queues of SQ and CQ entries, POOL operations, indices modulo WRAP; odd entries are operations that end later,
 * even ones end at once; no chains, drains or calls. Each load and store of a shared word is a step of its own, and the
 * program may take any number of steps between two of the kernel's (as beside a poller on another CPU: more than one CPU
 * can do today).
 *
 * Two programs. Honest (default): submits MESSAGES numbered entries whenever there is room, takes completions.
 *   once      each entry is taken exactly once, in order, and gives exactly one completion, its own
 *   no loss   every completion arrives, whatever had to wait for room; the program is never stuck (no invalid end state)
 *   balance   in the end no operation is in use
 * Hostile (-DHOSTILE): writes any value into any shared word at any time, so each load may give any value.
 *   inside    the kernel reads and writes entries inside the queues only
 *   bounded   one cap_enter takes at most SQ entries, has at most POOL operations, says at most CQ completions
 *   one read  what the kernel acts upon is what it checked, whatever the program writes meanwhile
 *
 * -DSEED=n, a mistake put in: 1 the number of submitted entries is believed; 2 room for a completion is not looked at;
 * 3 an entry is read a second time after its check; 4 the tail is published before the entry is written; 5 an index is
 * used without the modulo; 6 completions that wait go out without a look for room; 7 an empty pool is not looked at.
 */
#ifndef SEED
#define SEED 0
#endif
#define SQ 2
#define CQ 2
#define POOL 2
#define WRAP 4
#define MESSAGES 6
#define EMPTY 15

#define MOD(x) ((x) & (WRAP - 1))
#define MINUS(a, b) MOD((a) + WRAP - (b))
#define BIT(x) (1 << (x))

/* Shared page: what a program may write at any time. */
byte sq_head, sq_tail, cq_head, cq_tail;
byte sq[SQ], cq[CQ];

/* The kernel's own. */
chan overflow = [POOL] of { byte }; /* ended, waiting for room */
byte under_way;                     /* bit e: the operation of entry e will end later */
byte used;                          /* operations not free */
bit entered;                        /* the program is inside cap_enter */

/* Ghosts of the honest program. */
byte worked, submitted, got;

/* Locals of the kernel's steps. */
byte head, tail, count, taken, seen, entry, checked, room, left;

/* Each tells the replay on the kernel (replay_ring.cpp) whose step it is, what it reaches and what a load finds. */
#ifdef HOSTILE
#define load(into, word, step) atomic { select(into : 0 .. WRAP - 1); printf(step, into) }
#define store(word, value, step) atomic { skip; printf(step) } /* the program may overwrite it at once */
#else
#define load(into, word, step) atomic { into = word; printf(step, into) }
#define store(word, value, step) atomic { word = value; printf(step) }
#endif
#define load_cq_tail(into) load(into, cq_tail, "step kernel cq_tail %d\n")
#define load_cq_head(into) load(into, cq_head, "step kernel cq_head %d\n")
#define load_entry(into) load(into, sq[head % SQ], "step kernel entry %d\n")

/* RingState::available, room */
inline look_for_room() {
  load_cq_tail(tail);
  load_cq_head(seen);
  room = MINUS(tail, seen);
  if
  :: room > CQ -> room = CQ
  :: else -> skip
  fi;
  assert(room <= CQ); /* bounded: what cap_enter says is available */
  room = CQ - room
}

/* RingState::write */
inline write(value) {
  load_cq_tail(tail);
  if
  :: SEED == 4 -> store(cq_tail, MOD(tail + 1), "step kernel cq_tail=\n")
  :: else -> skip
  fi;
#ifndef HOSTILE
  atomic { cq[tail % CQ] = value; printf("step kernel completion\n") };
#endif
  if
  :: SEED == 4 -> skip
  :: else -> store(cq_tail, MOD(tail + 1), "step kernel cq_tail=\n")
  fi
}

/* RingState::put_out: the completion goes out, or waits for room. The operation is given back when it is out. */
inline put_out(value) {
  look_for_room();
  if
  :: (room == 0 || len(overflow) > 0) && SEED != 2 -> overflow ! value
  :: else -> write(value); used--
  fi
}

/* RingState::flush */
inline flush() {
  look_for_room();
  left = room;
  do
  :: (left > 0 || SEED == 6) && len(overflow) > 0 ->
    overflow ? entry;
    write(entry);
    used--;
    left = (left > 0 -> left - 1 : 0)
  :: else -> break
  od
}

/* RingState::take_submissions */
inline take_submissions() {
  load(head, sq_head, "step kernel sq_head %d\n");
  load(seen, sq_tail, "step kernel sq_tail %d\n");
  count = MINUS(seen, head);
  if
  :: count > SQ && SEED != 1 -> count = SQ
  :: else -> skip
  fi;
  taken = 0;
  do
  :: taken < count ->
    look_for_room();
    if
    :: (used == POOL && SEED != 7) || (room == 0 && SEED != 2) -> break /* stays where it is */
    :: else -> skip
    fi;
    assert(head % SQ < SQ && (SEED != 5 || head < SQ)); /* inside */
    load_entry(entry); /* copied once */
    checked = entry;
    if
    :: SEED == 3 -> load_entry(entry)
    :: else -> skip
    fi;
    assert(entry == checked); /* one read */
    used++;
    assert(used <= POOL); /* bounded */
    head = MOD(head + 1);
    store(sq_head, head, "step kernel sq_head=\n");
#ifndef HOSTILE
    d_step {
      assert(entry == worked); /* once, in order */
      worked++
    }
#endif
    if
    :: entry % 2 == 0 -> put_out(entry)
    :: else -> under_way = under_way | BIT(entry)
    fi;
    taken++;
    assert(taken <= SQ) /* bounded */
  :: else -> break
  od
}

inline forget() {
  d_step { head = 0; tail = 0; count = 0; taken = 0; seen = 0; entry = 0; checked = 0; room = 0; left = 0 }
}

active proctype kernel() {
  byte which;
  end:
  do
  :: atomic { entered -> printf("step kernel enter\n") }; /* ring.cpp: enter */
    flush();
    take_submissions();
    forget();
    entered = 0
  :: !entered && under_way != 0 -> /* an operation ends: RingState::end */
    atomic {
      select(which : 0 .. MESSAGES - 1);
      if
      :: (under_way & BIT(which)) != 0 -> under_way = under_way & ~BIT(which); printf("step kernel end %d\n", which)
      :: else -> which = EMPTY
      fi
    }
    if
    :: which != EMPTY -> put_out(which)
    :: else -> skip
    fi;
    which = 0;
    forget()
#ifndef HOSTILE
  :: atomic { !entered && worked == MESSAGES && under_way == 0 && len(overflow) == 0 ->
       assert(used == 0); /* balance */
       break }
#endif
  od
}

#ifndef HOSTILE
/* As runtime's ring does: fill, publish, enter, take. */
active proctype program() {
  byte mine;
  do
  :: submitted < MESSAGES && MINUS(sq_tail, sq_head) < SQ ->
    atomic { sq[sq_tail % SQ] = submitted; printf("step program submit %d\n", submitted) };
    submitted++;
    atomic { sq_tail = MOD(sq_tail + 1); printf("step program sq_tail\n") }
  :: MINUS(cq_tail, cq_head) > 0 ->
    atomic { mine = cq[cq_head % CQ]; printf("step program take\n") };
    atomic {
      assert(mine < MESSAGES && (got & BIT(mine)) == 0); /* once */
      got = got | BIT(mine);
      cq[cq_head % CQ] = EMPTY;
      mine = 0
    }
    atomic { cq_head = MOD(cq_head + 1); printf("step program cq_head\n") }
  :: !entered && (sq_tail != sq_head || len(overflow) > 0) -> entered = 1
  :: got == BIT(MESSAGES) - 1 && !entered -> break
  od;
  assert(worked == MESSAGES && sq_head == sq_tail && len(overflow) == 0 && under_way == 0)
}
#else
active proctype program() {
  end:
  do
  :: !entered -> entered = 1
  od
}
#endif
