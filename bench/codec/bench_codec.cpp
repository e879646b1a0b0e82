// SPDX-License-Identifier: Apache-2.0
// Encode and decode of one realistic message, a manifest of ten services and ten tasks, by both codecs in
// turn.
//
// Both build into memory given to them, and read without copying; both touch every field. The last lines are
// the ratios of the medians: host nanoseconds are noise on a shared machine, a ratio taken in one run is not.
#include <benchmark/benchmark.h>
#include <capnp/message.h>
#include <capos/manifest.capnp.h>
#include <fmt/format.h>

#include <algorithm>
#include <capos/schema/manifest.hpp>
#include <capos/wire/message.hpp>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using capos::schema::SystemManifest;
using capos::wire::MessageBuilder;
using capos::wire::MessageReader;
using capos::wire::Word;
namespace host = capos::host;
namespace schema = capos::schema;

constexpr unsigned kServices = 10;
constexpr unsigned kTasks = 10;
constexpr std::size_t kWords = 4096;

struct Names {
  std::string service, binary, path, task, server;
};

const std::vector<Names>& names() {
  static const std::vector<Names> all = [] {
    std::vector<Names> out;
    for (unsigned i = 0; i < kServices; ++i) {
      out.push_back({fmt::format("service-{}", i), fmt::format("binary-{}", i),
                     fmt::format("services/program-{}", i), fmt::format("task-{}", i),
                     fmt::format("service-{}.drive", (i + 1) % kServices)});
    }
    return out;
  }();
  return all;
}

// ---- libcapnp

void encode_service(host::Service::Builder service, const Names& name, unsigned i) {
  service.setName(name.service);
  service.setBinary(name.binary);
  auto exported = service.initExports(1)[0];
  exported.setName("drive");
  exported.setInterface(0xd3a8f06c51e97b24);
  auto grants = service.initGrants(3);
  grants[0].setName("timer");
  grants[0].setKernel(host::KernelService::TIMER);
  grants[1].setName("peer");
  grants[1].setFrom(name.server);
  grants[2].setName("samples");
  grants[2].setBuffer("samples");
  service.initMemory().setKib(512);
  service.setWeight(static_cast<std::uint16_t>(100 + i));
}

void encode_task(host::Task::Builder task, const Names& name, unsigned i) {
  task.setName(name.task);
  task.setService(name.service);
  task.initPeriod().setMs(1 + i);
  task.initBudget().setUs(80);
  task.initDeadline().setUs(900);
  auto call = task.initCalls(1)[0];
  call.setServer(name.server);
  call.initWcet().setUs(15);
  task.setOnMiss(host::Consequence::HOLD);
}

void encode(capnp::MessageBuilder& message) {
  auto manifest = message.initRoot<host::SystemManifest>();
  manifest.setSchemaVersion(1);
  auto params = manifest.initKernelParams();
  params.setCpus(2);
  params.initMemory().setMib(256);
  auto binaries = manifest.initBinaries(kServices);
  for (unsigned i = 0; i < kServices; ++i) {
    binaries[i].setName(names()[i].binary);
    binaries[i].setPath(names()[i].path);
  }
  auto config = manifest.initInitConfig();
  config.setInit("init");
  auto services = config.initServices(kServices);
  for (unsigned i = 0; i < kServices; ++i) encode_service(services[i], names()[i], i);
  auto island = config.initIslands(1)[0];
  island.setName("balance");
  island.initCpus(1).set(0, 1);
  auto tasks = island.initTasks(kTasks);
  for (unsigned i = 0; i < kTasks; ++i) encode_task(tasks[i], names()[i], i);
  auto chain = island.initChains(1)[0];
  chain.setName("angle-to-force");
  auto path = chain.initPath(2);
  path.set(0, "task-0");
  path.set(1, "task-1");
  chain.initBound().setUs(1500);
}

