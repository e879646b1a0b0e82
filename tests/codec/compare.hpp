// SPDX-License-Identifier: Apache-2.0
// Reads one Kinds message with both codecs, getter by getter, and keeps the first difference.
//
// libcapnp is the oracle: also its defaults for malformed parts count. One difference is by design, for
// messages of several segments are refused: once a far pointer has been met, nothing is compared any more.
#pragma once

#include <kinds.capnp.h>

#include <capos/schema/kinds.hpp>
#include <capos/wire/message.hpp>
#include <cstring>
#include <string>
#include <string_view>

#include "capability_table.hpp"

namespace capos::test {

// While it lives, libcapnp's recoverable errors are counted, not thrown: getters then return defaults.
class CountErrors : public kj::ExceptionCallback {
 public:
  void onRecoverableException(kj::Exception&& error) override {
    const std::string_view text(error.getDescription().cStr());
    ++(text.find("deeply-nested") != std::string_view::npos ? nesting_ : other_);
  }
  [[nodiscard]] unsigned nesting() const { return nesting_; }
  [[nodiscard]] unsigned other() const { return other_; }

 private:
  unsigned nesting_ = 0;
  unsigned other_ = 0;
};

class Compare {
 public:
  Compare(CapabilityTable& table, const wire::MessageReader& message) : table_(table), message_(message) {}

  [[nodiscard]] const std::string& difference() const { return difference_; }

  void kinds(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    if (finished()) return;
    scalars(stock, ours);
    bytes(stock, ours);
    scalar_lists(stock, ours);
    pointer_lists(stock, ours);
    structures(stock, ours);
    unions(stock, ours);
  }

 private:
  static constexpr std::uint32_t kMostElements = 200;  // an amplified list of voids is long

  [[nodiscard]] bool finished() const {
    return !difference_.empty() || message_.seen(wire::Error::far_pointer);
  }

  template <typename A, typename B>
  void same(const char* what, const A& stock, const B& ours) {
    if (!finished() && !(stock == ours)) difference_ = what;
  }
  void same_bits(const char* what, double stock, double ours) {
    same(what, std::bit_cast<std::uint64_t>(stock), std::bit_cast<std::uint64_t>(ours));
  }
  void same_bits(const char* what, float stock, float ours) {
    same(what, std::bit_cast<std::uint32_t>(stock), std::bit_cast<std::uint32_t>(ours));
  }
  void same_text(const char* what, capnp::Text::Reader stock, std::string_view ours) {
    same(what, std::string_view(stock.begin(), stock.size()), ours);
  }
  void same_data(const char* what, capnp::Data::Reader stock, std::span<const std::byte> ours) {
    same(what, stock.size(), ours.size());
    if (!finished() && !ours.empty() && std::memcmp(stock.begin(), ours.data(), ours.size()) != 0)
      difference_ = what;
  }

  // libcapnp follows a pointer to say whether it is null, and takes one of a kind to come for null.
  static bool is_known_kind(const wire::AnyPointerReader& pointer) {
    if (pointer.is_null()) return true;
    const wire::Pointer word(wire::load<wire::Word>(pointer.where()));
    return word.kind() == wire::PointerKind::structure || word.kind() == wire::PointerKind::list ||
           word.is_capability();
  }

  void scalars(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    same("bool", stock.getBool(), ours.bool_());
    same("boolTrue", stock.getBoolTrue(), ours.bool_true());
    same("i8", stock.getI8(), ours.i8());
    same("i16", stock.getI16(), ours.i16());
    same("i32", stock.getI32(), ours.i32());
    same("i64", stock.getI64(), ours.i64());
    same("u8", stock.getU8(), ours.u8());
    same("u16", stock.getU16(), ours.u16());
    same("u32", stock.getU32(), ours.u32());
    same("u64", stock.getU64(), ours.u64());
    same_bits("f32", stock.getF32(), ours.f32());
    same_bits("f64", stock.getF64(), ours.f64());
    same("colour", static_cast<unsigned>(stock.getColour()), static_cast<unsigned>(ours.colour()));
    same("where.line", stock.getWhere().getLine(), ours.where().line());
  }

