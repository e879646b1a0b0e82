// SPDX-License-Identifier: Apache-2.0
#include "wake_scene.hpp"

#include <cstring>

#include "capos/schema/threads.hpp"
#include "ipc/notification.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using kernel::ThreadState;

namespace {

// The place within `size` bytes at `object` that changes when `change` is made.
template <typename Word, typename Object, typename Change>
const Word* changed_word(const Object& object, Change&& change) {
  std::vector<std::byte> before(sizeof object);
  std::memcpy(before.data(), static_cast<const void*>(&object), sizeof object);
  change();
  const auto* const bytes = reinterpret_cast<const std::byte*>(&object);
  for (std::size_t at = 0; at + sizeof(Word) <= sizeof object; at += sizeof(Word)) {
    if (std::memcmp(bytes + at, before.data() + at, sizeof(Word)) != 0) return reinterpret_cast<const Word*>(bytes + at);
  }
  throw std::logic_error("nothing has changed");
}

}  // namespace

WakeScene::WakeScene() : heap_bytes_(kernel::heap_use().bytes), frames_(World::frames_free()) {
  event_ = world_.make_notification();
  waiter_ = world_.spawn({.cpu = kWaiter, .memory_pages = 100, .grants = {{"event", event_}}});
  second_ = world_.spawn({.cpu = kSecond, .memory_pages = 100, .grants = {{"event", event_}, {"waiter", waiter_.handle}}});
  for (unsigned actor = 0; actor < kActors; ++actor) world_.go_to(thread(actor));
  learn_places();
  host::watch_accesses([this](const host::Access& access) {
    return std::ranges::any_of(places_, [&](const Place& place) { return access.touches(place.at, place.size); });
  });
}

WakeScene::~WakeScene() { host::watch_accesses({}); }

kernel::Thread& WakeScene::thread(unsigned actor) {
  return actor == kFirst ? world_.init() : world_.thread(actor == kWaiter ? waiter_ : second_);
}

kernel::Notification& WakeScene::notification() {
  return static_cast<kernel::Notification&>(*world_.init().process.capabilities().find(event_)->object());
}

// What the model's variables are here.
void WakeScene::learn_places() {
  kernel::Notification& event = notification();
  kernel::Thread& waiting = thread(kWaiter);
  bits_ = changed_word<std::uint64_t>(event, [&] { (void)event.signal_and_take(4); });
  (void)event.take();
  (void)world_.call<schema::Notification::Wait>(waiting, world_.granted(waiting.process, "event"));
  places_ = {{bits_, 8, "bits"},
             {waiting.waiting_in, sizeof(kernel::WaitSlot), "slot"},
             {&world_.cpu(kWaiter).mailbox, sizeof(kernel::Mailbox), "box"},
             {&waiting.wake_mail.posted, 1, "posted1"},
             {&waiting.process.kill_mail.posted, 1, "posted2"}};
  (void)world_.call<schema::Notification::Signal>(world_.init(), event_, {.bits = 4});
  world_.go_to(waiting);
  const auto counted = [this](auto& object) {
    places_.push_back({changed_word<std::uint32_t>(object, [&] { object.acquire(); }), 4, "references"});
    object.release();
  };
  counted(waiting);
  counted(waiting.process);
}

// The model's steps are those that write, but for the waiter's second look.
std::string WakeScene::name_of(const host::Access& access) const {
  for (const Place& place : places_) {
    if (!access.touches(place.at, place.size)) continue;
    if (access.writes) return place.name;
    return place.at == bits_ ? "look" : "";
  }
  return {};
}

bool WakeScene::can_begin(unsigned actor, const std::string& what) {
  if (in_kernel(actor)) return false;
  if (what == "mail") return world_.machine().mail_pending(CpuId(static_cast<std::uint16_t>(actor)));
  if (actor == kWaiter && (waiter() == nullptr || !waiter()->alive())) return false;
  if (!world_.is_current(thread(actor))) return false;
  if (what == "signal") return actor != kWaiter && signals_[actor] < kSignals;
  if (what == "kill") return actor == kSecond && !kill_made_ && signals_[actor] == kSignals;
  if (what == "wait") return actor == kWaiter && waits_ < kWaits;
  if (what == "exit") return actor == kWaiter && waits_ == kWaits;
  throw std::logic_error("a step that is not known: " + what);
}