std::uint64_t sum(capnp::Text::Reader text) { return text.size() + static_cast<unsigned char>(text[0]); }
std::uint64_t sum(host::Time::Reader time) {
  switch (time.which()) {
    case host::Time::NS:
      return time.getNs();
    case host::Time::US:
      return time.getUs();
    case host::Time::MS:
      return time.getMs();
    default:
      return 0;
  }
}

std::uint64_t decode_service(host::Service::Reader service) {
  std::uint64_t total = sum(service.getName()) + sum(service.getBinary()) + service.getWeight() +
                        service.getCpu() + service.getPassive() + service.getMemory().getKib();
  for (const auto exported : service.getExports()) total += sum(exported.getName()) + exported.getInterface();
  for (const auto grant : service.getGrants()) {
    total += sum(grant.getName());
    switch (grant.which()) {
      case host::Grant::FROM:
        total += sum(grant.getFrom());
        break;
      case host::Grant::KERNEL:
        total += static_cast<unsigned>(grant.getKernel());
        break;
      case host::Grant::BUFFER:
        total += sum(grant.getBuffer());
        break;
      case host::Grant::PRODUCES:
        total += sum(grant.getProduces());
        break;
      case host::Grant::CONSUMES:
        total += sum(grant.getConsumes());
        break;
    }
  }
  return total;
}

std::uint64_t decode_task(host::Task::Reader task) {
  std::uint64_t total = sum(task.getName()) + sum(task.getService()) + task.getPeriod().getMs() +
                        sum(task.getBudget()) + sum(task.getDeadline()) +
                        static_cast<std::uint64_t>(task.getPriority()) +
                        static_cast<std::uint64_t>(task.getCpu()) + static_cast<unsigned>(task.getOnMiss()) +
                        static_cast<unsigned>(task.getOnOverrun());
  for (const auto call : task.getCalls()) total += sum(call.getServer()) + sum(call.getWcet());
  return total;
}

std::uint64_t decode(capnp::MessageReader& message) {
  const auto manifest = message.getRoot<host::SystemManifest>();
  std::uint64_t total = manifest.getSchemaVersion() + manifest.getKernelParams().getCpus();
  for (const auto binary : manifest.getBinaries()) total += sum(binary.getName()) + sum(binary.getPath());
  const auto config = manifest.getInitConfig();
  total += sum(config.getInit());
  for (const auto service : config.getServices()) total += decode_service(service);
  for (const auto island : config.getIslands()) {
    total += sum(island.getName());
    for (const auto cpu : island.getCpus()) total += cpu;
    for (const auto task : island.getTasks()) total += decode_task(task);
    for (const auto chain : island.getChains()) {
      total += sum(chain.getName()) + sum(chain.getBound());
      for (const auto step : chain.getPath()) total += sum(step);
    }
  }
  return total;
}

// ---- ours

void encode_service(schema::Service::Builder service, const Names& name, unsigned i) {
  service.set_name(name.service);
  service.set_binary(name.binary);
  const auto exported = service.init_exports(1)[0];
  exported.set_name("drive");
  exported.set_interface(0xd3a8f06c51e97b24);
  const auto grants = service.init_grants(3);
  grants[0].set_name("timer");
  grants[0].set_kernel(schema::KernelService::timer);
  grants[1].set_name("peer");
  grants[1].set_from(name.server);
  grants[2].set_name("samples");
  grants[2].set_buffer("samples");
  service.init_memory().set_kib(512);
  service.set_weight(static_cast<std::uint16_t>(100 + i));
}

void encode_task(schema::Task::Builder task, const Names& name, unsigned i) {
  task.set_name(name.task);
  task.set_service(name.service);
  task.init_period().set_ms(1 + i);
  task.init_budget().set_us(80);
  task.init_deadline().set_us(900);
  const auto call = task.init_calls(1)[0];
  call.set_server(name.server);
  call.init_wcet().set_us(15);
  task.set_on_miss(schema::Consequence::hold);
}

