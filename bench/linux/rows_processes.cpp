// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "rows.hpp"

namespace linux_bench {
namespace {

using Word = std::atomic<std::uint32_t>;

// A page that the children see too.
struct Shared {
  alignas(64) Word there{0};
  alignas(64) Word back{0};
  alignas(64) std::atomic<std::uint64_t> woken{0};
};

Shared& make_shared_page() {
  void* const page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) give_up("mmap");
  return *new (page) Shared;
}

// futex(2); processes share the word, so not the private kind.
void wait_while(Word& word, std::uint32_t old) {
  while (word.load(std::memory_order_acquire) == old) syscall(SYS_futex, &word, FUTEX_WAIT, old, nullptr, nullptr, 0);
}
void wake(Word& word) { syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0); }

void futex_round_trip(Sampler& sampler) {
  Shared& shared = make_shared_page();
  const Peer peer([&shared, seen = std::uint32_t{0}]() mutable {
    wait_while(shared.there, seen++);
    shared.back.store(seen, std::memory_order_release);
    wake(shared.back);
  });
  sampler.measure("futex", [&shared, sent = std::uint32_t{0}]() mutable {
    shared.there.store(sent + 1, std::memory_order_release);
    wake(shared.there);
    wait_while(shared.back, sent++);
  });
}

// One way: to the first instruction after the system call of a more urgent process.
void futex_to_urgent(Sampler& sampler) {
  Shared& shared = make_shared_page();
  const Peer peer([&shared, seen = std::uint32_t{0}]() mutable {
    wait_while(shared.there, seen++);
    shared.woken.store(stamp(), std::memory_order_release);
  }, 1);
  sampler.measure_from("futex_to_urgent", [&sampler, &shared, sent = std::uint32_t{0}]() mutable {
    shared.there.store(++sent, std::memory_order_release);
    const std::uint64_t start = stamp();
    wake(shared.there);
    return shared.woken.load(std::memory_order_acquire) - start - sampler.empty_pair();
  });
}

// A word through one descriptor there, through another back. Both block.
struct Ways {
  int there_in, there_out, back_in, back_out;  // in: what the sender writes to
};

void word_round_trip(Sampler& sampler, const char* name, const Ways& ways) {
  const auto pass = [](int from, int to) {
    std::uint64_t word = 0;
    if (read(from, &word, sizeof word) != sizeof word || write(to, &word, sizeof word) != sizeof word) give_up("a word");
  };
  const Peer peer([&] { pass(ways.there_out, ways.back_in); });
  sampler.measure(name, [&] {
    std::uint64_t word = 1;
    if (write(ways.there_in, &word, sizeof word) != sizeof word || read(ways.back_out, &word, sizeof word) != sizeof word) give_up("a word");
  });
}

void pipe_round_trip(Sampler& sampler) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) give_up("pipe");
  word_round_trip(sampler, "pipe", {there[1], there[0], back[1], back[0]});
}

void eventfd_round_trip(Sampler& sampler) {
  const int there = eventfd(0, 0), back = eventfd(0, 0);
  if (there < 0 || back < 0) give_up("eventfd");
  word_round_trip(sampler, "eventfd", {there, there, back, back});
}

// Eight words, as capOS's call with eight.
void queue_round_trip(Sampler& sampler) {
  struct Message {
    std::uint64_t words[8];
  };
  mq_attr shape{};
  shape.mq_maxmsg = 1;
  shape.mq_msgsize = sizeof(Message);
  const auto make = [&](const char* name) {
    const mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, &shape);
    if (queue < 0) give_up("mq_open");
    return queue;
  };
  const mqd_t there = make("/there"), back = make("/back");
  const auto send = [](mqd_t queue, const Message& message) {
    if (mq_send(queue, reinterpret_cast<const char*>(&message), sizeof message, 0) != 0) give_up("mq_send");
  };
  const auto receive = [](mqd_t queue, Message& message) {
    if (mq_receive(queue, reinterpret_cast<char*>(&message), sizeof message, nullptr) != sizeof message) give_up("mq_receive");
  };
  const Peer peer([&] {
    Message message;
    receive(there, message);
    send(back, message);
  });
  sampler.measure("message_queue", [&] {
    Message message{{11, 12, 13, 14, 15, 16, 17, 18}};
    send(there, message);
    receive(back, message);
  });
}

}  // namespace

void process_rows(Sampler& sampler) {
  sampler.measure("getppid", [] { getppid(); });
  futex_round_trip(sampler);
  pipe_round_trip(sampler);
  eventfd_round_trip(sampler);
  queue_round_trip(sampler);
  futex_to_urgent(sampler);
}

}  // namespace linux_bench
