// SPDX-License-Identifier: Apache-2.0
// A booted machine whose programs the test plays: it says which thread makes which call, and time passes until the
// scheduler lets that thread run. After every step all invariants are checked.
//
// Exceptions: Unsound when the kernel has broken an invariant; std::logic_error when the test asks for the impossible.
#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "answers.hpp"
#include "boot_pack.hpp"
#include "capos/host/machine.hpp"
#include "core/cpu.hpp"
#include "process/process.hpp"
#include "resources/ledger.hpp"

namespace capos::ktest {

struct Unsound : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct WorldOptions {
  PackOptions pack{};
  std::uint64_t ram_bytes = 48u << 20;
  std::uint64_t channel_bytes = 0;
  Duration clock_step{};
  hal::EntropyKind entropy = hal::EntropyKind::none;
  bool gives_way = false;  // best effort does before a release: needs a clock that goes on by itself
};

struct SpawnOptions {
  std::string program = "program";
  std::uint16_t cpu = 0;
  std::uint64_t memory_pages = 256;
  bool passive = false;
  abi::CapId context{};  // null: best effort
  std::vector<std::pair<std::string, abi::CapId>> grants{};
  std::string name{};     // "" : program
};

// A process that init has made.
struct Child {
  abi::CapId handle;  // init's
  std::uint32_t number = 0;
};

class World {
 public:
  explicit World(const WorldOptions& options = {});
  ~World() = default;

  // What it was booted with, framed.
  [[nodiscard]] std::span<const std::uint64_t> pack() const noexcept { return pack_; }
  [[nodiscard]] host::Machine& machine() noexcept { return machine_; }
  [[nodiscard]] kernel::Cpu& cpu(std::uint16_t id) { return *kernel::Cpu::find(CpuId(id)); }

  // --- Who there is. A process is known by the number its trace events carry, until it is freed.
  [[nodiscard]] kernel::Process* find_process(std::uint32_t number);
  [[nodiscard]] kernel::Process& process(std::uint32_t number);
  [[nodiscard]] kernel::Thread& thread(std::uint32_t number) { return process(number).main_thread(); }
  [[nodiscard]] kernel::Thread& thread(const Child& child) { return thread(child.number); }
  [[nodiscard]] kernel::Thread& init() { return thread(kInit); }
  static constexpr std::uint32_t kInit = 0xffff;
  // A capability of the process's CapSet; 0 if it has none of that name.
  [[nodiscard]] abi::CapId granted(kernel::Process& process, std::string_view name);
  // All of it, by name.
  [[nodiscard]] std::map<std::string, abi::CapId> capset(kernel::Process& process);
  [[nodiscard]] std::map<std::string, abi::CapSetEntry> capset_entries(kernel::Process& process);
  [[nodiscard]] abi::CapId service(std::string_view name) { return granted(process(kInit), name); }

  // --- What threads do. Each first lets the thread run, and ends when the kernel has been left.
  // Time passes until `thread` is in user mode. Exception: logic_error if it never is.
  void go_to(kernel::Thread& thread);
  [[nodiscard]] bool is_current(const kernel::Thread& thread);
  // Registers in; the answer, or nothing if the thread waits now (see answer()).
  std::optional<Answer> enter(kernel::Thread& thread, std::uint64_t operation, abi::CapId cap, std::uint64_t interface_id,
                              const Words& words);
  // What a thread that has been woken finds.
  [[nodiscard]] Answer answer(const kernel::Thread& thread);
  void exit(kernel::Thread& thread, std::uint64_t code);
  void fault(kernel::Thread& thread, std::uint8_t vector, std::uint64_t address);

  std::optional<Answer> call(kernel::Thread& thread, abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                             const Words& words = {});
  // exception: 0 for success, else ExceptionType + 1, with `detail`.
  std::optional<Answer> reply_receive(kernel::Thread& thread, abi::CapId endpoint, const Words& words = {},
                                      std::uint16_t exception = 0, std::uint64_t detail = 0);

  template <typename Method>
  Called<Method> call(kernel::Thread& thread, abi::CapId cap, const typename Method::Params::Value& params = {}) {
    Words words{};
    params.to_words(words.data());
    const auto found = call(thread, cap, Method::kInterfaceId, Method::kOrdinal, words);
    if (!found.has_value()) return {.blocked = true, .error = {}};
    return called<Method>(*found);
  }
  template <typename Method>
  [[nodiscard]] static Called<Method> called(const Answer& answer) {
    return {.blocked = false,
            .error = answer.error(),
            .value = Method::Results::Value::from_words(answer.words.data(), abi::kRegisterWords)};
  }

