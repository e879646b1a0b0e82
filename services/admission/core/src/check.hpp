// SPDX-License-Identifier: Apache-2.0
// What every rule needs: the place it looks at, a way to say what it found, and names to compare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "call_graph.hpp"
#include "capos/admission/diagnostics.hpp"
#include "capos/admission/limits.hpp"
#include "capos/base/strong.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::admission {

struct Us {  // a time in a text, in the unit a person would choose
  std::uint64_t ns;
};

template <typename Part>
void append(TextWriter& out, const Part& part) noexcept {
  if constexpr (std::is_same_v<Part, Us>) {
    write_time(out, part.ns);
  } else if constexpr (std::is_integral_v<Part> && std::is_signed_v<Part> && !std::is_same_v<Part, char>) {
    if (part < 0) out << '-';
    const auto wide = static_cast<std::int64_t>(part);
    out << static_cast<std::uint64_t>(wide < 0 ? -wide : wide);
  } else if constexpr (std::is_integral_v<Part> && !std::is_same_v<Part, char>) {
    out << static_cast<std::uint64_t>(part);
  } else {
    out << part;
  }
}

// Literals know their length: no strlen, which programs on capOS do not have.
template <std::size_t kSize>
void append(TextWriter& out, const char (&part)[kSize]) noexcept {
  out << std::string_view(part, kSize - 1);
}

// A text of at most 240 bytes from its parts.
template <typename... Parts>
FixedText<240> text(const Parts&... parts) noexcept {
  char storage[240];
  TextWriter out(storage);
  (append(out, parts), ...);
  FixedText<240> result;
  result.assign(out.view());
  return result;
}

// Where a rule looks: "initConfig.islands[0].tasks[1].period". Grows and shrinks with the walk (Path::Scope).
class Path {
 public:
  class Scope {
   public:
    Scope(Path& path, std::string_view field) noexcept : path_(path), size_(path.size_) { path.enter(field); }
    Scope(Path& path, std::string_view field, std::size_t index) noexcept : Scope(path, field) {
      path.subscript(index);
    }
    ~Scope() { path_.size_ = size_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Path& path_;
    std::size_t size_;
  };
  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }

 private:
  void enter(std::string_view field) noexcept;
  void subscript(std::size_t index) noexcept;
  void put(std::string_view text) noexcept;
  char data_[120];
  std::size_t size_ = 0;
};

// The walk over one manifest: its place, and where findings go.
class Check {
 public:
  Check(schema::SystemManifest::Reader root, Diagnostics& out, std::uint32_t features) noexcept
      : manifest(root), graph(root), runs(features), out_(out) {}

  // Reports at `field` of the current place ("" is the place itself).
  void report(std::string_view field, std::string_view rule, const FixedText<240>& message,
              const FixedText<240>& hint) noexcept;

  // The elements of a list that are looked at: all, or after a "too-many" finding the first `most`.
  std::uint32_t bounded(std::string_view field, std::size_t size, std::size_t most) noexcept;
  // Rule "bad-name": 1 to 31 letters, digits and '-', a letter first.
  void name(std::string_view kind, std::string_view name) noexcept;

  const schema::SystemManifest::Reader manifest;
  const CallGraph graph;
  const std::uint32_t runs;  // sched's KernelFeatures
  Path path;

 private:
  Diagnostics& out_;
};

// Rule "duplicate-name" for element `index` of a list of named things.
template <typename NamedList>
void unique_name(Check& check, std::string_view kind, const NamedList& list, std::uint32_t index) noexcept {
  const std::string_view name = list[index].name();
  for (std::uint32_t earlier = 0; !name.empty() && earlier < index; ++earlier) {
    if (list[earlier].name() != name) continue;
    check.report("name", "duplicate-name", text("another ", kind, " is called '", name, "' too"),
                 text("the other is element ", earlier, " of the same list; rename one"));
    return;
  }
}

inline constexpr std::uint32_t kNotFound = ~std::uint32_t{0};

template <typename NamedList>
std::uint32_t index_of(const NamedList& list, std::size_t most, std::string_view name) noexcept {
  for (std::uint32_t i = 0; i < list.size() && i < most; ++i) {
    if (list[i].name() == name) return i;
  }
  return kNotFound;
}

