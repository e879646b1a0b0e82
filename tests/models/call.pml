/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls, replies, donation, what is sent one way, death, timeout, stop and revocation on one CPU, as
 * kernel/ipc/endpoint.cpp and endpoint_revoke.cpp do them.
 *
 * An event kernel: each system call, kill, timeout or release is one step that nothing interrupts, so each is one
 * atomic transition here. Beside each inline stands the function whose statements it follows, in their order.
 *
 * Bounds: four threads and two endpoints. C1 and C2 are tasks with scheduling contexts: they call E0 and E1, and may
 * receive at E0; S receives at E0 and calls E1 in between; N receives at E1. One call at a time for each thread; every
 * order of calls, sends, replies, deaths, timeouts, releases, stops and revocations, without limit on their number. Any ready account may be
 * the one that runs: that covers every priority, spent budget and preemption.
 *
 * What is shown, in words (check() after every step):
 *   once        each call ends exactly once: by reply, `disconnected`, `timeout`, its caller's death or its stop; what is
 *               sent, when a server takes it or like a call
 *   called off  a thread that waits for no server has no limit running, and is not marked as one that sends
 *   one owner   an account belongs to exactly one thread, and that thread runs on it or keeps it while it serves
 *   not lost    whoever could run has an account in the scheduler's hands; an account is back with its thread when its
 *               call has ended
 *   not stuck   a waiting client waits for a server that lives and works for it, or queues where a server lives
 *   ceiling     an account's priority is its own, raised by the ceilings of the calls it is lent to, and no other
 *   current     what the scheduler picks belongs to a thread that runs on it
 *   no ghosts   nothing refers to a dead thread
 *
 * -DS_BOUND  the server S has a scheduling context of its own (a task that serves); without, best-effort time.
 * -DSEED=n   a mistake put into the kernel's steps, to show that the properties can fail:
 *   1 the reply leaves the account's priority at the ceiling         2 a dying server keeps its caller's account
 *   3 a dying server's queue is left waiting                          4 a dying caller is left in the server's hands
 *   5 the nested server is forgotten when the first caller dies       6 a timed-out call is answered by the reply too
 *   7 what the scheduler picks is not compared with what its thread runs on
 *   8 a withdrawn call's nested callers keep the priority noted for another account
 *   9 a stop of a server's own time withdraws the call that it makes on its caller's
 *  10 a server goes on with its own time though that was stopped
 *  11 a stopped server that is at work is left without time
 *  12 what is called off by a stop keeps its limit running
 *  13 a revocation forgets the servers that wait                    14 a revocation lets the call being served go on
 *  15 a server takes what was sent on its sender's account
 */

#ifndef SEED
#define SEED 0
#endif
#ifndef SENDERS
#define SENDERS 1 /* threads 0 to SENDERS - 1 send as well as call */
#endif
#ifdef S_BOUND
#define BOUND(t) ((t) <= 2)
#else
#define BOUND(t) ((t) < 2)
#endif

#define THREADS 4
#define ACCOUNTS 8 /* a thread's context has its number, its best-effort entity that plus THREADS */
#define ENDPOINTS 2
#define NONE 255
#define S 2
#define N 3

#define runnable 0
#define await_reply 1
#define await_server 2
#define await_call 3
#define dead 4

#define IS_CONTEXT(a) ((a) < THREADS)
#define HOME(a) ((a) % THREADS)
#define BASE(a) (1 + (a))          /* base priorities 1, 2, 3; only contexts have any */
#define CEILING(e) (5 + (e))
#define MAY_CALL(t, e) ((t) < 2 || ((t) != N && (e) == 1))
#define MAY_SERVE(t, e) ((e) == ((t) == N))

/* Thread (kernel/process/thread.hpp) */
byte state[THREADS];
byte account[THREADS];
byte server[THREADS];
byte caller[THREADS];
byte queued_at[THREADS];
byte serving[THREADS];
byte priority_at_call[THREADS];
bit one_way[THREADS];  /* direct_call.one_way */
bit limit[THREADS];    /* its timeout runs */
/* accounts: sched::Context or sched::FairEntity */
byte owner[ACCOUNTS];
bit ready[ACCOUNTS];
byte level[THREADS];   /* the effective priority */
bit stopped[THREADS];
/* Endpoint */
chan callers[ENDPOINTS] = [THREADS] of { byte };
chan servers[ENDPOINTS] = [THREADS] of { byte };
byte servers_count[ENDPOINTS];
bit closed[ENDPOINTS];
bit revoked[ENDPOINTS];
bit came[ENDPOINTS]; /* ghost: a server has received here */
/* ghosts */
bit open[THREADS];    /* a call of this thread has begun and not ended */