  void bytes(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    same_text("text", stock.getText(), ours.text());
    same_text("textDefault", stock.getTextDefault(), ours.text_default());
    same_data("data", stock.getData(), ours.data());
    same_data("dataDefault", stock.getDataDefault(), ours.data_default());
    same_text("where.file", stock.getWhere().getFile(), ours.where().file());
    if (is_known_kind(ours.wire_struct().pointer(0))) same("hasText", stock.hasText(), ours.has_text());
  }

  template <typename Stock, typename Ours, typename Each>
  void each(const char* what, const Stock& stock, const Ours& ours, Each compare) {
    same(what, stock.size(), ours.size());
    for (std::uint32_t i = 0; i < ours.size() && i < kMostElements && !finished(); ++i) compare(i);
  }
  template <typename Stock, typename Ours>
  void numbers(const char* what, const Stock& stock, const Ours& ours) {
    each(what, stock, ours, [&](std::uint32_t i) { same(what, stock[i], ours[i]); });
  }
  template <typename Stock, typename Ours>
  void reals(const char* what, const Stock& stock, const Ours& ours) {
    each(what, stock, ours, [&](std::uint32_t i) { same_bits(what, stock[i], ours[i]); });
  }
  template <typename Stock, typename Ours>
  void texts(const char* what, const Stock& stock, const Ours& ours) {
    each(what, stock, ours, [&](std::uint32_t i) { same_text(what, stock[i], ours[i]); });
  }

  void scalar_lists(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    each("voids", stock.getVoids(), ours.voids(), [](std::uint32_t) {});
    numbers("bools", stock.getBools(), ours.bools());
    numbers("i8s", stock.getI8s(), ours.i8s());
    numbers("u16s", stock.getU16s(), ours.u16s());
    numbers("u32s", stock.getU32s(), ours.u32s());
    numbers("u64s", stock.getU64s(), ours.u64s());
    reals("f32s", stock.getF32s(), ours.f32s());
    reals("f64s", stock.getF64s(), ours.f64s());
    const auto stock_colours = stock.getColours();
    const auto our_colours = ours.colours();
    each("colours", stock_colours, our_colours, [&](std::uint32_t i) {
      same("colours", static_cast<unsigned>(stock_colours[i]), static_cast<unsigned>(our_colours[i]));
    });
  }

  void leaf(host::Leaf::Reader stock, schema::Leaf::Reader ours) {
    if (finished()) return;
    same_text("leaf.name", stock.getName(), ours.name());
    same("leaf.value", stock.getValue(), ours.value());
    texts("leaf.tags", stock.getTags(), ours.tags());
  }
  void leaves(const char* what, capnp::List<host::Leaf>::Reader stock, wire::List<schema::Leaf> ours) {
    each(what, stock, ours, [&](std::uint32_t i) { leaf(stock[i], ours[i]); });
  }
  void points(const char* what, capnp::List<host::Point>::Reader stock, wire::List<schema::Point> ours) {
    each(what, stock, ours, [&](std::uint32_t i) {
      same_bits(what, stock[i].getX(), ours[i].x());
      same_bits(what, stock[i].getY(), ours[i].y());
    });
  }

  void pointer_lists(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    texts("texts", stock.getTexts(), ours.texts());
    const auto stock_datas = stock.getDatas();
    const auto our_datas = ours.datas();
    each("datas", stock_datas, our_datas,
         [&](std::uint32_t i) { same_data("datas", stock_datas[i], our_datas[i]); });
    leaves("leaves", stock.getLeaves(), ours.leaves());
    points("points", stock.getPoints(), ours.points());
    const auto stock_matrix = stock.getMatrix();
    const auto our_matrix = ours.matrix();
    each("matrix", stock_matrix, our_matrix,
         [&](std::uint32_t i) { numbers("matrix[]", stock_matrix[i], our_matrix[i]); });
    const auto stock_bits = stock.getListMatrix();
    const auto our_bits = ours.list_matrix();
    each("listMatrix", stock_bits, our_bits,
         [&](std::uint32_t i) { numbers("listMatrix[]", stock_bits[i], our_bits[i]); });
    const auto stock_rows = stock.getLeafLists();
    const auto our_rows = ours.leaf_lists();
    each("leafLists", stock_rows, our_rows,
         [&](std::uint32_t i) { leaves("leafLists[]", stock_rows[i], our_rows[i]); });
    const auto stock_deep = stock.getDeep();
    const auto our_deep = ours.deep();
    each("deep", stock_deep, our_deep, [&](std::uint32_t i) {
      const auto stock_row = stock_deep[i];
      const auto our_row = our_deep[i];
      each("deep[]", stock_row, our_row,
           [&](std::uint32_t k) { texts("deep[][]", stock_row[k], our_row[k]); });
    });
    const auto stock_caps = stock.getCaps();
    const auto our_caps = ours.caps();
    each("caps", stock_caps, our_caps,
         [&](std::uint32_t i) { capability("caps", stock_caps[i], our_caps[i]); });
  }

