// SPDX-License-Identifier: Apache-2.0
#include "fill.hpp"

#include <array>
#include <vector>

namespace capos::test {

namespace {

class Filler {
 public:
  Filler(Random& random, CapabilityTable& table, host::Kinds::Builder stock, schema::Kinds::Builder ours,
         int depth)
      : random_(random), table_(table), stock_(stock), ours_(ours), depth_(depth) {}

  void step() {
    switch (random_.below(9)) {
      case 0:
        return numbers();
      case 1:
        return bytes();
      case 2:
        return scalar_lists();
      case 3:
        return pointer_lists();
      case 4:
        return structures();
      case 5:
        return unions();
      case 6:
        return capabilities();
      case 7:
        return clearing();
      default:
        return nested_lists();
    }
  }

 private:
  static kj::StringPtr stock_text(const std::string& text) { return {text.c_str(), text.size()}; }
  std::vector<std::byte> random_bytes(std::uint32_t most) {
    std::vector<std::byte> out(random_.below(most + 1));
    for (std::byte& b : out) b = static_cast<std::byte>(random_.below(256));
    return out;
  }
  static capnp::Data::Reader stock_data(const std::vector<std::byte>& data) {
    return {reinterpret_cast<const kj::byte*>(data.data()), data.size()};
  }
  std::uint32_t count() { return random_.chance(4) ? 0 : random_.below(9); }

  void leaf(host::Leaf::Builder stock, schema::Leaf::Builder ours) {
    if (random_.chance(2)) {
      const std::string name = random_.text(20);
      stock.setName(stock_text(name));
      ours.set_name(name);
    }
    const auto value = random_.value<std::int64_t>();
    stock.setValue(value);
    ours.set_value(value);
    if (random_.chance(3)) {
      const std::uint32_t n = count();
      texts(stock.initTags(n), ours.init_tags(n));
    }
  }

  void texts(capnp::List<capnp::Text>::Builder stock, wire::ListBuilder<wire::Text> ours) {
    for (std::uint32_t i = 0; i < ours.size(); ++i) {
      if (random_.chance(4)) continue;
      const std::string text = random_.text(17);
      stock.set(i, stock_text(text));
      ours.set(i, std::string_view(text));
    }
  }

  void numbers() {
    switch (random_.below(13)) {
      case 0:
        return both(
            [&](auto v) {
              stock_.setBool(v);
              ours_.set_bool_(v);
            },
            random_.chance(2));
      case 1:
        return both(
            [&](auto v) {
              stock_.setBoolTrue(v);
              ours_.set_bool_true(v);
            },
            random_.chance(2));
      case 2:
        return both(
            [&](auto v) {
              stock_.setI8(v);
              ours_.set_i8(v);
            },
            random_.value<std::int8_t>());
      case 3:
        return both(
            [&](auto v) {
              stock_.setI16(v);
              ours_.set_i16(v);
            },
            random_.value<std::int16_t>());
      case 4:
        return both(
            [&](auto v) {
              stock_.setI32(v);
              ours_.set_i32(v);
            },
            random_.value<std::int32_t>());
      case 5:
        return both(
            [&](auto v) {
              stock_.setI64(v);
              ours_.set_i64(v);
            },
            random_.value<std::int64_t>());
      case 6:
        return both(
            [&](auto v) {
              stock_.setU8(v);
              ours_.set_u8(v);
            },
            random_.value<std::uint8_t>());
      case 7:
        return both(
            [&](auto v) {
              stock_.setU16(v);
              ours_.set_u16(v);
            },
            random_.value<std::uint16_t>());
      case 8:
        return both(
            [&](auto v) {
              stock_.setU32(v);
              ours_.set_u32(v);
            },
            random_.value<std::uint32_t>());
      case 9:
        return both(
            [&](auto v) {
              stock_.setU64(v);
              ours_.set_u64(v);
            },
            random_.value<std::uint64_t>());
      case 10:
        return both(
            [&](auto v) {
              stock_.setF32(v);
              ours_.set_f32(v);
            },
            real<float>());
      case 11:
        return both(
            [&](auto v) {
              stock_.setF64(v);
              ours_.set_f64(v);
            },
            real<double>());
      default: {
        const auto colour = static_cast<std::uint16_t>(random_.below(5));  // unknown ones too
        stock_.setColour(static_cast<host::Colour>(colour));
        ours_.set_colour(static_cast<schema::Colour>(colour));
      }
    }
  }
  template <typename Set, typename T>
  void both(Set set, T value) {
    set(value);
  }
  template <typename T>
  T real() {
    return static_cast<T>(random_.value<std::int32_t>()) / T{1024};
  }

