// Checkpoints that are damaged or made to harm: each is refused with a message that says why, or
// read as the plain data that it holds; none is executed, and none takes memory or time beyond its
// size.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "format/pickle.h"
#include "format/pth.h"
#include "format/pth_graph.h"
#include "format/testing/pth_builder.h"

namespace deixis {
namespace {

using testing::Call;
using testing::Dict;
using ::testing::ElementsAre;
using testing::EmptyOrderedDict;
using testing::Global;
using ::testing::HasSubstr;
using testing::Int;
using testing::Ints;
using testing::LegacyCheckpoint;
using testing::LittleEndian;
using testing::RebuildTensor;
using testing::Storage;
using testing::StorageSpec;
using testing::TensorSpec;
using testing::Text;
using testing::Tuple;
using testing::Zip;
using testing::ZipCheckpoint;

Result<TensorFile> Read(std::string file) {
  const auto owner = std::make_shared<const std::string>(std::move(file));
  return ReadPth(testing::AsBytes(*owner), owner);
}

// The message of the refusal; empty when the file is read.
std::string Refusal(std::string file) {
  const auto result = Read(std::move(file));
  if (result.ok()) return "";
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidData);
  EXPECT_FALSE(result.error().remedy.empty()) << result.error().message;
  return result.error().message;
}

const std::string kFourFloats(16, '\x01');

// A checkpoint with one tensor "w" on a storage of four floats.
std::string OneTensor(const std::string& tensor) {
  return ZipCheckpoint(Dict({Text("w"), tensor}), {{"0", kFourFloats}});
}
std::string OneTensor(TensorSpec spec) {
  if (spec.storage.empty()) spec.storage = Storage({.num_elements = 4});
  return OneTensor(RebuildTensor(spec));
}

TEST(PthHostileTest, ARealExploitIsNamedAndNotRun) {
  const std::string marker = ::testing::TempDir() + "deixis_exploit_" + std::to_string(::getpid());
  const std::string exploit = Call(Global("posix", "system"), {Text("touch " + marker)});
  const std::string tensor = RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}});

  // The weapon is live: Python runs it.
  const std::string pickle_path = marker + ".pkl";
  std::ofstream(pickle_path, std::ios::binary) << testing::Pickle(exploit);
  const std::string command = "/usr/bin/python3 -c \"import pickle; pickle.load(open('" +
                              pickle_path + "', 'rb'))\" 2>/dev/null";
  if (std::system(command.c_str()) == 0) {
    EXPECT_TRUE(std::filesystem::exists(marker)) << "the exploit of this test does not work";
  }
  std::filesystem::remove(marker);
  std::filesystem::remove(pickle_path);

  const std::string bodies[] = {
      exploit,
      Dict({Text("w"), tensor, Text("x"), exploit}),
      Dict({Text("w"), tensor, exploit, Text("x")}),
      exploit + "0" + Dict({Text("w"), tensor}),
  };
  for (const std::string& body : bodies) {
    const bool has_tensor = body.size() > exploit.size();
    const auto zip = Read(ZipCheckpoint(body, {{"0", kFourFloats}}));
    ASSERT_TRUE(zip.ok()) << zip.error().message;
    EXPECT_THAT(zip->inert_globals, ElementsAre("posix.system"));
    EXPECT_EQ(zip->tensors.size(), has_tensor ? 1u : 0u);
    const auto legacy =
        Read(LegacyCheckpoint(body,
                              has_tensor ? std::vector<testing::StorageData>{{"0", kFourFloats}}
                                         : std::vector<testing::StorageData>(),
                              4));
    ASSERT_TRUE(legacy.ok()) << legacy.error().message;
    EXPECT_THAT(legacy->inert_globals, ElementsAre("posix.system"));
  }
  EXPECT_THAT(Refusal(testing::Pickle(exploit)),
              HasSubstr("a pickle that torch.save did not write; it names posix.system"));
  EXPECT_FALSE(std::filesystem::exists(marker));
}

