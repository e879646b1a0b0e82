// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>

namespace capos::admission {
namespace {

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool well_formed(std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxNameLength || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

}  // namespace

void Path::put(std::string_view text) noexcept {
  for (const char c : text) {
    if (size_ < sizeof data_) data_[size_++] = c;
  }
}

void Path::enter(std::string_view field) noexcept {
  if (size_ != 0 && !field.empty()) put(".");
  put(field);
}

void Path::subscript(std::size_t index) noexcept {
  char storage[24];
  TextWriter out(storage);
  out << '[' << static_cast<std::uint64_t>(index) << ']';
  put(out.view());
}

void Check::report(std::string_view field, std::string_view rule, const FixedText<240>& message,
                   const FixedText<240>& hint) noexcept {
  const Path::Scope scope(path, field);
  out_.add(path.view(), rule, message.view(), hint.view());
}

std::uint32_t Check::bounded(std::string_view field, std::size_t size, std::size_t most) noexcept {
  if (size <= most) return static_cast<std::uint32_t>(size);
  report(field, "too-many", text(size, " entries, but at most ", most, " are supported"),
         text("remove some, or split the system"));
  return static_cast<std::uint32_t>(most);
}

void Check::name(std::string_view kind, std::string_view name) noexcept {
  if (well_formed(name)) return;
  if (name.empty()) {
    report("name", "bad-name", text("this ", kind, " has no name"), text("add: name = \"...\""));
    return;
  }
  report("name", "bad-name",
         text("'", std::string_view(name.data(), std::min<std::size_t>(name.size(), 40)), "' is not a name"),
         text("use 1 to ", kMaxNameLength, " letters, digits and '-', a letter first"));
}

std::size_t distance(std::string_view a, std::string_view b) noexcept {
  if (a.size() > kMaxNameLength || b.size() > kMaxNameLength) return kMaxNameLength + 1;
  std::size_t row[kMaxNameLength + 1];
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

Halves split_at_dot(std::string_view name) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '.') return {{name.data(), i}, std::string_view(name.data() + i + 1, name.size() - i - 1)};
  }
  return {name, std::nullopt};
}

ExportRef resolve(schema::SystemManifest::Reader manifest, std::string_view name) noexcept {
  ExportRef result;
  const auto services = manifest.init_config().services();
  const Halves halves = split_at_dot(name);
  result.service = index_of(services, kMaxServices, halves.first);
  if (result.service == kNotFound || !halves.second) return result;
  result.export_ = index_of(services[result.service].exports(), kMaxExportsPerService, *halves.second);
  return result;
}

ExportRef resolve_or_report(Check& check, std::string_view field, std::string_view name) noexcept {
  const ExportRef ref = resolve(check.manifest, name);
  if (ref.found()) return ref;
  const Halves halves = split_at_dot(name);
  if (!halves.second) {
    check.report(field, "unknown-export", text("'", name, "' does not name an export"),
                 text("write \"service.export\""));
    return ref;
  }
  const auto services = check.manifest.init_config().services();
  const std::string_view service = halves.first;
  if (ref.service == kNotFound) {
    check.report(field, "unknown-service", text("no service is called '", service, "'"),
                 suggest("service", services, kMaxServices, service));
    return ref;
  }
  const auto exports = services[ref.service].exports();
  const std::string_view wanted = *halves.second;
  check.report(field, "unknown-export", text("service '", service, "' does not export '", wanted, "'"),
               exports.empty()
                   ? text("it exports nothing: add exports = [(name = \"", wanted, "\", interface = ...)]")
                   : suggest("export", exports, kMaxExportsPerService, wanted));
  return ref;
}

TaskRef task_of_service(schema::SystemManifest::Reader manifest, std::string_view name) noexcept {
  const auto islands = manifest.init_config().islands();
  for (std::uint32_t i = 0; i < islands.size() && i < kMaxIslands; ++i) {
    const auto tasks = islands[i].tasks();
    for (std::uint32_t t = 0; t < tasks.size() && t < kMaxTasks; ++t) {
      if (tasks[t].service() == name) return {i, t};
    }
  }
  return {};
}

bool leases(schema::Island::Reader island, std::uint16_t cpu) noexcept {
  const auto cpus = island.cpus();
  for (std::uint32_t i = 0; i < cpus.size() && i < kMaxCpus; ++i) {
    if (cpus[i] == cpu) return true;
  }
  return false;
}

std::uint32_t cpus_of(schema::Island::Reader island) noexcept {
  std::uint32_t mask = 0;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) mask |= leases(island, cpu) ? std::uint32_t{1} << cpu : 0;
  return mask;
}

std::uint32_t sharing_cpus(schema::SystemManifest::Reader manifest, std::uint32_t index) noexcept {
  const auto islands = manifest.init_config().islands();
  std::uint32_t found = std::uint32_t{1} << index;
  std::uint32_t cpus = cpus_of(islands[index]);
  for (bool grew = true; grew;) {
    grew = false;
    for (std::uint32_t i = 0; i < islands.size() && i < kMaxIslands; ++i) {
      if ((found >> i & 1u) != 0 || (cpus_of(islands[i]) & cpus) == 0) continue;
      found |= std::uint32_t{1} << i;
      cpus |= cpus_of(islands[i]);
      grew = true;
    }
  }
  return found;
}

std::uint32_t island_of_cpu(schema::SystemManifest::Reader manifest, std::uint16_t cpu) noexcept {
  const auto islands = manifest.init_config().islands();
  for (std::uint32_t i = 0; i < islands.size() && i < kMaxIslands; ++i) {
    if (leases(islands[i], cpu)) return i;
  }
  return kNotFound;
}

std::uint16_t cpu_of(schema::Island::Reader island, schema::Task::Reader task) noexcept {
  if (task.cpu() >= 0) return static_cast<std::uint16_t>(task.cpu());
  return island.cpus().empty() ? std::uint16_t{0} : island.cpus()[0];
}

}  // namespace capos::admission
