// What several commands do with models and pictures: the same words for the same things.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "network/model.h"
#include "vision/dataset.h"

namespace deixis::cli {

inline constexpr Flag kThreadsFlag = {
    .name = "threads",
    .kind = ValueKind::kInteger,
    .value_name = "N",
    .help = "Threads to use",
    .default_note = "all processors",
    .environment = "DEIXIS_THREADS",
    .example = "2",
    .minimum = 1,
    .maximum = 1024,
};

// The value of kThreadsFlag.
int ThreadsOf(const Arguments& arguments);

// "classify", "locate".
std::string_view TaskName(Task task);

// The name of output `index`: the model's, else "class 7".
std::string ClassName(const Model& model, int64_t index);

// "4-bit, K=16 per row", "float32": how a layer's weight is stored, for people.
std::string StorageText(const LayerParameters& layer);
// Bytes of the weight as it is stored.
int64_t StoredBytes(const LayerParameters& layer);
// {"kind": "palettized", "centroids": ..., "group_rows": ..., ...} or {"kind": "dense", ...}
Json StorageJson(const LayerParameters& layer);

// The labelled pictures of `folder`, or the marked ones for a model that locates.
Result<Dataset> OpenDatasetFor(const Model& model, const std::string& folder);
// Says on stderr how many files of the folder were no pictures.
void WarnOfSkipped(const Dataset& dataset, Console& console);

// The metadata key of the digest of the file that a model was made from (docs/format.md).
inline constexpr char kSourceDigestKey[] = "deixis.source.sha256";
// Sets a key of the model's provenance, replacing what it held.
void SetProvenance(const std::string& key, const std::string& value, Model& model);

// The size of a file; kNotFound when there is none.
Result<int64_t> FileBytes(const std::string& path);

// kUsage when `output` is the same file as `input` (by any path), or exists and `overwrite` is off;
// `flag` is what the user wrote before it.
Status CheckOutput(std::string_view flag, const std::string& output, const std::string& input,
                   bool overwrite);

}  // namespace deixis::cli
