// SPDX-License-Identifier: Apache-2.0
// What the kernel promises, as plain data: processes of one thread, what they hold, what they wait for. No kernel code.
//
// A method does to the model what the call of the same name does to the kernel, and returns what the caller is to find.
// Numbers that the kernel chooses (CapIds) are told to the model, which insists that they are new. Errors of resources
// (memory, table slots) are not predicted: the walk tells the model nothing then.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "answers.hpp"

namespace capos::ktest {

enum class Kind : std::uint8_t { service, memory, virtual_memory, handle, notification, endpoint, client };

// What a thread waits for.
enum class Waits : std::uint8_t { no, for_reply, for_server, for_call, for_signal, for_exit, asleep, dead };

// What a thread finds in its registers.
struct Finds {
  bool blocked = false;  // nothing yet
  std::int32_t status = 0;
  std::uint64_t method = 0, cap = 0, interface_id = 0;
  bool words_known = true;  // else whatever stood there
  Words words{};
};
[[nodiscard]] Finds finds_error(Error error);

using Number = std::uint32_t;  // of a process
using Id = std::uint32_t;      // of an object

struct ModelRegion {
  Id object = 0;  // 0: memory of its own, no capability names it
  std::uint64_t page = 0;  // of the object
  std::uint32_t protection = 0;
};

struct ModelObject {
  Kind kind = Kind::service;
  std::string name{};                   // of a service
  std::vector<std::uint8_t> bytes{};    // memory
  Number process = 0;                   // handle; virtual_memory: whose
  std::uint64_t bits = 0;               // notification
  Number waiter = 0;                    // notification: who waits; 0: nobody
  Id endpoint = 0;                      // client
  std::optional<std::uint16_t> home{};  // endpoint: its CPU
  bool closed = false;                  // endpoint: its servers are gone
  std::uint32_t servers = 0;            // endpoint: who serves it, busy ones included
  std::deque<Number> callers{}, waiting{};  // endpoint: queued calls, waiting servers
};

struct ModelProcess {
  Number number = 0;
  std::uint16_t cpu = 0;
  bool started = false;
  bool waited = false;                    // once, for anything but a reply
  Waits waits = Waits::no;
  Id waits_at = 0;                        // endpoint or notification
  Number waits_of = 0;                    // for_exit: whose
  std::uint64_t until = 0;                // asleep
  std::map<std::uint64_t, Id> caps;       // CapId -> object
  std::set<std::uint64_t> had;            // every CapId it ever held
  std::map<std::uint64_t, ModelRegion> pages;  // what it mapped itself, by address
  Number server = 0, caller = 0;          // of a call that is being served
  Id serving = 0;
  Number exit_waiter = 0;
  std::uint64_t exit_reason = 0, exit_code = 0, exit_address = 0;
  std::uint64_t call_method = 0, call_interface = 0;
  Words call_words{};                     // of its queued call
  std::optional<Finds> found;             // it was woken, and nobody has looked yet
  [[nodiscard]] bool alive() const { return waits != Waits::dead; }
};

class Model {
 public:
  // Broken promises, as text; empty while all is well.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

  [[nodiscard]] ModelProcess& process(Number number) { return processes_.at(number); }
  [[nodiscard]] std::map<Number, ModelProcess>& processes() { return processes_; }
  [[nodiscard]] const std::map<Number, ModelProcess>& processes() const { return processes_; }
  [[nodiscard]] ModelObject& object(Id id) { return objects_.at(id); }
  // The object a process holds by that CapId, or nullptr.
  [[nodiscard]] ModelObject* held(Number number, std::uint64_t cap);
  [[nodiscard]] Id id_of(Number number, std::uint64_t cap);

  // --- Things come to be.
  Id add_service(const std::string& name);
  Id add_memory(std::uint64_t pages);
  Id add_notification();
  Id add_endpoint();
  Id add_client(Id endpoint);
  Id add_handle(Number process);
  Id add_virtual_memory(Number process);
  void add_process(Number number, std::uint16_t cpu);
  // `number` has got a capability: it must be one it never had.
  void gets(Number number, std::uint64_t cap, Id object);
  // False if it holds none of that name.
  bool gives_up(Number number, std::uint64_t cap);
  void maps(Number number, std::uint64_t address, std::uint64_t pages, Id object, std::uint64_t first,
            std::uint32_t protection);

  // --- Calls, on a CPU, by a running thread.
  Finds signal(Number caller, Id notification, std::uint64_t bits);
  Finds wait(Number caller, Id notification);
  Finds poll(Id notification);
  Finds sleep_until(Number caller, std::uint64_t until, std::uint64_t now);
  Finds call(Number caller, Id endpoint, std::uint64_t method, std::uint64_t interface_id, const Words& words);
  Finds reply_receive(Number server, Id endpoint, const Words& words, std::uint64_t exception, std::uint64_t detail);
  Finds wait_for(Number caller, Number process);
  Finds state_of(Number process);
  void kill(Number caller, Number process);
  void exit(Number number, std::uint64_t reason, std::uint64_t code, std::uint64_t address);
  void spawned(Number spawner, Number child);
  // Errors in the order in which they are found; none: it can be done (memory permitting).
  [[nodiscard]] Error map_error(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection,
                                const ModelObject* object, std::uint64_t first) const;
  [[nodiscard]] std::uint64_t room_for(Number number, std::uint64_t pages) const;
  Error unmap(Number number, std::uint64_t address, std::uint64_t pages);
  Error protect(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection);

  // --- Interrupts.
  void timer(std::uint16_t cpu, std::uint64_t now);
  void mail(std::uint16_t cpu);

 private:
  struct Letter {
    enum class What : std::uint8_t { start, signal, exit, kill } what;
    Number to;
    bool operator==(const Letter&) const = default;
  };
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }
  Id add(ModelObject object);
  void wakes(Number number, Finds finds);
  void post(std::uint16_t from, Letter letter);
  void deliver(Letter letter);
  void deliver_call(ModelProcess& caller, ModelProcess& server);
  void leaves_endpoint(ModelProcess& server);
  [[nodiscard]] bool mapped(const ModelProcess& process, std::uint64_t address, std::uint64_t pages) const;

  std::string complaint_;
  std::map<Number, ModelProcess> processes_;
  std::map<Id, ModelObject> objects_;
  std::map<std::uint16_t, std::deque<Letter>> mail_;
  std::uint16_t cpu_of_event_ = 0;  // whose kernel runs
  Id next_ = 1;
};

}  // namespace capos::ktest
