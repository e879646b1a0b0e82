// SPDX-License-Identifier: Apache-2.0
// The C names of what trigonometry.cpp implements; the other C names come from musl's objects.
#include "capos/libm/trigonometry.hpp"

extern "C" {

double sin(double x) { return capos::libm::sine(x); }
double cos(double x) { return capos::libm::cosine(x); }
double tan(double x) { return capos::libm::tangent(x); }
void sincos(double x, double* sine, double* cosine) {
  *sine = capos::libm::sine(x);
  *cosine = capos::libm::cosine(x);
}

}  // extern "C"
