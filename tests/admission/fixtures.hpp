// SPDX-License-Identifier: Apache-2.0
// Overheads that do not change when a machine is measured anew, and admission on the host's heap.
#pragma once

#include <memory>
#include <string>

#include "capos/admission/admit.hpp"
#include "manifest_text.hpp"

namespace capos::test {

inline admission::Overheads fixed_overheads() {
  sched::Overheads overheads{Duration::ns(1500), Duration::ns(1000), Duration::ns(4000), Duration::ns(2100),
                             0};
  overheads.version = sched::overheads_version(overheads);
  return overheads;
}

// An island of a compiled manifest, admitted or refused.
class Admitted {
 public:
  explicit Admitted(Compiled manifest, std::uint16_t island = 0)
      : manifest_(std::make_unique<Compiled>(std::move(manifest))),
        admission_(std::make_unique<admission::IslandAdmission>()) {
    good_ = admission_->run(manifest_->manifest(), island, fixed_overheads());
  }
  bool good() const { return good_; }
  admission::IslandAdmission& operator*() { return *admission_; }
  admission::IslandAdmission* operator->() { return admission_.get(); }
  std::string refusal() const {
    char storage[2048];
    admission::TextWriter out(storage);
    admission_->write_refusal(out);
    return std::string(out.view());
  }

 private:
  std::unique_ptr<Compiled> manifest_;
  std::unique_ptr<admission::IslandAdmission> admission_;
  bool good_ = false;
};

inline Admitted admit_small(std::initializer_list<Edit> edits = {}) {
  return Admitted(Compiled::value(small_manifest(edits)));
}

}  // namespace capos::test
