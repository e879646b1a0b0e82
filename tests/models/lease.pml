/* SPDX-License-Identifier: Apache-2.0
 *
 * An island's life and its lease of a CPU, across CPUs: kernel/islands/island.cpp, island_authority.cpp and lease.cpp,
 * core/consequences.cpp (stop_islands), core/cpu.cpp (post).
 *
 * Two islands with a task each lease CPU 1. CPU 0 admits them; it holds a capability of each, and
 * CPU 2 one of the first; they retire the first and let go of both in any order, and CPU 0 activates them as well. On CPU 1 a
 * consequence may stop the island of any task that is released. Each atomic access is a step of its own and the CPUs interleave
 * freely; a CPU takes its mail between kernel entries, oldest first, as the mailbox gives it. That mail arrives is wake.pml's matter.
 * Bounds: the numbers above; one activation and one retirement tried by each holder; memory sequentially consistent. The threads of
 * the tasks, the checking of certificates, changes of an island that runs, who else is on the CPU, and slack are left out.
 *
 *   once         an island ends once, and leaves those that stand once: its share of the CPU is given back once, whoever ends it
 *   leased       a CPU is leased from the admission of the first island there until the last that stands there has left; a task is
 *                released only on a leased CPU
 *   only active  a task is released only after its island was activated, and not after CPU 1 has removed it
 *   not after free  nobody touches an island or a context after its last reference is gone
 *   nothing left    when nobody holds an island and all mail has come, it is gone with its contexts, and the CPU is free
 *
 * -DSEED=n, a mistake put in: 1 the end looks at the state, and changes it later; 2 from a context to its island without the lock;
 * 3 an island that goes leaves its contexts' links; 4 the release does not look whether its context was stopped; 5 the CPU is given
 * back though another island stands there; 6 mail does not hold its context; 7 activation does not compare what it changes; 8 the
 * mail to leave does not hold its island; 9 an island that goes keeps its lease.
 */
#ifndef SEED
#define SEED 0
#endif

#define ISLANDS 2
#define CONTEXTS 4 /* island * 2 + task */

#define TASKS(i) 1

#define none 0
#define admitted 1
#define active 2
#define retired 3

#define ARM 0
#define REMOVE 1
#define STOP 2
#define LEAVE 3 /* of box0 alone: an island's leave_mail_, to leave; to leave and go */
#define GO 4

/* Island */
byte state[ISLANDS];
byte holds[ISLANDS];   /* references */
bit freed[ISLANDS];
bit stands[ISLANDS];   /* CPU 0's alone */
bit leave_posted[ISLANDS];
bit leased;            /* Cpu::use of CPU 1 */
byte share;            /* Resource::cpu_ppm charged, one for each island */
bit ended_once[ISLANDS];
/* SchedulingContext */
byte references[CONTEXTS];
bit stopped[CONTEXTS];
bit linked[CONTEXTS];  /* context.island */
bit released[CONTEXTS]; /* armed: releases run */
bit removed[CONTEXTS];  /* ghost: by CPU 1 */
bit told_start[CONTEXTS]; /* first_release */
bit posted[12];         /* Mail, by context * 3 + kind */
bit links_lock;
chan box0 = [6] of { byte, byte };    /* a context whose island is to be stopped; an island that is to leave */
chan box1 = [8] of { byte, byte };

#define ISLAND_LIVES(i) assert(!freed[i])
#define CONTEXT_LIVES(c) assert(references[c] > 0)

inline release_context(c) {
  atomic { CONTEXT_LIVES(c); references[c]-- }
}

/* island.cpp: mail_to; cpu.cpp: post */
inline mail_to(c, kind) {
  atomic {
    CONTEXT_LIVES(c);
    if
    :: posted[(c) * 3 + kind] -> skip
    :: else ->
      if
      :: SEED == 6 -> skip
      :: else -> references[c]++
      fi;
      posted[(c) * 3 + kind] = 1;
      box1 ! c, kind
    fi
  }
}

