// PyTorch as the oracle, both ways: what WritePth writes is what torch.load(weights_only=True)
// reads, and what torch.save writes of awkward tensors is what ReadPth reads. Skipped by name
// without /usr/bin/python3 and torch.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/file.h"
#include "base/rng.h"
#include "format/digest.h"
#include "format/pth.h"
#include "format/tensor_file.h"

namespace deixis {
namespace {

// Prints "name<TAB>dtype<TAB>shape<TAB>sha256" of every tensor of a flat dict.
constexpr char kList[] = R"(
import hashlib, sys, torch
def raw(t):
    # Bits, since numpy has no bfloat16; bytes(), since an empty or scalar tensor has no other way.
    t = t.detach().contiguous().reshape(-1)
    if t.dtype == torch.bfloat16: t = t.view(torch.int16)
    return t.numpy().tobytes()
def describe(name, t):
    return '\t'.join([name, str(t.dtype)[6:], str(list(t.shape)),
                      hashlib.sha256(raw(t)).hexdigest()])
)";

// "dtype shape sha256" by name.
using Listing = std::map<std::string, std::string>;

Listing ParseListing(const std::string& path) {
  Listing listing;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    listing[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return listing;
}

Listing ListingOf(const TensorFile& file) {
  Listing listing;
  for (const auto& [name, tensor] : file.tensors) {
    listing[name] = std::string(TorchName(tensor.dtype())) + "\t" + ToString(tensor.shape()) +
                    "\t" + Sha256Hex(tensor);
  }
  return listing;
}

class PthOracleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "deixis_oracle_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    if (!Python("import torch\n")) GTEST_SKIP() << "/usr/bin/python3 has no torch";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // Runs a program in the test's folder; true when it ends well.
  bool Python(const std::string& program) const {
    std::ofstream(Path("program.py")) << program;
    const std::string command =
        "cd " + folder_ + " && /usr/bin/python3 program.py > output 2> errors";
    return std::system(command.c_str()) == 0;
  }
  std::string Errors() const {
    const auto text = ReadTextFile(Path("errors"));
    return text.ok() ? *text : "";
  }

  std::string folder_;
};

TEST_F(PthOracleTest, TorchLoadsWhatIsWritten) {
  TensorFile file;
  Rng rng(7);
  for (const DType dtype : kAllDTypes) {
    std::vector<std::byte> bytes(static_cast<size_t>(15 * SizeOf(dtype)));
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(dtype == DType::kBool ? rng.Below(2) : rng.Below(256));
    }
    file.tensors.push_back(
        {"weights/" + std::string(TorchName(dtype)), Tensor::FromBytes(dtype, {3, 5}, bytes)});
  }
  file.tensors.push_back({"scalar", Tensor::FromVector<int64_t>({}, {int64_t{1} << 40})});
  file.tensors.push_back({"empty", Tensor::FromVector<float>({0, 3}, {})});
  file.tensors.push_back({"long", Tensor::FromVector<int8_t>({70000}, std::vector<int8_t>(70000))});
  ASSERT_TRUE(WritePth(Path("ours.pth"), file).ok());

  const std::string program = std::string(kList) + R"(
import collections, zipfile
state = torch.load('ours.pth', weights_only=True)
assert type(state) is collections.OrderedDict
assert list(state)[0] == 'weights/float64' and list(state)[-1] == 'long'
for name, t in state.items():
    assert t.is_contiguous() and not t.requires_grad
    print(describe(name, t))
# An independent reader of zip archives finds it sound and aligned as PyTorch's own are.
archive = zipfile.ZipFile('ours.pth')
assert archive.testzip() is None
data = open('ours.pth', 'rb').read()
for entry in archive.infolist():
    header = entry.header_offset
    begin = header + 30 + int.from_bytes(data[header + 26:header + 28], 'little') \
        + int.from_bytes(data[header + 28:header + 30], 'little')
    assert begin % 64 == 0, entry.filename
)";
  ASSERT_TRUE(Python(program)) << Errors();
  EXPECT_EQ(ParseListing(Path("output")), ListingOf(file));
}

TEST_F(PthOracleTest, WhatTorchSavesIsReadInBothLayouts) {
  const std::string program = std::string(kList) + R"(
torch.manual_seed(0)
base = torch.randn(6, 8)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
    def forward(self, x): return self.norm(self.conv(x))
tensors = {
    'transposed': base.t(), 'row': base[2], 'column': base[:, 3], 'step': base[::2, 1::3],
    'expanded': base[:1].expand(5, 8), 'same': base, 'again': base, 'scalar': torch.tensor(2.5),
    'empty': torch.empty(0, 4), 'half': torch.randn(5).half(), 'bf16': torch.randn(5).bfloat16(),
    'double': torch.randn(3, 2).double().t(), 'bool': torch.tensor([True, False]),
    'int8': torch.arange(-3, 3, dtype=torch.int8), 'uint8': torch.arange(5, dtype=torch.uint8),
    'int16': torch.arange(5, dtype=torch.int16), 'int32': torch.arange(5, dtype=torch.int32),
    'int64': torch.arange(5), 'parameter': torch.nn.Parameter(torch.randn(2, 2)),
    'channels_last': torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    'flipped': torch.randn(4).flip(0), 'one': torch.randn(1, 1, 1).expand(1, 4, 1),
}
for name, t in Net().state_dict().items(): tensors['net.' + name] = t
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
net(torch.randn(2, 3, 8, 8)).sum().backward(); optimizer.step()
checkpoint = {'epoch': 7, 'state_dict': tensors, 'optimizer': optimizer.state_dict(),
              'shape': base.shape, 'dtype': torch.float16, 'device': torch.device('cpu')}
def flatten(value, prefix):
    if isinstance(value, torch.Tensor): yield prefix, value
    elif isinstance(value, dict):
        for k, v in value.items(): yield from flatten(v, f'{prefix}/{k}' if prefix else str(k))
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value): yield from flatten(v, f'{prefix}/{i}')
for name, t in flatten(checkpoint, ''): print(describe(name, t))
torch.save(checkpoint, 'zip.pth')
torch.save(checkpoint, 'legacy.pth', _use_new_zipfile_serialization=False)
torch.save(checkpoint, 'protocol4.pth', pickle_protocol=4)
torch.save(net, 'module.pth')
)";
  ASSERT_TRUE(Python(program)) << Errors();
  const Listing expected = ParseListing(Path("output"));
  ASSERT_GT(expected.size(), 30u);
  for (const char* name : {"zip.pth", "legacy.pth", "protocol4.pth"}) {
    SCOPED_TRACE(name);
    const auto file = ReadTensorFile(Path(name));
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(ListingOf(*file), expected);
    EXPECT_TRUE(file->inert_globals.empty()) << file->inert_globals[0];
    ASSERT_FALSE(file->values.empty());
    EXPECT_EQ(file->values[0].second, "7");
  }
  // A whole module: its tensors are there, its classes are named.
  const auto module = ReadTensorFile(Path("module.pth"));
  ASSERT_TRUE(module.ok()) << module.error().message;
  EXPECT_NE(module->Find("_modules/conv/_parameters/weight"), nullptr);
  EXPECT_NE(module->Find("_modules/norm/_buffers/running_mean"), nullptr);
  EXPECT_FALSE(module->inert_globals.empty());
}

}  // namespace
}  // namespace deixis