void WakeScene::enter(unsigned actor, std::function<void()> how) {
  entries_[actor] = std::make_unique<host::SteppedEntry>(std::move(how));
  if (entries_[actor]->has_left()) left(actor);
}

template <typename Method>
void WakeScene::enter_call(unsigned actor, const char* cap, const typename Method::Params::Value& params) {
  kernel::Thread& caller = thread(actor);
  const abi::CapId id = actor == kFirst ? event_ : world_.granted(caller.process, cap);
  caller.user.set_result(static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{Method::kOrdinal} << 16, id.raw,
                         Method::kInterfaceId);
  Words words{};
  params.to_words(words.data());
  std::ranges::copy(words, caller.user.words());
  enter(actor, [this, home = caller.home.cpu()] { (void)world_.machine().system_call(home); });
}

bool WakeScene::begin(unsigned actor, const std::string& what) {
  if (!can_begin(actor, what)) return false;
  const CpuId cpu(static_cast<std::uint16_t>(actor));
  if (what == "mail") {
    enter(actor, [this, cpu] { (void)world_.machine().deliver_mail(cpu); });
  } else if (what == "signal") {
    ++signals_[actor];
    enter_call<schema::Notification::Signal>(actor, "event", {.bits = 1u << actor});
  } else if (what == "kill") {
    kill_made_ = true;
    enter_call<schema::ProcessHandle::Kill>(actor, "waiter", {});
  } else if (what == "wait") {
    ++waits_;
    waiting_ = true;
    enter_call<schema::Notification::Wait>(actor, "event", {});
  } else {
    thread(actor).user.set_result(static_cast<std::uint64_t>(abi::SystemCall::exit), 0, 0);
    enter(actor, [this, cpu] { (void)world_.machine().system_call(cpu); });
  }
  return true;
}

// Ghosts, as in the model.
void WakeScene::note(unsigned actor, const std::string& place) {
  if (freed_) require(place != "slot" && !place.starts_with("posted") && place != "references", "not after free");
  if (place != "bits") return;
  if (actor == kWaiter) {
    in_hand_ |= std::exchange(unseen_, 0);
  } else {
    unseen_ |= std::uint64_t{1} << actor;
  }
  require(*bits_ == unseen_, "bits once");
}

void WakeScene::left(unsigned actor) {
  entries_[actor].reset();
  kernel::Process* const process = waiter();
  freed_ = process == nullptr;
  if (actor != kWaiter || !waiting_) return;
  if (process == nullptr || !process->alive()) {
    waiting_ = false;
    return;
  }
  const kernel::Thread& waiting = process->main_thread();
  if (waiting.state != ThreadState::runnable) return;
  const std::uint64_t told = waiting.user.words()[0];
  require(told != 0 && told == std::exchange(in_hand_, 0), "bits once");
  waiting_ = false;
}

std::string WakeScene::step(unsigned actor) {
  host::SteppedEntry& entry = *entries_[actor];
  const std::string place = name_of(*entry.next());
  entry.step();
  note(actor, place);
  if (entry.has_left()) left(actor);
  return place;
}

void WakeScene::come_to_rest(const std::array<unsigned, kActors>& order) {
  bool moved = true;
  while (std::exchange(moved, false)) {
    for (const unsigned actor : order) {
      for (; in_kernel(actor); moved = true) (void)step(actor);
      moved = begin(actor, "mail") || moved;
    }
  }
  world_.check();
  kernel::Process* const process = waiter();
  const bool alive = process != nullptr && process->alive();
  require(!kill_made_ || !alive, "killed");
  require(*bits_ == unseen_, "bits once");
  if (!alive) return;
  const kernel::Thread& waiting = process->main_thread();
  if (waiting.state == ThreadState::await_signal) require(*bits_ == 0, "no lost wake-up");
}

void WakeScene::end() {
  host::watch_accesses({});
  kernel::Thread& init = world_.init();
  for (const abi::CapId handle : {waiter_.handle, second_.handle}) {
    (void)world_.call<schema::ProcessHandle::Kill>(init, handle);
    (void)world_.release(init, handle);
  }
  (void)world_.release(init, event_);
  world_.settle();
  require(kernel::heap_use().bytes == heap_bytes_ && World::frames_free() == frames_, "reference once");
}

}  // namespace capos::ktest
