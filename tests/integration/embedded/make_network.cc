// Writes what run_network.cc is compiled with: a ResNet-18 for 224x224 pixels with 4-bit weights,
// as `deixis convert --embed` does, and its answer as the Executor gives it. The weights are made
// up; their values change neither memory nor time.
//
// Usage: make_network FOLDER
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "network/testing/synthetic.h"
#include "runtime/embedded_layout.h"
#include "runtime/executor.h"
#include "runtime/testing/quantized_model.h"
#include "tests/integration/embedded/picture.h"

namespace deixis {
namespace {

Status Write(const std::string& folder) {
  TensorFile file;
  file.tensors = testing::SyntheticStateDict(*FindArchitecture("resnet18"), 1000, /*seed=*/1);
  DEIXIS_ASSIGN(Model model, ModelFromTensors(file));
  std::vector<uint8_t> picture(224 * 224 * 3);
  MakePicture(picture.data(), static_cast<int64_t>(picture.size()));
  testing::PalettizeLayers(model, /*num_indices=*/16, /*group_rows=*/4, /*num_centroids=*/16);
  testing::QuantizeActivations(model, picture);
  DEIXIS_ASSIGN(const EmbeddedLayout layout, LayOutEmbedded(model));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(
      folder + "/resnet18.h",
      EmbeddedSource(layout, "ResNet-18, weights made up", /*is_header=*/true)));
  DEIXIS_ASSIGN(Executor executor, Executor::Create(model));
  std::string answer = "static const float kExpected[1000] = {\n";
  for (const float logit : executor.Run(picture)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%af,\n", static_cast<double>(logit));
    answer += text;
  }
  return WriteFileAtomically(folder + "/expected.h", answer + "};\n");
}

}  // namespace
}  // namespace deixis

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_network FOLDER\n");
    return 2;
  }
  const deixis::Status status = deixis::Write(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return 1;
}
