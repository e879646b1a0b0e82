// SPDX-License-Identifier: Apache-2.0
#include "islands/island_authority.hpp"

#include "ipc/call_context.hpp"
#include "islands/group.hpp"
#include "islands/island.hpp"
#include "islands/lease.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kRefused = 3;

class IslandAuthorityService final : public SingletonObject<IslandAuthorityService, schema::IslandAuthority> {
 public:
  Outcome admit(CallContext& call, schema::IslandAuthority::Admit::Params::Reader params,
                schema::IslandAuthority::Admit::Results::Builder results) noexcept {
    if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
    const auto words = copy_certificate(params.certificate());
    const std::uint32_t index = params.certificate().island_index();
    Group& group = group_at_hand();
    const sched::Certificate* const claims = group.assemble(words, nullptr, Group::Others::as_claimed);
    if (claims == nullptr) return refuse(call, index, results, group.why());
    if (group.is_changing()) return Outcome::overloaded(KernelError::busy);
    const auto checked = check(*claims);
    if (!checked.has_value()) return refuse(call, index, results, explain(*claims, checked.error()).view());
    // CPU 0 keeps the house: it is leased only with best effort below.
    if ((group.own().cpus & 1u) != 0 && !group.slack()) {
      return refuse(call, index, results, "CPU 0 can be leased only with best-effort slack");
    }
    if (standing_count() == kMaxStanding) return Outcome::overloaded(KernelError::out_of_memory);
    const auto leased = lease_cpus(group.own().cpus, group.slack());
    if (!leased.has_value()) return in_the_way(call, index, results, leased.error());
    return make_island(call, group.own(), words, index, results);
  }

 private:
  static Outcome refuse(CallContext& call, std::uint32_t island, schema::AdmitResult::Builder results,
                        std::string_view reason) noexcept {
    results.set_refused(reason);
    call.cpu.trace.emit(call.now, schema::EventKind::island, island, kRefused);
    return Outcome::done();
  }

  static Outcome in_the_way(CallContext& call, std::uint32_t island, schema::AdmitResult::Builder results,
                            const Occupant& occupant) noexcept {
    const auto occupied = results.init_occupied();
    occupied.set_cpu(occupant.cpu.value());
    occupied.set_by(occupant.name.data());
    call.cpu.trace.emit(call.now, schema::EventKind::island, island, kRefused);
    return Outcome::done();
  }

  static Outcome make_island(CallContext& call, const sched::Certificate& certificate, std::span<const wire::Word> words,
                             std::uint32_t index, schema::AdmitResult::Builder results) noexcept {
    auto island = Island::create(call.ledger(), certificate, words, index, call.now);
    if (!island.has_value()) {
      release_unused_cpus(certificate.cpus);
      return Outcome::overloaded(island.error());
    }
    Island& made = **island;
    const auto admitted = results.init_admitted();
    const auto own = call.give(Ref<Object>::adopt(island->leak()));
    if (!own.has_value()) return Outcome::overloaded(own.error());
    admitted.set_island(*own);
    const unsigned first = std::min<unsigned>(made.size(), abi::kMaxTransfers - 1);
    return made.give_contexts(call, 0, admitted.init_contexts(first));
  }
};

class IslandReaderService final : public SingletonObject<IslandReaderService, schema::IslandReader> {
 public:
  Outcome standing(CallContext& call, schema::IslandReader::Standing::Params::Reader params,
                   schema::IslandReader::Standing::Results::Builder results) noexcept {
    if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
    const Island* island = first_standing();
    while (island != nullptr && island->serial() <= params.after()) island = next_standing(*island);
    if (island == nullptr) return Outcome::done();
    wire::MessageReader kept(island->kept().words());
    results.set_serial(island->serial());
    results.set_certificate(kept.root<schema::IslandCertificate>());
    return Outcome::done();
  }
};

constinit IslandAuthorityService g_authority;
constinit IslandReaderService g_reader;

}  // namespace

Object& island_authority_service() noexcept { return g_authority; }
Object& island_reader_service() noexcept { return g_reader; }

}  // namespace capos::kernel
