// The columns of labels.csv and points.csv that tell sessions and sides.
#pragma once

#include "base/result.h"
#include "vision/csv.h"
#include "vision/dataset.h"

namespace deixis::internal {

// Their places in a table, -1 where it has none.
struct SampleColumns {
  int session = -1;
  int held_out = -1;

  static SampleColumns Of(const CsvTable& table) {
    return {
        .session = table.Column({"session", "group", "student_block", "person", "scene", "video"}),
        .held_out = table.Column({"held_out"})};
  }

  // kInvalidData for a side that is neither 0, 1 nor empty; the caller adds the place.
  Status Read(const CsvTable::Row& row, Sample& sample) const {
    if (session >= 0) sample.session = row.fields[static_cast<size_t>(session)];
    if (held_out < 0) return Ok();
    const std::string& side = row.fields[static_cast<size_t>(held_out)];
    if (side != "0" && side != "1" && !side.empty()) {
      return InvalidData("expected 0, 1 or nothing as held_out, found \"" + side + "\"");
    }
    if (!side.empty()) sample.held_out = side == "1";
    return Ok();
  }
};

}  // namespace deixis::internal
