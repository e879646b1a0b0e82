/* SPDX-License-Identifier: Apache-2.0
 *
 * An island's life and its lease of a CPU, across CPUs: kernel/islands/island.cpp and lease.cpp, core/consequences.cpp
 * (stop_islands), core/cpu.cpp (post); as they were while an island had its CPUs alone (docs/caveats.md).
 *
 * Two islands want CPU 1, the first with two tasks, the second with one. CPU 0 admits them; CPU 0 holds a capability
 * of each and CPU 2 of the first, and they retire them and let go of them in any order; CPU 0 activates them as well. On CPU 1 a consequence may stop the island of any
 * task that is released. Each atomic access is a step of its own and the CPUs interleave freely; a CPU takes its mail between
 * kernel entries, oldest first, as the mailbox gives it. That mail arrives is wake.pml's matter.
 * Bounds: the numbers above; one activation and one retirement tried by each holder; memory sequentially consistent. The threads of
 * the tasks, the checking of certificates and slack are left out: a task is released or it is not.
 *
 *   once         an island ends once: its lease and its share of the CPU are given back once, whoever ends it
 *   one lease    a CPU is leased to one island that has not ended; who wants it meanwhile is refused
 *   in order     when a task is released for the first time, no task of an island that has ended is released there any more
 *   only active  a task is released only after its island was activated, and not after CPU 1 has removed it
 *   not after free  nobody touches an island or a context after its last reference is gone
 *   nothing left    when nobody holds an island and all mail has come, it is gone with its contexts, and the CPU is free
 *
 * -DSEED=n, a mistake put in: 1 the end looks at the state, and changes it later; 2 from a context to its island without the lock;
 * 3 an island that goes leaves its contexts' links; 4 the release does not look whether its context was stopped; 5 the CPU is given
 * back before its contexts are told; 6 mail does not hold its context; 7 activation does not compare what it changes; 8 admission
 * does not look at leases; 9 an island that goes keeps its lease.
 */
#ifndef SEED
#define SEED 0
#endif

#define ISLANDS 2
#define CONTEXTS 4 /* island * 2 + task */

#define TASKS(i) (2 - (i))

#define none 0
#define admitted 1
#define active 2
#define retired 3

#define ARM 0
#define REMOVE 1
#define STOP 2

/* Island */
byte state[ISLANDS];
byte holds[ISLANDS];   /* references */
bit freed[ISLANDS];
byte leases;           /* ghost: of islands that have not given it back; the lease itself is `leased` */
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
chan box0 = [4] of { byte };          /* contexts whose island is to be stopped */
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

inline give_back_lease(i) {
  atomic {
    assert(leased && leases > 0); /* once */
    leased = 0;
    leases--
  }
}
/* Island::end; `ended`: it was this one */
inline finish(i) {
  if
  :: SEED == 1 -> ISLAND_LIVES(i); ended = (state[i] != retired); state[i] = retired
  :: else -> atomic { ISLAND_LIVES(i); ended = (state[i] != retired); state[i] = retired }
  fi;
  if
  :: ended ->
    atomic { assert(!ended_once[i]); ended_once[i] = 1 }; /* once */
    if
    :: SEED == 5 -> give_back_lease(i)
    :: else -> skip
    fi;
    task = 0;
    do
    :: task < TASKS(i) ->
      atomic { CONTEXT_LIVES((i) * 2 + task); stopped[(i) * 2 + task] = 1 };
      mail_to((i) * 2 + task, REMOVE);
      task++
    :: else -> break
    od;
    task = 0;
    if
    :: SEED == 5 -> skip
    :: else -> give_back_lease(i)
    fi;
    atomic { ISLAND_LIVES(i); assert(share > 0); share-- } /* once */
  :: else -> skip
  fi
}

/* object.hpp: release; Island::destroy when it was the last */
inline release_island(i) {
  atomic { ISLAND_LIVES(i); holds[i]--; last = (holds[i] == 0) };
  if
  :: last ->
    last = 0;
    if
    :: SEED == 9 -> state[i] = retired
    :: else -> finish(i)
    fi;
    ended = 0;
    atomic { !links_lock -> links_lock = 1 };
    task = 0;
    do
    :: task < TASKS(i) ->
      if
      :: SEED == 3 -> skip
      :: else -> linked[(i) * 2 + task] = 0
      fi;
      task++
    :: else -> break
    od;
    links_lock = 0;
    atomic {
      freed[i] = 1;
      task = 0;
      do
      :: task < TASKS(i) -> CONTEXT_LIVES((i) * 2 + task); references[(i) * 2 + task]--; task++
      :: else -> break
      od;
      task = 0
    }
  :: else -> skip
  fi
}

/* IslandAuthorityService::admit, Island::create: on CPU 0 alone */
inline admit(i) {
  if
  :: leased && SEED != 8 -> printf("step refused %d\n", i)
  :: else ->
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
    atomic {
      assert(leases == 0); /* one lease */
      leased = 1;
      leases++
    };
    atomic { state[i] = admitted; holding[i] = 1 }
  fi
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
    ended = 0;
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
    :: !tried_end[which] -> tried_end[which] = 1; what = 2
    :: what = 3; holding[which] = 0; tried_start[which] = 0; tried_end[which] = 0
    fi
  };
  if
  :: what == 1 -> activate(which)
  :: what == 2 -> printf("step retire %d\n", which); finish(which); ended = 0
  :: what == 3 -> printf("step let_go %d\n", which); release_island(which)
  fi;
  atomic { which = 0; what = 0 }
}

proctype cpu0() {
  byte task, which, what, c, tries;
  bit ended, last, lives;
  bit holding[ISLANDS], tried_start[ISLANDS], tried_end[ISLANDS];
  end:
  do
  :: state[0] == none -> admit(0)
  :: state[0] != none && state[1] == none && tries < 2 -> tries++; admit(1)
  :: holder_step(1)
  :: atomic { box0 ? c -> posted[c * 3 + STOP] = 0 }; end_island_of(c); c = 0
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
  byte c, kind, other;
  end:
  do
  :: atomic { box1 ? c, kind -> posted[c * 3 + kind] = 0; CONTEXT_LIVES(c) };
    if
    :: kind == ARM -> /* arm_here */
      if
      :: !stopped[c] || SEED == 4 ->
        atomic {
          printf("step released %d\n", c);
          assert(told_start[c] && !removed[c]); /* only active */
          other = 0;
          do
          :: other < CONTEXTS -> assert(!released[other] || other / 2 == c / 2); other++ /* in order */
          :: else -> break
          od;
          other = 0;
          released[c] = 1
        }
      :: else -> skip
      fi
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
    box0 ! c;
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
    assert(!leased && leases == 0 && share == 0 && !links_lock && len(box0) == 0 && len(box1) == 0) /* nothing left */
  }
}

init {
  atomic { run cpu0(); run cpu1(); run cpu2(); run observer() }
}
