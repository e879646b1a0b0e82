// SPDX-License-Identifier: Apache-2.0
#include "islands/island_authority.hpp"

#include "ipc/call_context.hpp"
#include "islands/admission.hpp"
#include "islands/island.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

class IslandAuthorityService final : public SingletonObject<IslandAuthorityService, schema::IslandAuthority> {
 public:
  constexpr IslandAuthorityService() noexcept : SingletonObject(ObjectType::boot_cpu_singleton) {}
  Outcome admit(CallContext& call, schema::IslandAuthority::Admit::Params::Reader,
                schema::IslandAuthority::Admit::Results::Builder results) noexcept {
    if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
    return Admission::admit(call, results);
  }
};

class IslandReaderService final : public SingletonObject<IslandReaderService, schema::IslandReader> {
 public:
  constexpr IslandReaderService() noexcept : SingletonObject(ObjectType::boot_cpu_singleton) {}
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
