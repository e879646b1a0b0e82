// SPDX-License-Identifier: Apache-2.0
#include "objects/services.hpp"

#include "core/account.hpp"
#include "core/console.hpp"
#include "core/text.hpp"
#include "core/wake.hpp"
#include "devices/event_timer.hpp"
#include "devices/give.hpp"
#include "ipc/call_context.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/notification.hpp"
#include "memory/memory_object.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constinit hal::MemoryRange g_host_channel;
constinit hal::MemoryRange g_boot_pack;
constinit std::uint64_t g_features = 0;

// Hands `object` out as a result capability; `set` writes its index into the results.
template <typename Set>
Outcome give_result(CallContext& call, ResultOf<Ref<MemoryObject>, KernelError> object, Set&& set) noexcept {
  if (!object.has_value()) return Outcome::overloaded(object.error());
  const auto index = call.give(Ref<Object>::adopt(object->leak()));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  set(*index);
  return Outcome::done();
}

class ConsoleService final : public SingletonObject<ConsoleService, schema::Console> {
 public:
  Outcome write(CallContext& call, schema::Console::Write::Params::Reader params,
                schema::Console::Write::Results::Builder) noexcept {
    constexpr std::size_t kLongest = 1024;
    CallProgress& progress = call.progress;
    if (!progress.begun) {
      const std::string_view text = params.text();
      if (text.size() > kLongest) return Outcome::invalid(KernelError::bad_range);
      if (!call.ledger().charge(Resource::log_bytes, text.size())) return Outcome::overloaded(KernelError::quota_exceeded);
      if (!console_put(text, progress.done)) {  // written by others, in their portions; this one helps
        call.ledger().give_back(Resource::log_bytes, text.size());
        (void)console_step(0);
        return Outcome::unfinished();
      }
      progress.begun = true;
    }
    return console_step(progress.done) ? Outcome::done() : Outcome::unfinished();
  }
};

void wake_sleeper(void* subject, Cpu&, Time now) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  for (auto& word : thread.user.words()) word = 0;
  thread.user.words()[0] = now.ns();
  complete_call(thread, 0, now);
}

