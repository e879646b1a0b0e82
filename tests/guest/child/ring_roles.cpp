// SPDX-License-Identifier: Apache-2.0
// Both ends of message calls, by hand: a server and a caller that use nothing but their rings.
#include <cstring>

#include "capos/abi/ring.hpp"
#include "capos/runtime/server.hpp"
#include "capos/runtime/system_call.hpp"
#include "capos/schema/load.hpp"
#include "capos/schema/ringcalls.hpp"
#include "child.hpp"

namespace conformance {
namespace {

using abi::CapCqe;
using abi::CapSqe;
using abi::RingOperation;
using runtime::call_ring;

constexpr std::uint32_t kReceived = 16'384, kReceivedSize = 16'384, kAnswer = 32'768, kTransfers = 49'152, kCall = 0;
constexpr std::uint64_t kReceiveData = 1, kReturnData = 2, kCallData = 3;
constexpr std::uint64_t kForever = ~std::uint64_t{0};

std::uint64_t* word_at(std::uint32_t offset) noexcept {
  return reinterpret_cast<std::uint64_t*>(call_ring().arena() + offset);
}

CapSqe entry_of(RingOperation operation, std::uint64_t user_data, std::uint64_t cap) noexcept {
  CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(operation);
  entry.user_data = user_data;
  entry.cap = cap;
  return entry;
}

void submit(const CapSqe& entry) noexcept {
  while (!call_ring().submit(entry)) (void)call_ring().enter(0, 0);
}

// Words as a message of one struct: its size.
std::uint32_t place(std::uint32_t offset, const std::uint64_t* words, std::uint32_t count) noexcept {
  *word_at(offset) = std::uint64_t{count} << 32;
  for (std::uint32_t i = 0; i < count; ++i) *word_at(offset + 8 + 8 * i) = words[i];
  return 8 + 8 * count;
}

class RingServer {
 public:
  explicit RingServer(const Child& child) noexcept
      : child_(child), endpoint_(child.runtime.need<schema::Endpoint>("serve").cap()) {}

  int serve() noexcept {
    CapSqe receive = entry_of(RingOperation::receive, kReceiveData, endpoint_.raw);
    receive.results_offset = kReceived;
    // With argument 1, one receive at a time; with more, so many areas.
    const std::uint32_t areas = child_.argument() > 1 ? child_.argument() : 1;
    const std::uint32_t size = kReceivedSize / areas / 8 * 8;
    receive.results_capacity = size;
    if (areas > 1) receive.pipeline_field = areas;
    if (child_.argument() != 1) receive.flags = abi::kSqeMultishot;
    submit(receive);
    for (;;) {
      const CapCqe completion = call_ring().await(kReceiveData, kReturnData);
      if (completion.user_data == kReturnData) {
        if (completion.result == -static_cast<std::int32_t>(schema::TransportError::cancelled)) ++report_[0];
        continue;
      }
      if (completion.result != 0) return static_cast<int>(kStatusCode) - completion.result;
      received_at_ = kReceived + abi::area_of(completion) * size;
      answer_at_ = kAnswer + abi::area_of(completion) * size;
      if (abi::area_of(completion) + 1 > areas_used_) areas_used_ = abi::area_of(completion) + 1;
      carry_out(completion);
      if ((completion.flags & abi::kCqeMore) == 0) submit(receive);
    }
  }

 private:
  [[nodiscard]] CapSqe return_of(std::uint64_t answer, std::uint32_t size) noexcept {
    CapSqe entry = entry_of(RingOperation::return_call, kReturnData, answer);
    entry.params_offset = answer_at_;
    entry.params_size = size;
    entry.transfers_offset = kTransfers;
    return entry;
  }
  void answer(std::uint64_t id, std::initializer_list<std::uint64_t> words) noexcept {
    submit(return_of(id, place(answer_at_, words.begin(), static_cast<std::uint32_t>(words.size()))));
  }
  [[nodiscard]] std::int32_t perform(const CapSqe& entry) noexcept {
    submit(entry);
    return call_ring().await(entry.user_data).result;
  }
  void set_transfer(std::uint64_t cap, abi::Transfer how) noexcept {
    const abi::TransferDescriptor descriptor{cap, static_cast<std::uint32_t>(how), 0};
    std::memcpy(word_at(kTransfers), &descriptor, sizeof descriptor);
  }
  void carry_out(const CapCqe& completion) noexcept;
  void refuse(std::uint64_t id, const std::uint64_t (&words)[8]) noexcept;
  void carry_capabilities(RingMethod method, const CapCqe& completion, const std::uint64_t (&words)[8]) noexcept;
  void misbehave(RingMethod method, std::uint64_t id) noexcept;