  // --- The ring. Layout of the arena: parameters, transfers, results, as below.
  static constexpr std::uint32_t kResultsOffset = abi::kArenaBytes / 2;
  static constexpr std::uint32_t kTransfersOffset = kResultsOffset - 2048;
  [[nodiscard]] abi::Ring& ring(kernel::Thread& thread);
  [[nodiscard]] std::byte* arena(kernel::Thread& thread);
  // Into the submission queue, without entering the kernel.
  void submit(kernel::Thread& thread, const abi::CapSqe& entry);
  // Enters; the number of completions there are.
  std::uint32_t enter_ring(kernel::Thread& thread);
  [[nodiscard]] std::optional<abi::CapCqe> take_completion(kernel::Thread& thread);
  // One entry, done; completions of others are passed over. Exception: logic_error if there is no completion.
  static constexpr std::uint64_t kOwnData = std::uint64_t{1} << 63;
  [[nodiscard]] static bool is_of_a_message(std::uint64_t user_data) { return (user_data & kOwnData) != 0; }
  abi::CapCqe complete(kernel::Thread& thread, const abi::CapSqe& entry);
  Error release(kernel::Thread& thread, abi::CapId cap);

  // build(params) or build(params, transfers): a capability of the message is an index into `transfers`.
  template <typename Method, typename Build>
  Message<Method> message(kernel::Thread& thread, abi::CapId cap, Build&& build) {
    wire::MessageBuilder builder({reinterpret_cast<wire::Word*>(arena(thread)), kTransfersOffset / 8});
    std::vector<abi::TransferDescriptor> transfers;
    const auto params = builder.init_root<typename Method::Params>();
    if constexpr (std::is_invocable_v<Build, decltype(params), decltype(transfers)&>) {
      build(params, transfers);
    } else {
      build(params);
    }
    return message_answer<Method>(
        thread, send(thread, cap, Method::kInterfaceId, Method::kOrdinal, builder.words().size(), transfers));
  }

  // --- Making things, by init.
  Child spawn(const SpawnOptions& options);
  Message<schema::ProcessSpawner::Spawn> try_spawn(const SpawnOptions& options, std::uint32_t number);
  [[nodiscard]] abi::CapId make_notification();
  [[nodiscard]] abi::CapId make_endpoint(std::uint64_t interface_id, std::uint64_t minimum_budget_ns = 0,
                                         std::uint8_t ceiling = 0, std::uint64_t floor_ns = 0);
  [[nodiscard]] abi::CapId connect(abi::CapId endpoint);

  // --- Time, with every interrupt taken when it is due.
  void run_to(Time to);
  void run_for(Duration length) { run_to(machine_.now() + length); }
  // The boot CPU reaps until there is nothing to do: init sleeps meanwhile.
  void settle();

  // Everything that must hold, as text; empty if it does.
  [[nodiscard]] std::string broken();
  // Throws Unsound. Called by every step.
  void check();
  // This CPU is in the middle of the kernel, where not all has to hold; nullopt: none is.
  std::optional<CpuId> in_the_middle;
  // Of the machine's ledger, and charged to it while it is held: that many frames, and of the rest what a process needs.
  [[nodiscard]] static kernel::Ref<kernel::Ledger> make_ledger(std::uint64_t frames);
  // Frames free, or cut up for kernel objects: the same once all that was made is gone.
  [[nodiscard]] static std::uint64_t frames_free();
  std::uint64_t frames_at_boot() const noexcept { return frames_; }

 private:
  abi::CapCqe send(kernel::Thread& thread, abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                   std::size_t params_words, const std::vector<abi::TransferDescriptor>& transfers);
  template <typename Method>
  Message<Method> message_answer(kernel::Thread& thread, const abi::CapCqe& completion) {
    if (completion.result != 0) return Message<Method>(error_of(completion.result, completion.flags));
    const std::byte* const at = arena(thread) + kResultsOffset;
    std::vector<wire::Word> words(completion.results_size / 8);
    std::vector<abi::ResultCap> caps(completion.caps_count);
    std::copy_n(at, words.size() * 8, std::as_writable_bytes(std::span(words)).begin());
    std::copy_n(at + completion.results_size, caps.size() * sizeof(abi::ResultCap), std::as_writable_bytes(std::span(caps)).begin());
    return Message<Method>(std::move(words), std::move(caps));
  }

  std::vector<std::uint64_t> pack_;
  host::Machine machine_;
  std::uint64_t frames_ = 0;
  std::uint32_t next_number_ = 1;
  std::uint64_t next_data_ = kOwnData;
};

// Appends a copied capability; its index in the message.
std::uint32_t add(std::vector<abi::TransferDescriptor>& transfers, abi::CapId cap);

}  // namespace capos::ktest
