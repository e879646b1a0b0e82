// SPDX-License-Identifier: Apache-2.0
// What the kernel promises, as plain data: processes and their threads, what they hold, what they wait for. No kernel code.
//
// A method does to the model what the call of the same name does to the kernel, and returns what the caller is to find.
// Numbers that the kernel chooses (CapIds) are told to the model, which insists that they are new. Errors of resources
// (memory, table slots) are not predicted: the walk tells the model nothing then. The walk holds every endpoint, session,
// lease, window and event timer besides, so that it says when the last capability goes, not the reaper.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "answers.hpp"
#include "capos/abi/ring.hpp"
#include "capos/schema/devices.hpp"
#include "capos/schema/threads.hpp"
#include "capos/schema/units.hpp"

namespace capos::ktest {

enum class Kind : std::uint8_t {
  service, memory, virtual_memory, handle, thread, notification, endpoint, client, session, lease, ledger, shared_park, timer,
  interrupt, ports, registers, pci, dma, buffer, facet, end,
  kernel_memory  // the kernel's own, to look at
};

// What a thread waits for.
enum class Waits : std::uint8_t {
  no, for_reply, for_server, for_call, for_signal, for_exit, for_thread, asleep, parked, for_supervisor, in_ring, dead
};

// What a thread finds in its registers.
struct Finds {
  bool blocked = false;  // nothing yet
  std::int32_t status = 0;
  std::uint64_t method = 0, cap = 0, interface_id = 0;
  bool one_way = false;     // a received call was sent
  bool words_known = true;  // else whatever stood there
  Words words{};
};
[[nodiscard]] Finds finds_words(std::uint64_t first = 0, std::uint64_t second = 0, std::uint64_t third = 0,
                                std::uint64_t fourth = 0);
[[nodiscard]] Finds finds_error(Error error);

using Number = std::uint32_t;  // of a process
using Id = std::uint32_t;      // of an object

// A thread: its process, and which of that process's threads it is, in the order in which they were made; no number is used
// twice, as the kernel's are. process 0: nobody.
struct Who {
  Number process = 0;
  std::uint32_t thread = 0;
  auto operator<=>(const Who&) const = default;
  [[nodiscard]] bool none() const { return process == 0; }
  [[nodiscard]] std::string text() const { return std::to_string(process) + "." + std::to_string(thread); }
};

struct ModelRegion {
  Id object = 0;  // 0: memory of its own, no capability names it, and nothing is ever written there
  std::uint64_t page = 0;  // of the object
  std::uint32_t protection = 0;
  bool read_only = false;  // mapped by a mere reader
};

// Until when something holds: of a session, a lease or a window.
struct Life {
  Id parent = 0;
  std::uint64_t until = kForEver;  // 0: ended
  std::uint64_t session = 0;       // number
  unsigned depth = 1;
  static constexpr std::uint64_t kForEver = ~std::uint64_t{0};
  static constexpr unsigned kMaxDepth = 8;
};

// What DeviceManager or a PCI function handed out: `first` and `pages` of its kind, until it is given back.
struct ModelDevice {
  bool claimed = true;
  bool unsure = false;  // nobody can say whether it is there still: memory was short, or a dead process had it mapped
  // Of an interrupt; `of` is what it signals, `bits` with what.
  bool message = false, level = false, masked = true, in_service = false, remembered = false;
  bool silent = false;  // a message: its function has been given back
  bool follows = false;  // its driver; of no CPU while it has none
  std::uint64_t strays = 0;  // that came in where it was not
  Number driver = 0;
  std::uint64_t count = 0, repeated = 0, unclaimed = 0;
  // Of a PCI function; DMA buffers that it may still write to.
  bool bus_master = false;
  std::vector<Id> buffers{};
  std::uint64_t physical = 0;  // of a DMA buffer
};

// A shared buffer: its two sides, the producer's first.
struct ModelBuffer {
  using State = schema::BufferState;
  Id memory = 0;
  std::array<Id, 2> notification{};
  std::array<State, 2> state{};
  std::array<bool, 2> has_end{};
  bool revoked = false;
  [[nodiscard]] State state_of(std::size_t side) const { return revoked ? State::revoked : state[side]; }
};

enum class Asks : std::uint8_t { call, send, fault };
struct Queued {
  Who who;
  Asks what;
  bool operator==(const Queued&) const = default;
};

// In a list of who is parked: a thread, or a PARK of its ring.
struct Parker {
  Who who;
  std::uint64_t operation = 0;  // 0: the thread
  std::uint64_t key = 0;
  bool operator==(const Parker&) const = default;
};

struct ModelObject {
  Kind kind = Kind::service;
  std::uint64_t interface_id = 0;
  std::string name{};                   // of a service
  std::vector<std::uint8_t> bytes{};    // memory that is no window
  Number process = 0;                   // handle, thread; virtual_memory, timer: whose
  std::uint32_t thread = 0;
  std::uint64_t bits = 0;               // notification; what a timer sets
  Who waiter{};                         // notification: who waits
  std::uint64_t ring_waiter = 0;        // notification: the ring operation that does
  std::uint64_t served = 0;             // endpoint: an interface
  Id of = 0;                            // client: endpoint; window: the memory; shared_park: memory; timer: notification; facet
                                        // and end: the buffer
  std::uint64_t first = 0, pages = 0;   // window; of a device's object, what was claimed; facet and end: first is the side
  std::optional<std::uint16_t> home{};  // endpoint, timer, interrupt: its CPU; with kOnTheWay: it goes there
  bool closed = false;                  // endpoint: its servers are gone
  bool revoked = false;                 // endpoint: all capabilities to it are dead
  bool abandoned = false;               // the last capability is gone
  std::uint32_t servers = 0;            // endpoint: who serves it, busy ones included
  std::deque<Queued> callers{};         // endpoint
  std::deque<Who> waiting{};            // endpoint: waiting servers
  std::deque<Parker> parked{};          // memory
  std::optional<Life> life{};
  std::uint64_t next = 0, period = 0, fired = 0, skipped = 0;  // timer; next 0: not armed
  std::uint32_t held = 0;               // capabilities to it, and threads that serve it
  bool pinned = false;                  // mapped once, or shared: there may be more that holds it
  std::optional<ModelDevice> device{};
  std::optional<ModelBuffer> buffer{};  // of a SharedBuffer
};

// What a completion of a NOTIFY or a PARK is to say.
struct Told {
  Error error{};
  std::uint64_t bits = 0;
  bool last = false;  // without kCqeMore
};

// An entry of a ring that has not completed yet, or that another depends on.
struct RingOp {
  Who by;
  std::uint64_t data = 0;       // user_data, its own in the whole machine, in the order of submission
  abi::RingOperation kind{};
  std::uint8_t flags = 0;
  std::uint64_t cap = 0;        // of the entry
  std::uint64_t after = 0;      // user_data of the entry that it is linked to
  Error expected{};
  std::uint64_t value = 0;
  std::uint64_t until = 0;      // timeout, link_timeout; park: 0 for none
  std::uint64_t began = 0;      // when it was started
  std::uint64_t watched_by = 0; // the LINK_TIMEOUT behind it
  std::uint64_t watches = 0;    // link_timeout: the entry before it
  std::uint32_t word = 0;       // park: what is expected; unpark: how many at most
  std::uint64_t key = 0;        // park, unpark: which word
  Id memory = 0;                // park: of the word; 0: its own process's
  Id lease = 0;                 // notify, park: that it waits under
  Id notification = 0;          // notify: in its slot, or its signal is under way
  std::deque<Told> told{};      // notify, park
  bool started = false, due = false, called_off = false, ended = false, failed = false;
  bool must_fail = false;       // what is linked to it was cancelled
  bool fired = false;           // link_timeout: it has said that its time came first
};

// A capability in a table.
struct Held {
  Id id = 0;
  std::uint64_t interface_id = 0;
  Id lease = 0;
  schema::TransferScope transfer{};
  schema::DisclosureScope disclosure{};
};

struct Exit {
  std::uint64_t reason = 0, code = 0, address = 0;
};

struct ModelThread {
  Who who;
  std::uint32_t number = 0;               // the kernel's
  Waits waits = Waits::no;
  bool waited = false;                    // once, for anything but a reply
  Id waits_at = 0;                        // endpoint or notification; parked: memory, 0 for its own
  Who waits_of{};                         // whose end
  std::uint64_t until = 0;                // of a sleep, a limit or a park; 0: none
  Who server{}, caller{};                 // of a call or fault that is being served
  bool caller_faulted = false;
  Id serving = 0;
  Id wait_lease = 0, serving_lease = 0;   // that it waits or serves under
  unsigned depth = 0;
  std::uint64_t call_method = 0, call_interface = 0, disclosed = 0;
  Words call_words{};                     // of its queued call, or what is told of its fault
  Id supervisor = 0;                      // an endpoint
  Exit fault{};                           // what it comes to if nobody mends it
  std::uint64_t fs_base = 0;
  std::uint32_t wanted = 0;               // in_ring: completions
  std::uint64_t ring_until = 0;           // in_ring: the end of its patience
  bool polls = false;                     // in_ring: it looks for submissions, or asks for wake-ups
  std::uint32_t seen = 0;                 // completions that have been judged
  bool lingers = false;                   // a quiet entry of its ring may wait for it to enter
  Who exit_waiter{};
  Exit exit{};
  std::optional<Finds> found;             // it was woken, and nobody has looked yet
  bool in_call = false;                   // that is what it is to find once its call, which is done in portions, is over
  [[nodiscard]] bool alive() const { return waits != Waits::dead; }
};

// It lives nowhere; its mail waits for it there.
inline constexpr std::uint16_t kOnTheWay = 0x8000;

struct ModelProcess {
  Number number = 0;
  std::uint16_t cpu = 0;         // with kOnTheWay: it goes there
  bool placed_freely = false;
  bool ending = false;  // its threads end one after the other; none runs any more
  bool ended = false;
  Id session = 0, supervisor = 0, ledger = 0;
  std::map<std::uint32_t, ModelThread> threads;  // ended ones too
  std::map<std::uint64_t, Held> caps;
  std::set<std::uint64_t> had;                 // every CapId it ever held
  std::set<Id> left;                           // what it held when it ended
  std::map<std::uint64_t, ModelRegion> pages;  // what it mapped itself, by address
  std::deque<Parker> parked;                   // in ParkSpace.park, and PARKs
  Who exit_waiter{};
  Exit exit{};
  std::uint16_t weight = 100;
  schema::LatencyClass latency = schema::LatencyClass::normal;
  [[nodiscard]] bool alive() const { return !ended; }
  [[nodiscard]] std::size_t living() const;
};

class Model {
 public:
  // Broken promises, as text; empty while all is well.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  // Of the step that follows.
  void set_time(std::uint64_t now) { now_ = now; }
  [[nodiscard]] std::uint64_t now() const { return now_; }