  void capability(const char* what, capnp::Capability::Client stock, std::optional<std::uint32_t> ours) {
    if (finished()) return;
    same(what, table_.knows(stock), ours.has_value());
    if (!finished() && ours.has_value()) same(what, table_.index_of(stock), *ours);
  }

  void structures(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    leaf(stock.getLeaf(), ours.leaf());
    leaf(stock.getLeafDefault(), ours.leaf_default());
    if (finished()) return;
    if (is_known_kind(ours.any())) same("any", stock.getAny().isNull(), ours.any().is_null());
    leaf(stock.getAny().getAs<host::Leaf>(), ours.any().as<schema::Leaf>());
    capability("cap", stock.getCap(), ours.cap());
    if (finished()) return;
    small(stock.getSmall(), ours.small());
    if (finished()) return;
    const auto stock_nested = stock.getNested();
    const auto our_nested = ours.nested();
    same("mode", static_cast<unsigned>(stock_nested.getMode()), static_cast<unsigned>(our_nested.mode()));
    same("register", stock_nested.getInner().getRegister(), our_nested.inner().register_());
    if (ours.has_child() && is_known_kind(ours.wire_struct().pointer(6)) && !finished())
      kinds(stock.getChild(), ours.child());
    const auto stock_children = stock.getChildren();
    const auto our_children = ours.children();
    each("children", stock_children, our_children, [&](std::uint32_t i) {
      if (i < 8) kinds(stock_children[i], our_children[i]);
    });
  }

  void small(host::Small::Reader stock, schema::Small::Reader ours) {
    same("flag", stock.getFlag(), ours.flag());
    same("tiny", stock.getTiny(), ours.tiny());
    same("small.colour", static_cast<unsigned>(stock.getColour()), static_cast<unsigned>(ours.colour()));
    same("wide", stock.getWide(), ours.wide());
    const auto choice = stock.getChoice();
    same("choice", static_cast<unsigned>(choice.which()), static_cast<unsigned>(ours.choice().which()));
    if (choice.isNumber()) same("number", choice.getNumber(), ours.choice().number());
    if (choice.isReal()) same_bits("real", choice.getReal(), ours.choice().real());
    if (choice.isPair()) same("second", choice.getPair().getSecond(), ours.choice().pair().second());
  }

  void unions(host::Kinds::Reader stock, schema::Kinds::Reader ours) {
    if (finished()) return;
    same("which", static_cast<unsigned>(stock.which()), static_cast<unsigned>(ours.which()));
    if (finished()) return;
    if (stock.isNumber()) same("number", stock.getNumber(), ours.number());
    if (stock.isWord()) same_text("word", stock.getWord(), ours.word());
    if (stock.isList()) numbers("list", stock.getList(), ours.list());
    if (stock.isBoth()) {
      same("left", stock.getBoth().getLeft(), ours.both().left());
      leaf(stock.getBoth().getRight(), ours.both().right());
    }
    const auto shape = stock.getShape();
    same("shape", static_cast<unsigned>(shape.which()), static_cast<unsigned>(ours.shape().which()));
    if (finished()) return;
    if (shape.isCircle()) same_bits("circle", shape.getCircle(), ours.shape().circle());
    if (shape.isSquare()) same_bits("square", shape.getSquare(), ours.shape().square());
    if (shape.isNew()) same("new", shape.getNew(), ours.shape().new_());
    if (shape.isPolygon()) points("polygon", shape.getPolygon(), ours.shape().polygon());
  }

  CapabilityTable& table_;
  const wire::MessageReader& message_;
  std::string difference_;
};

}  // namespace capos::test