void encode(MessageBuilder& message) {
  const auto manifest = message.init_root<SystemManifest>();
  manifest.set_schema_version(1);
  const auto params = manifest.init_kernel_params();
  params.set_cpus(2);
  params.init_memory().set_mib(256);
  const auto binaries = manifest.init_binaries(kServices);
  for (unsigned i = 0; i < kServices; ++i) {
    binaries[i].set_name(names()[i].binary);
    binaries[i].set_path(names()[i].path);
  }
  const auto config = manifest.init_init_config();
  config.set_init("init");
  const auto services = config.init_services(kServices);
  for (unsigned i = 0; i < kServices; ++i) encode_service(services[i], names()[i], i);
  const auto island = config.init_islands(1)[0];
  island.set_name("balance");
  island.init_cpus(1).set(0, std::uint16_t{1});
  const auto tasks = island.init_tasks(kTasks);
  for (unsigned i = 0; i < kTasks; ++i) encode_task(tasks[i], names()[i], i);
  const auto chain = island.init_chains(1)[0];
  chain.set_name("angle-to-force");
  const auto path = chain.init_path(2);
  path.set(0, std::string_view("task-0"));
  path.set(1, std::string_view("task-1"));
  chain.init_bound().set_us(1500);
}

std::uint64_t sum(std::string_view text) { return text.size() + static_cast<unsigned char>(text[0]); }
std::uint64_t sum(schema::Time::Reader time) {
  switch (time.which()) {
    case schema::Time::Which::ns:
      return time.ns();
    case schema::Time::Which::us:
      return time.us();
    case schema::Time::Which::ms:
      return time.ms();
    default:
      return 0;
  }
}

std::uint64_t decode_service(schema::Service::Reader service) {
  std::uint64_t total = sum(service.name()) + sum(service.binary()) + service.weight() + service.cpu() +
                        service.passive() + service.memory().kib();
  for (const auto exported : service.exports()) total += sum(exported.name()) + exported.interface();
  for (const auto grant : service.grants()) {
    total += sum(grant.name());
    switch (grant.which()) {
      case schema::Grant::Which::from:
        total += sum(grant.from());
        break;
      case schema::Grant::Which::kernel:
        total += static_cast<unsigned>(grant.kernel());
        break;
      case schema::Grant::Which::buffer:
        total += sum(grant.buffer());
        break;
      case schema::Grant::Which::produces:
        total += sum(grant.produces());
        break;
      case schema::Grant::Which::consumes:
        total += sum(grant.consumes());
        break;
    }
  }
  return total;
}

std::uint64_t decode_task(schema::Task::Reader task) {
  std::uint64_t total = sum(task.name()) + sum(task.service()) + task.period().ms() + sum(task.budget()) +
                        sum(task.deadline()) + static_cast<std::uint64_t>(task.priority()) +
                        static_cast<std::uint64_t>(task.cpu()) + static_cast<unsigned>(task.on_miss()) +
                        static_cast<unsigned>(task.on_overrun());
  for (const auto call : task.calls()) total += sum(call.server()) + sum(call.wcet());
  return total;
}

std::uint64_t decode(MessageReader& message) {
  const auto manifest = message.root<SystemManifest>();
  std::uint64_t total = manifest.schema_version() + manifest.kernel_params().cpus();
  for (const auto binary : manifest.binaries()) total += sum(binary.name()) + sum(binary.path());
  const auto config = manifest.init_config();
  total += sum(config.init());
  for (const auto service : config.services()) total += decode_service(service);
  for (const auto island : config.islands()) {
    total += sum(island.name());
    for (const auto cpu : island.cpus()) total += cpu;
    for (const auto task : island.tasks()) total += decode_task(task);
    for (const auto chain : island.chains()) {
      total += sum(chain.name()) + sum(chain.bound());
      for (const auto step : chain.path()) total += sum(step);
    }
  }
  return total;
}

// ---- the benchmarks

std::vector<Word> message_words() {
  std::vector<Word> words(kWords);
  MessageBuilder message(words);
  encode(message);
  return {message.words().begin(), message.words().end()};
}

