// SPDX-License-Identifier: Apache-2.0
// Typed clients of interfaces that programs serve by message (Role::message_service).
#include "harness.hpp"

namespace conformance {
namespace {

Service serving(Guest& guest, std::uint64_t interface_id) noexcept {
  auto made = guest.objects->create_endpoint([&](auto params) { params.set_interface_id(interface_id); });
  if (!made.has_value()) return {};
  Service service{made->capability<schema::Endpoint>(made->reader().endpoint()), {}};
  auto joined = service.endpoint->connect([](auto) {});
  if (joined.has_value()) {
    service.client = joined->capability<schema::Echo>(joined->reader().client().get_capability());
  }
  return service;
}

struct Played {
  explicit Played(Guest& guest, std::uint32_t what, std::uint64_t interface_id) noexcept
      : out(guest), service(serving(guest, interface_id)),
        grants{Grant{"serve", service.endpoint.cap()}, Grant{"out", out.cap()}},
        child(guest, {.role = Role::message_service, .argument = what, .grants = grants}) {
    good = out && child.becomes_ready();
  }
  Shared out;
  Service service;
  Grant grants[2];
  Child child;
  bool good = false;
};

void text_travels(Guest& guest) noexcept {
  Played played(guest, 0, schema::Console::kInterfaceId);
  CHECK(played.good);
  Capability<schema::Console> console(played.service.client.cap());
  for (int i = 0; i < 3; ++i) {
    played.out.set(0, 0);
    CHECK(console->write([](auto params) { params.set_text("abc"); }).has_value());
    CHECK(played.out.word(0) == 'a' + 'b' + 'c' && played.out.word(1) == guest.runtime.number());
  }
  char long_text[101];
  for (char& letter : long_text) letter = 'x';
  const std::string_view hundred_and_one(long_text, sizeof long_text);
  CHECK(invalid(console->write([&](auto params) { params.set_text(hundred_and_one); }), KernelError::bad_range));
  CHECK(console->write([](auto params) { params.set_text("d"); }).has_value() && played.out.word(0) == 'd');
}

void capability_comes_back(Guest& guest) noexcept {
  Played played(guest, 1, schema::TraceRings::kInterfaceId);
  CHECK(played.good);
  Capability<schema::TraceRings> rings(played.service.client.cap());
  auto opened = rings->open([](auto params) { params.set_cpu(1); });
  CHECK(opened.has_value());
  auto memory = opened->capability<schema::MemoryObject>(opened->reader().ring());
  const auto size = memory->get_size();
  CHECK(size.has_value() && size->size == kPage);
  CHECK(refused(rings->open([](auto params) { params.set_cpu(3); }), ExceptionType::failed, static_cast<KernelError>(99)));
  // The server answers with a capability that it does not have: the caller learns that it failed, the server goes on.
  CHECK(refused(rings->open([](auto params) { params.set_cpu(2); }), ExceptionType::failed, KernelError::bad_capability));
  CHECK(rings->open([](auto params) { params.set_cpu(0); }).has_value());
}

// A register method, called by registers of a server that takes messages.
void words_by_registers(Guest& guest) noexcept {
  Played played(guest, 2, schema::Echo::kInterfaceId);
  CHECK(played.good);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto answer = played.service.client.borrow()->echo(i, 10 * i);
    CHECK(answer.has_value() && answer->a == i + 1 && answer->b == 10 * i + 2);
  }
}

void unknown_method(Guest& guest) noexcept {
  Played played(guest, 2, schema::Echo::kInterfaceId);
  CHECK(played.good);
  const RawCall raw = raw_call(played.service.client.cap(), schema::Echo::kInterfaceId, 7);
  CHECK(raw.status == status_of(TransportError::exception) &&
        (raw.exception & 0xffff) == static_cast<std::uint64_t>(ExceptionType::unimplemented));
  CHECK(transport(Capability<schema::Console>(played.service.client.cap())->write([](auto params) { params.set_text("x"); }),
                  TransportError::exception));
  CHECK(played.service.client.borrow()->echo(1, 1).has_value());
}

constexpr Case kCases[] = {
    {"message service takes text", text_travels},
    {"message service gives capabilities", capability_comes_back},
    {"message service called by registers", words_by_registers},
    {"message service unknown method", unknown_method},
};

}  // namespace

std::span<const Case> message_service_cases() noexcept { return kCases; }

}  // namespace conformance
