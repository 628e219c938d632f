#include "network/onnx_export_quantized.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "network/onnx_export.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A scale for every name that resnet18 needs one for, each another.
Model QuantizedResNet18() {
  auto model = ModelFromTensors(testing::SyntheticFile(*FindArchitecture("resnet18"), 6, 1));
  if (!model.ok()) std::abort();
  float scale = 0.01f;
  for (const Node& node : model->graph.nodes) {
    if (node.kind != OpKind::kConv2d && node.kind != OpKind::kGlobalAveragePool) continue;
    const bool is_signed = node.name.find("downsample") != std::string::npos;
    model->activations[node.name] = {.scale = scale, .zero_point = is_signed ? 100 : 0};
    scale += 0.001f;
  }
  return *std::move(model);
}

class QuantizationOfValuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto values = QuantizationOfValues(model_);
    ASSERT_TRUE(values.ok()) << values.error().message;
    values_ = *std::move(values);
  }

  // Of what the node makes.
  std::optional<ActivationQuantization> Of(const std::string& name) const {
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      if (model_.graph.nodes[i].name == name) return values_.at(i + 1);
    }
    ADD_FAILURE() << "no node \"" << name << '"';
    return std::nullopt;
  }

  const Model model_ = QuantizedResNet18();
  std::vector<std::optional<ActivationQuantization>> values_;
};

TEST_F(QuantizationOfValuesTest, ScalesBelongToTheEndOfEachStep) {
  EXPECT_EQ(Of("relu"), model_.activations.at("conv1"));
  EXPECT_EQ(Of("maxpool"), model_.activations.at("conv1"));
  EXPECT_EQ(Of("layer1.0.relu1"), model_.activations.at("layer1.0.conv1"));
  EXPECT_EQ(Of("layer2.0.relu2"), model_.activations.at("layer2.0.conv2"));
  EXPECT_EQ(Of("layer2.0.downsample.1"), model_.activations.at("layer2.0.downsample.0"));
  EXPECT_EQ(Of("avgpool"), model_.activations.at("avgpool"));
  for (const char* inner : {"conv1", "bn1", "layer1.0.bn1", "layer2.0.conv2", "layer2.0.add",
                            "layer2.0.downsample.0", "fc"}) {
    EXPECT_EQ(Of(inner), std::nullopt) << inner;
  }
}

TEST_F(QuantizationOfValuesTest, ASummandSpansWhatTheSumCanKeep) {
  // sum: 0 to 255 a; the other summand: -100 b to 155 b. So -155 b to 255 a + 100 b.
  const double a = model_.activations.at("layer2.0.conv2").scale;
  const double b = model_.activations.at("layer2.0.downsample.0").scale;
  const auto summand = Of("layer2.0.bn2");
  ASSERT_TRUE(summand.has_value());
  EXPECT_FLOAT_EQ(summand->scale, static_cast<float>((255 * a + 255 * b) / 255));
  EXPECT_EQ(summand->zero_point, std::lround(155 * b / (a + b)));
}

TEST_F(QuantizationOfValuesTest, ThePictureSpansWhiteAndBlack) {
  // Of ImageNet's statistics: red 0 is the lowest (-0.485 / 0.229), blue 1 the highest
  // ((1 - 0.406) / 0.225).
  ASSERT_TRUE(values_[0].has_value());
  EXPECT_NEAR(values_[0]->scale, (2.64 + 0.485 / 0.229) / 255, 1e-6);
  EXPECT_EQ(values_[0]->zero_point, 114);
}

TEST(QuantizationOfValues, ACifarShortcutKeepsItsInputs) {
  auto model = ModelFromTensors(testing::SyntheticFile(*FindArchitecture("resnet20-cifar"), 6, 1));
  ASSERT_TRUE(model.ok());
  for (const Node& node : model->graph.nodes) {
    if (node.kind != OpKind::kConv2d && node.kind != OpKind::kGlobalAveragePool) continue;
    model->activations[node.name] = {.scale = node.name == "layer1.2.conv2" ? 0.5f : 0.1f};
  }
  const auto values = QuantizationOfValues(*model);
  ASSERT_TRUE(values.ok()) << values.error().message;
  const Node* shortcut = FindNode(model->graph, "layer2.0.shortcut");
  ASSERT_NE(shortcut, nullptr);
  const auto value = static_cast<size_t>(shortcut - model->graph.nodes.data()) + 1;
  EXPECT_EQ((*values)[value], model->activations.at("layer1.2.conv2"));
}