kj::ArrayPtr<capnp::word> stock_words(std::vector<Word>& words) {
  return kj::arrayPtr(reinterpret_cast<capnp::word*>(words.data()), words.size());
}

void encode_stock(benchmark::State& state) {
  std::vector<Word> space(kWords);
  for (auto unused : state) {
    (void)unused;
    capnp::MallocMessageBuilder message(stock_words(space));
    encode(message);
    benchmark::DoNotOptimize(message.getSegmentsForOutput());
  }
}

void encode_ours(benchmark::State& state) {
  std::vector<Word> space(kWords);
  for (auto unused : state) {
    (void)unused;
    MessageBuilder message(space);
    encode(message);
    benchmark::DoNotOptimize(message.words().data());
    benchmark::ClobberMemory();
  }
}

void decode_stock(benchmark::State& state) {
  std::vector<Word> words = message_words();
  const kj::ArrayPtr<const capnp::word> segment = stock_words(words);
  for (auto unused : state) {
    (void)unused;
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1));
    benchmark::DoNotOptimize(decode(message));
    benchmark::ClobberMemory();
  }
}

void decode_ours(benchmark::State& state) {
  const std::vector<Word> words = message_words();
  for (auto unused : state) {
    (void)unused;
    MessageReader message(words);
    benchmark::DoNotOptimize(decode(message));
    benchmark::ClobberMemory();
    if (message.error() != capos::wire::Error::none) state.SkipWithError("the message does not read");
  }
}

// Keeps the median of each benchmark's repetitions.
class Medians : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name == "median") median_[run.run_name.function_name] = run.GetAdjustedCPUTime();
    }
    ConsoleReporter::ReportRuns(runs);
  }
  void print_ratio(const char* what) {
    const double stock = median_[fmt::format("{}/libcapnp", what)];
    const double ours = median_[fmt::format("{}/capos", what)];
    if (stock > 0) fmt::print("{}: {:.2f} of libcapnp's time (goal: at most 0.50)\n", what, ours / stock);
  }

 private:
  std::map<std::string, double> median_;
};

// Both codecs build the same bytes and read the same sum, or the comparison means nothing.
bool codecs_agree() {
  std::vector<Word> space(kWords);
  capnp::MallocMessageBuilder stock(stock_words(space));
  encode(stock);
  const auto segments = stock.getSegmentsForOutput();
  const std::vector<Word> ours = message_words();
  if (segments.size() != 1 || segments[0].size() != ours.size() ||
      std::memcmp(segments[0].begin(), ours.data(), ours.size() * sizeof(Word)) != 0) {
    return false;
  }
  capnp::SegmentArrayMessageReader stock_reader(segments);
  MessageReader our_reader(ours);
  fmt::print(stderr, "message: {} bytes, {} services, {} tasks\n", ours.size() * sizeof(Word), kServices, kTasks);
  return decode(stock_reader) == decode(our_reader);
}

}  // namespace

int main(int argc, char** argv) {
  if (!codecs_agree()) {
    fmt::print(stderr, "the codecs do not agree on the message\n");
    return 1;
  }
  // Repetitions of the four take turns, so that other load on the machine meets all of them alike.
  std::vector<char*> arguments(argv, argv + argc);
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  arguments.insert(arguments.begin() + 1, interleave.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  const auto add = [](const char* name, void (*function)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, function)->Repetitions(25)->ReportAggregatesOnly(true)->MinTime(0.04);
  };
  add("encode/libcapnp", encode_stock);
  add("encode/capos", encode_ours);
  add("decode/libcapnp", decode_stock);
  add("decode/capos", decode_ours);
  const auto given = [&](std::string_view flag) {
    return std::ranges::any_of(std::span(argv, static_cast<std::size_t>(argc)), [&](const char* word) { return word == flag; });
  };
  if (given("--benchmark_format=json") || given("--benchmark_format=csv")) {
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  medians.print_ratio("encode");
  medians.print_ratio("decode");
  return 0;
}
