/* SPDX-License-Identifier: Apache-2.0
 *
 * Budgets, their refills, and who uses them: a context's time while it is lent through a chain of calls, as
 * sched/src/refill_list.cpp, context.cpp, cpu_scheduler.cpp and kernel/ipc/endpoint.cpp, core/consequences.cpp do it.
 *
 * Time is a number of ticks, from 0 to HORIZON. Between two ticks each kernel entry is one step. A tick is run by any account
 * that is ready, or by somebody else: that covers every priority and preemption. The timer may be late by one tick, not twice
 * running. Beside each inline stands the function whose statements it follows, in their order.
 *
 * Bounds: one CPU, three threads, two endpoints. C is a periodic task with context 0: it calls E0 and E1, waits for events, and for
 * its releases. S serves E0, calls E1, waits for events. N serves E1. One call at a time for each thread. Context 0 has BUDGET in
 * PERIOD, and may have REFILLS pieces. What follows from a spent budget is any of: it goes on with the refill, hold, a fallback
 * (its call is called off), stop. Deaths, limits and one revocation at any time. Times are whole ticks, a period is exact, jobs
 * have no deadlines, priorities and ceilings are left to call.pml, calls by ring to nobody.
 *
 * What is shown, in words:
 *   window      of what may be used from a time in any window of PERIOD on, at most BUDGET is used (decision 0004); and as long as
 *               nobody delayed the context, at most BUDGET is used in any window of PERIOD by the clock
 *   charged     each tick that anybody runs on a context is charged to it, whoever runs
 *   list        1 to REFILLS pieces, none empty, in order, BUDGET in sum, the last at most PERIOD after the first
 *   later       no part of the budget ever becomes usable earlier than it was
 *   spent       a context without usable budget does not run, but for one tick of a late timer
 *   least       a call that is delivered brings at least its endpoint's least budget
 *   one owner   an account belongs to one thread, which runs on it; it is back when its call has ended, however that ended
 *   once        each call ends once: who was told `timeout` is told nothing else
 *   replaced    a task that its fallback stands in for is not ready, whatever it waited for comes
 *   not lost    who could run has an account that is ready, or waits for its refill or its release
 *
 * -DALONE    C alone, for more time: the lists of refills
 * -DSEED=n   a mistake put into the kernel's steps, to show that the properties can fail:
 *   1 a job's release makes its budget usable at that time, though it comes later   2 a full list's tail returns when it did before
 *   3 activation takes pieces along that are not due                                4 what was used beyond the budget is forgiven
 *   5 a lent context is not charged           6 a release makes ready without budget
 *   7 a piece returns a period after it was used, not after it was usable           8 a call that was called off is answered by the reply too
 *   9 a call that is called off leaves its account with the server                 10 the least budget is compared with the whole budget
 *  11 who waits for a refill is made ready when its call ends                      12 a dying server keeps its caller's account
 *  13 a reply to a spent account makes that ready again                           14 who is replaced is made ready by what it waited for
 */
#ifndef SEED
#define SEED 0
#endif
#ifndef HORIZON
#define HORIZON 9
#endif
#ifndef REFILLS
#define REFILLS 2
#endif
#ifndef MIN_PIECE
#define MIN_PIECE 1 /* kMinBudget: a tail below it is not kept apart */
#endif
#ifndef PERIOD
#define PERIOD 3
#endif
#ifndef BUDGET
#define BUDGET 2
#endif
#define LEAST(e) ((e) == 0 -> BUDGET : 0)
#define TIMES (HORIZON + 2 * PERIOD)

#define THREADS 3
#define ENDPOINTS 2
#define NONE 255
#define C 0
#define S 1
#define N 2

#define runnable 0
#define await_reply 1
#define await_server 2
#define await_call 3
#define await_event 4
#define await_release 5
#define dead 6

#define blocked 0
#define ready 1
#define awaiting_release 2
#define awaiting_refill 3

#define IS_CONTEXT(a) ((a) < THREADS)
#define CONTEXTS 1 /* C's; servers have best-effort time */
#define BOUND(t) ((t) < CONTEXTS)

byte now;
bit was_late;   /* the last tick's events have not been looked at */
byte last = NONE; /* who ran the last tick */