/* Island::leave, release_unused_cpus: on CPU 0 */
inline leave(i) {
  ISLAND_LIVES(i);
  if
  :: stands[i] ->
    atomic { /* CPU 0's own, but for `leased` */
      stands[i] = 0;
      if
      :: !stands[1 - (i)] || SEED == 5 -> leased = 0
      :: else -> skip
      fi;
      assert(share > 0); /* once */
      share--
    }
  :: else -> skip
  fi
}
inline free_island(i) {
  atomic {
    ISLAND_LIVES(i);
    freed[i] = 1;
    task = 0;
    do
    :: task < TASKS(i) -> CONTEXT_LIVES((i) * 2 + task); references[(i) * 2 + task]--; task++
    :: else -> break
    od;
    task = 0
  }
}
/* Island::stop; `ended`: it was this one */
inline stop(i) {
  if
  :: SEED == 1 -> ISLAND_LIVES(i); ended = (state[i] != retired); state[i] = retired
  :: else -> atomic { ISLAND_LIVES(i); ended = (state[i] != retired); state[i] = retired }
  fi;
  if
  :: ended ->
    atomic { assert(!ended_once[i]); ended_once[i] = 1 }; /* once */
    task = 0;
    do
    :: task < TASKS(i) ->
      atomic { CONTEXT_LIVES((i) * 2 + task); stopped[(i) * 2 + task] = 1 };
      mail_to((i) * 2 + task, REMOVE);
      task++
    :: else -> break
    od;
    task = 0
  :: else -> skip
  fi
}
/* Island::end. Mail from CPU 0 to itself is done at once: there as everywhere, by the box, which covers that. */
inline finish(i) {
  stop(i);
  if
  :: ended ->
    ended = 0;
    atomic {
      ISLAND_LIVES(i);
      holds[i] = holds[i] + (SEED != 8);
      assert(!leave_posted[i]);
      leave_posted[i] = 1;
      box0 ! LEAVE, i
    }
  :: else -> skip
  fi
}

/* object.hpp: release; Island::destroy when it was the last */
inline release_island(i) {
  atomic { ISLAND_LIVES(i); assert(holds[i] > 0); holds[i]--; last = (holds[i] == 0) };
  if
  :: last ->
    last = 0;
    stop(i);
    ended = 0;
    atomic { /* under the lock, nobody else looks at the links */
      !links_lock;
      do
      :: task < TASKS(i) ->
        if
        :: SEED == 3 -> skip
        :: else -> linked[(i) * 2 + task] = 0
        fi;
        task++
      :: else -> break
      od;
      task = 0
    };
    if
    :: !stands[i] || SEED == 9 -> free_island(i)
    :: else -> atomic { assert(!leave_posted[i]); leave_posted[i] = 1; box0 ! GO, i }
    fi
  :: else -> skip
  fi
}

/* IslandAuthorityService::admit: on CPU 0 alone */
inline admit(i) {
  printf("step admit %d\n", i);
  atomic {
    share++;
    task = 0;
    do
    :: task < TASKS(i) -> references[(i) * 2 + task] = 1; linked[(i) * 2 + task] = 1; task++
    :: else -> break
    od;
    task = 0;
    holds[i] = 2 - (i) /* capabilities */
  };
  leased = 1;
  atomic { stands[i] = 1; state[i] = admitted; holding[i] = 1 }
}

inline activate(i) {
  ISLAND_LIVES(i);
  if
  :: state[i] == admitted ->
    atomic {
      if
      :: state[i] == admitted || SEED == 7 -> state[i] = active; ended = 1
      :: else -> ended = 0
      fi
    };
    if
    :: ended ->
      printf("step activate %d\n", i);
      task = 0;
      do
      :: task < TASKS(i) -> told_start[(i) * 2 + task] = 1; mail_to((i) * 2 + task, ARM); task++
      :: else -> break
      od;
      task = 0
    :: else -> skip
    fi;
    ended = 0
  :: else -> skip
  fi
}

/* consequences.cpp: end_island_of; island.cpp: end_island. On CPU 0. */
inline end_island_of(c) {
  printf("step end_island_of %d\n", c);
  if
  :: SEED == 2 -> skip
  :: else -> atomic { !links_lock -> links_lock = 1 }
  fi;
  CONTEXT_LIVES(c);
  lives = linked[c];
  if
  :: lives -> /* acquire_if_alive */
    atomic {
      ISLAND_LIVES((c) / 2);
      if
      :: holds[(c) / 2] > 0 -> holds[(c) / 2]++
      :: else -> lives = 0
      fi
    }
  :: else -> skip
  fi;
  if
  :: SEED == 2 -> skip
  :: else -> links_lock = 0
  fi;
  if
  :: lives ->
    lives = 0;
    finish((c) / 2);
    release_island((c) / 2)
  :: else -> skip
  fi;
  release_context(c)
}

