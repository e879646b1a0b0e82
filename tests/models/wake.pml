/* SPDX-License-Identifier: Apache-2.0
 *
 * Signal and wait across CPUs: kernel/ipc/notification.cpp, process/wait_slot.*, core/wake.cpp, core/mailbox.hpp.
 *
 * CPU 1 runs the waiting thread W: it waits WAITS times, and may be killed. CPUs 0 and 2 signal one bit each, SIGNALS
 * times, and CPU 2 may kill W. Each atomic instruction of the kernel is a step of its own and the CPUs interleave freely.
 * The kernel is not preemptible: on CPU 1 mail is delivered between system calls and while idle, never within.
 * Bounds: two signallers, the numbers below, one mailbox (CPU 1's), sequentially consistent memory (the code's orders
 * on the mailbox are weaker: acquire and release, one word).
 *
 *   no lost wake-up   W never stays blocked while bits are set and every signaller is done (checked where all is still)
 *   bits once         every bit that W gets was set since W last got it; all that were set are got, or still set
 *   reference once    a waiting slot's reference on W's process is given back exactly once; none is left in the end
 *   not after free    nobody touches W after its last reference is gone
 *   mail once         a mail is in at most one box at a time, and never posted while under way
 *
 * -DSEED=n, a mistake put in: 1 no second look at the bits after entering the slot; 2 the signaller takes the waiter
 * before it sets the bits; 3 a killed waiter's slot is not left; 4 leaving the slot keeps the reference; 5 a wake-up
 * does not look whether its thread has died; 6 only the first mail of a batch is delivered; 7 the interrupt is sent when
 * the box was not empty; 8 a second look finds bits, and they are taken though somebody else owns the wake-up.
 */
#ifndef SEED
#define SEED 0
#endif
#ifndef SIGNALS
#define SIGNALS 2
#endif
#define WAITS 2

#define runnable 0
#define await_signal 1
#define dead 2

#define WAKE 1
#define KILL 2
#define NO_MAIL 0

/* Notification */
byte bits;          /* one bit for each signaller */
bit waiter;         /* WaitSlot::waiter_: is W in the slot? */
/* Thread W and its process */
byte state = runnable;
byte references = 1; /* its own life's; given back by the reaper */
bit freed;
byte waits;          /* done so far */
/* CPU 1's mailbox: newest first, as the stack of mails */
byte box[2];         /* box[0] is the head */
bit posted[3];       /* by mail: WAKE, KILL */
bit interrupt;       /* pending on CPU 1 */
/* ghosts */
byte unseen;         /* bits set and not got yet */
byte got;
bit done0, done2;

#define ALIVE assert(!freed) /* not after free */
/* Whose step, and what it reaches: for the replay on the kernel (replay_wake.cpp). */
#define TELL(step) printf(step, _pid)

inline acquire() { ALIVE; references++ }
inline release() {
  atomic {
    ALIVE;
    assert(references > 0); /* reference once */
    references--;
    freed = (references == 0)
  }
}

/* mailbox.hpp: push, by compare-and-swap: atomic. cpu.cpp: post */
inline post(mail, ok) {
  atomic { /* posted.exchange */
    ALIVE;
    ok = !posted[mail];
    posted[mail] = 1;
    printf("step %d posted%d\n", _pid, mail)
  }
  if
  :: ok ->
    atomic { /* push: the compare-and-swap that succeeds */
      assert(box[0] != mail && box[1] != mail); /* mail once */
      was_empty = (box[0] == NO_MAIL);
      box[1] = box[0];
      box[0] = mail;
      TELL("step %d box\n")
    }
    if
    :: was_empty != (SEED == 7) -> interrupt = 1
    :: else -> skip
    fi
  :: else -> skip
  fi
}

/* notification.cpp: Notification::set */
inline set(bit_) {
  if
  :: SEED == 2 -> atomic { took = waiter; waiter = 0; TELL("step %d slot\n") }
  :: else -> skip
  fi;
  atomic { bits = bits | bit_; unseen = unseen | bit_; TELL("step %d bits\n") } /* fetch_or */
  if
  :: SEED == 2 -> skip
  :: else -> atomic { took = waiter; waiter = 0; TELL("step %d slot\n") } /* WaitSlot::take */
  fi;
  if
  :: took -> post(WAKE, sent); assert(sent) /* the reference goes with the mail */
  :: else -> skip
  fi
}

