#include "format/tensor_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/file.h"
#include "format/printable.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

// The message with which a file of this content is refused, after its path.
std::string Refusal(std::string_view content, const std::string& name = "model.pth") {
  const std::string path =
      ::testing::TempDir() + "tensor_file_test_" + std::to_string(::getpid()) + "_" + name;
  EXPECT_TRUE(WriteFileAtomically(path, content).ok());
  const auto file = ReadTensorFile(path);
  ::unlink(path.c_str());
  if (file.ok()) return "";
  EXPECT_EQ(file.error().code, ErrorCode::kInvalidData);
  EXPECT_FALSE(file.error().remedy.empty());
  EXPECT_TRUE(file.error().message.starts_with(path + ": ")) << file.error().message;
  return file.error().message.substr(path.size() + 2);
}

TEST(TensorFileTest, NamesWhatIsNoModel) {
  const auto found = [](std::string_view what) {
    return "expected a model, found " + std::string(what);
  };
  EXPECT_EQ(Refusal(""), found("an empty file"));
  EXPECT_THAT(Refusal("\xEF\xBB\xBF\n <!DOCTYPE HTML><html>"), HasSubstr("found an HTML page"));
  EXPECT_THAT(Refusal("<html lang=\"en\">"), HasSubstr("found an HTML page"));
  EXPECT_EQ(Refusal("<?xml version=\"1.0\"?>"), found("an XML document"));
  EXPECT_THAT(Refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
              HasSubstr("a Git LFS pointer, not the file itself (run: git lfs pull)"));
  EXPECT_EQ(Refusal("{\"error\": \"not found\"}"), found("JSON text"));
  EXPECT_EQ(Refusal("404: Not Found\nsorry"), found("text, \"404: Not Found\""));
  EXPECT_EQ(Refusal(std::string("\x08\x04\x12\x07pytorch\x1A\x03", 13)), found("an ONNX model"));
  EXPECT_THAT(Refusal("\x1F\x8B\x08"), HasSubstr("a gzip archive"));
  EXPECT_THAT(Refusal(std::string(257, '\0') + "ustar"), HasSubstr("a tar archive"));
  EXPECT_EQ(Refusal("\xFF\xD8\xFF\xE0"), found("a JPEG picture"));
  EXPECT_EQ(Refusal("\x89HDF\r\n\x1A\n"), found("an HDF5 file (Keras?)"));
  EXPECT_EQ(Refusal(std::string("\0\xFF\x01", 3)), found("unknown bytes 00 ff 01"));
}

#ifdef DEIXIS_HAVE_PTH
TEST(TensorFileTest, ContentDecidesNotTheName) {
  EXPECT_THAT(Refusal("PK\x03\x04 cut short", "model.safetensors"), HasSubstr("zip archive"));
  EXPECT_THAT(Refusal("\x80\x02N.", "model.safetensors"), HasSubstr("found a pickle"));
}
#else
TEST(TensorFileTest, ABuildWithoutPthSaysSo) {
  EXPECT_THAT(Refusal("PK\x03\x04"), HasSubstr("which this build (runtime only) does not read"));
}
#endif

TEST(TensorFileTest, PathsThatAreNoFiles) {
  const auto missing = ReadTensorFile(::testing::TempDir() + "no_such_file.pth");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  const auto folder = ReadTensorFile(::testing::TempDir());
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, ErrorCode::kInvalidData);
}

TEST(TensorFileTest, FindsByName) {
  TensorFile file;
  file.tensors.push_back({"a", Tensor::FromVector<float>({1}, {1})});
  file.metadata.emplace_back("key", "value");
  EXPECT_EQ(file.Find("a"), &file.tensors[0].tensor);
  EXPECT_EQ(file.Find("b"), nullptr);
  ASSERT_NE(file.FindMetadata("key"), nullptr);
  EXPECT_EQ(*file.FindMetadata("key"), "value");
  EXPECT_EQ(file.FindMetadata("other"), nullptr);
}

TEST(PrintableTest, EscapesWhatATerminalOrJsonWouldTrip) {
  EXPECT_EQ(Printable("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x91\x86"),
            "plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x91\x86");
  EXPECT_EQ(Printable(std::string_view("\0\n\x1B\x7F", 4)), "\\x00\\x0a\\x1b\\x7f");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\xc2\\x9b");                    // a C1 control
  EXPECT_EQ(Printable("\xC0\xAF"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(Printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(Printable("\xE2\x82"), "\\xe2\\x82");                    // cut short
}

TEST(PrintableTest, QuotedIsCutBetweenCharacters) {
  EXPECT_EQ(Quoted("abc", 3), "\"abc\"");
  EXPECT_EQ(Quoted("abcd", 3), "\"abc...\"");
  EXPECT_EQ(Quoted("ab\xC3\xA9", 3), "\"ab...\"");
}

}  // namespace
}  // namespace deixis