// Edit distance, at most kMaxNameLength + 1; what a hint uses to guess the name that was meant.
std::size_t distance(std::string_view a, std::string_view b) noexcept;

// "did you mean 'plant'?", or the names there are.
template <typename NamedList>
FixedText<240> suggest(std::string_view kind, const NamedList& list, std::size_t most,
                       std::string_view name) noexcept {
  std::string_view best;
  std::size_t best_distance = 3;
  for (std::uint32_t i = 0; i < list.size() && i < most; ++i) {
    const std::size_t d = distance(list[i].name(), name);
    if (d >= best_distance) continue;
    best_distance = d;
    best = list[i].name();
  }
  if (!best.empty()) return text("did you mean '", best, "'?");
  if (list.size() == 0) return text("there is no ", kind, " in this manifest");
  char storage[240];
  TextWriter out(storage);
  out << "known: ";
  for (std::uint32_t i = 0; i < list.size() && i < most; ++i) {
    if (i != 0) out << ", ";
    out << list[i].name();
  }
  FixedText<240> result;
  result.assign(out.view());
  return result;
}

// "service.export" in two; `second` is null if there is no dot. (string_view's own find and substr want a C
// library.)
struct Halves {
  std::string_view first;
  std::optional<std::string_view> second;
};
[[nodiscard]] Halves split_at_dot(std::string_view name) noexcept;

// "service.export" resolved; unresolved parts are kNotFound.
struct ExportRef {
  std::uint32_t service = kNotFound;
  std::uint32_t export_ = kNotFound;
  [[nodiscard]] bool found() const noexcept { return export_ != kNotFound; }
};
[[nodiscard]] ExportRef resolve(schema::SystemManifest::Reader manifest, std::string_view name) noexcept;
// Resolves and reports "unknown-service" or "unknown-export" at `field`.
ExportRef resolve_or_report(Check& check, std::string_view field, std::string_view name) noexcept;

// The task that service `name` runs, if any; the first if several claim it.
struct TaskRef {
  std::uint32_t island = kNotFound;
  std::uint32_t task = kNotFound;
  [[nodiscard]] bool found() const noexcept { return task != kNotFound; }
};
[[nodiscard]] TaskRef task_of_service(schema::SystemManifest::Reader manifest,
                                      std::string_view name) noexcept;

// Does it say anything of a recovery?
[[nodiscard]] bool recovers(schema::Service::Reader service) noexcept;
// The first task that calls a service itself, in the order of the manifest; not found if none does. O(tasks * calls * services).
[[nodiscard]] TaskRef first_caller(schema::SystemManifest::Reader manifest, std::uint32_t service) noexcept;

// The rules, one part of the manifest each.
void check_kernel_params(Check& check) noexcept;
void check_binaries(Check& check) noexcept;
void check_buffers(Check& check) noexcept;
void check_rings(Check& check) noexcept;
void check_services(Check& check) noexcept;
void check_media_node(Check& check, schema::Service::Reader service) noexcept;
void check_policy(Check& check, std::uint32_t service) noexcept;
void check_recovery(Check& check, std::uint32_t service) noexcept;
void check_call_cycles(Check& check) noexcept;
void check_passive_servers(Check& check) noexcept;
void check_islands(Check& check) noexcept;
void check_task(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept;
void check_misses(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept;
void check_chains(Check& check, schema::Island::Reader island) noexcept;
void check_hops(Check& check, schema::Island::Reader island) noexcept;

// The island that leases `cpu`, or kNotFound.
[[nodiscard]] std::uint32_t island_of_cpu(schema::SystemManifest::Reader manifest,
                                          std::uint16_t cpu) noexcept;
[[nodiscard]] bool leases(schema::Island::Reader island, std::uint16_t cpu) noexcept;
// Bit c: the island leases CPU c.
[[nodiscard]] std::uint32_t cpus_of(schema::Island::Reader island) noexcept;
// Bit i: island i shares a CPU with island `index`, directly or through others; its own bit is set.
[[nodiscard]] std::uint32_t sharing_cpus(schema::SystemManifest::Reader manifest, std::uint32_t index) noexcept;
// The CPU that a task runs on: its own choice, or its island's first.
[[nodiscard]] std::uint16_t cpu_of(schema::Island::Reader island, schema::Task::Reader task) noexcept;

}  // namespace capos::admission
