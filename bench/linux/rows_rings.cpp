// SPDX-License-Identifier: Apache-2.0
#include <liburing.h>

#include <cstring>
#include <string>

#include "rows.hpp"

namespace linux_bench {
namespace {

// As many entries as capOS's rows submit at most.
constexpr unsigned kEntries = 256;
constexpr unsigned kMessages = 32;

void submit_and_wait(io_uring& ring, unsigned count) {
  if (io_uring_submit_and_wait(&ring, count) < 0) give_up("io_uring_enter");
}

// `count` completions, in order, with the numbers they should have.
void reap(io_uring& ring, unsigned count) {
  io_uring_cqe* completion = nullptr;
  unsigned head, seen = 0;
  io_uring_for_each_cqe(&ring, head, completion) {
    if (completion->res < 0 || completion->user_data != seen) give_up("a completion");
    if (++seen == count) break;
  }
  if (seen != count) give_up("completions");
  io_uring_cq_advance(&ring, count);
}

// A ring is shared after fork(), but what a process knows of its ends is its own: each row has rings that are used by one
// process each.
struct Ring : io_uring {
  Ring() : io_uring{} {
    if (const int made = io_uring_queue_init(kEntries, this, 0); made != 0) give_up("io_uring_setup");
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { io_uring_queue_exit(this); }
};

void nops(Sampler& sampler, unsigned count) {
  Ring ring;
  sampler.measure("uring_nop_" + std::to_string(count), [&] {
    for (unsigned i = 0; i < count; ++i) {
      io_uring_sqe* const entry = io_uring_get_sqe(&ring);
      io_uring_prep_nop(entry);
      io_uring_sqe_set_data64(entry, i);
    }
    submit_and_wait(ring, count);
    reap(ring, count);
  }, count);
}

// To another ring, whose owner finds completions; none here.
void send(io_uring& from, const io_uring& to, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    io_uring_sqe* const entry = io_uring_get_sqe(&from);
    io_uring_prep_msg_ring(entry, to.ring_fd, 0, i, 0);
    io_uring_sqe_set_flags(entry, IOSQE_CQE_SKIP_SUCCESS);
  }
}

// The answerer waits for all of a batch: `count` there, `count` back, by one system call of each side.
void messages(Sampler& sampler, unsigned count) {
  Ring own, other;
  const Peer peer([&, first = true]() mutable {
    if (!first) send(other, own, count);
    first = false;
    submit_and_wait(other, count);
    reap(other, count);
  });
  sampler.measure("uring_message_" + std::to_string(count), [&] {
    send(own, other, count);
    submit_and_wait(own, count);
    reap(own, count);
  }, count);
}

}  // namespace

void ring_rows(Sampler& sampler) {
  io_uring probe{};
  if (const int made = io_uring_queue_init(1, &probe, 0); made != 0)
    return sampler.skip("uring", std::string("io_uring_setup: ") + std::strerror(-made));
  io_uring_queue_exit(&probe);
  for (const unsigned count : {1U, 8U, 32U, kEntries}) nops(sampler, count);
  for (const unsigned count : {1U, kMessages}) messages(sampler, count);
}

}  // namespace linux_bench