/* Locals of the inlines, zero between steps. (Not `hidden`: as indices they must be restored on backtracking.) */
byte c, s, w, n, own, lost, e2, i, j, p, r;

/* The caller learns how its call ended: user.set_result. */
inline ended(t) {
  assert(open[t]); /* once */
  open[t] = 0
}

/* endpoint.cpp: close */
inline close(t) {
  limit[t] = 0;
  one_way[t] = 0
}

/* kernel/core/account.hpp: give_account, make_ready, block, finishing_account */
inline give_account(a, t) {
  account[t] = a;
  owner[a] = t
}
inline make_ready(a) {
  if
  :: IS_CONTEXT(a) && stopped[a] -> skip
  :: else -> ready[a] = 1
  fi
}
inline block(a) {
  if
  :: a != NONE -> ready[a] = 0
  :: else -> skip
  fi
}
#define OWN(t) ((BOUND(t) && (!stopped[t] || SEED == 10)) -> (t) : (t) + THREADS)

/* endpoint.cpp: raise_to, lower_again */
inline raise_to(t, ceiling) {
  if
  :: IS_CONTEXT(account[t]) ->
    priority_at_call[t] = level[account[t]];
    if
    :: ceiling > level[account[t]] -> level[account[t]] = ceiling
    :: else -> skip
    fi
  :: else -> skip
  fi
}
inline lower_again(t) {
  if
  :: IS_CONTEXT(account[t]) -> level[account[t]] = priority_at_call[t]
  :: else -> skip
  fi
}

/* endpoint.cpp: take_account_back */
inline take_account_back(sv, cl) {
  close(cl);
  give_account(account[sv], cl);
  account[sv] = NONE;
  caller[sv] = NONE;
  server[cl] = NONE;
  state[cl] = runnable;
  if
  :: SEED == 1 -> skip
  :: else -> lower_again(cl)
  fi
}

/* wake.cpp: complete_call */
inline complete_call(t) {
  close(t);
  ended(t);
  state[t] = runnable;
  make_ready(account[t])
}

/* endpoint.cpp: Endpoint::deliver */
inline deliver(cl, sv, e) {
  give_account(account[cl], sv);
  raise_to(cl, CEILING(e));
  caller[sv] = cl;
  state[sv] = runnable;
  server[cl] = sv;
  queued_at[cl] = NONE;
  state[cl] = await_reply
}

/* endpoint.cpp: Endpoint::deliver_one_way */
inline deliver_one_way(sd, sv) {
  if
  :: SEED == 15 -> own = account[sd]
  :: else -> own = OWN(sv)
  fi;
  give_account(own, sv);
  state[sv] = runnable;
  make_ready(account[sv]);
  close(sd);
  queued_at[sd] = NONE;
  ended(sd);
  state[sd] = runnable
}

/* endpoint.cpp: Endpoint::call, Endpoint::send. The switch to the server needs no step: whoever owns the account runs. */
inline call(t, e, sends) {
  open[t] = 1;
  if
  :: closed[e] -> ended(t)
  :: else ->
    one_way[t] = sends;
    if
    :: len(servers[e]) > 0 ->
      servers[e] ? s;
      if
      :: sends -> deliver_one_way(t, s)
      :: else ->
        deliver(t, s, e);
        limit[t] = 1
      fi
    :: else ->
      limit[t] = 1;
      state[t] = await_server;
      queued_at[t] = e;
      callers[e] ! t;
      block(account[t])
    fi
  fi
}

/* endpoint.cpp: Endpoint::server_left */
inline server_left(t) {
  e2 = serving[t];
  if
  :: state[t] == await_call -> servers[e2] ?? eval(t)
  :: else -> skip
  fi;
  servers_count[e2]--;
  closed[e2] = (servers_count[e2] == 0);
  if
  :: SEED == 3 -> skip
  :: else ->
    do
    :: closed[e2] && len(callers[e2]) > 0 ->
      callers[e2] ? w;
      queued_at[w] = NONE;
      complete_call(w)
    :: else -> break
    od
  fi
}

/* endpoint.cpp: Endpoint::join; a server here serves one endpoint, so it leaves none */
inline join(t, e) {
  serving[t] = e;
  servers_count[e]++;
  closed[e] = 0;
  came[e] = 1
}

