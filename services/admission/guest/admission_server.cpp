// SPDX-License-Identifier: Apache-2.0
#include "admission_server.hpp"

#include "capos/admission/validate.hpp"

namespace capos::admission {
namespace {

using schema::AdmissionOutcome;

}  // namespace

AdmissionServer::Outcome AdmissionServer::admit(runtime::CallInfo& /*info*/,
                                                const schema::Admission::Admit::Params::Value& params,
                                                Answer& answer) noexcept {
  wire::MessageReader message(pack_, kManifestLimits);
  const auto pack = message.root<schema::BootPack>();
  answer = judge(pack, params.island);
  // What a malformed message reads as must not pass for a manifest.
  if (message.error() != wire::Error::none) answer = {AdmissionOutcome::no_manifest, 0, 0};
  return Outcome::done();
}

AdmissionServer::Outcome AdmissionServer::admit_beside(runtime::CallInfo& /*info*/,
                                                       schema::Admission::AdmitBeside::Params::Reader params,
                                                       schema::Admission::AdmitBeside::Results::Builder results) noexcept {
  const Answer answer = judge_beside(params.manifest(), params.island(), false);
  results.set_outcome(answer.outcome);
  results.set_offset(answer.offset);
  results.set_size(answer.size);
  return Outcome::done();
}

AdmissionServer::Outcome AdmissionServer::change(runtime::CallInfo& /*info*/, schema::Admission::Change::Params::Reader params,
                                                 schema::Admission::Change::Results::Builder results) noexcept {
  const Answer answer = judge_beside(params.manifest(), params.island(), true);
  results.set_outcome(answer.outcome);
  results.set_offset(answer.offset);
  results.set_size(answer.size);
  return Outcome::done();
}

AdmissionServer::Answer AdmissionServer::judge_beside(schema::SystemManifest::Reader manifest, std::uint16_t island,
                                                      bool changes) noexcept {
  wire::MessageReader message(pack_, kManifestLimits);
  const auto pack = message.root<schema::BootPack>();
  if (pack.magic() != schema::kBootPackMagic) return {AdmissionOutcome::no_manifest, 0, 0};
  const auto islands = manifest.init_config().islands();
  if (island >= islands.size()) return {AdmissionOutcome::no_such_island, 0, 0};
  if (reader_.cap().is_null()) return {AdmissionOutcome::unreadable, 0, 0};
  const auto found = standing_.read(reader_);
  if (found == StandingIslands::Found::unreadable) return {AdmissionOutcome::unreadable, 0, 0};
  if (found == StandingIslands::Found::too_large) return {AdmissionOutcome::too_large, 0, 0};
  if (changes && !standing_.has(islands[island].name())) return {AdmissionOutcome::no_such_island, 0, 0};
  if (!validate(manifest, found_)) return finding();
  const Overheads overheads = overheads_of(pack.machine(), pack.manifest().kernel_params().cpus());
  return admission_.run_beside(manifest, island, overheads, standing_.all()) ? certificate() : refusal();
}

AdmissionServer::Answer AdmissionServer::judge(schema::BootPack::Reader pack, std::uint16_t island) noexcept {
  if (pack.magic() != schema::kBootPackMagic || !pack.has_manifest())
    return {AdmissionOutcome::no_manifest, 0, 0};
  const auto manifest = pack.manifest();
  if (island >= manifest.init_config().islands().size()) return {AdmissionOutcome::no_such_island, 0, 0};
  if (!validate(manifest, found_)) return finding();
  const Overheads overheads = overheads_of(pack.machine(), manifest.kernel_params().cpus());
  return admission_.run(manifest, island, overheads) ? certificate() : refusal();
}

AdmissionServer::Answer AdmissionServer::certificate() noexcept {
  const std::span<wire::Word> words(reinterpret_cast<wire::Word*>(out_.data()),
                                    out_.size() / sizeof(wire::Word));
  wire::MessageBuilder message(words);
  if (!admission_.build_certificate(message)) return {AdmissionOutcome::too_large, 0, 0};
  return {AdmissionOutcome::admitted, 0, static_cast<std::uint32_t>(message.words().size_bytes())};
}

AdmissionServer::Answer AdmissionServer::refusal() noexcept {
  TextWriter text({reinterpret_cast<char*>(out_.data()), out_.size()});
  admission_.write_refusal(text);
  return {AdmissionOutcome::refused, 0, static_cast<std::uint32_t>(text.view().size())};
}

AdmissionServer::Answer AdmissionServer::finding() noexcept {
  const Diagnostic& first = found_.all().front();
  TextWriter text({reinterpret_cast<char*>(out_.data()), out_.size()});
  text << first.path.view() << ": [" << first.rule << "] " << first.message.view();
  return {AdmissionOutcome::invalid, 0, static_cast<std::uint32_t>(text.view().size())};
}

}  // namespace capos::admission