/* Thread */
byte state[THREADS];
byte account[THREADS]; /* a context has its thread's number, a best-effort entity that plus THREADS */
byte server[THREADS];
byte caller[THREADS];
byte queued_at[THREADS];
byte serving[THREADS];
bit limit[THREADS];
bit open[THREADS]; /* ghost: a call of this thread has begun and not ended */
/* Endpoint */
chan callers[ENDPOINTS] = [THREADS] of { byte };
chan servers[ENDPOINTS] = [THREADS] of { byte };
bit closed[ENDPOINTS];
bit revoked;
/* accounts */
byte owner[THREADS + THREADS];
bit entity_ready[THREADS];
/* sched::Context; slot 0 is the head */
typedef List { byte time[REFILLS]; byte amount[REFILLS]; byte size }
List refills[CONTEXTS];
byte standing[CONTEXTS]; /* its state */
byte wake_at[CONTEXTS];  /* its place in the release queue */
bit wanted[CONTEXTS];    /* within a step: it is to be made ready */
bit stopped[CONTEXTS];
/* JobTracker: context 0's */
bit in_progress;
bit awaits_start;
byte next_release;
/* ghosts */
byte used[CONTEXTS * TIMES]; /* by the time from which on it was usable, as far as windows to come reach back */
bit ran[CONTEXTS * TIMES];   /* by the clock */
bit delayed[CONTEXTS];
bit touched[CONTEXTS];          /* within a step: the list has changed */
byte usable[CONTEXTS * TIMES]; /* what could be used up to each time, after the step before */

/* Locals of the inlines, zero between steps. */
byte c, s, w, n, own, lost, i, j, k, left, piece, returns, sum;

#define HEAD(x) refills[x].time[0]
#define USABLE(x) (HEAD(x) <= now)

/* ---- refill_list.cpp ---- */

inline pop_head(x) {
  k = 0;
  do
  :: k + 1 < refills[x].size ->
    refills[x].time[k] = refills[x].time[k + 1];
    refills[x].amount[k] = refills[x].amount[k + 1];
    k++
  :: else -> break
  od;
  refills[x].time[k] = 0;
  refills[x].amount[k] = 0;
  refills[x].size--
}

/* RefillList::activate, merge_due: what was usable before `at` is usable from `at` on, in one piece */
inline activate(x, at) {
  touched[x] = 1;
  if
  :: HEAD(x) > at && SEED != 1 -> skip
  :: else ->
    do
    :: refills[x].size > 1 && (refills[x].time[1] <= at || SEED == 3) ->
      piece = refills[x].amount[0];
      pop_head(x);
      refills[x].amount[0] = refills[x].amount[0] + piece
    :: else -> break
    od;
    HEAD(x) = at
  fi;
  piece = 0
}

/* RefillList::return_later */
inline return_later(x, keep_head) {
  if
  :: refills[x].size > keep_head &&
     (refills[x].time[refills[x].size - 1] == returns || refills[x].amount[refills[x].size - 1] < MIN_PIECE ||
      refills[x].size == REFILLS) ->
    if
    :: SEED == 2 -> skip
    :: else -> refills[x].time[refills[x].size - 1] = returns
    fi;
    refills[x].amount[refills[x].size - 1] = refills[x].amount[refills[x].size - 1] + 1
  :: else ->
    refills[x].time[refills[x].size] = returns;
    refills[x].amount[refills[x].size] = 1;
    refills[x].size++
  fi
}

/* RefillList::charge, of one tick: charge_pieces. Ghosts: the use is booked at the time from which on the piece was usable. */
inline charge(x) {
  touched[x] = 1;
  if
  :: SEED == 4 && !(HEAD(x) < now) -> skip
  :: else ->
    used[(x) * TIMES + HEAD(x)]++;
    returns = (SEED == 7 -> now : HEAD(x)) + PERIOD;
    refills[x].amount[0]--;
    if
    :: refills[x].amount[0] == 0 ->
      if
      :: refills[x].size == 1 -> refills[x].size = 0
      :: else -> pop_head(x)
      fi;
      return_later(x, 0)
    :: else -> return_later(x, 1)
    fi
  fi;
  returns = 0;
  k = 0
}