  const Child& child_;
  abi::CapId endpoint_;
  abi::CapId kept_{};
  std::uint32_t received_at_ = kReceived, answer_at_ = kAnswer;
  std::uint64_t report_[4] = {}, sent_ = 0, areas_used_ = 0;
};

void RingServer::refuse(std::uint64_t id, const std::uint64_t (&words)[8]) noexcept {
  char text[2048];
  const std::size_t length = words[2] < sizeof text ? words[2] : sizeof text;
  std::memset(text, 'x', length);
  wire::MessageBuilder message({word_at(answer_at_), 1'024});
  auto root = message.init_root<schema::CapException>();
  root.set_type(static_cast<schema::ExceptionType>(words[0]));
  root.set_detail(static_cast<std::uint16_t>(words[1]));
  root.set_text({text, length});
  CapSqe entry = return_of(id, static_cast<std::uint32_t>(message.words().size() * 8));
  entry.flags = abi::kSqeException;
  submit(entry);
}

void RingServer::carry_capabilities(RingMethod method, const CapCqe& completion,
                                    const std::uint64_t (&words)[8]) noexcept {
  const std::byte* const message = call_ring().arena() + received_at_ + sizeof(abi::ReceivedCall);
  const auto* const caps = reinterpret_cast<const abi::ResultCap*>(message + completion.results_size);
  if (method == RingMethod::echo) {
    std::memcpy(word_at(answer_at_), message, completion.results_size);
    for (std::uint32_t i = 0; i < completion.caps_count; ++i) {
      const abi::TransferDescriptor copy{caps[i].cap, static_cast<std::uint32_t>(abi::Transfer::copy), 0};
      std::memcpy(word_at(kTransfers + 16 * i), &copy, sizeof copy);
    }
    CapSqe entry = return_of(completion.value, completion.results_size);
    entry.transfers_count = completion.caps_count;
    return submit(entry);
  }
  if (method == RingMethod::keep) {
    kept_ = completion.caps_count == 0 ? abi::CapId{} : abi::CapId{caps[0].cap};
    const bool known = completion.caps_count == 1 && caps[0].interface_id == schema::Notification::kInterfaceId &&
                       runtime::Capability<schema::Notification>(kept_)->signal(0x80).has_value();
    return answer(completion.value, {known ? 1u : 0u});
  }
  const std::uint64_t given = method == RingMethod::give_service ? child_.runtime.find_any("next").raw : kept_.raw;
  set_transfer(given, method == RingMethod::give_service ? abi::Transfer::copy : abi::Transfer::move);
  CapSqe entry = return_of(completion.value, place(answer_at_, words, 1));
  entry.transfers_count = 1;
  submit(entry);
}

void RingServer::misbehave(RingMethod method, std::uint64_t id) noexcept {
  const std::uint64_t word = 1;
  const std::uint32_t size = place(answer_at_, &word, 1);
  constexpr auto kInvalid = -static_cast<std::int32_t>(schema::TransportError::invalid_cap);
  if (method == RingMethod::twice) {
    submit(return_of(id, size));
    submit(return_of(id, size));
    (void)call_ring().await(kReturnData);
    report_[1] = static_cast<std::uint64_t>(call_ring().await(kReturnData).result);
    return;
  }
  if (method == RingMethod::forged) {
    for (const std::uint64_t other : {std::uint64_t{0}, id + 1, id - 1, ~std::uint64_t{0}, id | std::uint64_t{1} << 40}) {
      if (perform(return_of(other, size)) == kInvalid) ++report_[2];
    }
    return submit(return_of(id, size));
  }
  CapSqe outside = return_of(id, size);
  outside.params_offset = abi::kArenaBytes - 8;
  if (perform(outside) != 0) ++report_[3];
  CapSqe without = return_of(id, size);
  without.transfers_count = 1;
  set_transfer(0x12345678, abi::Transfer::copy);
  if (perform(without) != 0) ++report_[3];
  CapSqe no_exception = return_of(id, 8);
  no_exception.flags = abi::kSqeException;
  *word_at(answer_at_) = 0x7ffe'0000'0000'0002;  // no message
  if (perform(no_exception) != 0) ++report_[3];
  answer(id, {word});
}

void RingServer::carry_out(const CapCqe& completion) noexcept {
  abi::ReceivedCall head;
  std::memcpy(&head, word_at(received_at_), sizeof head);
  if (head.interface_id != schema::Echo::kInterfaceId) runtime::exit_process(92);
  std::uint64_t words[8] = {};
  const std::uint64_t* const message = word_at(received_at_ + sizeof head);
  const std::uint64_t root = message[0];
  const std::uint64_t count = (root >> 32 & 0xffff) < 8 ? root >> 32 & 0xffff : 8;
  if ((root & 0xffff'ffff) == 0) std::memcpy(words, message + 1, count * 8);
  const std::uint64_t id = completion.value;
  if (head.registers == abi::kReceivedSent) ++sent_;
  switch (const auto method = static_cast<RingMethod>(head.method)) {
    case RingMethod::increment:
      for (std::uint64_t i = 0; i < 8; ++i) words[i] += i + 1;
      return submit(return_of(id, place(answer_at_, words, 8)));
    case RingMethod::exception: return refuse(id, words);
    case RingMethod::exit: runtime::exit_process(55);
    case RingMethod::busy: child_.compute_until(child_.now() + words[0]); return answer(id, {words[0]});
    case RingMethod::gate: {
      const auto bits = child_.runtime.need<schema::Notification>("event")->wait();
      return answer(id, {bits.has_value() ? bits->bits : 90});
    }
    case RingMethod::echo:
    case RingMethod::keep:
    case RingMethod::give:
    case RingMethod::give_service: return carry_capabilities(method, completion, words);
    case RingMethod::twice:
    case RingMethod::forged:
    case RingMethod::bad_return: return misbehave(method, id);
    case RingMethod::report: return answer(id, {report_[0], report_[1], report_[2], report_[3], sent_, areas_used_});
    case RingMethod::large: {
      const auto size = static_cast<std::uint32_t>(words[0]);
      std::memset(word_at(answer_at_), 0, 8 * (1 + size));
      *word_at(answer_at_) = std::uint64_t{size} << 32;
      return submit(return_of(id, 8 * (1 + size)));
    }
    case RingMethod::caller: return answer(id, {head.caller, head.registers});
    case RingMethod::by_registers: {
      runtime::Registers registers;
      registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
      registers.cap = endpoint_.raw;
      runtime::enter_kernel(registers);
      return answer(id, {static_cast<std::uint64_t>(-std::int64_t{registers.status()})});
    }
    case RingMethod::nested:
      return answer(id, {call_by_ring(child_, "next", static_cast<std::uint16_t>(words[0]), words[1], 0)});
  }
  answer(id, {});
}

// A ring with nothing left: what comes then stays in the queue until a timeout passes.
int exhaust_ring(const Child& child) noexcept {
  const std::uint64_t now = child.now(), never = now + 60'000'000'000;
  submit(entry_of(RingOperation::timeout, 1, now + 2'000'000));
  submit(entry_of(RingOperation::notify, 2, child.runtime.find_any("event").raw));
  for (std::uint32_t i = 2; i < abi::kRingOperations; ++i) submit(entry_of(RingOperation::timeout, 100 + i, never));
  if (call_ring().enter(0, 0) != 0) return 1;
  submit(entry_of(RingOperation::timeout, 3, 1));
  submit(entry_of(RingOperation::nop, 4, 0));  // needs no operation, but is behind one that does
  if (call_ring().enter(0, 0) != 0) return 2;
  // The timeout that passes makes room, and the entries are taken while this waits.
  if (call_ring().enter(3, kForever) != 3) return 3;
  for (const std::uint64_t expected : {1u, 3u, 4u}) {
    const auto completion = call_ring().reap();
    if (!completion.has_value() || completion->user_data != expected || completion->result != 0) return 4;
  }
  return 0;
}

int wait_for_two(const Child& child) noexcept {
  submit(entry_of(RingOperation::notify, 1, child.runtime.find_any("event").raw));
  submit(entry_of(RingOperation::timeout, 2, child.now() + 60'000'000'000));
  return static_cast<int>(call_ring().enter(2, kForever));
}

}  // namespace

int serve_by_ring(const Child& child) noexcept { return RingServer(child).serve(); }

int use_up_ring(const Child& child) noexcept {
  return child.argument() == 0 ? exhaust_ring(child) : wait_for_two(child);
}

namespace {

CapSqe call_of_gate(const Child& child, std::uint32_t number) noexcept {
  CapSqe entry = entry_of(RingOperation::call, number, child.runtime.find_any("service").raw);
  entry.method = static_cast<std::uint16_t>(RingMethod::gate);
  entry.interface_id = schema::Echo::kInterfaceId;
  const std::uint64_t none = 0;
  entry.params_size = place(kCall, &none, 1);
  entry.results_offset = kCall + 4096 + 64 * number;
  entry.results_capacity = 64;
  return entry;
}

}  // namespace

int wait_with_limit(const Child& child) noexcept {
  CapSqe call = call_of_gate(child, 1);
  call.flags = abi::kSqeLink;
  submit(call);
  submit(entry_of(RingOperation::link_timeout, 2, child.now() + 3'600'000'000'000));
  return static_cast<int>(call_ring().enter(2, kForever));
}

// All at once; waits for as many answers.
int wait_at_gates(const Child& child) noexcept {
  for (std::uint32_t i = 0; i < child.argument(); ++i) submit(call_of_gate(child, i));
  return static_cast<int>(call_ring().enter(child.argument(), kForever));
}

std::uint64_t call_by_ring(const Child& child, std::string_view name, std::uint16_t method, std::uint64_t a,
                           std::uint64_t b) noexcept {
  const std::uint64_t words[] = {a, b};
  CapSqe entry = entry_of(RingOperation::call, kCallData, child.runtime.find_any(name).raw);
  entry.method = method;
  entry.interface_id = schema::Echo::kInterfaceId;
  entry.params_size = place(kCall, words, 2);
  entry.results_offset = kCall + 4096;
  entry.results_capacity = 4096;
  submit(entry);
  const CapCqe completion = call_ring().await(kCallData);
  if (completion.result != 0) return kStatusCode + static_cast<std::uint64_t>(-std::int64_t{completion.result});
  return completion.results_size > 8 ? *word_at(kCall + 4096 + 8) : 0;
}

}  // namespace conformance