  [[nodiscard]] ModelProcess& process(Number number) { return processes_.at(number); }
  [[nodiscard]] ModelThread& thread(Who who) { return processes_.at(who.process).threads.at(who.thread); }
  [[nodiscard]] std::map<Number, ModelProcess>& processes() { return processes_; }
  [[nodiscard]] const std::map<Number, ModelProcess>& processes() const { return processes_; }
  [[nodiscard]] std::map<Id, ModelObject>& objects() { return objects_; }
  [[nodiscard]] ModelObject& object(Id id) { return objects_.at(id); }

  // --- Capabilities (walk_model.cpp).
  // What a process has under that CapId and can use now; nullptr: nothing.
  [[nodiscard]] const Held* find(Number number, std::uint64_t cap);
  // Why a call through it fails before its object is asked: kNoError if it does not.
  [[nodiscard]] Error refusal(Number number, std::uint64_t cap, std::uint64_t interface_id);
  [[nodiscard]] static bool permits(std::uint64_t own, std::uint64_t called);
  [[nodiscard]] bool holds(Id life);
  [[nodiscard]] bool is_within(Id life, Id other);
  [[nodiscard]] bool may_travel(const Held& held, Number from, std::uint64_t to_session) const;
  [[nodiscard]] std::uint64_t session_number(Id session) const;
  [[nodiscard]] std::uint64_t disclosed(const Held& held, Number number);
  // `number` has got a capability: it must be one it never had.
  void gets(Number number, std::uint64_t cap, const Held& held);
  // One that a call through `via` brought: under its lease, with its scopes.
  void brings(Number number, std::uint64_t cap, std::uint64_t via, Id object);
  // False if it holds none of that name.
  bool gives_up(Number number, std::uint64_t cap);

