// SPDX-License-Identifier: Apache-2.0
// An island's certificate as the kernel takes it: any words, read, then judged by the checker. Whatever they are, reading
// ends, stays inside the message, and the checker's answer is the same when it is asked again.
#include <cstdlib>

#include "capos/schema/certificate.hpp"
#include "capos/wire/message.hpp"
#include "certificate_wire.hpp"
#include "message_mutator.hpp"

using namespace capos;

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_message(data, size, most, seed, 0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static kernel::CertificateStorage storage;
  const fuzz::Words words = fuzz::words_of(data, size);
  storage.clear();
  wire::MessageReader message(words);
  const auto certificate = kernel::read_certificate(message.root<schema::IslandCertificate>(), storage);
  if (!certificate.has_value() || message.error() != wire::Error::none) return 0;
  sched::Overheads overheads{Duration::ns(1500), Duration::ns(1000), Duration::ns(4000), Duration::ns(2100), 0};
  overheads.version = sched::overheads_version(overheads);
  const sched::MachineFacts machine{0b1110, overheads};
  const bool good = sched::check_certificate(*certificate, machine).has_value();
  if (good != sched::check_certificate(*certificate, machine).has_value()) std::abort();
  return 0;
}
