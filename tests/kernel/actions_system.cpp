// SPDX-License-Identifier: Apache-2.0
// The machine's own services: console, trace, what it was booted with, entropy, shares, what is known of it; a thread's turn
// and its ring made anew.
#include <array>
#include <cstring>

#include "actions.hpp"
#include "capos/schema/devices.hpp"
#include "memory/frame_allocator.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using schema::TransportError;

template <typename Value>
Finds finds_value(const Value& value) {
  Finds finds;
  value.to_words(finds.words.data());
  return finds;
}

bool write_console(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "console");
  if (cap == 0) return false;
  const std::string text(c.random.one_in(8) ? 1'000 + c.random.below(50) : c.random.below(40), static_cast<char>('a' + c.random.below(26)));
  const std::size_t before = c.world.machine().console().size();
  kernel::Ledger& ledger = c.world.process(w.process).ledger();
  const bool quiet = c.nothing_is_reaped();  // else others' accounts may be settled meanwhile
  const std::uint64_t spent = ledger.used(kernel::Resource::log_bytes);
  const auto made = ask<schema::Console::Write>(c, w, cap, text.size() > 1'024 ? invalid(KernelError::bad_range) : kNoError,
                                                [&](auto params) { params.set_text(text); });
  const std::string added = c.world.machine().console().substr(before);
  // Whole, among what the reaper tells of programs that faulted.
  const bool shown = made.has_value() ? added.find(text) != std::string::npos && (!quiet || added == text) : !quiet || added.empty();
  c.require(shown, "the console shows something else than was written");
  c.require(!quiet || !c.nothing_is_reaped() || ledger.used(kernel::Resource::log_bytes) == spent + added.size(),
            "what is written is not charged");
  return true;
}

bool emit(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "trace");
  if (cap == 0) return false;
  const Words words = random_words(c);
  const auto code = static_cast<std::uint32_t>(c.random.below(0x8000));
  const kernel::TraceRing& ring = c.world.cpu(c.model.process(w.process).cpu).trace;
  call_object<schema::TraceSource::Emit>(
      c, w, cap, {.code = code, .a = words[0], .b = words[1], .c = words[2], .d = words[3], .e = words[4], .f = words[5]},
      [] { return finds_words(); });
  if (!c.model.refusal(w.process, cap, schema::TraceSource::kInterfaceId).ok()) return true;
  const std::uint64_t* const event = ring.recent(0);
  c.require(event != nullptr && event[0] == c.model.now() && event[1] >> 32 == (1u << 31 | code << 16 | (w.process & 0xffff)) &&
                std::equal(event + 2, event + 8, words.begin()),
            "an event is not in the trace as it was emitted");
  return true;
}

// The kernel's own memory: to look at, as far as its maker says, and never to write, but for the host's channel.
void take_kernel_memory(Chapter& c, Who w, std::uint64_t via, abi::CapId memory, bool writable) {
  const Id id = c.model.add({.kind = Kind::kernel_memory, .interface_id = schema::MemoryObject::kInterfaceId});
  c.model.brings(w.process, memory.raw, via, id);
  if (!still_runs(c, w)) return;
  const Error found = c.world.message<schema::MemoryObject::Write>(c.thread(w), memory, [](auto params) {
    params.set_offset(0);
    params.set_data({});
  }).error();
  if (!c.model.refusal(w.process, memory.raw, schema::MemoryObject::kInterfaceId).ok()) return;
  c.expect(writable ? kNoError : invalid(KernelError::bad_protection), found);
}

bool open_trace(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "traceRings");
  if (cap == 0 || !has_room(c, w)) return false;
  const auto cpu = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus() + (c.random.one_in(4) ? 1 : 0)));
  c.tell("of cpu " + std::to_string(cpu));
  const auto made = ask<schema::TraceRings::Open>(c, w, cap, cpu >= c.world.machine().cpus() ? invalid(KernelError::bad_cpu) : kNoError,
                                                  [&](auto params) { params.set_cpu(cpu); });
  if (made.has_value()) take_kernel_memory(c, w, cap, made->cap([](auto results) { return results.ring(); }), false);
  return true;
}

