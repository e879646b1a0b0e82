// SPDX-License-Identifier: Apache-2.0
#include "ring_scene.hpp"

#include <bit>

#include "ipc/ring_state.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using abi::RingOperation;

namespace {

constexpr std::uint32_t kBeforeTheEnd = 0xffff'fffc;  // the model's index 0
constexpr std::uint32_t kBallast = 1'000;             // user_data of what only takes room
constexpr std::uint32_t kTimeouts = abi::kRingOperations - RingScene::kOperations;
constexpr std::uint32_t kUntaken = abi::kCompletionEntries - RingScene::kRoom;

bool within(const host::Access& access, const void* begin, std::size_t size) {
  const auto* const from = static_cast<const std::byte*>(begin);
  return access.at >= from && access.at + access.size <= from + size;
}

}  // namespace

RingScene::RingScene(bool hostile) : heap_bytes_(kernel::heap_use().bytes), frames_(World::frames_free()), hostile_(hostile) {
  SpawnOptions options{.cpu = 1, .memory_pages = 100};
  for (std::uint32_t number = 0; number < kEntries; ++number) {
    events_.push_back(world_.make_notification());
    options.grants.emplace_back("event" + std::to_string(number), events_.back());
  }
  child_ = world_.spawn(options);
  world_.go_to(thread());
  if (hostile_) {
    for (abi::CapSqe& entry : ring().sq) entry = entry_of(2);
  } else {
    fill_up();
  }
  host::watch_accesses([page = reinterpret_cast<const std::byte*>(&ring())](const host::Access& access) {
    return access.touches(page, sizeof(abi::Ring));
  });
}

RingScene::~RingScene() { host::watch_accesses({}); }

void RingScene::enter_whole() { (void)world_.enter_ring(thread()); }

// What takes the room and the operations that the model has not.
void RingScene::fill_up() {
  abi::RingHeader& header = ring().header;
  header.sq_head = header.sq_tail = kBeforeTheEnd - kTimeouts - kUntaken;
  header.cq_head = header.cq_tail = kBeforeTheEnd - kUntaken;
  for (std::uint32_t i = 0; i < kTimeouts + kUntaken; ++i) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(i < kUntaken ? RingOperation::post : RingOperation::timeout);
    entry.cap = ~std::uint64_t{0} >> 1;
    entry.user_data = kBallast + i;
    world_.submit(thread(), entry);
    if (header.sq_tail - header.sq_head == abi::kSubmissionEntries) enter_whole();
  }
  enter_whole();
  require(header.sq_head == kBeforeTheEnd && header.cq_tail == kBeforeTheEnd, "the scene is set");
  read_ = kBeforeTheEnd;
}

// Every field of its completion says which it is.
abi::CapSqe RingScene::entry_of(std::uint32_t number) {
  abi::CapSqe entry{};
  entry.user_data = number;
  if (number % 2 == 0) {
    entry.operation = static_cast<std::uint8_t>(RingOperation::post);
    entry.cap = entry.params_size = entry.transfers_count = number;
  } else {
    entry.operation = static_cast<std::uint8_t>(RingOperation::notify);
    entry.cap = world_.granted(thread().process, "event" + std::to_string(number)).raw;
  }
  return entry;
}

void RingScene::enter() {
  kernel::Thread& caller = thread();
  for (auto& word : caller.user.words()) word = 0;
  caller.user.set_result(static_cast<std::uint64_t>(abi::SystemCall::cap_enter), 0, 0);
  copied_ = copied_mask_ = 0;
  entry_ = std::make_unique<host::SteppedEntry>([this, home = caller.home.cpu()] { (void)world_.machine().system_call(home); });
}

bool RingScene::end(std::uint32_t number) {
  if (!under_way_[number]) return false;
  under_way_[number] = false;
  (void)world_.call<schema::Notification::Signal>(world_.init(), events_.at(number), {.bits = number});
  if (!world_.machine().mail_pending(thread().home.cpu())) throw std::logic_error("no mail for the ring");
  entry_ = std::make_unique<host::SteppedEntry>([this, home = thread().home.cpu()] { (void)world_.machine().deliver_mail(home); });
  return true;
}

std::string RingScene::name_of(const host::Access& access) {
  const abi::Ring& page = ring();
  const auto is = [&](const std::uint32_t& word) { return within(access, &word, sizeof word); };
  const auto& header = page.header;
  if (is(header.sq_head)) return access.writes ? "sq_head=" : "sq_head";
  if (is(header.sq_tail)) return "sq_tail";
  if (is(header.cq_head)) return "cq_head";
  if (is(header.cq_tail)) return access.writes ? "cq_tail=" : "cq_tail";
  if (within(access, page.sq, sizeof page.sq)) return "entry";
  if (within(access, page.cq, sizeof page.cq)) return "completion";
  return "outside";
}