TEST(PthHostileTest, ATensorThatDependsOnAPlaceholderIsAnError) {
  const std::string evil = Call(Global("os", "system"), {Text("true")});
  const auto rebuild = [&](const std::string& storage, const std::string& offset,
                           const std::string& shape, const std::string& strides) {
    return OneTensor(Call(Global("torch._utils", "_rebuild_tensor_v2"),
                          {storage, offset, shape, strides, "\x89", EmptyOrderedDict()}));
  };
  const std::string storage = Storage({.num_elements = 4});
  EXPECT_THAT(Refusal(rebuild(evil, Int(0), Ints({4}), Ints({1}))),
              HasSubstr("tensor \"w\": expected a storage, found the result of os.system, which is "
                        "never called"));
  EXPECT_THAT(Refusal(rebuild(storage, evil, Ints({4}), Ints({1}))),
              HasSubstr("expected its offset, found the result of os.system"));
  EXPECT_THAT(Refusal(rebuild(storage, Int(0), evil, Ints({1}))),
              HasSubstr("expected its shape, found the result of os.system"));
  EXPECT_THAT(Refusal(rebuild(storage, Int(0), Tuple({evil}), Ints({1}))),
              HasSubstr("expected integers in its shape, found the result of os.system"));
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._utils", "_rebuild_parameter"),
                                     {evil, "\x88", EmptyOrderedDict()}))),
              HasSubstr("it depends on the class or function os.system, which is never called"));
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._tensor", "_rebuild_from_type_v2"),
                                     {Global("os", "system"), Global("torch", "Tensor"),
                                      Tuple({Text("true")}), Dict({})}))),
              HasSubstr("it depends on the class or function os.system"));
}

TEST(PthHostileTest, TensorsOfUnsupportedKindsAreErrors) {
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._utils", "_rebuild_sparse_tensor"), {"N"}))),
              HasSubstr("tensor \"w\": it is the result of torch._utils._rebuild_sparse_tensor, "
                        "which is not supported"));
  EXPECT_THAT(Refusal(OneTensor(
                  {Storage({.type = "ComplexFloatStorage", .num_elements = 2}), 0, {2}, {1}})),
              HasSubstr("its storage type \"ComplexFloatStorage\" is not supported"));
  EXPECT_THAT(
      Refusal(OneTensor({Storage({.type = "MadeUpStorage", .num_elements = 4}), 0, {1}, {1}})),
      HasSubstr("its storage type \"MadeUpStorage\" is not supported"));
  const std::string storage = Storage({.type = "UntypedStorage", .num_elements = 16});
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._utils", "_rebuild_tensor_v3"),
                                     {storage, Int(0), Ints({4}), Ints({1}), "\x89",
                                      EmptyOrderedDict(), Global("torch", "uint32")}))),
              HasSubstr("its dtype, the class or function torch.uint32, is not supported"));
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._utils", "_rebuild_tensor_v2"),
                                     {Storage({.num_elements = 4}), Int(0), Ints({4}), Ints({1}),
                                      "\x89", EmptyOrderedDict(), Dict({Text("neg"), "\x88"})}))),
              HasSubstr("a lazily negated view"));
}

