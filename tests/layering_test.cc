// Holds every #include under src/ to the table of ranks in docs/architecture.md: a folder includes
// itself and folders of strictly lower rank, and some libraries are for some folders only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Ranks = std::map<std::string, int, std::less<>>;

// Rows that look like "| 1 | `format/` | ...".
Ranks RanksFromMarkdown(std::istream& document) {
  Ranks ranks;
  for (std::string line; std::getline(document, line);) {
    std::istringstream cells(line);
    std::string bar, folder;
    int rank = 0;
    if (!(cells >> bar >> rank) || bar != "|") continue;
    if (!(cells >> bar >> folder) || bar != "|" || folder.size() < 4) continue;
    if (!folder.starts_with('`') || !folder.ends_with("/`")) continue;
    ranks[folder.substr(1, folder.size() - 3)] = rank;
  }
  return ranks;
}

struct Include {
  std::string path;
  bool is_quoted = false;  // "path", ours; else <path>, a library's
};

std::optional<Include> ParseInclude(std::string_view line) {
  const auto skip_space = [&] {
    const size_t start = line.find_first_not_of(" \t");
    line.remove_prefix(start == std::string_view::npos ? line.size() : start);
  };
  skip_space();
  if (!line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  skip_space();
  if (!line.starts_with("include")) return std::nullopt;
  line.remove_prefix(7);
  skip_space();
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return std::nullopt;
  const size_t end = line.find(line[0] == '"' ? '"' : '>', 1);
  if (end == std::string_view::npos) return std::nullopt;
  return Include{std::string(line.substr(1, end - 1)), line[0] == '"'};
}

std::string FirstFolder(std::string_view path) {
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

// A library that only some folders may include.
struct Restriction {
  std::string_view prefix;
  std::string_view library;
  int min_rank;              // folders below may not
  std::string_view folders;  // or only these, in spaces, unless empty
};

constexpr Restriction kRestrictions[] = {
    {"torch/", "LibTorch", 0, " train "},
    {"ATen/", "LibTorch", 0, " train "},
    {"c10/", "LibTorch", 0, " train "},
    {"nlohmann/", "nlohmann-json", 4, ""},
    {"CLI/", "CLI11", 4, ""},
};

// Libraries that are also included with quotes.
constexpr std::string_view kQuotedLibraries[] = {"hwy", "gtest", "gmock"};

// What is wrong with the includes of one source, whose path is relative to src/.
std::vector<std::string> Violations(const Ranks& ranks, const std::string& path,
                                    std::istream& source) {
  const std::string folder = FirstFolder(path);
  const auto own = ranks.find(folder);
  if (own == ranks.end()) return {path + ": folder \"" + folder + "\" is not in the table"};
  std::vector<std::string> violations;
  for (std::string line; std::getline(source, line);) {
    const auto include = ParseInclude(line);
    if (!include) continue;
    const auto report = [&](const std::string& what) {
      violations.push_back(path + ": includes " + include->path + ": " + what);
    };
    for (const Restriction& restriction : kRestrictions) {
      if (!include->path.starts_with(restriction.prefix)) continue;
      if (own->second < restriction.min_rank ||
          (!restriction.folders.empty() &&
           restriction.folders.find(" " + folder + " ") == std::string_view::npos)) {
        report(std::string(restriction.library) + " is not for " + folder + "/");
      }
    }
    if (!include->is_quoted) continue;
    const std::string target = FirstFolder(include->path);
    if (target.empty()) {
      report("name its folder: \"" + folder + "/" + include->path + "\"");
      continue;
    }
    const auto theirs = ranks.find(target);
    if (theirs == ranks.end()) {
      const bool is_library = std::find(std::begin(kQuotedLibraries), std::end(kQuotedLibraries),
                                        target) != std::end(kQuotedLibraries);
      if (!is_library) report("folder \"" + target + "\" is not in the table");
    } else if (target != folder && theirs->second >= own->second) {
      report(folder + "/ has rank " + std::to_string(own->second) + ", " + target + "/ rank " +
             std::to_string(theirs->second));
    }
  }
  return violations;
}

std::vector<std::string> ViolationsOf(const std::string& path, const std::string& text) {
  const Ranks ranks = {{"base", 0}, {"format", 1}, {"kernels", 1}, {"train", 4}, {"cli", 6}};
  std::istringstream source(text);
  return Violations(ranks, path, source);
}

TEST(LayeringCheckTest, ReadsTheTable) {
  std::istringstream document(
      "| Rank | Folder | Holds |\n|---|---|---|\n| 0 | `base/` | x |\n| 12 | `a_b/` | y |\n"
      "| 3 | no code | z |\ntext `c/`\n");
  EXPECT_EQ(RanksFromMarkdown(document), (Ranks{{"base", 0}, {"a_b", 12}}));
}

TEST(LayeringCheckTest, AllowsItselfLowerRanksAndLibraries) {
  EXPECT_THAT(ViolationsOf("format/zip.cc",
                           "#include \"format/zip.h\"\n#include \"base/file.h\"\n"
                           "#include <vector>\n  #  include <zlib.h>\n// #include \"cli/a.h\"\n"),
              IsEmpty());
  EXPECT_THAT(ViolationsOf("train/main.cc", "#include <torch/torch.h>\n"), IsEmpty());
  EXPECT_THAT(ViolationsOf("kernels/gemm/gemm.cc", "#include \"hwy/highway.h\"\n"), IsEmpty());
}

TEST(LayeringCheckTest, FindsEachKindOfViolation) {
  EXPECT_THAT(ViolationsOf("base/a.cc", "#include \"format/zip.h\"\n"),
              ElementsAre(HasSubstr("base/ has rank 0, format/ rank 1")));
  EXPECT_THAT(ViolationsOf("format/a.cc", "\t# include \"kernels/b.h\"  // sideways\n"),
              ElementsAre(HasSubstr("format/ has rank 1, kernels/ rank 1")));
  EXPECT_THAT(ViolationsOf("cli/a.cc", "#include <torch/script.h>\n#include <ATen/ATen.h>\n"),
              ElementsAre(HasSubstr("LibTorch is not for cli/"), HasSubstr("LibTorch")));
  EXPECT_THAT(ViolationsOf("format/a.cc", "#include <nlohmann/json.hpp>\n"),
              ElementsAre(HasSubstr("nlohmann-json is not for format/")));
  EXPECT_THAT(ViolationsOf("format/a.cc", "#include <CLI/CLI.hpp>\n"),
              ElementsAre(HasSubstr("CLI11 is not for format/")));
  EXPECT_THAT(ViolationsOf("misc/a.cc", ""),
              ElementsAre(HasSubstr("\"misc\" is not in the table")));
  EXPECT_THAT(ViolationsOf("format/a.cc", "#include \"misc/b.h\"\n"),
              ElementsAre(HasSubstr("\"misc\" is not in the table")));
  EXPECT_THAT(ViolationsOf("format/a.cc", "#include \"b.h\"\n"),
              ElementsAre(HasSubstr("name its folder: \"format/b.h\"")));
}

TEST(LayeringTest, EveryIncludePointsDownwards) {
  const std::filesystem::path root(DEIXIS_SOURCE_DIR);
  std::ifstream document(root / "docs" / "architecture.md");
  ASSERT_TRUE(document.is_open());
  const Ranks ranks = RanksFromMarkdown(document);
  ASSERT_GE(ranks.size(), 10u) << "the table of docs/architecture.md was not understood";

  int num_sources = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "src")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cc" && extension != ".cpp") continue;
    ++num_sources;
    std::ifstream source(entry.path());
    const std::string path = std::filesystem::relative(entry.path(), root / "src").generic_string();
    EXPECT_THAT(Violations(ranks, path, source), IsEmpty());
  }
  EXPECT_GE(num_sources, 30);
}

}  // namespace