/* RefillList::gather */
inline gather(x) {
  touched[x] = 1;
  do
  :: refills[x].size > 1 && refills[x].amount[0] < BUDGET / 2 ->
    piece = refills[x].amount[0];
    pop_head(x);
    refills[x].amount[0] = refills[x].amount[0] + piece
  :: else -> break
  od;
  piece = 0;
  k = 0
}

/* Context::remaining */
inline remaining(x) {
  left = 0;
  k = 0;
  do
  :: k < refills[x].size && refills[x].time[k] <= now -> left = left + refills[x].amount[k]; k++
  :: else -> break
  od;
  k = 0;
  if
  :: SEED == 10 -> left = BUDGET
  :: else -> skip
  fi
}

/* ---- cpu_scheduler.cpp ---- */

inline await_refill(x) {
  gather(x);
  standing[x] = awaiting_refill;
  wake_at[x] = HEAD(x)
}
inline enqueue(x) {
  if
  :: USABLE(x) -> standing[x] = ready
  :: else -> await_refill(x)
  fi
}
inline leave_queues(x) {
  wanted[x] = 0;
  standing[x] = blocked;
  wake_at[x] = 0;
  if
  :: last == (x) -> last = NONE
  :: else -> skip
  fi
}
inline context_ready(x) { /* make_ready */
  if
  :: x == 0 && awaits_start && SEED != 14 -> skip /* ContextState::suspended */
  :: standing[x] == blocked && !(x == 0 && awaits_start && SEED != 14) ->
    activate(x, now);
    if
    :: USABLE(x) -> standing[x] = ready
    :: else -> await_refill(x)
    fi
  :: standing[x] == awaiting_refill && SEED == 11 -> leave_queues(x); standing[x] = ready
  :: else -> skip
  fi
}
/* release_job: job 0 of the backlog, usable from its scheduled time on. Whatever its thread does, choose() blocks what waits on. */
inline release_job() {
  in_progress = 1;
  activate(0, next_release);
  next_release = next_release + PERIOD;
  if
  :: SEED == 6 -> standing[0] = ready
  :: else -> enqueue(0)
  fi;
  if
  :: state[C] == await_release -> state[C] = runnable
  :: state[owner[0]] != runnable || account[owner[0]] != 0 -> leave_queues(0) /* kernel/core/cpu.cpp: still_waits */
  :: else -> skip
  fi
}
/* end_job; skips: releases that have passed are skipped (abandon_job, or the policy is not run_late) */
inline end_job(skips) {
  leave_queues(0);
  in_progress = 0;
  do
  :: skips && next_release <= now -> next_release = next_release + PERIOD
  :: else -> break
  od;
  if
  :: next_release > now ->
    standing[0] = awaiting_release;
    wake_at[0] = next_release
  :: else -> release_job()
  fi
}

/* ---- kernel/core/account.hpp ---- */

inline give_account(a, t) {
  account[t] = a;
  owner[a] = t
}
/* A context is made ready at the end of the step (settle): time stands still until then, and who blocks it later has the last
 * word, so that is the same. */
inline make_ready(a) {
  if
  :: IS_CONTEXT(a) -> wanted[a] = !stopped[a]
  :: else -> entity_ready[(a) - THREADS] = 1
  fi
}
inline block(a) {
  if
  :: (a) == NONE -> skip
  :: (a) != NONE && IS_CONTEXT(a) -> leave_queues(a)
  :: else ->
    entity_ready[(a) - THREADS] = 0;
    if
    :: last == (a) -> last = NONE
    :: else -> skip
    fi
  fi
}
#define FINISHING(t) ((BOUND(t) && !stopped[t]) -> (t) : (t) + THREADS)

/* ---- kernel/ipc/endpoint.cpp ---- */