TEST(PthHostileTest, ShapesAndStridesAreProvenAgainstTheStorage) {
  const int64_t huge = int64_t{1} << 62;
  const auto exceeds = HasSubstr("exceed its storage of 4 elements");
  EXPECT_EQ(Refusal(OneTensor({"", 0, {4}, {1}})), "");
  EXPECT_THAT(Refusal(OneTensor({"", 1, {4}, {1}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", -1, {4}, {1}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", INT64_MAX, {2}, {1}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 0, {5}, {1}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 0, {2}, {4}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 3, {2}, {-1}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 0, {2, 2}, {huge, huge}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 0, {3}, {huge}})), exceeds);
  EXPECT_THAT(Refusal(OneTensor({"", 0, {huge, 4}, {1, 1}})), HasSubstr("is impossible"));
  EXPECT_THAT(Refusal(OneTensor({"", 0, {-1}, {1}})), HasSubstr("shape [-1] is impossible"));
  EXPECT_THAT(Refusal(OneTensor({"", 0, {0, -1}, {1, 1}})), HasSubstr("is impossible"));
  EXPECT_THAT(Refusal(OneTensor({"", 0, {4}, {1, 1}})), HasSubstr("differ in length"));
  EXPECT_THAT(Refusal(OneTensor({"", 0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)})),
              HasSubstr("expected at most 64 dimensions, found 65"));
  EXPECT_THAT(Refusal(OneTensor(Call(Global("torch._utils", "_rebuild_tensor"),
                                     {Storage({.num_elements = 4}), Int(0),
                                      "\x8A\x09" + std::string(9, '\x01') + "\x85", Ints({1})}))),
              HasSubstr("expected integers in its shape, found an integer beyond 64 bits"));
}

// A stride of 0 turns one element into petabytes.
TEST(PthHostileTest, ExpansionIsBounded) {
  EXPECT_THAT(Refusal(OneTensor({"", 0, {1 << 20, 1 << 20}, {0, 0}})),
              HasSubstr("it expands to 4398046511104 bytes"));
  std::vector<std::string> items;
  for (int i = 0; i < 100; ++i) {
    items.push_back(Text(std::to_string(i)));
    items.push_back(RebuildTensor({Storage({.num_elements = 4}), 0, {1 << 20}, {0}}));
  }
  EXPECT_THAT(Refusal(ZipCheckpoint(Dict(items), {{"0", kFourFloats}})),
              HasSubstr("tensor \"16\": with shape [1048576] and repeating strides"));
}

TEST(PthHostileTest, StoragesAreProvenAgainstTheFile) {
  const auto one_of = [&](const StorageSpec& spec) {
    return OneTensor({Storage(spec), 0, {1}, {1}});
  };
  EXPECT_THAT(
      Refusal(one_of({.num_elements = 5})),
      HasSubstr("storage \"0\": the pickle says 5 elements of 4 bytes, the archive holds 16"));
  EXPECT_THAT(Refusal(one_of({.num_elements = int64_t{1} << 62})),
              HasSubstr("the archive holds 16"));
  EXPECT_THAT(Refusal(one_of({.num_elements = -4})), HasSubstr("expected a number of elements"));
  EXPECT_THAT(Refusal(one_of({.key = "1", .num_elements = 4})),
              HasSubstr("no entry \"archive/data/1\", which the pickle refers to"));
  EXPECT_THAT(Refusal(one_of({.key = "../../etc/passwd", .num_elements = 4})),
              HasSubstr("no entry"));
  EXPECT_THAT(Refusal(one_of({.key = std::string(300, 'k'), .num_elements = 4})),
              HasSubstr("expected a short key"));
  EXPECT_THAT(Refusal(one_of({.num_elements = 4, .view = Tuple({Text("v"), Int(3), Int(2)})})),
              HasSubstr("a view of 2 elements at 3 exceeds its storage of 4"));
  EXPECT_THAT(Refusal(one_of({.num_elements = 4, .view = Text("v")})),
              HasSubstr("expected the part of a storage"));
  EXPECT_THAT(Refusal(OneTensor({Tuple({Text("storage")}) + "Q", 0, {1}, {1}})),
              HasSubstr("expected (storage, type, key, location, size), found 1 parts"));
  const std::string two_types =
      Dict({Text("a"), RebuildTensor({Storage({.num_elements = 4}), 0, {1}, {1}}), Text("b"),
            RebuildTensor({Storage({.type = "IntStorage", .num_elements = 4}), 0, {1}, {1}})});
  EXPECT_THAT(Refusal(ZipCheckpoint(two_types, {{"0", kFourFloats}})),
              HasSubstr("\"0\" is named with two types or sizes"));
}