/* What a holder of both islands does, each at most once and in any order, until it has let go of them. CPU 0 alone activates. */
inline holder_step(activates) {
  atomic {
    if
    :: holding[0] -> which = 0
    :: holding[1] -> which = 1
    fi;
    if
    :: activates && !tried_start[which] -> tried_start[which] = 1; what = 1
    :: which == 0 && !tried_end[which] -> tried_end[which] = 1; what = 2
    :: what = 3; holding[which] = 0; tried_start[which] = 0; tried_end[which] = 0
    fi
  };
  if
  :: what == 1 -> activate(which)
  :: what == 2 -> printf("step retire %d\n", which); finish(which)
  :: what == 3 -> printf("step let_go %d\n", which); release_island(which)
  fi;
  atomic { which = 0; what = 0 }
}

proctype cpu0() {
  byte task, which, what, c, kind;
  bit ended, last, lives;
  bit holding[ISLANDS], tried_start[ISLANDS], tried_end[ISLANDS];
  end:
  do
  :: state[0] == none -> admit(0)
  :: state[0] != none && state[1] == none -> admit(1)
  :: holder_step(1)
  :: atomic {
      box0 ? kind, c ->
      if
      :: kind == STOP -> posted[c * 3 + STOP] = 0
      :: else -> ISLAND_LIVES(c); leave_posted[c] = 0
      fi
    };
    if
    :: kind == STOP -> end_island_of(c)
    :: kind == LEAVE -> leave(c); release_island(c)
    :: kind == GO -> leave(c); free_island(c)
    fi;
    atomic { c = 0; kind = 0 }
  od
}

proctype cpu2() {
  byte task, which, what;
  bit ended, last;
  bit holding[ISLANDS], tried_start[ISLANDS], tried_end[ISLANDS], taken;
  end:
  do
  :: atomic { state[0] != none && !taken -> taken = 1; holding[0] = 1 }
  :: holder_step(0)
  od
}

proctype cpu1() {
  byte c, kind;
  end:
  do
  :: atomic { box1 ? c, kind -> posted[c * 3 + kind] = 0; CONTEXT_LIVES(c) };
    if
    :: kind == ARM -> /* arm_here */
      atomic {
        if
        :: !stopped[c] || SEED == 4 ->
          printf("step released %d\n", c);
          assert(told_start[c] && !removed[c]); /* only active */
          assert(leased || SEED == 4);          /* leased */
          released[c] = 1
        :: else -> skip
        fi
      }
    :: else -> /* remove_here: stop_context */
      atomic { stopped[c] = 1; released[c] = 0; removed[c] = 1 }
    fi;
    release_context(c);
    c = 0;
    kind = 0
  :: atomic { /* a consequence: stop_context, stop_island_later, stop_islands */
      if
      :: released[0] -> c = 0
      :: released[1] -> c = 1
      :: released[2] -> c = 2
      fi;
      printf("step consequence %d\n", c);
      stopped[c] = 1;
      released[c] = 0;
      CONTEXT_LIVES(c);
      if
      :: SEED == 6 -> skip
      :: else -> references[c]++
      fi
    };
    atomic { assert(!posted[c * 3 + STOP]); posted[c * 3 + STOP] = 1 };
    box0 ! STOP, c;
    c = 0
  od
}

/* When everything is still. */
proctype observer() {
  byte i;
  timeout;
  atomic {
    do
    :: i < ISLANDS ->
      assert(state[i] == none || (freed[i] && holds[i] == 0));
      i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < CONTEXTS -> assert(references[i] == 0 && !released[i]); i++
    :: else -> break
    od;
    assert(!leased && !stands[0] && !stands[1] && share == 0 && !links_lock && len(box0) == 0 && len(box1) == 0) /* nothing left */
  }
}

init {
  atomic { run cpu0(); run cpu1(); run cpu2(); run observer() }
}
