#include "format/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/testing/pth_builder.h"

namespace deixis::pickle {
namespace {

using deixis::testing::AsBytes;
using deixis::testing::LittleEndian;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Graphs view their bytes: `text` must outlive the result.
Pickle MustParse(const std::string& text) {
  auto pickle = Pickle::Parse(AsBytes(text));
  EXPECT_TRUE(pickle.ok()) << pickle.error().message;
  return *std::move(pickle);
}

std::string Refusal(const std::string& text, const Limits& limits = {}) {
  const auto pickle = Pickle::Parse(AsBytes(text), limits);
  if (pickle.ok()) return "";
  EXPECT_EQ(pickle.error().code, ErrorCode::kInvalidData);
  EXPECT_FALSE(pickle.error().remedy.empty());
  return pickle.error().message;
}

int64_t ParsedInt(const std::string& text) {
  const Pickle pickle = MustParse(text);
  EXPECT_EQ(pickle[pickle.root()].kind, Kind::kInt);
  return pickle[pickle.root()].integer;
}

std::string ParsedText(const std::string& text, Kind kind) {
  const Pickle pickle = MustParse(text);
  EXPECT_EQ(pickle[pickle.root()].kind, kind);
  return std::string(pickle[pickle.root()].text);
}

TEST(PickleTest, Integers) {
  EXPECT_EQ(ParsedInt("K\xFF."), 255);
  EXPECT_EQ(ParsedInt("M\xFF\xFF."), 65535);
  EXPECT_EQ(ParsedInt("J\xFF\xFF\xFF\xFF."), -1);
  EXPECT_EQ(ParsedInt(std::string("\x8A\x00.", 3)), 0);
  EXPECT_EQ(ParsedInt("\x8A\x01\x80."), -128);
  EXPECT_EQ(ParsedInt(std::string("\x8A\x02\x80\x00.", 5)), 128);
  EXPECT_EQ(ParsedInt("\x8A\x08" + LittleEndian(uint64_t{1} << 63, 8) + "."), INT64_MIN);
  EXPECT_EQ(ParsedInt("\x8B" + LittleEndian(1, 4) + "\x07."), 7);
  EXPECT_EQ(ParsedInt("I-12\n."), -12);
  EXPECT_EQ(ParsedInt("L34L\n."), 34);
  EXPECT_EQ(ParsedText("\x8A\x09" + std::string(9, '\x01') + ".", Kind::kBigInt),
            std::string(9, '\x01'));
}

TEST(PickleTest, OtherScalars) {
  const std::string floats[] = {std::string("G\x3F\xF8\0\0\0\0\0\0.", 10), "F1.5\n."};
  for (const std::string& text : floats) {
    const Pickle pickle = MustParse(text);
    EXPECT_EQ(pickle[pickle.root()].real, 1.5);
  }
  const std::string truths[] = {"\x88.", "I01\n."};
  for (const std::string& text : truths) {
    const Pickle pickle = MustParse(text);
    EXPECT_EQ(pickle[pickle.root()].kind, Kind::kBool);
    EXPECT_EQ(pickle[pickle.root()].integer, 1);
  }
  EXPECT_EQ(MustParse("N.")[0].kind, Kind::kNone);
}

TEST(PickleTest, TextAndBytesOfEveryWidth) {
  EXPECT_EQ(ParsedText("U\x02hi.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("T" + LittleEndian(2, 4) + "hi.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("X" + LittleEndian(2, 4) + "hi.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("\x8C\x02hi.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("\x8D" + LittleEndian(2, 8) + "hi.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("S'hi'\n.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("Vhi\n.", Kind::kText), "hi");
  EXPECT_EQ(ParsedText("C\x02hi.", Kind::kBytes), "hi");
  EXPECT_EQ(ParsedText("B" + LittleEndian(2, 4) + "hi.", Kind::kBytes), "hi");
  EXPECT_EQ(ParsedText("\x8E" + LittleEndian(2, 8) + "hi.", Kind::kBytes), "hi");
  EXPECT_EQ(ParsedText("\x96" + LittleEndian(2, 8) + "hi.", Kind::kBytes), "hi");
}

TEST(PickleTest, ContainersKeepOrderAndIdentity) {
  // x = []; [x, (x, 1), {"k": x}]
  const std::string dict = "]q\x01" + std::string("0](h\x01h\x01K\x01\x86}U\x01kh\x01se.");
  const Pickle pickle = MustParse(dict);
  const Object& root = pickle[pickle.root()];
  ASSERT_EQ(root.kind, Kind::kList);
  ASSERT_EQ(root.items.size(), 3u);
  const Ref x = root.items[0];
  EXPECT_EQ(pickle[root.items[1]].items[0], x);
  EXPECT_EQ(pickle[root.items[2]].items[1], x);
  EXPECT_EQ(pickle[pickle[root.items[2]].items[0]].text, "k");
}

TEST(PickleTest, AContainerMayContainItself) {
  const std::string text = std::string("]q\0h\0a.", 7);
  const Pickle pickle = MustParse(text);
  EXPECT_THAT(pickle[pickle.root()].items, ElementsAre(pickle.root()));
}

TEST(PickleTest, CallsAreWrittenDownAndNotMade) {
  const std::string text = "cposix\nsystem\nU\x02ls\x85R}U\x01kK\x01sb.";
  const Pickle pickle = MustParse(text);
  const Object& call = pickle[pickle.root()];
  ASSERT_EQ(call.kind, Kind::kCall);
  EXPECT_TRUE(pickle.IsGlobal(call.target, "posix", "system"));
  EXPECT_EQ(pickle[pickle[call.arguments].items[0]].text, "ls");
  EXPECT_EQ(pickle[call.state].kind, Kind::kDict);
  EXPECT_EQ(pickle.Describe(pickle.root()), "the result of posix.system");
}

TEST(PickleTest, EveryWayToNameAndCall) {
  const std::string calls[] = {
      "cm\nf\n)R.",  // GLOBAL, REDUCE
      "\x80\x04\x8C\x01m\x8C\x01"
      "f\x93)R.",        // STACK_GLOBAL
      "cm\nf\n)\x81.",   // NEWOBJ
      "cm\nf\n)}\x92.",  // NEWOBJ_EX
      "(im\nf\n.",       // INST
      "(cm\nf\no.",      // OBJ
  };
  for (const std::string& text : calls) {
    const Pickle pickle = MustParse(text);
    ASSERT_EQ(pickle[pickle.root()].kind, Kind::kCall);
    EXPECT_EQ(pickle.GlobalName(pickle[pickle.root()].target), "m.f");
    EXPECT_TRUE(pickle[pickle[pickle.root()].arguments].items.empty());
  }
}

TEST(PickleTest, MemoOfEveryWidth) {
  EXPECT_EQ(ParsedInt("K\x07q\x03"
                      "0h\x03."),
            7);
  EXPECT_EQ(ParsedInt("K\x07r" + LittleEndian(300, 4) + "0j" + LittleEndian(300, 4) + "."), 7);
  EXPECT_EQ(ParsedInt("K\x07p12\n0g12\n."), 7);
  EXPECT_EQ(ParsedInt(std::string("K\x07\x94K\x08\x94"
                                  "00h\x00.",
                                  11)),
            7);
}

TEST(PickleTest, SaysHowMuchItRead) {
  const std::string text = "\x80\x02N.rest";
  EXPECT_EQ(MustParse(text).num_bytes(), 4u);
}

TEST(PickleTest, RefusesWhatIsBroken) {
  EXPECT_THAT(Refusal(""), HasSubstr("byte 0: the data ends"));
  EXPECT_THAT(Refusal("N"), HasSubstr("byte 1: the data ends"));
  EXPECT_THAT(Refusal("."), HasSubstr("takes more from the stack"));
  EXPECT_THAT(Refusal("abc"), HasSubstr("takes more from the stack"));
  EXPECT_THAT(Refusal("N(0."), "");  // a mark may be popped
  EXPECT_THAT(Refusal("N(."), HasSubstr("takes more from the stack"));
  EXPECT_THAT(Refusal("(N\x86."), HasSubstr("takes more from the stack"));
  EXPECT_THAT(Refusal("t."), HasSubstr("a mark that is not there"));
  EXPECT_THAT(Refusal("\x80\x09N."), HasSubstr("expected protocol 0 to 5, found 9"));
  EXPECT_THAT(Refusal("\xFE."), HasSubstr("unknown opcode 0xfe"));
  EXPECT_THAT(Refusal("\x82\x01."), HasSubstr("extension registry"));
  EXPECT_THAT(Refusal("h\x01."), HasSubstr("memo entry 1 is used before it is made"));
  EXPECT_THAT(Refusal("Nr\xFF\xFF\xFF\xFF."), HasSubstr("memo index 4294967295"));
  EXPECT_THAT(Refusal("Np-1\n."), HasSubstr("memo index \"-1\""));
  EXPECT_THAT(Refusal("}(Nu."), HasSubstr("a key without a value"));
  EXPECT_THAT(Refusal("(Nd."), HasSubstr("a key without a value"));
  EXPECT_THAT(Refusal("K\x01Na."), HasSubstr("appended to the integer 1"));
  EXPECT_THAT(Refusal("]NNs."), HasSubstr("a key is set in a list"));
  EXPECT_THAT(Refusal("NN\x93."), HasSubstr("whose name is not text"));
  EXPECT_THAT(Refusal("(o."), HasSubstr("an object without a class"));
  EXPECT_THAT(Refusal("I12x\n."), HasSubstr("expected an integer of 64 bits, found \"12x\""));
  EXPECT_THAT(Refusal("Fx\n."), HasSubstr("expected a number"));
  EXPECT_THAT(Refusal("Sx\n."), HasSubstr("expected a quoted string"));
  EXPECT_THAT(Refusal("cmodule"), HasSubstr("the data ends"));
}

TEST(PickleTest, LengthsAreNotTrusted) {
  EXPECT_THAT(Refusal("X\xFF\xFF\xFF\xFFhi."), HasSubstr("the data ends"));
  EXPECT_THAT(Refusal("\x8D" + std::string(8, '\xFF') + "hi."), HasSubstr("the data ends"));
  EXPECT_THAT(Refusal("\x8E" + LittleEndian(uint64_t{1} << 40, 8) + "hi."),
              HasSubstr("the data ends"));
  EXPECT_THAT(Refusal("\x8B\xFF\xFF\xFF\x7F."), HasSubstr("the data ends"));
  EXPECT_THAT(Refusal("\x95" + std::string(8, '\xFF') + "N."), HasSubstr("the data ends"));
}

TEST(PickleTest, LimitsHold) {
  EXPECT_THAT(Refusal(std::string(11, 'N') + ".", {.max_objects = 10}),
              HasSubstr("more than 10 objects"));
  EXPECT_EQ(Refusal(std::string(10, 'N') + ".", {.max_objects = 10}), "");
  EXPECT_THAT(Refusal("N" + std::string(20, '2') + ".", {.max_opcodes = 10}),
              HasSubstr("more than 10 steps"));
  EXPECT_THAT(Refusal("c" + std::string(2000, 'm') + "\nf\n."), HasSubstr("beyond 1024 bytes"));
  EXPECT_THAT(Refusal("cabc\nf\ncabc\nf\n.", {.max_all_name_bytes = 7}),
              HasSubstr("names of classes and functions beyond 7 bytes"));
}

}  // namespace
}  // namespace deixis::pickle
