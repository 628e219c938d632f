#include "format/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "format/testing/pth_builder.h"

namespace deixis {
namespace {

using testing::AsBytes;
using ::testing::HasSubstr;
using testing::LittleEndian;
using testing::Zip;
using testing::ZipEnd;
using testing::ZipSpec;

std::string TextOf(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// What an archive is refused with; empty when it is not.
std::string Refusal(const std::string& file) {
  const auto archive = ZipArchive::Open(AsBytes(file));
  if (archive.ok()) return "";
  EXPECT_EQ(archive.error().code, ErrorCode::kInvalidData);
  EXPECT_FALSE(archive.error().remedy.empty());
  return archive.error().message;
}

TEST(Crc32Test, KnownValuesAndContinuation) {
  EXPECT_EQ(Crc32({}), 0u);
  EXPECT_EQ(Crc32(AsBytes("123456789")), 0xCBF43926u);  // the check value of the polynomial
  const std::string text(1000, 'x');
  for (const size_t split : {0, 1, 15, 16, 17, 999, 1000}) {
    const auto first = Crc32(AsBytes(std::string_view(text).substr(0, split)));
    EXPECT_EQ(Crc32(AsBytes(std::string_view(text).substr(split)), first), Crc32(AsBytes(text)));
  }
}

TEST(Crc32Test, EqualsTheBitwiseDefinitionAtEveryLengthAndOffset) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += static_cast<char>(i * 37 + 11);
  for (size_t begin = 0; begin < 20; ++begin) {
    uint32_t remainder = 0xFFFFFFFF;
    for (size_t end = begin; end < text.size(); ++end) {
      ASSERT_EQ(Crc32(AsBytes(std::string_view(text).substr(begin, end - begin))), ~remainder);
      remainder ^= static_cast<uint8_t>(text[end]);
      for (int bit = 0; bit < 8; ++bit) {
        remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xEDB88320u : 0u);
      }
    }
  }
}

TEST(ZipArchiveTest, GivesViewsOfStoredEntries) {
  const std::string file = Zip({{.name = "b", .data = "two"}, {.name = "a", .data = ""}});
  const auto archive = ZipArchive::Open(AsBytes(file));
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  ASSERT_EQ(archive->entries().size(), 2u);
  ASSERT_NE(archive->Find("b"), nullptr);
  EXPECT_EQ(archive->Find("c"), nullptr);
  const auto data = ZipArchive::Read(*archive->Find("b"));
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(TextOf(*data), "two");
  EXPECT_GE(reinterpret_cast<const char*>(data->data()), file.data());  // no copy
  EXPECT_LT(reinterpret_cast<const char*>(data->data()), file.data() + file.size());
}

TEST(ZipArchiveTest, AnEmptyArchiveAndACommentAreFine) {
  EXPECT_EQ(Refusal(Zip({})), "");
  std::string file = Zip({{.name = "a", .data = "x"}});
  file[file.size() - 2] = 5;
  EXPECT_EQ(Refusal(file + "hello"), "");
}

// Sizes that the 32-bit fields leave to the zip64 records.
TEST(ZipArchiveTest, Zip64RecordsAreUnderstood) {
  const std::string sizes = LittleEndian(3, 8) + LittleEndian(3, 8) + LittleEndian(0, 8);
  const ZipSpec entry = {.name = "a",
                         .data = "abc",
                         .stored_bytes = 0xFFFFFFFF,
                         .original_bytes = 0xFFFFFFFF,
                         .local_offset = 0xFFFFFFFF,
                         .extra = LittleEndian(1, 2) + LittleEndian(sizes.size(), 2) + sizes};
  const uint64_t directory_offset = 30 + 1 + 3;
  const uint64_t directory_bytes = 46 + 1 + entry.extra.size();
  const std::string record = "PK\x06\x06" + LittleEndian(44, 8) + LittleEndian(45, 2) +
                             LittleEndian(45, 2) + LittleEndian(0, 8) + LittleEndian(1, 8) +
                             LittleEndian(1, 8) + LittleEndian(directory_bytes, 8) +
                             LittleEndian(directory_offset, 8);
  const auto locator = [&](uint64_t offset) {
    return "PK\x06\x07" + LittleEndian(0, 4) + LittleEndian(offset, 8) + LittleEndian(1, 4);
  };
  ZipEnd end = {.num_entries = 0xFFFF,
                .directory_bytes = 0xFFFFFFFF,
                .directory_offset = 0xFFFFFFFF,
                .before = record + locator(directory_offset + directory_bytes)};
  const std::string file = Zip({entry}, end);
  const auto archive = ZipArchive::Open(AsBytes(file));
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  EXPECT_EQ(TextOf(archive->Find("a")->data), "abc");

  end.before = record + locator(uint64_t{1} << 63);
  EXPECT_THAT(Refusal(Zip({entry}, end)), HasSubstr("zip64 end record is not where"));
  end.before = record + locator(directory_offset + directory_bytes);
  end.num_entries = 2;
  EXPECT_THAT(Refusal(Zip({entry}, end)), HasSubstr("contradict each other"));
  ZipSpec cut_short = entry;
  cut_short.extra = LittleEndian(1, 2) + LittleEndian(8, 2) + LittleEndian(3, 8);
  EXPECT_THAT(Refusal(Zip({cut_short})), HasSubstr("zip64 sizes are cut short"));
}

TEST(ZipArchiveTest, RefusesWhatIsInconsistent) {
  const ZipSpec entry = {.name = "a", .data = "abc"};
  const auto with = [&](auto change) {
    ZipSpec changed = entry;
    change(changed);
    return Refusal(Zip({changed}));
  };
  EXPECT_THAT(Refusal(""), HasSubstr("cut short"));
  EXPECT_THAT(Refusal("PK\x03\x04" + std::string(100, 'x')), HasSubstr("no end record"));
  EXPECT_THAT(Refusal(Zip({entry}, {.num_entries = 2})), HasSubstr("cannot hold 2 entries"));
  EXPECT_THAT(Refusal(Zip({entry, {.name = "b"}}, {.num_entries = 1})),
              HasSubstr("more entries than it says"));
  EXPECT_THAT(Refusal(Zip({entry}, {.directory_offset = 0x7FFFFFFF})),
              HasSubstr("does not fit into the file"));
  EXPECT_THAT(Refusal(Zip({entry}, {.directory_bytes = 0xFFFFFFFF})),
              HasSubstr("does not fit into the file"));
  EXPECT_THAT(Refusal(Zip({entry}, {.directory_offset = 1})), HasSubstr("directory is damaged"));
  EXPECT_THAT(with([](ZipSpec& e) { e.local_offset = 0xFFFFFFF0; }),
              HasSubstr("entry \"a\": no local header at byte 4294967280"));
  EXPECT_THAT(with([](ZipSpec& e) { e.local_offset = 3; }), HasSubstr("no local header at byte 3"));
  EXPECT_THAT(with([](ZipSpec& e) { e.stored_bytes = e.original_bytes = 4000000000u; }),
              HasSubstr("its 4000000000 bytes do not fit"));
  EXPECT_THAT(with([](ZipSpec& e) { e.stored_bytes = 2; }), HasSubstr("two sizes differ"));
  EXPECT_THAT(with([](ZipSpec& e) { e.local_name = "b"; }),
              HasSubstr("local header is named \"b\""));
  EXPECT_THAT(Refusal(Zip({entry, entry})), HasSubstr("two entries are named \"a\""));
}

// The zip bomb of D. Fifield: many entries over the same bytes.
TEST(ZipArchiveTest, RefusesOverlappingEntries) {
  const ZipSpec inner = {.name = "inner", .data = "abc"};
  const std::string inner_local = Zip({inner}).substr(0, 30 + 5 + 3);
  const ZipSpec outer = {.name = "outer", .data = inner_local};
  ZipSpec again = inner;
  again.local_offset = 30 + 5;  // inside of outer's data
  EXPECT_THAT(Refusal(Zip({outer, again})), HasSubstr("entries \"outer\" and \"inner\" overlap"));
}

TEST(ZipArchiveTest, NamesFromTheFileCannotForgeMessages) {
  const ZipSpec entry = {.name = "a\n\x1B[2J\xFF", .local_name = "b"};
  EXPECT_THAT(Refusal(Zip({entry})), HasSubstr("\"a\\x0a\\x1b[2J\\xff\""));
}

TEST(ZipArchiveTest, DataIsStoredAndUndamagedOrRefused) {
  const auto refusal = [](ZipSpec entry) {
    const std::string file = Zip({entry});
    const auto archive = ZipArchive::Open(AsBytes(file));
    EXPECT_TRUE(archive.ok()) << archive.error().message;
    const auto data = ZipArchive::Read(archive->entries()[0]);
    return data.ok() ? "" : data.error().message;
  };
  EXPECT_EQ(refusal({.name = "a", .data = "abc"}), "");
  EXPECT_EQ(refusal({.name = "a", .data = "abc", .crc32 = 0}), "");  // not computed by the writer
  EXPECT_THAT(refusal({.name = "a", .data = "abc", .crc32 = 1}), HasSubstr("checksum"));
  EXPECT_THAT(refusal({.name = "a", .data = "abc", .original_bytes = 1u << 31, .method = 8}),
              HasSubstr("expected stored data, found compressed"));
  EXPECT_THAT(refusal({.name = "a", .data = "abc", .flags = 1}), HasSubstr("encrypted"));
}

TEST(ZipWriterTest, WritesAlignedEntriesThatTheReaderTakes) {
  const std::string path = ::testing::TempDir() + "zip_test_" + std::to_string(::getpid()) + ".zip";
  auto writer = ZipWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  const std::string long_name(1000, 'n');
  ASSERT_TRUE(writer->Add("a", AsBytes("abc")).ok());
  ASSERT_TRUE(writer->Add("folder/empty", {}).ok());
  ASSERT_TRUE(writer->Add(long_name, AsBytes(std::string(200, 'x'))).ok());
  EXPECT_FALSE(writer->Add(std::string(70000, 'n'), {}).ok());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);  // nothing there before it is complete
  ASSERT_TRUE(writer->Finish().ok());

  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok());
  const auto archive = ZipArchive::Open((*file)->bytes());
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  ASSERT_EQ(archive->entries().size(), 3u);
  for (const ZipEntry& entry : archive->entries()) {
    EXPECT_EQ((entry.data.data() - (*file)->bytes().data()) % 64, 0) << entry.name;
    EXPECT_TRUE(ZipArchive::Read(entry).ok());
  }
  EXPECT_EQ(TextOf(archive->Find("a")->data), "abc");
  EXPECT_EQ(archive->Find(long_name)->data.size(), 200u);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace deixis