  void bytes() {
    const std::string text = random_.text(30);
    const std::vector<std::byte> data = random_bytes(30);
    switch (random_.below(6)) {
      case 0:
        stock_.setText(stock_text(text));
        return ours_.set_text(text);
      case 1:
        stock_.setTextDefault(stock_text(text));
        return ours_.set_text_default(text);
      case 2:
        stock_.setData(stock_data(data));
        return ours_.set_data(data);
      case 3:
        stock_.setDataDefault(stock_data(data));
        return ours_.set_data_default(data);
      case 4: {
        auto stock = stock_.initText(static_cast<unsigned>(text.size()));
        const auto ours = ours_.init_text(text.size());
        std::copy(text.begin(), text.end(), stock.begin());
        if (ours.size() == text.size())
          std::copy(text.begin(), text.end(), ours.begin());  // else out of space
        return;
      }
      default: {
        const auto line = random_.value<std::uint32_t>();
        auto stock = stock_.getWhere();
        auto ours = ours_.where();
        stock.setLine(line);
        ours.set_line(line);
        stock.setFile(stock_text(text));
        ours.set_file(text);
      }
    }
  }

  template <typename T, typename Stock, typename Ours>
  void elements(Stock stock, Ours ours) {
    for (std::uint32_t i = 0; i < ours.size(); ++i) {
      const T value = random_.value<T>();
      stock.set(i, value);
      ours.set(i, value);
    }
  }
  template <typename T, typename Stock, typename Ours>
  void reals(Stock stock, Ours ours) {
    for (std::uint32_t i = 0; i < ours.size(); ++i) {
      const T value = real<T>();
      stock.set(i, value);
      ours.set(i, value);
    }
  }
  template <typename Stock, typename Ours>
  void bools(Stock stock, Ours ours) {
    for (std::uint32_t i = 0; i < ours.size(); ++i) {
      const bool value = random_.chance(2);
      stock.set(i, value);
      ours.set(i, value);
    }
  }

  void scalar_lists() {
    const std::uint32_t n = count();
    switch (random_.below(9)) {
      case 0:
        stock_.initVoids(n);
        ours_.init_voids(n);
        return;
      case 1:
        return bools(stock_.initBools(n * 3), ours_.init_bools(n * 3));
      case 2:
        return elements<std::int8_t>(stock_.initI8s(n), ours_.init_i8s(n));
      case 3:
        return elements<std::uint16_t>(stock_.initU16s(n), ours_.init_u16s(n));
      case 4:
        return elements<std::uint32_t>(stock_.initU32s(n), ours_.init_u32s(n));
      case 5:
        return elements<std::uint64_t>(stock_.initU64s(n), ours_.init_u64s(n));
      case 6:
        return reals<float>(stock_.initF32s(n), ours_.init_f32s(n));
      case 7:
        return reals<double>(stock_.initF64s(n), ours_.init_f64s(n));
      default: {
        auto stock = stock_.initColours(n);
        auto ours = ours_.init_colours(n);
        for (std::uint32_t i = 0; i < n; ++i) {
          const auto colour = static_cast<std::uint16_t>(random_.below(3));
          stock.set(i, static_cast<host::Colour>(colour));
          ours.set(i, static_cast<schema::Colour>(colour));
        }
      }
    }
  }

  void pointer_lists() {
    const std::uint32_t n = count();
    switch (random_.below(5)) {
      case 0:
        return texts(stock_.initTexts(n), ours_.init_texts(n));
      case 1: {
        auto stock = stock_.initDatas(n);
        auto ours = ours_.init_datas(n);
        for (std::uint32_t i = 0; i < n; ++i) {
          const std::vector<std::byte> data = random_bytes(12);
          stock.set(i, stock_data(data));
          ours.set(i, std::span<const std::byte>(data));
        }
        return;
      }
      case 2: {
        auto stock = stock_.initLeaves(n);
        auto ours = ours_.init_leaves(n);
        for (std::uint32_t i = 0; i < n; ++i) leaf(stock[i], ours[i]);
        return;
      }
      case 3:
        return points(stock_.initPoints(n), ours_.init_points(n));
      default: {
        if (depth_ == 0) return;
        const std::uint32_t few = n % 3;
        auto stock = stock_.initChildren(few);
        auto ours = ours_.init_children(few);
        for (std::uint32_t i = 0; i < few; ++i) {
          fill(random_, table_, stock[i], ours[i], 3, depth_ - 1);
        }
      }
    }
  }

  void points(capnp::List<host::Point>::Builder stock, wire::ListBuilder<schema::Point> ours) {
    for (std::uint32_t i = 0; i < ours.size(); ++i) {
      const float x = real<float>();
      stock[i].setX(x);
      ours[i].set_x(x);
      stock[i].setY(x + 1);
      ours[i].set_y(x + 1);
    }
  }

  void nested_lists() {
    const std::uint32_t n = count() % 4;
    switch (random_.below(4)) {
      case 0: {
        auto stock = stock_.initMatrix(n);
        auto ours = ours_.init_matrix(n);
        for (std::uint32_t i = 0; i < n; ++i)
          elements<std::int32_t>(stock.init(i, i + 1), ours.init(i, i + 1));
        return;
      }
      case 1: {
        auto stock = stock_.initDeep(n);
        auto ours = ours_.init_deep(n);
        for (std::uint32_t i = 0; i < n; ++i) {
          auto stock_row = stock.init(i, 2);
          auto ours_row = ours.init(i, 2);
          for (std::uint32_t k = 0; k < 2; ++k) texts(stock_row.init(k, k), ours_row.init(k, k));
        }
        return;
      }
      case 2: {
        auto stock = stock_.initLeafLists(n);
        auto ours = ours_.init_leaf_lists(n);
        for (std::uint32_t i = 0; i < n; ++i) {
          auto stock_row = stock.init(i, 2);
          auto ours_row = ours.init(i, 2);
          for (std::uint32_t k = 0; k < 2; ++k) leaf(stock_row[k], ours_row[k]);
        }
        return;
      }
      default: {
        auto stock = stock_.initListMatrix(n);
        auto ours = ours_.init_list_matrix(n);
        for (std::uint32_t i = 0; i < n; ++i) bools(stock.init(i, 11), ours.init(i, 11));
      }
    }
  }

