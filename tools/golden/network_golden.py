#!/usr/bin/env python3
"""Makes tests/golden/network/networks.json: what PyTorch says about networks with made-up weights.

Weights and pictures follow the rule of src/network/testing/synthetic.h, so only the answers are
stored. Everything runs in float64. Needs PyTorch and torchvision (oracle only, never at build time):

    python3 tools/golden/network_golden.py > tests/golden/network/networks.json
"""

import json

import numpy as np
import torch
import torchvision
from torch import nn

IMAGENET = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
CIFAR_DEPTHS = [20, 32, 44, 56, 110]
OUTPUTS = 5


class SplitMix64:
    """Steele, Lea and Flood, OOPSLA 2014; the same words as src/base/rng.h."""

    GAMMA = 0x9E3779B97F4A7C15

    def __init__(self, seed):
        self.state = seed

    def words(self, count):
        with np.errstate(over="ignore"):
            steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(self.GAMMA)
            z = steps + np.uint64(self.state)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        self.state = (self.state + count * self.GAMMA) % 2**64
        return z

    def floats(self, count, offset, span):
        unit = (self.words(count) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return np.float32(offset) + np.float32(span) * (unit - np.float32(0.5))


def fill(model, seed):
    rng = SplitMix64(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        offset, span = 0.0, 0.5
        if tensor.dim() >= 2:
            span = np.float32(np.sqrt(24.0 / (tensor.numel() // tensor.shape[0])))
        elif name.endswith(".weight") or name.endswith(".running_var"):
            offset, span = 1.0, 1.0
        values = rng.floats(tensor.numel(), offset, span)
        tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))


class CifarBlock(nn.Module):
    def __init__(self, channels_in, channels, stride, projects):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.missing = channels - channels_in
        self.stride = stride
        changes = stride != 1 or self.missing != 0
        self.shortcut = nn.Sequential()
        if changes and projects:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        self.pads = changes and not projects

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.pads:
            side = self.missing // 2
            x = nn.functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, side, side))
        return torch.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2, with the usual parameter names."""

    def __init__(self, depth, projects, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate([16, 32, 64]):
            blocks = []
            for block in range((depth - 2) // 6):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(CifarBlock(channels, width, stride, projects))
                channels = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, outputs)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def make(name):
    if "cifar" in name:
        depth = int(name.split("-")[0].removeprefix("resnet"))
        return CifarResNet(depth, name.endswith("-b"), OUTPUTS)
    model = getattr(torchvision.models, name.removesuffix("-c4"))(num_classes=OUTPUTS)
    if name.endswith("-c4"):
        model.layer4 = nn.Identity()
        model.fc = nn.Linear(model.fc.in_features // 2, OUTPUTS)
    return model


class SoftArgmax(nn.Module):
    """Where each pixel says a thing is, weighted by how much it is attended to: 2 categories."""

    def forward(self, maps):
        n, _, height, width = maps.shape
        values, attention = maps[:, :6], maps[:, 6:].flatten(2).softmax(2).view(n, 2, height, width)
        weights = attention[:, [0, 0, 1, 1, 0, 1]]  # x, y of each, then the presence of each
        x = (torch.arange(width).double() + 0.5) / width * 2 - 1
        y = (torch.arange(height).double() + 0.5) / height * 2 - 1
        places = torch.zeros(6, height, width, dtype=torch.float64)
        places[[0, 2]] = x[None, None, :]
        places[[1, 3]] = y[None, :, None]
        return (weights * (values + places)).sum((2, 3))


def with_soft_argmax(model):
    model.avgpool = nn.Identity()
    model.fc = nn.Conv2d(model.fc.in_features, 8, 1)
    # torchvision flattens between the two: take the parts as they are.
    stem = [model.conv1, model.bn1, model.relu, model.maxpool]
    stages = [model.layer1, model.layer2, model.layer3, model.layer4]
    model.forward = nn.Sequential(*stem, *stages, model.fc, SoftArgmax()).forward
    return model


def with_means_of_three(model):
    """A head on the means of the last three stages' maps, the earlier one's first."""
    model.fc = nn.Linear(128 + 256 + 512, OUTPUTS)

    def forward(x):
        x = model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(x)))))
        maps = []
        for stage in (model.layer2, model.layer3, model.layer4):
            x = stage(x)
            maps.append(x.mean((2, 3)))
        return model.fc(torch.cat(maps, 1))

    model.forward = forward
    return model


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def listing(model):
    """One line per tensor: name and shape."""
    return "".join(f"{name} {list(t.shape)}\n" for name, t in model.state_dict().items())


def logits(name, seed, side, head=None):
    model = make(name)
    if head is not None:
        model = head(model)
    fill(model, seed)
    model.double().eval()
    picture = SplitMix64(seed + 1).floats(side * side * 3, 0.0, 4.0).reshape(side, side, 3)
    with torch.no_grad():
        out = model(torch.from_numpy(picture).double().permute(2, 0, 1)[None])
    return {"architecture": name, "seed": seed, "side_px": side, "logits": out[0].tolist()}


def main():
    torch.manual_seed(0)
    cifar = [f"resnet{d}-cifar{b}" for b in ("", "-b") for d in CIFAR_DEPTHS]
    cut = [f"{name}-c4" for name in IMAGENET]
    golden = {
        "generator": "tools/golden/network_golden.py",
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "outputs": OUTPUTS,
        "listings": {n: fnv1a(listing(make(n))) for n in IMAGENET + cut + cifar},
        "runs": [logits("resnet18", 101, 64), logits("resnet50", 102, 33),
                 logits("resnet20-cifar", 103, 32), logits("resnet20-cifar-b", 104, 32),
                 logits("resnet32-cifar", 105, 19)],
        "soft_argmax": logits("resnet18-c4", 106, 75, with_soft_argmax),
        "pooled": logits("resnet18", 107, 70, with_means_of_three),
    }
    print(json.dumps(golden, indent=1))


if __name__ == "__main__":
    main()
