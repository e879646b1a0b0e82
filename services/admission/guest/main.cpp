// SPDX-License-Identifier: Apache-2.0
// The admission service: proves islands of the manifest that the machine was booted with, or says why not.
//
// Holds the boot pack ("boot"), its answer buffer ("out") and its endpoint; "standing", to look at what is admitted, if it is to
// be asked while islands run; no authority over CPUs. What it answers is a claim that the kernel checks.
#include <new>

#include "admission_server.hpp"
#include "boot_pack.hpp"
#include "capos/runtime/mapping.hpp"

namespace {

// Too large for the stack; built at start because its defaults are not all zero.
alignas(capos::admission::AdmissionServer) constinit std::byte
    g_server[sizeof(capos::admission::AdmissionServer)]{};

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  const auto pack = admission::map_boot_pack(runtime);
  const auto out = runtime::need_buffer(runtime, "out", runtime::Access::read_write);
  auto* const server =
      ::new (g_server) admission::AdmissionServer(pack, out, runtime.find<schema::IslandReader>("standing"));
  (void)runtime::serve_messages<schema::Admission>(runtime.need<schema::Endpoint>("serve.admission"), *server);
  return 0;
}