TEST(QuantizationOfValues, NamesTheScaleThatIsMissing) {
  for (const char* name : {"conv1", "layer3.1.conv2", "layer4.0.downsample.0", "avgpool"}) {
    Model model = QuantizedResNet18();
    model.activations.erase(name);
    const auto onnx = ModelToOnnx(model);
    ASSERT_FALSE(onnx.ok()) << name;
    EXPECT_THAT(onnx.error().message, HasSubstr('"' + std::string(name) + "\": expected an"));
    EXPECT_TRUE(ModelToOnnx(model, {.precision = OnnxPrecision::kFp32}).ok());
  }
}

FoldedLayer DenseLayer(std::vector<float> weights, std::vector<float> scale,
                       std::vector<float> bias) {
  const auto rows = static_cast<int64_t>(scale.size());
  const int64_t row_length = static_cast<int64_t>(weights.size()) / rows;
  FoldedLayer layer;
  layer.name = "layer";
  layer.weight = Tensor::FromVector<float>({rows, row_length}, std::move(weights));
  layer.scale = std::move(scale);
  layer.bias = std::move(bias);
  return layer;
}

TEST(QuantizeLayer, DenseRowsAreRoundedToTheirLargest) {
  // 2 * {1, -0.5, 0.25} with a largest of 2; the second row under a negative factor.
  const QuantizedLayer layer = QuantizeLayer(
      DenseLayer({1, -0.5f, 0.25f, 127, 1, -127}, {2, -1}, {3, -1}), /*input_scale=*/0.5f);
  EXPECT_THAT(layer.weight, ElementsAre(127, -64, 32, -127, -1, 127));
  EXPECT_THAT(layer.weight_scale, ElementsAre(2.0f / 127, 1.0f));
  EXPECT_THAT(layer.bias, ElementsAre(381, -2));  // 3 / (0.5 * 2 / 127), -1 / 0.5
}

TEST(QuantizeLayer, RowsOfNothingAndBiasesThatDoNotFit) {
  const QuantizedLayer layer =
      QuantizeLayer(DenseLayer({0, 0, 1e-9f, 0, 0, 0}, {1, 1, 1}, {0, 100, 7}), 0.01f);
  EXPECT_THAT(layer.weight, ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(layer.weight_scale[0], 1.0f);
  const std::vector<float> biases = {0, 100, 7};
  for (size_t o = 0; o < biases.size(); ++o) {
    const double real = layer.bias[o] * 0.01 * layer.weight_scale[o];
    EXPECT_NEAR(real, biases[o], 1e-6 * biases[o]) << o;
  }
}

TEST(QuantizeLayer, CentroidsStayAsTheyAre) {
  PalettizedTensor weight;
  weight.shape = {2, 4};
  weight.num_centroids = 4;
  weight.group_rows = 1;
  weight.indices = Tensor::FromVector<uint8_t>({2}, {0b11100100, 0b00000001});
  weight.codebook = Tensor::FromVector<int8_t>({2, 4}, {-128, -3, 5, 100, -1, 0, 1, 2});
  weight.scale = Tensor::FromVector<float>({2}, {0.03f, 0.07f});
  FoldedLayer layer;
  layer.weight = weight;
  layer.scale = {0.03f, 0.07f};
  layer.bias = {0, 0};
  const QuantizedLayer quantized = QuantizeLayer(layer, 1);
  EXPECT_THAT(quantized.weight, ElementsAre(-128, -3, 5, 100, 0, -1, -1, -1));
  EXPECT_THAT(quantized.weight_scale, ElementsAre(0.03f, 0.07f));

  // -128 times a negative scale: rounded anew, so that it fits.
  layer.scale = {-0.03f, 0.07f};
  const QuantizedLayer mirrored = QuantizeLayer(layer, 1);
  EXPECT_EQ(mirrored.weight[0], 127);
  EXPECT_FLOAT_EQ(mirrored.weight_scale[0], 0.03f * 128 / 127);
}

}  // namespace
}  // namespace deixis
