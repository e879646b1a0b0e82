// SPDX-License-Identifier: Apache-2.0
// What a child does, by the number it is started with: role in bits 0-7, its argument in bits 8-31.
#pragma once

#include <cstdint>

namespace conformance {

enum class Role : std::uint8_t {
  exit_with,       // argument: exit code
  spender,         // takes what argument (Spending) says until refused; exits with how often it got it
  until_refused,   // signals "event" until that is refused; exits with the transport error
  session_number,  // exits with the number of its session; 0: none, 200: it has ended
  spawn_in_turn,   // has "spawner" start a session_number; exits with its exit code
  // Devices.
  driver = 100,    // binds "irq" to "event", counts in word 0 of "out"; argument 0: acknowledges
  timer_user,      // tries "event-timer"'s methods; exits with the detail that all were refused with
  buffer_producer,  // offers 1 to argument through "producer", then ends without a word
  buffer_consumer,  // adds up in "out" what comes through "consumer"; exits with 10 + the peer's state when it is over
  foreign_end,      // maps "end", which another has claimed; exits with 100 + the detail
  narrow_signaller,  // signals argument's bits on "event", which it may only signal; exits with 0
  fault,           // argument: Fault
  compute,         // for ever; counts in word 0 of "out"
  sleeper,         // sleeps for argument ms, then exits with 7
  sleeper_loop,    // sleeps 1 ms at a time for ever; counts in word 0 of "out"
  waiter,          // waits on "event"; exits with the bits
  signaller,       // signals argument's bits on "event", exits with 0
  wait_loop,       // waits on "event" for ever, counts in word 0, bits in word 1 of "out"
  server,          // serves "serve"; Method says how
  client,          // calls "service" with method = argument and words 5, 6; exits with result_code
  client_loop,     // the same for ever; counts good answers in word 0 of "out"
  vectors,         // fills vector registers with a pattern of argument, checks them for 20 ms; exits with 0
  periodic,        // argument jobs, recorded in "out" (Record); then waits for ever
  periodic_sleep,  // sleepUntil on a scheduling context: exits with the exception word
  hog,             // after its first release computes for ever; intervals on the CPU in "out" (Hog)
  overrun_once,    // job argument does not end for two periods; records as periodic
  wait_in_job,     // its first job waits on "event", after that as periodic
  crash_in_job,    // as periodic, but job argument faults
  stand_by,        // stands by for "stands", then as periodic on that; becomes ready when it stands by
  caller_job,  // each job calls "service" with method = argument; word 0 counts answers, word 1 last status, word 2 the ns
               // from its release to the answer, word 3 the most of those, word 4 releases skipped
  call_then_compute,  // as caller_job, and computes as long again after each answer
  foreign_map,        // maps through "victim", another's VirtualMemory; exits with the exception word
  quota,              // allocates frames until refused: exits with the pages it got
  sleep_raw,          // once word 0 of "out" is set: sleepUntil(word 1), having set word 2
  fill_table,      // makes capabilities on "serve" until refused: exits with 0 if that is for want of slots
  ring_abuse,      // blocking operations by ring; argument says which; exits with 0
  process_waiter,  // waits for "process"; exits with its code
  told_client,     // once word 0 of "out" is set: sets word 2, calls "service" with words 1 and 3; exits with
                   // result_code
  threads,         // has threads; argument: ThreadPlay
  thread_waiter,   // waits for "thread"; exits with its code
  thread_killer,   // kills "thread", exits with 0
  supervisor,      // serves faults on "serve", counts them in word 0 of "out"; argument: the FaultAction, 99: none at all
  park_shared,     // parks at offset argument of "space" while 0; exits with the negated status
  ring_server,     // serves "serve" through its ring; RingMethod says how
  ring_caller,     // a ring's CALL of "service" with method = argument and words 5, 6; exits with result_code
  message_service, // serves "serve" by serve_messages; argument 0: a Console, 1: TraceRings that give "out", 2: an Echo
  ring_gates,      // as many ring CALLs of "service", method gate, as the argument says; waits for all answers
  ring_pool,       // argument 0: all operations of a ring; 1: waits for two completions, of which "event" is one
  leased_waiter,   // waits in a way that others end, argument (LeasedWait); exits with the negated status
  ring_limits,     // a ring CALL of "service", method gate, with a limit of an hour; waits
  ring_parker,     // a PARK at offset argument of "space" while 0: exits with its negated result; argument 1: PARKs on a word of its
                   // own, 2: on one of "space", until refused as busy; exits with how many there are then
  ring_waker,      // UNPARKs the offset argument of "space" until one was woken, exits with 1; argument odd: the one below, for ever
  ring_wake_thread,  // calls wakeRing on "thread"; exits with the detail of the refusal, 0 if there is none
  polled_task,     // jobs, each submits four POSTs to a poller on the context "poller" and reaps; jobs, completions, those out of
                   // order, and ns that the poller spent in words 0 to 3 of "out"
  worker,          // as periodic, 40 jobs, each of which computes for argument us
  crowd,           // its threads do the jobs of the contexts "task.0" to argument - 1; "out" counts threads and jobs
  sender,          // sends Method::note with argument to "service": exits with 0 or result_code
  flooder,         // calls "service" with methods that it knows and others, by registers and by ring, and sends to it, for ever;
                   // word 0 of "out" counts tries, word 1 those that were not refused with wrongCpu or budgetRequired
};
// What a child with threads does.
enum class ThreadPlay : std::uint8_t {
  main_leaves,     // its first thread ends with 3, its second 2 ms later with 9
  worker_exits,    // its second thread ends the process with 12
  worker_faults,   // its second thread has an invalid instruction
  every_state,     // threads in every state, one with a fault; word 0 of "out" counts those that are there
  fill,            // makes threads until refused: exits with 100 * KernelError + threads made
  bare_fs,         // beside a thread with an FS base, one without reads at FS:0
  self_supervised, // serves "serve" for its own second thread's fault, and faults over that
  lend_thread,     // serves TraceRings on "serve": what open() gives is its second thread, asleep
  passive,         // tries a best-effort thread and a passive one; exits with 0 if only the second is allowed
  park_many,       // threads park at offset 0 of "space", counted in word 1 of "out"; exits with their number when one is
                   // refused as busy, otherwise stays
};
inline constexpr std::uint32_t kRoleBits = 8;

// What a waiter waits in.
enum class LeasedWait : std::uint8_t { notification, process, park, park_timed, ring_notify, ring_park, all_by_ring };

enum class Spending : std::uint8_t { notifications, endpoints, copies, log_lines };
inline constexpr std::uint64_t kLogLine = 16;  // bytes

enum class Fault : std::uint8_t {
  read_unmapped,
  write_unmapped,
  execute_unmapped,
  read_kernel,
  write_kernel,
  execute_data,
  write_text,
  write_constant,
  write_capset,
  invalid_opcode,
  privileged,
  port,
  divide,
  non_canonical,
  stack_overflow,
  breakpoint,
  overflow_trap,
  x87,
  alignment_fault,
  cpuid_like_rdmsr,
  count,
};
inline constexpr std::uint64_t kUnmapped = 0x2000'0000'0000;
inline constexpr std::uint64_t kKernelAddress = 0xffff'8000'0000'0000;

// What the server does with a call; words 0, 1 are the parameters.
enum class Method : std::uint16_t {
  increment,  // answers each of the eight words + its place + 1
  exception,  // answers with ExceptionType word 0, detail word 1
  exit,       // ends during the call
  fault,      // faults during the call
  busy,       // computes word 0 ns
  sleep,      // sleeps word 0 ns
  nested,     // calls "next" with method word 0, word 1; answers its result_code
  gate,       // waits on "event", answers the bits
  caller,     // answers the caller's number
  chain,      // word 0 times more calls "next" with this; answers word 0, or what went wrong (result_code)
  note,       // signals word 0 on "event", and bit 32 if it was sent one way
};

// What the ring server does with a call. Its parameters are up to eight words, unless it says message.
enum class RingMethod : std::uint16_t {
  increment,  // answers each word + its place + 1
  exception,  // a CapException: type word 0, detail word 1, a text of word 2 letters "x"
  exit,       // ends during the call
  busy,       // computes word 0 ns
  gate,       // waits on "event", answers the bits
  echo,       // message: returns it, and copies of its capabilities
  give,       // answers word 0, and moves what it was given (kept) last back
  keep,       // message: keeps its first capability; answers whether it is one to a Notification that it can signal
  twice,      // RETURNs twice, the second time the same id; the result of that is in word 1 of the next `report`
  forged,     // RETURNs ids that it was not given first; report word 2: how many were refused with invalidCap
  bad_return, // RETURNs with a range outside its arena, then with a capability that it has not; report word 3: refusals
  report,     // answers four words of what is above; word 0: answers whose caller had gone; then how many were sent one
              // way, and how many areas have been used
  large,      // a message of word 0 words
  caller,     // answers the caller's number, and in word 1 whether the call came by registers
  nested,     // makes a ring CALL of "next", method word 0, word 1; answers its result_code
  give_service, // answers a client of "next" as its result capability
  by_registers, // answers the negated status of a reply_receive that it tries first
};

// How a client tells what it got.
inline constexpr std::uint64_t kStatusCode = 10'000;  // + negated status

// Records of periodic tasks: word 0 counts them, record n begins at word 8 + 8 n.
struct Record {
  std::uint64_t index, scheduled, actual, previous, deadline, skipped, finished, status;
};
inline constexpr std::size_t kRecordWords = 8;
// Of a hog: word 0 counts the closed intervals; interval n is words 8 + 2 n (begin), 9 + 2 n (end).
inline constexpr std::size_t kMaxIntervals = 200;

}  // namespace conformance
