/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring in a shared buffer, with sides that sleep: runtime/shared-buffer (producer.hpp: push, prepare_sleep; consumer.hpp: pop,
 * prepare_sleep; layout.hpp: publish), on processors that let a load pass the stores before it.
 *
 * Memory as x86 has it (P. Sewell and others, "x86-TSO", 2010): each CPU has a queue of stores that have not reached memory. A
 * load finds the newest store of its own CPU's queue to that word, else memory's value. The queue's oldest store reaches memory
 * at any time; a fence waits until the queue is empty. -DONE_CPU: both sides run on one CPU, so that there is one queue, and a
 * load by either finds what either has stored (a switch between the two changes nothing: the queue stays the CPU's).
 *
 * Bounds: one place in the ring, N elements, queues of DEEP stores. A side that finds the ring full or empty says that it sleeps,
 * looks again, and waits for a bit that the other side sets: as with a Notification, a bit set before the wait ends it.
 *
 *   no loss   no side waits for ever: every element arrives (no invalid end state)
 *   order     each element is taken once, whole and in order
 *
 * A fence after each publication, unless ONE_CPU. -DSEED=n, a mistake put in: 1 none after the producer's; 2 none after the
 * consumer's; 3 a side that sleeps does not look again; 4 the index is published before the element.
 */
#ifndef SEED
#define SEED 0
#endif
#define N 3
#define DEEP 3

mtype = { head_word, tail_word, slot_word, consumer_asleep, producer_asleep };
#define WORDS 6

byte memory[WORDS];
chan queue[2] = [DEEP] of { mtype, byte };
bit woken[2]; /* by side: the bits that it waits for */

#ifdef ONE_CPU
#define CPU(side) 0
#else
#define CPU(side) side
#endif
#define PRODUCER 0
#define CONSUMER 1

/* The newest of the CPU's own, else memory's: the queue is turned around once. */
inline load(side, word, into) {
  d_step {
    into = memory[word];
    n = len(queue[CPU(side)]);
    do
    :: n > 0 ->
      queue[CPU(side)] ? w, v;
      if
      :: w == word -> into = v
      :: else -> skip
      fi;
      queue[CPU(side)] ! w, v;
      n--
    :: else -> break
    od;
    n = 0; w = 0; v = 0
  }
}
inline store(side, word, value) { queue[CPU(side)] ! word, value }
inline fence(side) { empty(queue[CPU(side)]) }

active [2] proctype store_queue() {
  mtype w;
  byte v;
  end:
  do
  :: d_step { queue[_pid] ? w, v -> memory[w] = v; w = 0; v = 0 }
  od
}

/* layout.hpp: publish */
inline publish(side, word, value, seed) {
  store(side, word, value);
#ifndef ONE_CPU
  if
  :: SEED == seed -> skip
  :: else -> fence(side)
  fi
#endif
}

/* wake_if_asleep, publish_tail: and the caller's signal. A system call is a fence. */
inline wake(side, word, other) {
  load(side, word, seen);
  if
  :: seen != 0 ->
    store(side, word, 0);
    fence(side);
    woken[other] = 1
  :: else -> skip
  fi
}

/* prepare_sleep(), the wait, finish_sleep(): `still` says whether there is nothing yet. */
inline sleep(side, word, index, still) {
  store(side, word, 1);
  fence(side);
  if
  :: SEED == 3 -> skip
  :: else -> load(side, index, seen)
  fi;
  if
  :: still -> atomic { woken[side] -> woken[side] = 0 } /* Notification.wait; the wait is a fence, too */
  :: else -> skip
  fi;
  store(side, word, 0)
}

active proctype producer() {
  byte head, seen, n, v;
  mtype w;
  do
  :: head < N ->
    load(PRODUCER, tail_word, seen);
    if
    :: head - seen == 1 -> sleep(PRODUCER, producer_asleep, tail_word, (head - seen == 1))
    :: else ->
      if
      :: SEED == 4 -> publish(PRODUCER, head_word, head + 1, 1); store(PRODUCER, slot_word, head + 1)
      :: else -> store(PRODUCER, slot_word, head + 1); publish(PRODUCER, head_word, head + 1, 1)
      fi;
      head++;
      wake(PRODUCER, consumer_asleep, CONSUMER)
    fi
  :: else -> break
  od
}

active proctype consumer() {
  byte tail, seen, n, v;
  mtype w;
  do
  :: tail < N ->
    load(CONSUMER, head_word, seen);
    if
    :: seen == tail -> sleep(CONSUMER, consumer_asleep, head_word, (seen == tail))
    :: else ->
      load(CONSUMER, slot_word, seen);
      assert(seen == tail + 1); /* order */
      tail++;
      publish(CONSUMER, tail_word, tail, 2);
      wake(CONSUMER, producer_asleep, PRODUCER)
    fi
  :: else -> break
  od
}