bool open_channel(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "hostChannel");
  if (cap == 0 || !has_room(c, w)) return false;
  const auto made = ask<schema::HostChannel::Open>(c, w, cap, c.channel_bytes() == 0 ? failed(KernelError::not_found) : kNoError, [](auto) {});
  if (!made.has_value()) return true;
  const abi::CapId memory = made->cap([](auto results) { return results.memory(); });
  take_kernel_memory(c, w, cap, memory, true);
  if (!still_runs(c, w)) return true;
  call_object<schema::MemoryObject::GetSize>(c, w, memory.raw, {}, [&] { return finds_words(c.channel_bytes()); });
  return true;
}

bool read_pack(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "bootPackage");
  if (cap == 0 || !has_room(c, w)) return false;
  const auto made = ask<schema::BootPackage::ReadManifest>(c, w, cap, kNoError, [](auto) {});
  if (!made.has_value()) return true;
  const abi::CapId memory = made->cap([](auto results) { return results.pack(); });
  take_kernel_memory(c, w, cap, memory, false);
  const auto pack = std::as_bytes(c.world.pack());
  const auto [offset, size] = made->read([](auto results) { return std::pair(results.offset(), results.size()); });
  c.require(size == pack.size(), "the boot pack is of another size");
  const std::uint64_t at = c.random.below(size), count = std::min<std::uint64_t>(size - at, 100);
  if (!still_runs(c, w) || !c.model.refusal(w.process, memory.raw, schema::MemoryObject::kInterfaceId).ok()) return true;
  const auto read = c.world.message<schema::MemoryObject::Read>(c.thread(w), memory, [&](auto params) {
    params.set_offset(offset + at);
    params.set_count(count);
  });
  if (short_of_memory(read.error())) return true;
  const bool same = read.ok() && read.read([&](auto results) {
    return results.data().size() == count && std::memcmp(results.data().data(), pack.data() + at, count) == 0;
  });
  c.require(same, "the boot pack reads otherwise than it was given");
  return true;
}

bool read_entropy(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "entropy");
  if (cap == 0) return false;
  const auto kind = static_cast<schema::EntropyKind>(c.entropy_kind());
  auto& source = c.world.machine().entropy();
  source.clear();
  for (std::uint64_t left = c.random.below(9); left > 0; --left) source.push_back(c.random.next());
  std::vector<std::uint64_t> words(source.begin(), source.end());
  call_object<schema::EntropySource::Describe>(c, w, cap, {}, [&] { return finds_words(static_cast<std::uint64_t>(kind)); });
  call_object<schema::EntropySource::Read>(c, w, cap, {}, [&] {
    if (kind == schema::EntropyKind::none) return finds_error(failed(KernelError::not_found));
    if (words.size() < 4) return finds_error(overloaded(KernelError::busy));
    return finds_words(words[0], words[1], words[2], words[3]);
  });
  return true;
}

std::uint64_t free_bytes() { return kernel::frames().lock()->free_frames() * kWalkPage; }

bool describe_machine(Chapter& c, Who w) {
  const std::uint64_t info = c.service(w.process, "systemInfo"), timer = c.service(w.process, "timer");
  if (info == 0) return false;
  const auto found = c.world.call<schema::SystemInfo::Describe>(c.thread(w), abi::CapId{info});
  const Error refused = c.model.refusal(w.process, info, schema::SystemInfo::kInterfaceId);
  c.expect(refused, found.error);
  if (!refused.ok()) return true;
  c.require(found.value.cpus == c.world.machine().cpus() && found.value.tsc_hz == 1'000'000'000 && found.value.free_bytes == free_bytes() &&
                found.value.free_bytes < found.value.ram_bytes && found.value.ram_bytes <= 40u << 20,
            "the machine is described as another");
  if (timer == 0) return true;
  call_object<schema::Timer::Describe>(c, w, timer, {}, [&] {
    return finds_value(schema::Timer::Describe::Results::Value{.start_tsc = 5'000, .tsc_hz = 1'000'000'000, .features = found.value.features});
  });
  return true;
}