inline ended(t) {
  assert(open[t]); /* once */
  open[t] = 0;
  limit[t] = 0
}
inline give_account_back(sv, cl) {
  give_account(account[sv], cl);
  account[sv] = NONE;
  caller[sv] = NONE;
  server[cl] = NONE;
  state[cl] = runnable;
  if
  :: SEED == 13 && IS_CONTEXT(account[cl]) && standing[account[cl]] == ready && !USABLE(account[cl]) ->
    last = NONE /* taken for one that has budget: nobody puts it off */
  :: else -> skip
  fi
}
inline complete_call(t) {
  ended(t);
  state[t] = runnable;
  make_ready(account[t])
}
inline deliver(cl, sv, e) {
  if
  :: IS_CONTEXT(account[cl]) && LEAST(e) > 0 ->
    sum = 0;
    k = 0;
    do
    :: k < refills[account[cl]].size && refills[account[cl]].time[k] <= now -> sum = sum + refills[account[cl]].amount[k]; k++
    :: else -> break
    od;
    assert(sum >= LEAST(e)); /* least */
    sum = 0;
    k = 0
  :: else -> skip
  fi;
  give_account(account[cl], sv);
  caller[sv] = cl;
  state[sv] = runnable;
  server[cl] = sv;
  queued_at[cl] = NONE;
  state[cl] = await_reply
}
inline call(t, e) {
  left = BUDGET;
  if
  :: IS_CONTEXT(account[t]) && LEAST(e) > 0 -> remaining(account[t])
  :: else -> skip
  fi;
  if
  :: closed[e] || left < LEAST(e) -> skip /* disconnected, budget_too_small */
  :: else ->
    open[t] = 1;
    limit[t] = 1;
    if
    :: len(servers[e]) > 0 ->
      servers[e] ? s;
      deliver(t, s, e)
    :: else ->
      state[t] = await_server;
      queued_at[t] = e;
      callers[e] ! t;
      block(account[t])
    fi
  fi;
  left = 0
}
inline reply_receive(t, e) {
  c = caller[t];
  if
  :: c != NONE ->
    ended(c);
    give_account_back(t, c)
  :: else -> skip
  fi;
  serving[t] = e;
  closed[e] = 0;
  if
  :: len(callers[e]) > 0 ->
    callers[e] ? n;
    if
    :: c == NONE -> block(account[t])
    :: else -> skip
    fi;
    account[t] = NONE;
    make_ready(account[n]);
    deliver(n, t, e)
  :: else ->
    state[t] = await_call;
    servers[e] ! t;
    if
    :: c == NONE ->
      block(account[t]);
      account[t] = NONE
    :: else -> skip
    fi
  fi
}
inline hand_on(t) { /* `own` to whoever works for t */
  w = t;
  do
  :: server[w] != NONE ->
    account[w] = own;
    w = server[w]
  :: else -> break
  od;
  give_account(own, w);
  if
  :: state[w] == runnable -> make_ready(own)
  :: else -> skip
  fi
}
inline withdraw_calls(t) {
  limit[t] = 0;
  if
  :: queued_at[t] != NONE ->
    callers[queued_at[t]] ?? eval(t);
    queued_at[t] = NONE
  :: else -> skip
  fi;
  if
  :: server[t] != NONE ->
    s = server[t];
    lost = account[t];
    block(lost);
    if
    :: SEED == 8 -> skip
    :: else -> caller[s] = NONE
    fi;
    server[t] = NONE;
    if
    :: SEED == 9 -> own = lost
    :: else -> own = FINISHING(s)
    fi;
    hand_on(s);
    if
    :: SEED == 9 -> account[t] = lost
    :: else -> give_account(lost, t)
    fi
  :: else -> skip
  fi
}
inline call_off(t) {
  withdraw_calls(t);
  complete_call(t)
}
inline server_left(t) {
  if
  :: state[t] == await_call -> servers[serving[t]] ?? eval(t)
  :: else -> skip
  fi;
  closed[serving[t]] = 1;
  do
  :: len(callers[serving[t]]) > 0 ->
    callers[serving[t]] ? w;
    queued_at[w] = NONE;
    complete_call(w)
  :: else -> break
  od
}
/* abandon_calls, termination.cpp: end_thread, give_up_context */
inline end_thread(t) {
  withdraw_calls(t);
  c = caller[t];
  if
  :: c != NONE && SEED != 12 ->
    give_account_back(t, c);
    complete_call(c)
  :: else -> skip
  fi;
  if
  :: serving[t] != NONE -> server_left(t)
  :: else -> skip
  fi;
  serving[t] = NONE;
  if
  :: BOUND(t) -> leave_queues(t)
  :: else -> skip
  fi;
  block(t + THREADS);
  account[t] = NONE;
  state[t] = dead;
  open[t] = 0;
  if
  :: t == C -> in_progress = 0; awaits_start = 0; next_release = 0
  :: else -> skip
  fi
}
/* endpoint_revoke.cpp: of E0, which S alone serves */
inline revoke() {
  revoked = 1;
  if
  :: serving[S] == 0 ->
    c = caller[S];
    if
    :: c != NONE ->
      withdraw_calls(c);
      complete_call(c)
    :: else -> skip
    fi;
    server_left(S);
    serving[S] = NONE;
    if
    :: state[S] == await_call ->
      own = FINISHING(S);
      give_account(own, S);
      state[S] = runnable;
      make_ready(own)
    :: else -> skip
    fi
  :: else -> closed[0] = 1
  fi
}