TEST(PthHostileTest, LegacyStoragesAreProvenAgainstTheFile) {
  const std::string body =
      Dict({Text("w"), RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}})});
  const std::string good = LegacyCheckpoint(body, {{"0", kFourFloats}}, 4);
  EXPECT_EQ(Refusal(good), "");
  EXPECT_THAT(Refusal(LegacyCheckpoint(body, {}, 4)), HasSubstr("storage \"0\": it is missing"));
  EXPECT_THAT(Refusal(LegacyCheckpoint(body, {{"1", kFourFloats}}, 4)),
              HasSubstr("storage \"1\": the pickle does not refer to it"));
  EXPECT_THAT(Refusal(LegacyCheckpoint(body, {{"0", kFourFloats}, {"0", kFourFloats}}, 4)),
              HasSubstr("it is there twice"));
  EXPECT_THAT(Refusal(LegacyCheckpoint(body, {{"0", kFourFloats + kFourFloats}}, 4)),
              HasSubstr("the pickle says 4 elements, the data 8"));
  EXPECT_THAT(Refusal(good.substr(0, good.size() - 1)),
              HasSubstr("cut short: expected 16 bytes, found 15"));
  EXPECT_THAT(Refusal(good.substr(0, good.size() - 20)), HasSubstr("cut short before it"));
  const std::string huge =
      Dict({Text("w"), RebuildTensor({Storage({.num_elements = int64_t{1} << 61}), 0, {4}, {1}})});
  EXPECT_FALSE(Refusal(LegacyCheckpoint(huge, {{"0", kFourFloats}}, 4)).empty());
}

// A small pickle whose references make a tree of 10^30 leaves, with and without leaves.
TEST(PthHostileTest, BillionLaughsAreBounded) {
  for (const std::string leaf : {"N", "]", "}"}) {
    std::string body = leaf + "q" + std::string(1, '\0');
    for (int level = 1; level <= 30; ++level) {
      body += "0](";
      for (int i = 0; i < 10; ++i) body += "h" + std::string(1, static_cast<char>(level - 1));
      body += "eq" + std::string(1, static_cast<char>(level));
    }
    const std::string message = Refusal(ZipCheckpoint(body, {}));
    EXPECT_TRUE(message.find("when its references are followed") != std::string::npos ||
                message.find("names and values take more than") != std::string::npos)
        << message;
  }
}

// The same long text, key or class under a million references.
TEST(PthHostileTest, RepeatedTextIsBounded) {
  const std::string text = Text(std::string(1 << 16, 'x')) + "q\x01" + "0";
  std::string values = text + "](";
  for (int i = 0; i < 100000; ++i) values += "h\x01";
  EXPECT_THAT(Refusal(ZipCheckpoint(values + "e", {})),
              HasSubstr("names and values take more than"));
  std::string keys = text + "}(";
  for (int i = 0; i < 100000; ++i) keys += "h\x01N";
  EXPECT_THAT(Refusal(ZipCheckpoint(keys + "u", {})), HasSubstr("names and values take more than"));
  std::string classes = Text(std::string(1000, 'x')) + "q\x01" + "0](";
  for (int i = 0; i < 100000; ++i) classes += "h\x01h\x01\x93";
  EXPECT_THAT(Refusal(ZipCheckpoint(classes + "e", {})),
              HasSubstr("names of classes and functions"));
}

TEST(PthHostileTest, DepthIsBounded) {
  EXPECT_THAT(Refusal(ZipCheckpoint("N" + std::string(100000, '\x85'), {})),
              HasSubstr("nest deeper than 100"));
  // Parameters of parameters of ... a tensor.
  std::string wrapped = RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}}) + "q\x01" + "0";
  for (int i = 0; i < 1000; ++i) {
    wrapped += Global("torch._utils", "_rebuild_parameter") + "(h\x01tRq\x01" + "0";
  }
  EXPECT_THAT(Refusal(OneTensor(wrapped + "h\x01")), HasSubstr("wrapped more than 100 times"));
}

