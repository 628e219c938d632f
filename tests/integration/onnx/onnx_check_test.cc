// The ONNX files that Deixis writes, run in another engine (ONNX Runtime through Node.js) and
// compared with our own executor, with PyTorch's golden networks and with logits that PyTorch
// computed on real pictures. Bounds are derived: each of two fp32 runs may err by what rounding
// explains.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>

#include "base/file.h"
#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "network/onnx_export.h"
#include "network/testing/synthetic.h"
#include "runtime/executor.h"
#include "runtime/testing/error_analysis.h"
#include "runtime/testing/quantized_model.h"
#include "runtime/testing/tiny_model.h"
#include "vision/image.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using testing::ErrorAnalysis;

constexpr char kCheckDir[] = DEIXIS_ONNX_CHECK_DIR;

// [H, W, 3], normalised.
using Input = std::vector<float>;

// RGB pixels as the model's preprocessing says, in plain arithmetic.
Input NormalizedPixels(std::span<const uint8_t> pixels, const Preprocessing& preprocessing) {
  Input input;
  for (size_t i = 0; i < pixels.size(); ++i) {
    const float unit = static_cast<float>(pixels[i]) / 255.0f;
    input.push_back((unit - preprocessing.mean[i % 3]) / preprocessing.stddev[i % 3]);
  }
  return input;
}

