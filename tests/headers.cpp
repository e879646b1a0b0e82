// SPDX-License-Identifier: Apache-2.0
// Empty: the owner of headers that test programs share precompiled (see CMakeLists.txt).