// Inside the queues, each half of the kernel's own, and no entry read again once it has been copied.
void RingScene::allow(const host::Access& access) {
  const std::string name = name_of(access);
  const bool writes = name.ends_with('=') || name == "completion";
  require(name != "outside" && access.writes == writes && access.reads != writes, "inside");
  if (name == "completion" && !hostile_) {  // where nothing lies that has not been taken
    const abi::RingHeader& header = ring().header;
    require(header.cq_tail - header.cq_head < abi::kCompletionEntries, "no loss");
    require(within(access, &ring().cq[header.cq_tail % abi::kCompletionEntries], sizeof(abi::CapCqe)), "once");
  }
  if (name != "entry") return;
  const auto offset = static_cast<std::size_t>(access.at - reinterpret_cast<const std::byte*>(ring().sq));
  const std::size_t place = offset / sizeof(abi::CapSqe);
  require(access.size + offset % sizeof(abi::CapSqe) <= sizeof(abi::CapSqe), "inside");
  require((copied_mask_ >> place & 1) == 0, "one read");
  if (access.size != sizeof(abi::CapSqe)) return;  // only a look at what it is
  copied_mask_ |= 1u << place;
  require(++copied_ <= abi::kSubmissionEntries, "bounded");
  if (const abi::CapSqe& entry = ring().sq[place]; entry.user_data % 2 != 0) under_way_[static_cast<std::uint32_t>(entry.user_data)] = true;
}

// The peer writes just before the load.
void RingScene::find(const std::string& name) {
  auto& values = finds_[name];
  if (values.empty()) return;
  const unsigned value = values.front();
  values.pop_front();
  abi::RingHeader& header = ring().header;
  const auto submission = [](unsigned index) { return 0u - 4 * 8 + 8 * index; };
  const auto completion = [](unsigned index) { return 0u - 4 * 16 + 16 * index; };
  if (name == "sq_head") header.sq_head = submission(value);
  if (name == "sq_tail") header.sq_tail = submission(value);
  if (name == "cq_head") header.cq_head = completion(value);
  if (name == "cq_tail") header.cq_tail = completion(value);
  if (name != "entry") return;
  for (abi::CapSqe& entry : ring().sq) entry = entry_of(value);
}

std::string RingScene::step() {
  const host::Access access = *entry_->next();
  const std::string name = name_of(access);
  allow(access);
  if (hostile_ && access.reads) find(name);
  entry_->step();
  if (entry_->has_left()) {
    entry_.reset();
    world_.check();
    require(world_.answer(thread()).words[0] <= abi::kCompletionEntries, "bounded");
  }
  return name;
}

// --- the honest program

void RingScene::write_entry(std::uint32_t number) {
  ring().sq[ring().header.sq_tail % abi::kSubmissionEntries] = entry_of(number);
  submitted_ = number + 1;
}

void RingScene::publish() {
  ++ring().header.sq_tail;
  ++published_;
}

bool RingScene::take_one() {
  if (ring().header.cq_tail == read_) return false;
  const abi::CapCqe found = ring().cq[read_++ % abi::kCompletionEntries];
  if (found.user_data >= kBallast) throw std::logic_error("ballast among the entries");
  require(found.user_data < submitted_ && (got_ >> found.user_data & 1) == 0 && found.result == 0, "once");
  require(found.value == found.user_data, "once");  // a POST's, and the bits of a NOTIFY
  got_ |= 1u << found.user_data;
  return true;
}

bool RingScene::take() { return take_one(); }

// Of the completions that only take room, the oldest; what the program has read lies before its own index then.
bool RingScene::give_place() {
  if (taken_ >= static_cast<std::uint32_t>(std::popcount(got_))) return false;
  ++taken_;
  ++ring().header.cq_head;
  return true;
}

void RingScene::finish() {
  run_on();
  for (unsigned turn = 0; turn < 50 && got_ != (1u << kEntries) - 1; ++turn) {
    while (published_ < submitted_) publish();
    if (submitted_ < kEntries && submitted_ - std::popcount(got_) < kOperations) {
      write_entry(submitted_);
      publish();
    }
    enter();
    run_on();
    for (std::uint32_t number = 1; number < kEntries; number += 2) {
      if (number < submitted_ && end(number)) run_on();
    }
    while (take()) (void)give_place();
  }
  require(got_ == (1u << kEntries) - 1, "no loss");
  require(ring().header.sq_head == ring().header.sq_tail, "no loss");
  // Two operations more, as at the beginning, and no third.
  const std::uint32_t head = ring().header.sq_head;
  for (const std::uint32_t number : {1u, 3u, 5u}) {
    ring().sq[ring().header.sq_tail++ % abi::kSubmissionEntries] = entry_of(number);
  }
  enter();
  run_on();
  require(ring().header.sq_head - head == kOperations, "balance");
}

// --- the hostile program

std::size_t RingScene::not_found() const {
  std::size_t count = 0;
  for (const auto& [name, values] : finds_) count += values.size();
  return count;
}

// Whatever the indices say: a completion is of one version of an entry, not of two.
void RingScene::check_completions() {
  for (const abi::CapCqe& found : ring().cq) {
    if (found.user_data % 2 == 0 && found.result == 0) {
      require(found.value == found.user_data && found.results_size == found.user_data && found.caps_count == found.user_data, "one read");
    }
  }
}

void RingScene::tear_down() {
  host::watch_accesses({});
  kernel::Thread& init = world_.init();
  (void)world_.call<schema::ProcessHandle::Kill>(init, child_.handle);
  (void)world_.release(init, child_.handle);
  for (const abi::CapId event : events_) (void)world_.release(init, event);
  world_.settle();
  require(kernel::heap_use().bytes == heap_bytes_ && World::frames_free() == frames_, "balance");
}

}  // namespace capos::ktest
