// SPDX-License-Identifier: Apache-2.0
// Eigen as robot control uses it: fixed sizes, no heap, no streams; a failed assertion stops the program.
//
// Include this and never Eigen itself, so that every file agrees on the switches. Only SSE2 is assumed, and
// the targets are built without contraction or reassociation, so the same inputs give the same bits
// everywhere.
#pragma once

#define EIGEN_NO_MALLOC
#define EIGEN_NO_IO
#define EIGEN_MPL2_ONLY
#define EIGEN_DONT_PARALLELIZE
#define eigen_assert(condition) (static_cast<bool>(condition) ? static_cast<void>(0) : __builtin_trap())

// Eigen's headers are not ours to correct.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Core>
#pragma GCC diagnostic pop

namespace capos::robot {

template <int kRows, int kColumns>
using Matrix = Eigen::Matrix<double, kRows, kColumns>;
template <int kRows>
using Vector = Eigen::Matrix<double, kRows, 1>;

}  // namespace capos::robot