/* ---- core/consequences.cpp ---- */

inline stop_context(x) {
  stopped[x] = 1;
  if
  :: account[x] == (x) && serving[x] == NONE ->
    withdraw_calls(x);
    open[x] = 0 /* it runs no more */
  :: account[x] == (x) && serving[x] != NONE ->
    own = (x) + THREADS;
    hand_on(x);
    owner[x] = x
  :: else -> skip
  fi;
  leave_queues(x)
}
/* suspend: its call is called off, its job ended; a fallback runs instead. Its own releases come back later: resume_jobs. */
inline fall_back() {
  if
  :: account[C] == 0 && (state[C] == await_reply || state[C] == await_server) -> call_off(C)
  :: else -> skip
  fi;
  leave_queues(0);
  in_progress = 0;
  awaits_start = 1
}
/* resume_jobs */
inline resume_jobs() {
  leave_queues(0);
  do
  :: next_release <= now -> next_release = next_release + PERIOD
  :: else -> break
  od;
  standing[0] = awaiting_release;
  wake_at[0] = next_release
}
/* carry_out: what follows from a spent budget or a missed deadline, once or repeated */
inline consequence() {
  if
  :: printf("step goes_on 0\n")
  :: printf("step hold 0\n"); end_job(1)
  :: printf("step fall_back 0\n"); fall_back()
  :: printf("step stop 0\n"); stop_context(0)
  fi
}
/* What the timer is for: a spent budget, or the head of the release queue. */
#define SPENT(x) (standing[x] == ready && !USABLE(x))
#define DUE(x) ((standing[x] == awaiting_release || standing[x] == awaiting_refill) && wake_at[x] <= now)
#define ANYTHING_DUE (SPENT(0) || DUE(0))
/* SEED 13: nobody looks at it again */
#define NOTICED(x) (SPENT(x) && (SEED != 13 || last == (x)))

#define HALTED(t) (BOUND(t) && stopped[t] && account[t] == (t) && serving[t] == NONE)