  void structures() {
    switch (random_.below(8)) {
      case 0:
        return leaf(stock_.initLeaf(), ours_.init_leaf());
      case 1:
        return leaf(stock_.getLeaf(), ours_.leaf());
      case 2:
        return leaf(stock_.getLeafDefault(), ours_.leaf_default());
      case 3:
        return leaf(stock_.getAny().initAs<host::Leaf>(), ours_.any().init_as<schema::Leaf>());
      case 4: {
        auto stock = stock_.getNested();
        auto ours = ours_.nested();
        stock.setMode(host::Kinds::Nested::Mode::ON);
        ours.set_mode(schema::Kinds::Nested::Mode::on);
        stock.initInner().setRegister(9);
        ours.init_inner().set_register_(9);
        return;
      }
      case 5: {  // deep copies: whole objects, and from one message into another
        stock_.setLeafDefault(stock_.asReader().getLeaf());
        return ours_.set_leaf_default(ours_.as_reader().leaf());
      }
      case 6: {
        stock_.setU32s(stock_.asReader().getU32s());
        return copy_u32s();
      }
      default:
        if (depth_ > 0) fill(random_, table_, stock_.initChild(), ours_.init_child(), 4, depth_ - 1);
    }
  }
  // Both codecs clear the target before they read the source, when they are the same object.
  void copy_u32s() { ours_.set_u32s(ours_.as_reader().u32s()); }

  void unions() {
    const auto value = random_.value<std::uint32_t>();
    switch (random_.below(9)) {
      case 0:
        stock_.setNone();
        return ours_.set_none();
      case 1:
        stock_.setNumber(value);
        return ours_.set_number(value);
      case 2:
        stock_.setWord("wort");
        return ours_.set_word("wort");
      case 3: {
        auto stock = stock_.initBoth();
        auto ours = ours_.init_both();
        stock.setLeft(static_cast<std::int16_t>(value));
        ours.set_left(static_cast<std::int16_t>(value));
        return leaf(stock.initRight(), ours.init_right());
      }
      case 4:
        return elements<std::uint8_t>(stock_.initList(5), ours_.init_list(5));
      case 5:
        stock_.getShape().setCircle(value);
        return ours_.shape().set_circle(value);
      case 6:
        stock_.getShape().setSquare(value);
        return ours_.shape().set_square(value);
      case 7:
        return points(stock_.getShape().initPolygon(2), ours_.shape().init_polygon(2));
      default:
        stock_.initShape().setNew(true);
        return ours_.init_shape().set_new_(true);
    }
  }

  void capabilities() {
    const std::uint32_t index = random_.below(1000);
    if (random_.chance(2)) {
      stock_.setCap(table_.client(index).castAs<host::Base>());
      return ours_.set_cap(index);
    }
    const std::uint32_t n = count();
    auto stock = stock_.initCaps(n);
    auto ours = ours_.init_caps(n);
    for (std::uint32_t i = 0; i < n; i += 2) {
      stock.set(i, table_.client(index + i).castAs<host::Derived>());
      ours.set(i, index + i);
    }
  }

  void clearing() {
    switch (random_.below(4)) {
      case 0:
        stock_.disownLeaf();
        return ours_.clear_leaf();
      case 1:
        stock_.getAny().clear();
        return ours_.any().clear();
      case 2: {
        auto stock = stock_.initSmall();
        auto ours = ours_.init_small();
        stock.setTiny(5);
        ours.set_tiny(5);
        stock.getChoice().initPair().setFirst(3);
        return ours.choice().init_pair().set_first(3);
      }
      default:
        stock_.disownTexts();
        return ours_.clear_texts();
    }
  }

  Random& random_;
  CapabilityTable& table_;
  host::Kinds::Builder stock_;
  schema::Kinds::Builder ours_;
  int depth_;
};

}  // namespace

void fill(Random& random, CapabilityTable& table, host::Kinds::Builder stock, schema::Kinds::Builder ours,
          int steps, int depth) {
  Filler filler(random, table, stock, ours, depth);
  for (int i = 0; i < steps; ++i) filler.step();
}

Words valid_message(Random& random) {
  CapabilityTable table;
  StockBuilder stock;
  Words space(kSpace);
  wire::MessageBuilder ours(space);
  fill(random, table, table.root(stock.message()).initAs<host::Kinds>(), ours.init_root<schema::Kinds>(),
       1 + static_cast<int>(random.below(30)), 2);
  return words_of(ours);
}

}  // namespace capos::test
