// SPDX-License-Identifier: Apache-2.0
// A random walk of four programs that call each other by rings: CALL, RECEIVE, RETURN, CANCEL, chains, freshness, capabilities in
// messages and in answers, copied or moved; two of them serve, any may call. In every second chapter the two that only call run
// on scheduling contexts that a job may spend. init kills one, or revokes an endpoint.
//
// The model is what messages promise, not how the kernel schedules them: each call ends once; what is received is what was
// sent, once, by whom it says; an answer is one that the server gave to this call; an error has its cause. And after every
// step each program's table holds what the messages that have been told brought and left it, no more and no less.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "islands.hpp"
#include "random.hpp"
#include "world.hpp"

namespace capos::ktest {

class RingCallWalk {
 public:
  explicit RingCallWalk(std::uint64_t seed);
  // Empty: all went well; else what is wrong, and the last steps.
  std::string run(std::size_t steps);
  [[nodiscard]] const std::map<std::string, std::size_t>& tally() const { return tally_; }
  [[nodiscard]] const std::deque<std::string>& last() const { return last_; }  // the last steps

 private:
  static constexpr std::size_t kActors = 4, kServers = 2;
  static constexpr std::uint32_t kSlots = 8, kArea = 256;

  using Table = std::map<std::uint64_t, const kernel::Object*>;  // by CapId
  struct Sent {
    std::uint64_t cap = 0;
    bool moves = false;
    const kernel::Object* object = nullptr;
  };
  struct Answer {
    std::uint64_t nonce = 0;
    bool exception = false;
    std::vector<Sent> caps{};
  };
  struct Call {
    std::size_t by = 0, endpoint = 0;
    std::uint32_t slot = 0;
    std::uint64_t deadline = 0, after = 0;  // the entry that it is linked to
    std::vector<Sent> caps{};
    bool received = false, ended = false, well = false, cancel_asked = false;
    std::size_t server = 0;
    std::uint64_t id = 0;                   // for its RETURN
    std::map<std::uint64_t, Answer> answers{};  // given, by the user_data of the RETURN
    std::uint64_t answered_by = 0;
  };
  struct Receive {
    std::size_t by = 0;
    std::uint32_t offset = 0, place = 0;
  };
  struct Return {
    std::uint64_t call = 0;
    std::uint32_t slot = 0;
    bool stale = false;
  };
  struct Actor {
    Child child{};
    bool alive = true;
    Table held{};
    std::uint32_t seen = 0;
    std::uint32_t call_slots = 0, return_slots = 0, receive_places = 0;  // bits: in use
  };

  // --- what happens
  void step(std::size_t number);
  void act(std::size_t actor);
  void submit(std::size_t actor, abi::CapSqe entry);
  std::uint64_t submit_call(std::size_t actor, std::uint64_t after);
  void submit_receive(std::size_t actor);
  void submit_return(std::size_t actor);
  void submit_cancel(std::size_t actor);
  void submit_something(std::size_t actor);
  void enter(std::size_t actor, std::uint32_t wanted, std::uint64_t timeout);
  void interfere();
  void end();
  // --- what is seen
  void look();
  void see(std::size_t actor, const abi::CapCqe& completion);
  void see_received(std::size_t actor, const Receive& receive, const abi::CapCqe& completion);
  void see_ended(std::uint64_t data, Call& call, const abi::CapCqe& completion);
  void see_answer(Call& call, const abi::CapCqe& completion);
  void see_returned(std::uint64_t data, const Return& entry, const abi::CapCqe& completion);
  void check_cause(std::uint64_t data, const Call& call, Error found);
  void check_table(std::size_t actor);
  void carried(std::size_t from, std::size_t to, const std::vector<Sent>& sent, const std::byte* records, std::uint32_t count);
  // --- helpers
  [[nodiscard]] kernel::Thread& thread(std::size_t actor) { return world_.thread(actors_[actor].child); }
  [[nodiscard]] bool is_gone(const Sent& sent, std::size_t holder) const;
  std::vector<Sent> choose_caps(std::size_t actor, std::uint32_t offset);
  std::uint32_t write_message(std::size_t actor, std::uint32_t offset, std::uint64_t what, std::uint64_t token);
  void tell(const std::string& what) { last_.back() += what + "; "; }
  static void require(bool holds, const std::string& what) {
    if (!holds) throw Unsound(what);
  }

  std::uint64_t seed_;
  World world_;
  std::uint64_t heap_bytes_, frames_;
  Random random_{0};
  std::array<Actor, kActors> actors_{};
  std::array<abi::CapId, kServers> endpoints_{}, clients_{};
  std::array<bool, kServers> revoked_{}, ever_served_{};
  std::vector<abi::CapId> init_caps_;
  std::uint64_t next_data_ = 1;
  std::map<std::uint64_t, Call> calls_;  // by user_data, which is the token in the message too
  std::map<std::uint64_t, Receive> receives_;
  std::map<std::uint64_t, Return> returns_;
  std::map<std::uint64_t, std::size_t> others_;  // by whom
  std::vector<std::function<void()>> judgements_;  // that want to know all that the step has brought
  std::deque<std::string> last_;
  std::map<std::string, std::size_t> tally_;
};

}  // namespace capos::ktest