/* After every step. */
inline check_context(x) {
  if
  :: wanted[x] -> wanted[x] = 0; context_ready(x)
  :: else -> skip
  fi;
  assert(refills[x].size >= 1 && refills[x].size <= REFILLS); /* list */
  sum = 0;
  k = 0;
  do
  :: k < refills[x].size ->
    assert(refills[x].amount[k] > 0 && (k == 0 || refills[x].time[k] >= refills[x].time[k - 1]));
    sum = sum + refills[x].amount[k];
    k++
  :: else -> break
  od;
  assert(sum == BUDGET && refills[x].time[refills[x].size - 1] <= HEAD(x) + PERIOD);
  if
  :: touched[x] ->
    touched[x] = 0;
    j = 0;
    do /* ghosts: uses that no window to come can hold together with a new one are forgotten, and what was usable in the past */
    :: j < now || j + PERIOD <= HEAD(x) ->
      if
      :: j + PERIOD <= HEAD(x) -> used[x * TIMES + j] = 0
      :: else -> skip
      fi;
      if
      :: j < now -> usable[x * TIMES + j] = 0
      :: else -> skip
      fi;
      j++
    :: else -> break
    od;
    j = now;
    do
    :: j < now + 2 * PERIOD ->
      piece = 0;
      k = 0;
      do
      :: k < refills[x].size -> piece = piece + (refills[x].time[k] <= j -> refills[x].amount[k] : 0); k++
      :: else -> break
      od;
      assert(piece <= usable[x * TIMES + j]); /* later */
      usable[x * TIMES + j] = piece;
      j++
    :: else -> break
    od
  :: else -> skip
  fi;
  assert(standing[x] != ready || USABLE(x) || last == x); /* spent */
  assert((standing[x] == awaiting_release || standing[x] == awaiting_refill) == (wake_at[x] != 0))
}
inline check() {
  d_step {
    i = 0;
    do
    :: i < CONTEXTS -> check_context(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < THREADS ->
      assert(!limit[i] || state[i] == await_reply || state[i] == await_server);
      if
      :: HALTED(i) -> assert(standing[i] == blocked && owner[i] == i)
      :: state[i] == dead -> assert(!open[i] && account[i] == NONE)
      :: state[i] == await_call -> assert(account[i] == NONE && caller[i] == NONE && !open[i])
      :: state[i] == await_reply && !HALTED(i) ->
        assert(open[i] && server[i] != NONE && state[server[i]] != dead && caller[server[i]] == i);
        assert(account[server[i]] == account[i]) /* one owner */
      :: (state[i] == await_server || state[i] == await_event || state[i] == await_release) && !HALTED(i) ->
        assert(server[i] == NONE && open[i] == (state[i] == await_server));
        assert(owner[account[i]] == i)
      :: state[i] == runnable && !HALTED(i) ->
        assert(!open[i] && server[i] == NONE && queued_at[i] == NONE);
        assert(account[i] != NONE && owner[account[i]] == i); /* one owner */
        if /* not lost */
        :: IS_CONTEXT(account[i]) -> assert(standing[account[i]] != blocked || (account[i] == 0 && awaits_start))
        :: else -> assert(entity_ready[account[i] - THREADS])
        fi
      fi;
      assert(caller[i] == NONE || server[caller[i]] == i);
      assert(!awaits_start || standing[0] == blocked); /* replaced */
      i++
    :: else -> break
    od;
    c = 0; s = 0; w = 0; n = 0; own = 0; lost = 0; i = 0; j = 0; k = 0; left = 0; piece = 0; returns = 0; sum = 0
  }
}

/* Does the scheduler pick the thread's account, and may it run until the timer comes? */
#define RUNS(t) (state[t] == runnable && account[t] != NONE && owner[account[t]] == (t) && \
  (IS_CONTEXT(account[t]) -> standing[account[t]] == ready && (USABLE(account[t]) || last == account[t] || SEED == 13) \
                           : entity_ready[account[t] - THREADS]))
#define MAY_CALL(t, e) ((t) == C || ((t) == S && (e) == 1))
#define MAY_SERVE(t, e) (((t) == S && (e) == 0 && !revoked) || ((t) == N && (e) == 1))

/* After a tick of context x. */
inline check_windows(x) {
  j = 0;
  do
  :: j < TIMES - PERIOD ->
    sum = 0;
    left = 0;
    k = 0;
    do
    :: k < PERIOD -> sum = sum + used[x * TIMES + j + k]; left = left + ran[x * TIMES + j + k]; k++
    :: else -> break
    od;
    assert(sum <= BUDGET && left <= BUDGET); /* window */
    if
    :: j + PERIOD <= now -> ran[x * TIMES + j] = 0
    :: else -> skip
    fi;
    j++
  :: else -> break
  od
}
/* Runs context x, or nobody of interest (NONE), to the next tick. */
inline booked(x) {
  sum = 0;
  k = 0;
  do
  :: k < TIMES -> sum = sum + used[(x) * TIMES + k]; k++
  :: else -> break
  od;
  k = 0
}
inline run_tick(x) {
  i = 0;
  do
  :: i < CONTEXTS -> /* by others, or by the timer, whose lateness is paid for later */
    if
    :: DUE(i) || SPENT(i) || (standing[i] == ready && i != x) ->
      delayed[i] = 1;
      k = 0;
      do
      :: k < TIMES -> ran[i * TIMES + k] = 0; k++
      :: else -> break
      od;
      k = 0
    :: else -> skip
    fi;
    i++
  :: else -> break
  od;
  i = 0;
  now++;
  last = x;
  if
  :: x != NONE ->
    ran[x * TIMES + now - 1] = !delayed[x];
    booked(x);
    left = sum;
    if
    :: SEED == 5 && owner[x] != x -> skip
    :: else -> charge(x)
    fi;
    booked(x);
    assert(sum == left + 1); /* charged */
    check_windows(x)
  :: else -> skip
  fi
}
#define GOES(x) (standing[x] == ready && (last == (x) || !SPENT(x) || SEED == 13))