proctype signaller(byte bit_; byte times) {
  bit took, sent, was_empty;
  do
  :: atomic { times > 0 -> TELL("step %d signal\n") }; set(bit_); times--; took = 0; sent = 0; was_empty = 0
  :: times == 0 -> break
  od;
  if
  :: bit_ == 1 -> done0 = 1
  :: else ->
    if
    :: /* termination.cpp: kill, by one who holds a reference of its own (its ProcessHandle) */
      atomic { acquire(); TELL("step %d kill\n") };
      post(KILL, sent);
      if
      :: !sent -> release()
      :: else -> skip
      fi
    :: skip
    fi;
    release(); /* the handle */
    done2 = 1
  fi
}

/* Notification::take, with what the waiter learns */
inline take(into) {
  atomic {
    into = bits;
    bits = 0;
    assert((into & unseen) == into); /* bits once */
    unseen = unseen & ~into;
    TELL("step %d bits\n")
  }
}

/* wait_slot.cpp: leave */
inline leave_slot(left) {
  atomic { left = waiter; waiter = 0; TELL("step %d slot\n") }
  if
  :: left && SEED != 4 -> release()
  :: else -> skip
  fi
}

/* termination.cpp: end_thread, kill_here; then the reaper's reference */
inline end_thread() {
  if
  :: state == await_signal && SEED != 3 -> leave_slot(left)
  :: else -> skip
  fi;
  state = dead;
  release() /* process.end() hands it to the reaper, which lets go of it */
}

/* entry.cpp: on_mailbox; wake.cpp: deliver_signal; termination.cpp: kill_here */
inline on_mailbox() {
  atomic { /* take_all */
    interrupt = 0;
    TELL("step %d mail\n");
    TELL("step %d box\n");
    first = box[1];
    second = box[0];
    if
    :: first == NO_MAIL -> first = second; second = NO_MAIL
    :: else -> skip
    fi;
    box[0] = NO_MAIL;
    box[1] = NO_MAIL
  }
  do
  :: first != NO_MAIL ->
    atomic { ALIVE; posted[first] = 0; printf("step %d posted%d\n", _pid, first) };
    if
    :: first == WAKE ->
      if
      :: state == await_signal || SEED == 5 -> take(got); state = runnable; waits++
      :: else -> skip
      fi;
      release()
    :: first == KILL ->
      if
      :: state != dead -> end_thread()
      :: else -> skip
      fi;
      release()
    fi;
    first = second;
    second = NO_MAIL;
    if
    :: SEED == 6 -> first = NO_MAIL
    :: else -> skip
    fi
  :: else -> break
  od
}

/* notification.cpp: Notification::wait, by W */
inline wait() {
  atomic { true -> TELL("step %d wait\n"); take(got) };
  if
  :: got != 0 -> waits++
  :: else ->
    acquire(); /* WaitSlot::enter */
    atomic { assert(!waiter); waiter = 1; TELL("step %d slot\n") }
    atomic { looked = bits; TELL("step %d look\n") };
    if
    :: looked != 0 && SEED != 1 -> leave_slot(left)
    :: else -> left = 0
    fi;
    if
    :: left || (SEED == 8 && looked != 0) -> take(got); waits++
    :: else -> state = await_signal
    fi
  fi;
  looked = 0;
  left = 0
}

proctype cpu1() {
  byte first, second, looked;
  bit left;
  end:
  do
  :: interrupt -> on_mailbox()
  :: !interrupt && state == runnable && waits < WAITS -> wait()
  :: !interrupt && state == runnable && waits == WAITS -> TELL("step %d exit\n"); end_thread() /* exit() */
  :: /* all is still: nobody signals, no mail is under way */
     atomic { done0 && done2 && !interrupt && state != runnable ->
       assert(box[0] == NO_MAIL);                        /* mail once: none forgotten */
       assert(state != await_signal || bits == 0);       /* no lost wake-up */
       assert(unseen == bits);                           /* bits once */
       assert(state != await_signal || (waiter && references == 2)); /* reference once */
       assert(state != dead || (!waiter && references == 0));
       break }
  od
}

init {
  atomic {
    references = 2; /* its own and the killer's handle */
    run signaller(1, SIGNALS);
    run signaller(2, SIGNALS);
    run cpu1()
  }
}