bool describe_cpu(Chapter& c, Who w) {
  const std::uint64_t info = c.service(w.process, "systemInfo");
  if (info == 0) return false;
  const auto cpu = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus() + (c.random.one_in(8) ? 1 : 0)));
  c.tell(std::to_string(cpu));
  const auto found = c.world.call<schema::SystemInfo::Cpu>(c.thread(w), abi::CapId{info}, {.cpu = cpu});
  const Error refused = c.model.refusal(w.process, info, schema::SystemInfo::kInterfaceId);
  const Error expected = !refused.ok() ? refused : cpu >= c.world.machine().cpus() ? invalid(KernelError::bad_cpu) : kNoError;
  c.expect(expected, found.error);
  if (!expected.ok()) return true;
  c.require(found.value.use == schema::CpuUse::housekeeping && found.value.idle_ns <= c.model.now(), "a CPU is in another use, or was idle for too long");
  c.require(found.value.devices == c.devices[cpu] && found.value.spurious == c.spurious[cpu],
            "a CPU has counted " + std::to_string(found.value.devices) + " devices' and " + std::to_string(found.value.spurious) +
                " spurious interrupts instead of " + std::to_string(c.devices[cpu]) + " and " + std::to_string(c.spurious[cpu]));
  c.require(found.value.timers >= c.timers[cpu] && found.value.mails >= c.mails[cpu], "a CPU has counted fewer interrupts than came");
  return true;
}

bool ask_frames(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "frames");
  if (cap == 0) return false;
  const kernel::HeapUse use = kernel::heap_use();
  const schema::FrameAllocator::Available::Results::Value expected{
      .free_pages = free_bytes() / kWalkPage, .pool_pages = use.pages, .pool_bytes = use.bytes};
  call_object<schema::FrameAllocator::Available>(c, w, cap, {}, [&] { return finds_value(expected); });
  return true;
}

bool set_share(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "schedulingPolicy"), handle = c.pick(w.process, Kind::handle);
  if (cap == 0 || handle == 0) return false;
  const bool whole = c.model.refusal(w.process, handle, schema::ProcessHandle::kInterfaceId).ok();
  ModelProcess& process = c.model.process(object_of(c, w, handle).process);
  c.tell("of " + std::to_string(process.number));
  if (c.random.one_in(2)) {
    const auto weight = static_cast<std::uint16_t>(c.random.one_in(8) ? c.random.below(2) * 1'001 : 1 + c.random.below(1'000));
    const auto latency = static_cast<schema::LatencyClass>(c.random.below(c.random.one_in(10) ? 5 : 3));
    const bool fits = weight != 0 && weight <= 1'000 && latency <= schema::LatencyClass::batch;
    const Error expected = !whole ? invalid(KernelError::bad_capability) : !fits ? invalid(KernelError::bad_range) : kNoError;
    const auto made = ask<schema::SchedulingPolicy::SetShare>(c, w, cap, expected, [&](auto params, auto& transfers) {
      params.set_process(add(transfers, abi::CapId{handle}));
      params.set_weight(weight);
      params.set_latency(latency);
    });
    if (made.has_value()) process.weight = weight, process.latency = latency;
    return true;
  }
  const auto made = ask<schema::SchedulingPolicy::Share>(c, w, cap, whole ? kNoError : invalid(KernelError::bad_capability),
                                                         [&](auto params, auto& transfers) { params.set_process(add(transfers, abi::CapId{handle})); });
  if (!made.has_value()) return true;
  c.require(made->read([&](auto results) { return results.weight() == process.weight && results.latency() == process.latency; }),
            "a process has another share than it was given");
  return true;
}

bool give_up_turn(Chapter& c, Who w) {
  c.expect(finds_words(), c.world.enter(c.thread(w), static_cast<std::uint64_t>(abi::SystemCall::yield), {}, 0, {}));
  return true;
}

