// SPDX-License-Identifier: Apache-2.0
#include "ipc/lease_use.hpp"

#include "core/cpu.hpp"

namespace capos::kernel {

// Also to this CPU: whoever asks may be anywhere in the kernel.
void LeaseUses::ask(Cpu& cpu) noexcept {
  if (mail_.posted.exchange(true, std::memory_order_seq_cst)) return;
  mail_.handler = on_mail;
  mail_.subject = &cpu;
  cpu.deliver(mail_);
}

void LeaseUses::on_mail(void* cpu) noexcept {
  Cpu& own = *static_cast<Cpu*>(cpu);
  own.lease_uses.look(own, hal::now());
}

void LeaseUses::watch(Cpu& cpu, std::uint64_t until_ns) noexcept {
  if (until_ns == Liveness::kForEver) return;
  const Time until = Time::from_ns(until_ns);
  if (timeout_.queued() && timeout_.when() <= until) return;
  cancel_timeout(timeout_);
  start_timeout(cpu.timeouts, timeout_, until, [](void* uses, Cpu& on, Time) noexcept {
    static_cast<LeaseUses*>(uses)->changed_.store(true, std::memory_order_relaxed);
    static_cast<LeaseUses*>(uses)->ask(on);  // so that all ends come by mail
  }, this);
}

// The next portion, in turn: what is looked at goes to the back, what begins meanwhile too.
void LeaseUses::look(Cpu& cpu, Time now) noexcept {
  if (changed_.exchange(false, std::memory_order_seq_cst)) left_ = count_.load(std::memory_order_relaxed);
  for (unsigned portion = kStep; left_ != 0; --left_) {
    LeaseUse* const use = list_.front();
    if (use == nullptr) {
      left_ = 0;
      return;
    }
    if (portion-- == 0) return ask(cpu);
    List<LeaseUse, LeaseTag>::erase(*use);
    list_.push_back(*use);
    const std::uint64_t until = use->lease_->ends_at();
    if (until > now.ns()) {
      watch(cpu, until);
    } else {
      use->ender_(use->subject_, cpu, now);
    }
  }
}

void begin_lease_use(Cpu& cpu, LeaseUse& use, Liveness& lease, LeaseUse::Ender ender, void* subject) noexcept {
  LeaseUses& uses = cpu.lease_uses;
  use.lease_ = Ref<Liveness>::share(lease);
  use.ender_ = ender;
  use.subject_ = subject;
  uses.list_.push_back(use);
  uses.count_.fetch_add(1, std::memory_order_seq_cst);
  const std::uint64_t until = lease.ends_at();
  if (until == 0) {  // since it was looked up
    uses.changed_.store(true, std::memory_order_relaxed);
    return uses.ask(cpu);
  }
  uses.watch(cpu, until);
}

void forget_lease_use(LeaseUse& use) noexcept {
  Cpu& cpu = Cpu::current();
  List<LeaseUse, LeaseTag>::erase(use);
  use.lease_ = {};
  cpu.lease_uses.count_.fetch_sub(1, std::memory_order_relaxed);
  if (cpu.lease_uses.list_.empty()) cancel_timeout(cpu.lease_uses.timeout_);
}

void look_at_leases_again(Cpu& cpu) noexcept {
  cpu.lease_uses.changed_.store(true, std::memory_order_relaxed);
  cpu.lease_uses.ask(cpu);
}

void leases_changed() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (unsigned i = 0; i < kMaxCpus; ++i) {
    Cpu* const cpu = Cpu::registered(CpuId(static_cast<std::uint16_t>(i)));
    if (cpu == nullptr || cpu->lease_uses.count_.load(std::memory_order_seq_cst) == 0) continue;
    cpu->lease_uses.changed_.store(true, std::memory_order_seq_cst);
    cpu->lease_uses.ask(*cpu);
  }
}

}  // namespace capos::kernel