  // --- Things come to be.
  Id add(ModelObject object);
  void add_process(Number number, std::uint16_t cpu);
  ModelThread& add_thread(Number number);
  // The number that the process's next thread gets.
  [[nodiscard]] std::uint32_t next_thread_number(Number number) const;
  void maps(Number number, std::uint64_t address, std::uint64_t pages, Id object, std::uint64_t first,
            std::uint32_t protection, bool read_only);
  // The bytes of a memory object, of a window's part of it.
  [[nodiscard]] std::uint64_t pages_of(Id memory) const;
  [[nodiscard]] std::uint8_t* bytes_of(Id memory);

  // --- Calls, on a CPU, by a running thread.
  Finds signal(Who caller, Id notification, std::uint64_t bits);
  Finds wait(Who caller, Id notification);
  Finds poll(Id notification);
  Finds sleep_until(Who caller, std::uint64_t until);
  Finds wait_for(Who caller, Number process);
  Finds wait_for_thread(Who caller, Who other);
  Finds state_of(Number process);
  void kill(Who caller, Number process);
  void kill_thread(Who caller, Who victim);
  void spawned(Who spawner, Number child);
  // The running thread's own doing.
  void exit_process(Number number, Exit how);
  // Its call has been made, but for portions that it is still to do itself.
  void goes_on(Who who, const Finds& finds) {
    thread(who).in_call = true;
    thread(who).found = finds;
  }
  // One of a process that ends: when its turn has come, the walk sees.
  void leaves_process(Who who);
  // Those whose supervisor has gone end.
  void end_doomed();
  std::function<Who(std::uint16_t)> running;  // whom a CPU entered the kernel from
  void exit_thread(Who who, std::uint64_t code);
  // A fault: told to its supervisor, or the end of its process.
  void fault(Who who, std::uint64_t vector, std::uint64_t address, const Words& told);
  // --- (walk_model_calls.cpp) `limit_us`: 0 for none.
  Finds call(Who caller, const Held& by, std::uint64_t method, std::uint64_t interface_id, const Words& words,
             std::uint64_t limit_us);
  Finds send(Who sender, const Held& by, std::uint64_t method, std::uint64_t interface_id, const Words& words,
             std::uint64_t limit_us);
  Finds reply_receive(Who server, Id endpoint, const Words& words, std::uint64_t exception, std::uint64_t detail);
  Finds revoke(Who caller, Id endpoint);
  // The last capability to it is gone, by somebody on `cpu`.
  void last_is_gone(std::uint16_t cpu, Id id);
  // --- Leases. When one has ended, what goes on under it ends, as soon as its CPU has taken the mail that says so: when that
  // is, the walk sees.
  // What the thread has just begun to wait for, or serves since, was through a capability under `lease`.
  void waits_under(Who who, Id lease);
  void serves_under(Who who, Id lease);
  [[nodiscard]] bool must_stop_waiting(const ModelThread& thread) { return thread.wait_lease != 0 && !holds(thread.wait_lease); }
  [[nodiscard]] bool must_stop_serving(const ModelThread& thread) {
    return thread.serving_lease != 0 && !holds(thread.serving_lease);
  }
  void stops_waiting(Who who);
  void stops_serving(Who who);
  // --- (walk_model_park.cpp) Timers, parking.
  Finds park(Who caller, Id memory, std::uint64_t key, std::uint64_t timeout);
  Finds unpark(Who caller, Id memory, std::uint64_t key, std::uint32_t count);
  // The word at an address of a process; nothing if no memory is there.
  [[nodiscard]] std::optional<std::uint32_t> word_at(Number number, std::uint64_t address);
  Finds start_timer(Who caller, Id timer, std::uint64_t first, std::uint64_t period);
  void set_bits(std::uint16_t from, Id notification, std::uint64_t bits);
  // --- (walk_model_ring.cpp) Rings. An entry was put into the queue; its thread enters the kernel.
  void submits(RingOp op);
  void enters_ring(Who who);
  // A completion has been seen: what is wrong with it, or nothing.
  [[nodiscard]] std::string completed(Who who, const abi::CapCqe& completion);
  // After its thread has entered, with room for completions: what is late.
  [[nodiscard]] std::string overdue(Who who);
  void forget_ended(Who who);
  // Entries that its thread has put there, or another of its process, and nobody has looked at yet.
  [[nodiscard]] bool ring_has_new(Who who) const;
  // One waits for all before it.
  [[nodiscard]] bool ring_drains(Who who) const;
  [[nodiscard]] std::size_t ring_ops_open(Who who) const;
  [[nodiscard]] std::vector<std::uint64_t> ring_ops_that_wait(Who who) const;
  [[nodiscard]] bool ring_waits_for_signal(Who who) const;
  // All that was written before this has been counted in room_of_ring().
  void forget_written() { written_.clear(); }
  std::function<std::uint32_t(Who)> room_of_ring;  // in its completion queue, as the program can see
  // --- (walk_model_memory.cpp) Errors in the order in which they are found; none: it can be done (memory permitting).
  [[nodiscard]] Error map_error(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection,
                                Id object, std::uint64_t first, bool read_only) const;
  // Where the kernel finds room.
  [[nodiscard]] std::uint64_t room_for(Number number, std::uint64_t pages) const;
  // Done if there is no error.
  Error unmap(Number number, std::uint64_t address, std::uint64_t pages);
  Error protect(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection);

