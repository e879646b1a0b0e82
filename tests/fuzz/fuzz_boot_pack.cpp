// SPDX-License-Identifier: Apache-2.0
// A boot pack as the kernel, init and the admission service read it: frame, root, programs, manifest; the rules, then each
// island's analysis. What admission admits, the kernel's checker must accept: else the search has found a contradiction.
#include <array>
#include <cstdlib>
#include <memory>

#include "capos/admission/admit.hpp"
#include "capos/admission/validate.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"
#include "certificate_wire.hpp"
#include "message_mutator.hpp"

using namespace capos;

namespace {

constexpr std::uint16_t kMostIslands = 4;  // of one input

void read_programs(std::span<const wire::Word> frame) {
  wire::MessageReader message(frame, {.traversal_words = frame.size() + 64, .depth = 64});  // as kernel/main.cpp
  const auto programs = message.root<schema::BootPack>().programs();
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < programs.size() && message.error() == wire::Error::none; ++i) {
    for (const char c : programs[i].name()) sum += static_cast<unsigned char>(c);
    for (const std::byte b : programs[i].image()) sum += std::to_integer<std::uint64_t>(b);
  }
  static volatile std::uint64_t sink;
  sink = sum;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// A certificate that admission has written, taken as the kernel takes it.
void check_admitted(admission::IslandAdmission& island, std::uint32_t cpus, const sched::Overheads& overheads) {
  static std::array<wire::Word, 8192> space;
  space.fill(0);
  wire::MessageBuilder builder(space);
  if (!island.build_certificate(builder)) return;
  static kernel::CertificateStorage storage;
  storage.clear();
  wire::MessageReader reader(std::span<const wire::Word>(space).first(builder.words().size()));
  const auto certificate = kernel::read_certificate(reader.root<schema::IslandCertificate>(), storage);
  require(certificate.has_value() && reader.error() == wire::Error::none);
  const sched::MachineFacts machine{cpus, overheads};
  require(sched::check_certificate(*certificate, machine).has_value());
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_message(data, size, most, seed, 1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Words file = fuzz::words_of(data, size);
  const auto frame = wire::read_frame(file);
  if (!frame.has_value()) return 0;
  read_programs(*frame);

  wire::MessageReader message(*frame, admission::kManifestLimits);
  const auto manifest = message.root<schema::BootPack>().manifest();
  static const auto found = std::make_unique<admission::Diagnostics>();
  static const auto island = std::make_unique<admission::IslandAdmission>();
  if (!admission::validate(manifest, *found)) return 0;
  sched::Overheads overheads{Duration::ns(1500), Duration::ns(1000), Duration::ns(4000), Duration::ns(2100), 0};
  overheads.version = sched::overheads_version(overheads);
  const std::uint32_t islands = manifest.init_config().islands().size();
  for (std::uint16_t i = 0; i < islands && i < kMostIslands; ++i) {
    if (!island->run(manifest, i, overheads) || message.error() != wire::Error::none) continue;
    check_admitted(*island, ~0u, overheads);
  }
  return 0;
}