// Of the size it has, so that the walk knows its layout; other sizes as far as they are refused.
bool remake_ring(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.thread");
  c.model.forget_ended(w);
  const bool open = c.model.ring_ops_open(w) != 0;
  if (cap == 0 || !c.ring_is_clear(w) || c.model.thread(w).lingers || (open && !c.model.ring_waits_for_signal(w))) return false;
  kernel::Thread& thread = c.thread(w);
  if (c.random.one_in(8)) {
    const Error refused = c.model.refusal(w.process, cap, schema::ThreadControl::kInterfaceId);
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.cap = cap;
    entry.interface_id = schema::ThreadControl::kInterfaceId;
    entry.method = schema::ThreadControl::SetRing::kOrdinal;
    const abi::CapCqe completion = c.world.complete(thread, entry);
    const Error found = error_of(completion.result, completion.flags);
    c.require(!refused.ok() ? found == refused : !found.ok(), "a ring is made anew by a call through itself");
    return true;
  }
  const bool in_use = open || c.completions(thread) != 0;
  const std::uint32_t entries = c.random.one_in(3) ? static_cast<std::uint32_t>(c.random.below(600)) : in_use ? 32 : 16;
  const bool fits = entries >= 16 && entries <= 256 && (entries & (entries - 1)) == 0;
  if (fits && entries != 16 && !in_use) return false;
  c.tell("with " + std::to_string(entries) + " entries");
  const auto made = c.world.call<schema::ThreadControl::SetRing>(thread, abi::CapId{cap}, {.entries = entries});
  const Error refused = c.model.refusal(w.process, cap, schema::ThreadControl::kInterfaceId);
  if (refused.ok() && short_of_memory(made.error)) return true;
  const Error expected = !refused.ok() ? refused
                         : !fits       ? invalid(KernelError::bad_range)
                         : in_use      ? failed(KernelError::bad_state)
                                       : kNoError;
  c.expect(expected, made.error);
  if (expected.ok()) c.model.thread(w).seen = 0;
  return true;
}

bool wake_ring(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::thread);
  if (cap == 0) return false;
  const ModelObject& object = object_of(c, w, cap);
  const Who whose{object.process, object.thread};
  c.tell("of " + whose.text());
  bool polled = false;
  call_object<schema::Thread::WakeRing>(c, w, cap, {}, [&] {
    polled = c.model.thread(whose).polls;
    const bool away = c.model.process(whose.process).cpu != c.model.process(w.process).cpu;
    if (!c.model.thread(whose).alive()) return finds_words();
    if (away) return finds_error(invalid(KernelError::bad_cpu));
    return finds_words();
  });
  if (!polled || !c.model.thread(whose).alive() || c.model.process(whose.process).cpu != c.model.process(w.process).cpu) return true;
  const bool waits = c.thread(whose).state == kernel::ThreadState::await_completions;
  c.require(!waits || c.ring_is_clear(whose), "a ring that polls is woken, and what was submitted stays there");
  if (!waits) ++c.tally_of("(a polled ring woken)");
  return true;
}

constexpr std::array kActions = {
    Action{"writes to the console", 1, false, write_console},
    Action{"emits an event", 1, false, emit},
    Action{"opens the trace", 1, false, open_trace},
    Action{"opens the host's channel", 1, false, open_channel},
    Action{"reads the boot pack", 1, false, read_pack},
    Action{"reads entropy", 1, false, read_entropy},
    Action{"describes the machine", 1, false, describe_machine},
    Action{"describes cpu", 2, false, describe_cpu},
    Action{"asks what frames are free", 1, false, ask_frames},
    Action{"sets or asks the share", 3, false, set_share},
    Action{"gives up its turn", 3, false, give_up_turn},
    Action{"makes its ring anew", 3, false, remake_ring},
    Action{"wakes the ring", 2, false, wake_ring},
};

}  // namespace

std::span<const Action> system_actions() { return kActions; }

}  // namespace capos::ktest