/* One step: of a thread's system call, of others about it, of the clock, or of the timer. With something due time goes on by one
 * tick at most, and who runs goes on. */
proctype machine() {
  byte me;
  end: next:
  do
  :: atomic {
    if
    :: me = 0
    :: me = 1
    :: me = 2
    fi;
    if
    :: RUNS(me) && MAY_CALL(me, 0) -> printf("step call %d 0\n", me); call(me, 0)
    :: RUNS(me) && MAY_CALL(me, 1) -> printf("step call %d 1\n", me); call(me, 1)
    :: RUNS(me) && MAY_SERVE(me, (me == N)) -> printf("step receive %d %d\n", me, me == N); reply_receive(me, (me == N))
    :: RUNS(me) && me != N -> printf("step wait %d\n", me); state[me] = await_event; block(account[me])
    :: state[me] == await_event && !HALTED(me) -> printf("step wake %d\n", me); state[me] = runnable; make_ready(account[me])
    :: me == C && RUNS(C) && account[C] == 0 && !awaits_start ->
      printf("step next_release\n");
      state[C] = await_release;
      if
      :: piece = 0
      :: piece = 1
      fi;
      end_job(piece)
    :: me == C && awaits_start && state[C] != dead && !stopped[0] ->
      printf("step return_back\n");
      awaits_start = 0;
      resume_jobs()
    :: me == C && in_progress && !stopped[0] -> printf("step late 0\n"); consequence()
    :: limit[me] -> printf("step expire %d\n", me); call_off(me)
    :: me == C && !revoked -> printf("step revoke 0\n"); revoke()
    :: state[me] != dead -> printf("step kill %d\n", me); end_thread(me)
    :: else -> me = 0; goto next
    fi;
    me = 0;
    check() }
  :: atomic { now < HORIZON && (!ANYTHING_DUE || !was_late) ->
    was_late = ANYTHING_DUE;
    if
    :: GOES(0) && (!was_late || last == 0) -> me = 0
    :: !was_late || last == NONE -> me = NONE
    :: else -> me = 0; assert(0)
    fi;
    printf("step tick %d\n", me);
    run_tick(me);
    me = 0;
    check() }
  :: atomic { ANYTHING_DUE ->
    was_late = 0;
    if
    :: NOTICED(0) -> /* take_spent, note_overrun */
      printf("step spent 0\n");
      leave_queues(0);
      await_refill(0);
      if
      :: in_progress -> consequence()
      :: else -> skip
      fi
    :: DUE(0) ->
      printf("step due 0\n");
      if
      :: standing[0] == awaiting_refill -> leave_queues(0); enqueue(0)
      :: else -> leave_queues(0); release_job()
      fi
    :: else -> skip
    fi;
    check() }
  od
}

init {
  atomic {
    i = 0;
    do
    :: i < THREADS ->
      state[i] = runnable;
      server[i] = NONE;
      caller[i] = NONE;
      queued_at[i] = NONE;
      serving[i] = NONE;
      owner[i] = i;
      owner[i + THREADS] = i;
      if
      :: BOUND(i) ->
        account[i] = i;
        standing[i] = ready;
        refills[i].size = 1;
        refills[i].amount[0] = BUDGET;
        k = 0;
        do
        :: k < TIMES -> usable[i * TIMES + k] = BUDGET; k++
        :: else -> break
        od;
        k = 0
      :: else ->
        account[i] = i + THREADS;
        entity_ready[i] = 1
      fi;
      i++
    :: else -> break
    od;
#ifdef ALONE
    state[S] = dead;
    account[S] = NONE;
    state[N] = dead;
    account[N] = NONE;
    entity_ready[S] = 0;
    entity_ready[N] = 0;
    closed[0] = 1;
    closed[1] = 1;
    revoked = 1;
#endif
    in_progress = 1;
    next_release = PERIOD;
    i = 0;
    run machine()
  }
}