class OnnxCheck : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(fs::path(kCheckDir) / "node_modules" / "onnxruntime-node")) {
      GTEST_SKIP() << "ONNX Runtime is not installed: npm ci in tests/integration/onnx";
    }
    if (std::system("node --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no Node.js";
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(::testing::TempDir()) / (std::string("deixis_onnx_") + test->name());
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  // The outputs of `inputs` as one batch, [batch, num_outputs], by ONNX Runtime.
  std::vector<float> RunElsewhere(const Model& model, const std::vector<Input>& inputs,
                                  const OnnxExportOptions& options = {}) {
    const std::string onnx = folder_ / "model.onnx";
    const Status exported = ExportOnnx(onnx, model, options);
    EXPECT_TRUE(exported.ok()) << exported.error().message;
    const int64_t height = model.preprocessing.height_px;
    const int64_t width = model.preprocessing.width_px;
    std::vector<float> planes;  // NCHW
    for (const Input& input : inputs) {
      for (int64_t c = 0; c < 3; ++c) {
        for (int64_t i = 0; i < height * width; ++i) {
          planes.push_back(input[static_cast<size_t>(i * 3 + c)]);
        }
      }
    }
    const std::string input_path = folder_ / "input.f32";
    const std::string output_path = folder_ / "output.f32";
    EXPECT_TRUE(WriteFileAtomically(input_path, std::as_bytes(std::span(planes))).ok());
    std::ostringstream command;
    command << "node '" << kCheckDir << "/run.mjs' '" << onnx << "' '" << input_path << "' "
            << inputs.size() << ",3," << height << ',' << width << " '" << output_path << "' '"
            << (folder_ / "optimized.onnx").string() << "' > '" << (folder_ / "log").string()
            << "'";
    EXPECT_EQ(std::system(command.str().c_str()), 0) << command.str();
    log_ = ReadTextFile(folder_ / "log").value();
    optimized_ = ReadTextFile(folder_ / "optimized.onnx", int64_t{1} << 30).value();
    const std::string bytes = ReadTextFile(output_path).value();
    std::vector<float> outputs(bytes.size() / sizeof(float));
    std::memcpy(outputs.data(), bytes.data(), bytes.size());
    return outputs;
  }

  // Runs `inputs` in both engines and compares every output.
  void ExpectSameAsExecutor(const Model& model, const std::vector<Input>& inputs) {
    const std::vector<float> elsewhere = RunElsewhere(model, inputs);
    const auto num_outputs = static_cast<size_t>(model.architecture.num_outputs);
    ASSERT_EQ(elsewhere.size(), inputs.size() * num_outputs);
    auto executor = Executor::Create(model);
    ASSERT_TRUE(executor.ok()) << executor.error().message;
    ErrorAnalysis analysis(model);
    for (size_t n = 0; n < inputs.size(); ++n) {
      const std::span<const float> ours = executor->RunNormalized(inputs[n]);
      const std::vector<double> bounds = analysis.Bounds(inputs[n]);
      for (size_t o = 0; o < num_outputs; ++o) {
        const double difference = std::abs(double{elsewhere[n * num_outputs + o]} - ours[o]);
        EXPECT_LE(difference, 2 * bounds[o]) << "input " << n << ", output " << o;
      }
      // A bound that says nothing would pass anything.
      const auto [least, greatest] = std::minmax_element(ours.begin(), ours.end());
      EXPECT_LT(*std::max_element(bounds.begin(), bounds.end()), 0.05 * (*greatest - *least));
    }
  }

  // How many nodes of that type the engine ran.
  int CountNodes(const std::string& op_type) const {
    // NodeProto.op_type: field 4, bytes.
    const std::string field = std::string{'\x22', static_cast<char>(op_type.size())} + op_type;
    int count = 0;
    for (size_t at = optimized_.find(field); at != std::string::npos;
         at = optimized_.find(field, at + 1)) {
      ++count;
    }
    return count;
  }

  fs::path folder_;
  std::string log_;
  std::string optimized_;  // the graph as the engine runs it
};

// `name` is that of a known architecture, "-flatten" behind it for a head on every pixel,
// "-attend" for a soft-argmax head, "-pooled" for one on the means of three maps.
Model SyntheticModel(std::string name, int64_t height_px, int64_t width_px) {
  const auto has_suffix = [&](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.resize(name.size() - suffix.size());
    return true;
  };
  const bool is_flatten = has_suffix("-flatten");
  const bool attends = has_suffix("-attend");
  const bool pools_three = has_suffix("-pooled");
  Architecture architecture = *FindArchitecture(name);
  if (pools_three) architecture.pooled_stages = 3;
  if (is_flatten) {
    architecture.flattened_pixels = LastMapOf(architecture, height_px, width_px).num_pixels();
  }
  if (attends) architecture.num_attended = 2;
  const TensorFile file = testing::SyntheticFile(architecture, /*num_outputs=*/6, /*seed=*/3);
  auto model = ModelFromTensors(file);
  if (!model.ok()) {
    ADD_FAILURE() << model.error().message;
    return {};
  }
  model->preprocessing.height_px = height_px;
  model->preprocessing.width_px = width_px;
  // Blocks that add a quarter of what they compute, so that values do not grow from block to block
  // and with them the rounding errors.
  const bool bottleneck = model->architecture.block == BlockKind::kBottleneck;
  for (auto& [norm, batch_norm] : model->batch_norms) {
    if (!norm.ends_with(bottleneck ? ".bn3" : ".bn2")) continue;
    std::vector<float> weight = batch_norm.weight.ToFloats();
    for (float& factor : weight) factor *= 0.25f;
    batch_norm.weight = Tensor::FromVector<float>(batch_norm.weight.shape(), std::move(weight));
  }
  return *std::move(model);
}

class OnnxCheckArchitecture : public OnnxCheck,
                              public ::testing::WithParamInterface<const char*> {};

TEST_P(OnnxCheckArchitecture, GivesWhatOurExecutorGives) {
  // Odd extents show a wrong padding or stride; two inputs show a wrong batch.
  const Model model = SyntheticModel(GetParam(), 45, 38);
  ExpectSameAsExecutor(model,
                       {testing::SyntheticInput(45, 38, 1), testing::SyntheticInput(45, 38, 2)});
  EXPECT_EQ(log_, "input: 2,3,45,38\nlogits: 2,6\n");
}

INSTANTIATE_TEST_SUITE_P(Known, OnnxCheckArchitecture,
                         ::testing::Values("resnet18", "resnet18-flatten", "resnet18-pooled",
                                           "resnet18-c4-attend", "resnet50", "resnet20-cifar",
                                           "resnet20-cifar-b"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(OnnxCheck, GivesWhatPyTorchGives) {
  for (const char* name : {"basic", "bottleneck", "cifar"}) {
    const testing::GoldenNetwork golden = testing::LoadGoldenNetwork(name);
    const Input input = NormalizedPixels(golden.pixels, golden.model.preprocessing);
    const std::vector<float> elsewhere = RunElsewhere(golden.model, {input});
    ASSERT_EQ(elsewhere.size(), golden.logits.size()) << name;
    const std::vector<double> bounds = ErrorAnalysis(golden.model).Bounds(input);
    for (size_t o = 0; o < elsewhere.size(); ++o) {
      EXPECT_LE(std::abs(elsewhere[o] - golden.logits[o]), bounds[o]) << name << ", output " << o;
    }
  }
}

// One layer palettized with its batch norm folded, the rest dense; batch fixed; another task.
TEST_F(OnnxCheck, TakesPalettizedLayersAndPoints) {
  Model model = SyntheticModel("resnet20-cifar", 32, 32);
  model.task = Task::kLocate;
  Rng rng(9);
  PalettizedTensor weight;
  weight.shape = {32, 16, 3, 3};
  weight.num_centroids = 6;
  weight.group_rows = 4;
  std::vector<uint8_t> indices(32 * 144);
  for (uint8_t& index : indices) index = static_cast<uint8_t>(rng.Below(6));
  auto packed = PackIndices(indices, 144, BitsPerIndex(6));
  const auto packed_bytes = static_cast<int64_t>(packed.size());
  weight.indices = Tensor::FromVector<uint8_t>({packed_bytes}, std::move(packed));
  std::vector<int8_t> codebook;
  for (int g = 0; g < 8; ++g) codebook.insert(codebook.end(), {-120, -50, -9, 9, 50, 120});
  weight.codebook = Tensor::FromVector<int8_t>({8, 6}, std::move(codebook));
  weight.scale = Tensor::FromVector<float>({32}, testing::UniformFloats(rng, 32, 0.002f, 0.001f));
  const Tensor bias = Tensor::FromVector<float>({32}, testing::UniformFloats(rng, 32, 0.0f, 1.0f));
  model.layers["layer2.0.conv1"] = {.weight = weight, .bias = bias};
  ASSERT_EQ(model.batch_norms.erase("layer2.0.bn1"), 1u);
  ExpectSameAsExecutor(model, {testing::SyntheticInput(32, 32, 4)});
  EXPECT_EQ(log_, "input: 1,3,32,32\npoints: 1,6\n");

  const Input input = testing::SyntheticInput(32, 32, 4);
  const std::vector<float> any_batch = RunElsewhere(model, {input});
  EXPECT_EQ(RunElsewhere(model, {input}, {.batch = 1}), any_batch);
}

// How far `values` are from `expected`: the root of the mean squared difference over the standard
// deviation of what is expected.
double RelativeError(std::span<const float> values, std::span<const float> expected) {
  double mean = 0;
  for (const float value : expected) mean += value / static_cast<double>(expected.size());
  double squared_error = 0;
  double variance = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    squared_error += std::pow(double{values[i]} - expected[i], 2);
    variance += std::pow(expected[i] - mean, 2);
  }
  return std::sqrt(squared_error / variance);
}

class OnnxCheckInt8 : public OnnxCheckArchitecture {};

// The engine has turned every operation into one on integers: what is written is placed as it
// expects. The last step of rounding differs between engines (they round to even after another
// sequence of float operations), so values compare as noise: what rounding to 8 bits does to these
// networks is 1 to 3 % of the answers' spread, where a wrong scale, zero point or border makes 20 %
// and more.
TEST_P(OnnxCheckInt8, IsFusedAndCloseToFp32AndToOurs) {
  Model model = SyntheticModel(GetParam(), 45, 38);
  // A head that reads every pixel has no mean before it that takes noise away.
  const double max_noise = model.architecture.HasFlattenHead() ? 0.1 : 0.06;
  Rng rng(5);
  std::vector<uint8_t> pixels(45 * 38 * 3);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.Below(256));
  const std::vector<Input> inputs = {NormalizedPixels(pixels, model.preprocessing)};
  const std::vector<float> fp32 = RunElsewhere(model, inputs);
  testing::QuantizeActivations(model, pixels);
  const std::vector<float> int8 = RunElsewhere(model, inputs);
  ASSERT_EQ(int8.size(), fp32.size());
  EXPECT_LT(RelativeError(int8, fp32), max_noise);
  auto executor = Executor::Create(model);
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  EXPECT_LT(RelativeError(int8, executor->Run(pixels)), max_noise);

  int num_convolutions = 0;
  int num_additions = 0;
  for (const Node& node : model.graph.nodes) {
    num_convolutions += node.kind == OpKind::kConv2d;
    num_additions += node.kind == OpKind::kAdd;
  }
  EXPECT_EQ(CountNodes("QLinearConv"), num_convolutions);
  EXPECT_EQ(CountNodes("QLinearAdd"), num_additions);
  EXPECT_EQ(CountNodes("QLinearGlobalAveragePool"),
            model.architecture.HasFlattenHead() ? 0 : model.architecture.pooled_stages);
  EXPECT_EQ(CountNodes("QGemm"), 1);
  EXPECT_EQ(CountNodes("QuantizeLinear"), 1);  // of the picture
  for (const char* op_type : {"Conv", "FusedConv", "Add", "Relu", "Gemm", "DequantizeLinear"}) {
    EXPECT_EQ(CountNodes(op_type), 0) << op_type;
  }
  EXPECT_EQ(RunElsewhere(model, inputs, {.precision = OnnxPrecision::kFp32}), fp32);
  EXPECT_EQ(CountNodes("QLinearConv"), 0);
}

INSTANTIATE_TEST_SUITE_P(Known, OnnxCheckInt8,
                         ::testing::Values("resnet18", "resnet18-flatten", "resnet18-pooled",
                                           "resnet50", "resnet20-cifar", "resnet20-cifar-b"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

// Float32 [rows, columns] of a NumPy file, version 1, C order.
std::vector<float> ReadNpy(const std::string& path, size_t columns) {
  const std::string bytes = ReadTextFile(path).value();
  const size_t header_end = bytes.find('\n') + 1;
  EXPECT_NE(bytes.substr(0, header_end).find("'descr': '<f4', 'fortran_order': False"),
            std::string::npos);
  std::vector<float> values((bytes.size() - header_end) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + header_end, values.size() * sizeof(float));
  EXPECT_EQ(values.size() % columns, 0u);
  return values;
}

// Pictures of the sample that are spread over its categories, as the model wants them.
std::vector<std::vector<uint8_t>> SamplePictures(const fs::path& root, const Model& model,
                                                 size_t step) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(root / "imagenet_sample/images")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::vector<uint8_t>> pictures;
  for (size_t i = 0; i < paths.size(); i += step) {
    const auto image = ReadImage(paths[i]);
    EXPECT_TRUE(image.ok()) << image.error().message;
    pictures.push_back(PrepareForModel(*image, model.preprocessing).pixels);
  }
  return pictures;
}

TEST_F(OnnxCheck, ResNet18InInt8SeesWhatItSeesInFp32) {
  const char* data = std::getenv("DEIXIS_DATA");
  if (data == nullptr || *data == '\0') GTEST_SKIP() << "DEIXIS_DATA is not set";
  auto model = LoadModel(fs::path(data) / "imagenet_resnet18/resnet18.pth");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto pictures = SamplePictures(data, *model, 25);
  std::vector<Input> inputs;
  for (const auto& pixels : pictures) {
    inputs.push_back(NormalizedPixels(pixels, model->preprocessing));
  }
  const std::vector<float> fp32 = RunElsewhere(*model, inputs);
  // Scales that fit every picture: the largest of each one's.
  std::map<std::string, ActivationQuantization> widest;
  for (const auto& pixels : pictures) {
    testing::QuantizeActivations(*model, pixels);
    for (const auto& [name, quantization] : model->activations) {
      ActivationQuantization& widest_so_far = widest.try_emplace(name, quantization).first->second;
      if (quantization.scale > widest_so_far.scale) widest_so_far = quantization;
    }
  }
  model->activations = widest;
  const std::vector<float> int8 = RunElsewhere(*model, inputs);
  auto executor = Executor::Create(*model);
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  std::vector<float> ours;
  for (const auto& pixels : pictures) {
    const std::span<const float> logits = executor->Run(pixels);
    ours.insert(ours.end(), logits.begin(), logits.end());
  }
  // Measured: 0.068, and 0.062 for ours, which does not round before the residual addition.
  EXPECT_LT(RelativeError(int8, fp32), 0.12);
  EXPECT_LT(RelativeError(int8, fp32), 1.5 * RelativeError(ours, fp32));
  size_t num_agreeing = 0;
  for (size_t n = 0; n < inputs.size(); ++n) {
    const auto row = [n](const std::vector<float>& logits) {
      return std::span(logits).subspan(n * 1000, 1000);
    };
    const auto top1 = [](std::span<const float> logits) {
      return std::max_element(logits.begin(), logits.end()) - logits.begin();
    };
    num_agreeing += top1(row(int8)) == top1(row(fp32));
  }
  EXPECT_EQ(inputs.size(), 12u);
  EXPECT_GE(num_agreeing, inputs.size() - 1);
}

TEST_F(OnnxCheck, ResNet20GivesThePublishedLogitsOnRealPictures) {
  const char* data = std::getenv("DEIXIS_DATA");
  if (data == nullptr || *data == '\0') GTEST_SKIP() << "DEIXIS_DATA is not set";
  const fs::path root(data);
  const auto model = LoadModel(root / "checkpoints/akamaster/resnet20-12fca82f.th");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::vector<float> reference =
      ReadNpy(root / "cifar10/reference/resnet20_test_logits.npy", 10);

  // Every 125th picture of the list, which is in the order of the reference.
  std::istringstream list(ReadTextFile(root / "cifar10/test_labels.csv").value());
  std::string line;
  std::getline(list, line);
  std::vector<Input> inputs;
  std::vector<size_t> rows;
  for (size_t row = 0; std::getline(list, line); ++row) {
    if (row % 125 != 0) continue;
    const auto image = ReadImage(root / "cifar10" / line.substr(0, line.find(',')));
    ASSERT_TRUE(image.ok()) << image.error().message;
    inputs.push_back(NormalizedPixels(image->pixels, model->preprocessing));
    rows.push_back(row);
  }
  ASSERT_EQ(inputs.size(), 16u);

  const std::vector<float> elsewhere = RunElsewhere(*model, inputs);
  ASSERT_EQ(elsewhere.size(), inputs.size() * 10);
  ErrorAnalysis analysis(*model);
  for (size_t n = 0; n < inputs.size(); ++n) {
    const std::vector<double> bounds = analysis.Bounds(inputs[n]);
    for (size_t o = 0; o < 10; ++o) {
      EXPECT_NEAR(elsewhere[n * 10 + o], reference[rows[n] * 10 + o], 2 * bounds[o])
          << "picture " << rows[n] << ", class " << o;
    }
  }
  ExpectSameAsExecutor(*model, inputs);
}

}  // namespace
}  // namespace deixis
