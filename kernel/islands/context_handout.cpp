// SPDX-License-Identifier: Apache-2.0
#include "islands/context_handout.hpp"

#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

ResultOf<Ref<ContextHandout>, KernelError> ContextHandout::create(CallContext& call) noexcept {
  return new_object<ContextHandout>(call.ledger(), call.process());
}

ResultOf<void, KernelError> ContextHandout::add(CallContext& call, SchedulingContext& context) noexcept {
  if (count_ == given_.size()) return fail(KernelError::out_of_capabilities);
  CapabilityTable& table = process_->capabilities();
  const abi::CapId id = TRY(table.insert(Ref<Object>::share(context), schema::SchedulingContext::kInterfaceId, call.edge()));
  if (!table.depart(id)) {  // the lease that it would be under has ended
    (void)table.remove(id);
    return fail(KernelError::bad_state);
  }
  given_[count_++] = id;
  return {};
}

bool ContextHandout::make_usable() noexcept {
  if (usable_ == count_) return true;
  for (unsigned left = kUsableAtOnce; left != 0 && usable_ < count_; --left) process_->capabilities().put_back(given_[usable_++]);
  return false;
}

void ContextHandout::destroy() noexcept {
  CapabilityTable& table = process_->capabilities();
  for (unsigned n = 0; n < usable_; ++n) (void)table.remove(given_[n]);
  for (unsigned n = usable_; n < count_; ++n) table.take_out(given_[n]);
  delete_object(this);
}

}  // namespace capos::kernel