/* endpoint.cpp: Endpoint::reply_receive */
inline reply_receive(t, e) {
  c = caller[t];
  if
  :: c != NONE ->
    ended(c);
    take_account_back(t, c)
  :: else -> skip
  fi;
  if
  :: serving[t] != e -> join(t, e)
  :: else -> skip
  fi;
  if
  :: len(callers[e]) > 0 ->
    callers[e] ? n;
    if
    :: c == NONE -> block(account[t])
    :: else -> skip
    fi;
    make_ready(account[n]);
    account[t] = NONE;
    if
    :: one_way[n] -> deliver_one_way(n, t)
    :: else -> deliver(n, t, e)
    fi
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

/* endpoint.cpp: hand_on: whoever works for t, or t itself, goes on on account `own` */
inline hand_on(t) {
  w = t;
  do
  :: server[w] != NONE && SEED != 5 ->
    account[w] = own;
    if
    :: SEED == 8 -> skip
    :: else -> raise_to(w, CEILING(serving[server[w]]))
    fi;
    w = server[w]
  :: else -> break
  od;
  give_account(own, w);
  if
  :: state[w] == runnable -> make_ready(own)
  :: else -> skip
  fi
}

/* endpoint.cpp: withdraw_calls */
inline withdraw_calls(t) {
  if
  :: SEED == 12 -> skip
  :: else -> close(t)
  fi;
  if
  :: queued_at[t] != NONE -> /* Endpoint::forget_caller */
    callers[queued_at[t]] ?? eval(t);
    queued_at[t] = NONE
  :: else -> skip
  fi;
  if
  :: server[t] != NONE && SEED != 4 ->
    s = server[t];
    lost = account[t];
    block(lost);
    lower_again(t);
    if
    :: SEED == 6 -> skip
    :: else -> caller[s] = NONE
    fi;
    server[t] = NONE;
    own = OWN(s);
    hand_on(s);
    give_account(lost, t)
  :: else -> skip
  fi
}

/* endpoint.cpp: abandon_calls, then termination.cpp: end_thread */
inline end_thread(t) {
  withdraw_calls(t);
  c = caller[t];
  if
  :: c != NONE && SEED != 2 ->
    take_account_back(t, c);
    ended(c);
    make_ready(account[c])
  :: else -> skip
  fi;
  if
  :: serving[t] != NONE -> server_left(t)
  :: else -> skip
  fi;
  serving[t] = NONE;
  if
  :: BOUND(t) -> ready[t] = 0
  :: else -> skip
  fi;
  ready[t + THREADS] = 0;
  account[t] = NONE;
  state[t] = dead;
  open[t] = 0
}

/* job_trace.cpp: stop_context, the consequence of a miss or an overrun */
inline stop_context(t) {
  stopped[t] = 1;
  if
  :: (account[t] == t && serving[t] == NONE) || SEED == 9 ->
    withdraw_calls(t);
    if
    :: state[t] != runnable -> open[t] = 0 /* it ends without an answer: the thread runs no more */
    :: else -> skip
    fi
  :: account[t] == t && serving[t] != NONE && SEED != 9 && SEED != 11 ->
    own = t + THREADS;
    hand_on(t);
    owner[t] = t
  :: else -> skip
  fi;
  ready[t] = 0
}

/* endpoint_revoke.cpp: end_call_in_service */
inline end_call_in_service(t) {
  c = caller[t];
  if
  :: c != NONE && SEED != 14 ->
    withdraw_calls(c);
    complete_call(c)
  :: else -> skip
  fi
}

/* endpoint_revoke.cpp: Endpoint::revoke, end_all. Every capability to it is stale from now on. */
inline revoke(e) {
  revoked[e] = 1;
  r = 0;
  do
  :: r < THREADS ->
    if
    :: serving[r] == e && !(SEED == 13 && state[r] == await_call) ->
      end_call_in_service(r);
      server_left(r);
      serving[r] = NONE;
      if
      :: state[r] == await_call ->
        own = OWN(r);
        give_account(own, r);
        state[r] = runnable;
        make_ready(account[r])
      :: else -> skip
      fi
    :: else -> skip
    fi;
    r++
  :: else -> break
  od;
  closed[e] = 1;
  do /* disconnect_queue */
  :: len(callers[e]) > 0 ->
    callers[e] ? w;
    queued_at[w] = NONE;
    complete_call(w)
  :: else -> break
  od
}

/* The call's time is up: taken out of the queue or of the server's hands, and answered. */
inline expire(t) {
  withdraw_calls(t);
  complete_call(t)
}

/* The thread's timeout is due only while its call waits, if the kernel keeps its word. */
#define WAITS(t) (state[t] == await_server || state[t] == await_reply)

/* A task that was stopped and serves nobody: by the manifest's word it runs no more. */
#define HALTED(t) (BOUND(t) && stopped[t] && account[t] == (t) && serving[t] == NONE)

inline check() {
  d_step {
    i = 0;
    do
    :: i < THREADS ->
      assert(!limit[i] || (WAITS(i) && !HALTED(i))); /* called off */
      assert(!one_way[i] || state[i] == await_server);
      if
      :: HALTED(i) -> assert(!ready[i] && owner[i] == i)
      :: state[i] == runnable && !HALTED(i) ->
        assert(!open[i] && server[i] == NONE && queued_at[i] == NONE);
        assert(account[i] != NONE && owner[account[i]] == i);        /* one owner */
        assert(ready[account[i]]) /* not lost */
      :: state[i] == await_reply && !HALTED(i) ->
        assert(open[i]);
        assert(server[i] != NONE && state[server[i]] != dead && caller[server[i]] == i); /* not stuck */
        assert(account[server[i]] == account[i])
      :: state[i] == await_server && !HALTED(i) ->
        assert(open[i] && queued_at[i] != NONE && callers[queued_at[i]] ?? [eval(i)]);
        assert(!closed[queued_at[i]]);
        assert(servers_count[queued_at[i]] > 0 || !came[queued_at[i]]); /* not stuck */
        assert(owner[account[i]] == i && server[i] == NONE)
      :: state[i] == await_call ->
        assert(account[i] == NONE && caller[i] == NONE && !open[i]);
        assert(serving[i] != NONE && !revoked[serving[i]]); /* not stuck */
        assert(servers[serving[i]] ?? [eval(i)])
      :: state[i] == dead ->
        assert(!open[i] && account[i] == NONE);
        j = 0;
        do /* no ghosts */
        :: j < THREADS ->
          assert(server[j] != i && caller[j] != i);
          assert(j == i || !BOUND(j) || owner[j] != i);
          j++
        :: else -> break
        od;
        assert(!(callers[0] ?? [eval(i)]) && !(callers[1] ?? [eval(i)]));
        assert(!(servers[0] ?? [eval(i)]) && !(servers[1] ?? [eval(i)]))
      fi;
      if
      :: caller[i] != NONE -> assert(server[caller[i]] == i)
      :: else -> skip
      fi;
      if
      :: state[i] != dead && BOUND(i) && !stopped[i] ->
        /* one owner: lent along the chain, or kept by its thread while that serves */
        assert(account[owner[i]] == i || owner[i] == i);
        /* ceiling */
        p = BASE(i);
        j = i;
        do
        :: account[j] == i && server[j] != NONE ->
          if
          :: CEILING(serving[server[j]]) > p -> p = CEILING(serving[server[j]])
          :: else -> skip
          fi;
          j = server[j]
        :: else -> break
        od;
        assert(level[i] == p)
      :: else -> skip
      fi;
      i++
    :: else -> break
    od;
    c = 0; s = 0; w = 0; n = 0; own = 0; lost = 0; e2 = 0; i = 0; j = 0; p = 0; r = 0
  }
}

/* Does the scheduler pick account a, and does its owner run then? cpu.cpp: choose(). */
#define PICKED(t, a) (ready[a] && owner[a] == (t) && state[t] == runnable)
#define RUNS(t) (account[t] != NONE && PICKED(t, account[t]))

proctype thread(byte me) {
  end:
  do
  :: atomic { RUNS(me) && MAY_CALL(me, 0) -> printf("step call %d 0\n", me); call(me, 0, 0); check() }
  :: atomic { RUNS(me) && MAY_CALL(me, 1) -> printf("step call %d 1\n", me); call(me, 1, 0); check() }
  :: atomic { RUNS(me) && me < SENDERS && MAY_CALL(me, 0) -> printf("step send %d 0\n", me); call(me, 0, 1); check() }
  :: atomic { me == 0 && !revoked[0] -> printf("step revoke 0\n"); revoke(0); check() }
  :: atomic { RUNS(me) && MAY_SERVE(me, 0) && !revoked[0] -> printf("step receive %d 0\n", me); reply_receive(me, 0); check() }
  :: atomic { RUNS(me) && MAY_SERVE(me, 1) -> printf("step receive %d 1\n", me); reply_receive(me, 1); check() }
  :: atomic { state[me] != dead -> printf("step kill %d\n", me); end_thread(me); check(); break }
  :: atomic { limit[me] ->
       printf("step expire %d\n", me); expire(me); check() }
  :: atomic { BOUND(me) && state[me] != dead && !stopped[me] ->
       printf("step stop %d\n", me); stop_context(me); check() }
  :: /* a job that a consequence abandoned is followed by a release, whatever its thread does */
     atomic { BOUND(me) && state[me] != dead && !stopped[me] && !ready[me] ->
       printf("step release %d\n", me);
       ready[me] = 1;
       /* choose(): not what its owner runs on, or its owner waits: blocked again */
       if
       :: state[owner[me]] != runnable || (SEED != 7 && account[owner[me]] != me) -> ready[me] = 0
       :: else -> assert(account[owner[me]] == me) /* current */
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
      level[i] = BASE(i);
      account[i] = OWN(i);
      ready[OWN(i)] = 1;
      i++
    :: else -> break
    od;
    i = 0;
    run thread(0); run thread(1); run thread(2); run thread(3)
  }
}