class TimerService final : public SingletonObject<TimerService, schema::Timer> {
 public:
  Outcome now(CallContext& call, const schema::Timer::Now::Params::Value&,
              schema::Timer::Now::Results::Value& results) noexcept {
    results.ns = call.now.ns();
    return Outcome::done();
  }
  Outcome describe(CallContext&, const schema::Timer::Describe::Params::Value&,
                   schema::Timer::Describe::Results::Value& results) noexcept {
    results.start_tsc = hal::tsc_of(Time{});
    results.tsc_hz = hal::tsc_of(Time::from_ns(1'000'000'000)) - results.start_tsc;
    results.features = g_features;
    return Outcome::done();
  }
  Outcome sleep_until(CallContext& call, const schema::Timer::SleepUntil::Params::Value& params,
                      schema::Timer::SleepUntil::Results::Value& results) noexcept {
    Thread& thread = call.thread;
    if (thread.account.entity == nullptr) return Outcome::failed(KernelError::bad_state);
    if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
    const Time until = Time::from_ns(params.ns);
    if (until <= call.now) {
      results.ns = call.now.ns();
      return Outcome::done();
    }
    thread.state = ThreadState::sleeping;
    thread.has_waited = true;
    block(call.cpu, thread.account, call.now);
    start_timeout(call.cpu.sleepers, thread.timeout, until, wake_sleeper, &thread);
    return Outcome::blocked();
  }
  Outcome create_event_timer(CallContext& call, schema::Timer::CreateEventTimer::Params::Reader params,
                             schema::Timer::CreateEventTimer::Results::Builder results) noexcept {
    Notification* const notification = call.argument<Notification>(params.notification());
    if (notification == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (params.bits() == 0) return Outcome::invalid(KernelError::bad_range);
    return give_device(call, EventTimer::create(call, *notification, params.bits()),
                       [&](std::uint32_t index) { results.set_timer(index); });
  }
};

class TraceSourceService final : public SingletonObject<TraceSourceService, schema::TraceSource> {
 public:
  Outcome emit(CallContext& call, const schema::TraceSource::Emit::Params::Value& params,
               schema::TraceSource::Emit::Results::Value&) noexcept {
    const std::uint32_t source = 1u << 31 | (params.code & 0x7fff) << 16 | (call.process().number() & 0xffff);
    call.cpu.trace.emit(call.now, schema::EventKind::user, source, params.a, params.b, params.c, params.d, params.e,
                        params.f);
    return Outcome::done();
  }
};

class TraceRingsService final : public SingletonObject<TraceRingsService, schema::TraceRings> {
 public:
  Outcome open(CallContext& call, schema::TraceRings::Open::Params::Reader params,
               schema::TraceRings::Open::Results::Builder results) noexcept {
    Cpu* const cpu = Cpu::find(CpuId(params.cpu()));
    if (cpu == nullptr) return Outcome::invalid(KernelError::bad_cpu);
    return give_result(call, cpu->trace.memory(), [&](std::uint32_t index) { results.set_ring(index); });
  }
};

class HostChannelService final : public SingletonObject<HostChannelService, schema::HostChannel> {
 public:
  Outcome open(CallContext& call, schema::HostChannel::Open::Params::Reader,
               schema::HostChannel::Open::Results::Builder results) noexcept {
    if (g_host_channel.size == 0) return Outcome::failed(KernelError::not_found);
    return give_result(call, MemoryObject::wrap(call.ledger(), g_host_channel, true),
                       [&](std::uint32_t index) { results.set_memory(index); });
  }
};

class SystemControlService final : public SingletonObject<SystemControlService, schema::SystemControl> {
 public:
  Outcome shutdown(CallContext&, const schema::SystemControl::Shutdown::Params::Value& params,
                   schema::SystemControl::Shutdown::Results::Value&) noexcept {
    console_flush();
    hal::power_off(params.code);
  }
};

class FrameAllocatorService final : public SingletonObject<FrameAllocatorService, schema::FrameAllocator> {
 public:
  Outcome allocate(CallContext& call, schema::FrameAllocator::Allocate::Params::Reader params,
                   schema::FrameAllocator::Allocate::Results::Builder results) noexcept {
    constexpr std::uint64_t kMostPages = 65'536;
    const std::uint64_t pages = params.pages();
    if (pages == 0 || pages > kMostPages) return Outcome::invalid(KernelError::bad_range);
    const auto made = make_memory(call, pages);
    if (!made.has_value()) return Outcome::overloaded(made.error());
    if (!*made) return Outcome::unfinished();
    return give_result(call, Ref<MemoryObject>::share(static_cast<MemoryObject&>(*call.progress.object)),
                       [&](std::uint32_t index) { results.set_object(index); });
  }
  Outcome available(CallContext&, const schema::FrameAllocator::Available::Params::Value&,
                    schema::FrameAllocator::Available::Results::Value& results) noexcept {
    const HeapUse use = heap_use();
    results.free_pages = frames().lock()->free_frames();
    results.pool_pages = use.pages;
    results.pool_bytes = use.bytes;
    return Outcome::done();
  }
};

class ObjectFactoryService final : public SingletonObject<ObjectFactoryService, schema::ObjectFactory> {
 public:
  Outcome create_notification(CallContext& call, schema::ObjectFactory::CreateNotification::Params::Reader,
                              schema::ObjectFactory::CreateNotification::Results::Builder results) noexcept {
    return give_new(call, new_object<Notification>(call.ledger()),
                    [&](std::uint32_t index) { results.set_notification(index); });
  }
  Outcome create_endpoint(CallContext& call, schema::ObjectFactory::CreateEndpoint::Params::Reader params,
                          schema::ObjectFactory::CreateEndpoint::Results::Builder results) noexcept {
    const std::uint64_t minimum = params.minimum_budget_ns(), floor = params.floor_ns();
    constexpr auto kLongest = static_cast<std::uint64_t>(sched::kMaxPeriod.ns());
    const bool of_faults = params.interface_id() == schema::FaultHandler::kInterfaceId;  // which come without time
    if (minimum > kLongest || floor > kLongest || (of_faults && params.contexts_only())) return Outcome::invalid(KernelError::bad_range);
    return give_new(call,
                    new_object<Endpoint>(call.ledger(), params.interface_id(),
                                         Duration::ns(static_cast<std::int64_t>(minimum)), Priority(params.ceiling()),
                                         Duration::ns(static_cast<std::int64_t>(floor)), params.contexts_only()),
                    [&](std::uint32_t index) { results.set_endpoint(index); });
  }

 private:
  template <typename T, typename Set>
  Outcome give_new(CallContext& call, ResultOf<Ref<T>, KernelError> object, Set&& set) noexcept {
    if (!object.has_value()) return Outcome::overloaded(object.error());
    const auto index = call.give(Ref<Object>::adopt(object->leak()));
    if (!index.has_value()) return Outcome::overloaded(index.error());
    set(*index);
    return Outcome::done();
  }
};

class BootPackageService final : public SingletonObject<BootPackageService, schema::BootPackage> {
 public:
  Outcome read_manifest(CallContext& call, schema::BootPackage::ReadManifest::Params::Reader,
                        schema::BootPackage::ReadManifest::Results::Builder results) noexcept {
    // Whole pages around the module, which may begin and end within one.
    const std::uint64_t base = g_boot_pack.base.value() & ~(hal::kPageSize - 1);
    const std::uint64_t offset = g_boot_pack.base.value() - base;
    const std::uint64_t size = (offset + g_boot_pack.size + hal::kPageSize - 1) & ~(hal::kPageSize - 1);
    results.set_offset(offset);
    results.set_size(g_boot_pack.size);
    return give_result(call, MemoryObject::wrap(call.ledger(), {hal::PhysicalAddress(base), size}, false),
                       [&](std::uint32_t index) { results.set_pack(index); });
  }
};

constinit ConsoleService g_console;
constinit TimerService g_timer;
constinit TraceSourceService g_trace_source;
constinit TraceRingsService g_trace_rings;
constinit HostChannelService g_host;
constinit SystemControlService g_control;
constinit FrameAllocatorService g_frames_service;
constinit ObjectFactoryService g_factory;
constinit BootPackageService g_boot_package;

}  // namespace

Object& console_service() noexcept { return g_console; }
Object& timer_service() noexcept { return g_timer; }
Object& trace_source_service() noexcept { return g_trace_source; }
Object& trace_rings_service() noexcept { return g_trace_rings; }
Object& host_channel_service() noexcept { return g_host; }
Object& system_control_service() noexcept { return g_control; }
Object& frame_allocator_service() noexcept { return g_frames_service; }
Object& object_factory_service() noexcept { return g_factory; }
Object& boot_package_service() noexcept { return g_boot_package; }

void set_boot_memory(hal::MemoryRange host_channel, hal::MemoryRange boot_pack) noexcept {
  g_host_channel = host_channel;
  g_boot_pack = boot_pack;
}

void set_machine_features(std::uint64_t features) noexcept { g_features = features; }

}  // namespace capos::kernel
