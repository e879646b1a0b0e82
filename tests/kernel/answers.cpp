// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

namespace capos::ktest {

Error error_of(std::int32_t status, std::uint64_t exception_word) {
  if (status == 0) return {};
  const auto transport = static_cast<schema::TransportError>(-status);
  if (transport != schema::TransportError::exception) return {.transport = transport};
  return {transport, static_cast<schema::ExceptionType>(exception_word & 0xffff),
          static_cast<schema::KernelError>(exception_word >> 16 & 0xffff)};
}

std::string Error::text() const {
  if (transport != schema::TransportError::exception) return std::string(schema::name_of(transport));
  return std::string(schema::name_of(exception)) + "/" + std::string(schema::name_of(detail));
}

std::ostream& operator<<(std::ostream& out, const Error& error) { return out << error.text(); }

}  // namespace capos::ktest