TEST(PthHostileTest, OtherArchivesAndPicklesAreNamed) {
  const std::string pickle = testing::Pickle("}");
  EXPECT_THAT(Refusal(Zip({{.name = "m/data.pkl", .data = pickle},
                           {.name = "m/constants.pkl", .data = pickle}})),
              HasSubstr("expected a state dict, found a TorchScript archive"));
  EXPECT_THAT(
      Refusal(Zip({{.name = "m/data.pkl", .data = pickle}, {.name = "m/code/x.py", .data = ""}})),
      HasSubstr("TorchScript"));
  EXPECT_THAT(Refusal(Zip({{.name = "a/data.pkl", .data = pickle},
                           {.name = "b/data.pkl", .data = pickle}})),
              HasSubstr("two checkpoints in it, \"a\" and \"b\""));
  EXPECT_THAT(Refusal(Zip({{.name = "arr_0.npy"}})), HasSubstr("an archive of NumPy arrays"));
  EXPECT_THAT(Refusal(Zip({{.name = "model.pth"}})), HasSubstr("a zip archive that contains one"));
  EXPECT_THAT(Refusal(Zip({{.name = "readme"}})), HasSubstr("it has no data.pkl"));
  EXPECT_THAT(Refusal(ZipCheckpoint("}", {}, {{.name = "archive/byteorder", .data = "big"}})),
              HasSubstr("expected byte order \"little\", found \"big\""));
  EXPECT_THAT(Refusal(pickle), HasSubstr("a pickle that torch.save did not write"));
  EXPECT_THAT(Refusal(Zip({{.name = "a/data.pkl", .data = pickle, .method = 8}})),
              HasSubstr("found compressed"));
}

TEST(PthHostileTest, TwoTensorsOfOneNameAreAnError) {
  const std::string tensor = RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}});
  const auto read = [&](const std::vector<std::string>& items) {
    return Refusal(ZipCheckpoint(Dict(items), {{"0", kFourFloats}}));
  };
  EXPECT_THAT(read({Text("a/b"), tensor, Text("a"), Dict({Text("b"), tensor})}),
              HasSubstr("two tensors are named \"a/b\""));
  EXPECT_THAT(read({Int(1), tensor, Text("1"), tensor}), HasSubstr("two tensors are named \"1\""));
  EXPECT_THAT(read({Text("\x1B"), tensor, Text("\\x1b"), tensor}),
              HasSubstr("two tensors are named \"\\x1b\""));
}

// Every prefix is refused, in bounded time.
TEST(PthHostileTest, TruncationIsAlwaysNoticed) {
  const std::string tensor = RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}});
  const std::string body = Dict({Text("w"), tensor});
  const std::string files[] = {ZipCheckpoint(body, {{"0", kFourFloats}}),
                               LegacyCheckpoint(body, {{"0", kFourFloats}}, 4)};
  for (const std::string& file : files) {
    ASSERT_EQ(Refusal(file), "");
    for (size_t size = 0; size < file.size(); ++size) {
      EXPECT_NE(Refusal(file.substr(0, size)), "") << size;
    }
  }
}

// Any one flipped bit of a zip checkpoint is refused or changes nothing that matters.
TEST(PthHostileTest, AFlippedBitNeverChangesATensor) {
  const std::string tensor = RebuildTensor({Storage({.num_elements = 4}), 0, {4}, {1}});
  const std::string file = ZipCheckpoint(Dict({Text("w"), tensor}), {{"0", kFourFloats}});
  const auto original = Read(file);
  ASSERT_TRUE(original.ok());
  int num_read = 0;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto result = Read(damaged);
    if (!result.ok()) continue;
    ++num_read;
    ASSERT_EQ(result->tensors.size(), 1u) << bit;
    EXPECT_TRUE(BitIdentical(result->tensors[0].tensor, original->tensors[0].tensor)) << bit;
  }
  EXPECT_LT(num_read, static_cast<int>(8 * file.size() / 2));
}

}  // namespace
}  // namespace deixis
