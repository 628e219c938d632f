// The published parameter counts, with the two running statistics per batch-normed channel on top.
#include "network/model_size.h"

#include <gtest/gtest.h>

namespace deixis {
namespace {

int64_t Fp32BytesOf(const std::string& name, int64_t outputs) {
  for (Architecture architecture : KnownArchitectures()) {
    if (architecture.name != name) continue;
    architecture.num_outputs = outputs;
    return Fp32Bytes(BuildGraph(architecture));
  }
  ADD_FAILURE() << "no architecture " << name;
  return 0;
}

TEST(Fp32Bytes, MatchesPublishedCounts) {
  EXPECT_EQ(Fp32BytesOf("resnet18", 1000), 4 * (11'689'512 + 2 * 4'800));
  EXPECT_EQ(Fp32BytesOf("resnet50", 1000), 4 * (25'557'032 + 2 * 26'560));
}

}  // namespace
}  // namespace deixis