  // --- (walk_model_devices.cpp) Devices and shared buffers.
  // Somebody has some of it; the last: nobody can say.
  enum class Claimed : std::uint8_t { no, yes, unsure };
  [[nodiscard]] Claimed claimed(Kind kind, std::uint64_t first, std::uint64_t count) const;
  Finds bind(Who caller, Id interrupt, Id notification, std::uint64_t bits);
  Finds acknowledge(Who caller, Id interrupt);
  Finds unbind(Id interrupt);
  // It has interrupted, on its CPU.
  void arrives(Id interrupt);
  std::map<std::uint64_t, std::uint8_t> ports;  // what was written there last
  [[nodiscard]] const std::vector<Id>& interrupts() const { return interrupts_; }
  // Some interrupt's source is this line.
  [[nodiscard]] bool is_line_taken(std::uint64_t line) const;
  void set_bus_master(Id function, bool enabled);
  void drop_unused(Id function);
  // No device may write there.
  [[nodiscard]] bool is_out_of_reach(std::uint64_t physical, std::uint64_t pages) const;
  [[nodiscard]] bool is_mapped(Id object) const;
  void set_state(std::uint16_t from, Id buffer, std::size_t side, schema::BufferState state);
  void leave_side(std::uint16_t from, Id buffer, std::size_t side);
  void tell_memory(Id buffer, std::size_t side, schema::BufferState state);
  // Device registers keep what is written there: those of the window that the walk uses.
  static constexpr std::uint64_t kMessagePlace = 0x1000;  // claims of messages: this, and which function
  static constexpr std::uint64_t kWindow = 0xd000'0000, kWindowPages = 64;

  // --- Moves. Why it must stay on its CPU; empty: it may go.
  [[nodiscard]] std::string why_it_stays(Number number) const;
  // It is there now or, with kOnTheWay, goes there: with its interrupts and timers.
  void moves(Number number, std::uint16_t cpu);
  // An interrupt comes in on a CPU that it is not of: it tells where it is, if it is anywhere.
  void strays(Id interrupt);

  // --- Interrupts.
  void timer(std::uint16_t cpu);
  void mail(std::uint16_t cpu);

 private:
  struct Letter {
    enum class What : std::uint8_t {
      start, signal, exit, thread_exit, unpark, kill, kill_thread, revoke, abandon, timer_gone, ring_signal, interrupt_gone,
      ring_unpark, strays
    } what;
    Who to{};
    Id object = 0;
    std::uint64_t operation = 0;
    bool operator==(const Letter&) const = default;
  };
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }
  void wakes(Who who, const Finds& finds);
  void post(std::uint16_t from, std::uint16_t to, const Letter& letter);
  // In the box, unless it is in one already.
  void put(std::uint16_t cpu, const Letter& letter);
  void deliver(std::uint16_t cpu, const Letter& letter);
  // A thread leaves everything it waits for and works for.
  void leave_waits(ModelThread& thread);
  void end_thread(Who who, Exit how);
  void end_process(Number number, Exit how);
  void finish_process(Number number);
  void drop(Id id);
  // Calls.
  [[nodiscard]] Error obstacle(const ModelThread& caller, ModelObject& endpoint);
  [[nodiscard]] bool is_home(ModelObject& endpoint, std::uint16_t cpu);
  Finds starts(Who who, Asks what, const Held& by, std::uint64_t method, std::uint64_t interface_id, const Words& words,
               std::uint64_t limit_us);
  void deliver_next(const Queued& next, ModelThread& server);
  // The answer to a fault; false if it makes no sense.
  bool answers_fault(ModelThread& server, const Words& words, bool exception);
  void leaves_endpoint(ModelThread& server);
  void set_free(ModelThread& server);
  void leave_slots(ModelThread& thread);
  void end_endpoint(Id id);
  void disconnect_queue(ModelObject& endpoint);
  void withdraw(ModelThread& thread);
  void fire(std::uint16_t cpu, Id timer);
  void set_masked(ModelDevice& interrupt, bool masked);
  void forget_binding(Id interrupt);
  void device_is_gone(std::uint16_t cpu, Id id);
  // After something was unmapped: by its process, or with its process.
  void see_unmapped(Id object, bool ended);
  void leave_parked(ModelThread& thread);
  [[nodiscard]] std::deque<Parker>& parked_in(Number number, Id memory) {
    return memory == 0 ? process(number).parked : object(memory).parked;
  }
  // Out of its list; false if it has been taken out.
  bool leave_parked(RingOp& op);
  // Rings.
  [[nodiscard]] RingOp* ring_op(std::uint64_t data);
  [[nodiscard]] bool ends_with_its_lease(RingOp& op, Error found, std::uint64_t bits, bool more);
  [[nodiscard]] std::uint32_t ring_room(Who who);
  void start_notify(RingOp& op);
  void start_park(RingOp& op);
  void start_unpark(RingOp& op);
  // What a LINK_TIMEOUT watches, or a PARK's own time, is over.
  void times_out(RingOp& op);
  // The space that an entry names: its memory, 0 for the process's own words; nothing if it is no space.
  [[nodiscard]] std::optional<Id> space_of(const RingOp& op);
  [[nodiscard]] Error word_error(Id memory, std::uint64_t key) const;
  [[nodiscard]] std::string judge_link_timeout(RingOp& op, const abi::CapCqe& completion, Error found);
  [[nodiscard]] std::string judge_timed_out(RingOp& op);
  void takes_signal(RingOp& op);
  [[nodiscard]] Error cancels(std::uint64_t target);
  void leave_ring(Who who);
  [[nodiscard]] bool mapped(const ModelProcess& process, std::uint64_t address, std::uint64_t pages) const;

  std::string complaint_;
  std::uint64_t now_ = 0;
  std::map<Number, ModelProcess> processes_;
  std::map<Id, ModelObject> objects_;
  std::map<std::uint16_t, std::deque<Letter>> mail_;
  std::map<std::uint64_t, RingOp> ring_ops_;  // by user_data
  std::map<Who, std::uint32_t> written_;      // completions that the kernel is about to write
  std::vector<Id> interrupts_;
  std::vector<std::uint8_t> registers_ = std::vector<std::uint8_t>(kWindowPages * 4096);
  std::vector<Who> doomed_;  // their supervisor is gone
  Id next_ = 1;
};

}  // namespace capos::ktest
