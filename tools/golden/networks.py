#!/usr/bin/env python3
"""Small residual networks with PyTorch's answers: golden vectors of the runtime.

Writes one safetensors file per network into the folder given: a torchvision-style state dict of random
weights and batch-norm statistics, an input picture (u8, RGB) and the logits that PyTorch computes for it
in float64 from the float32 parameters. The metadata names the generator, its seed and versions.

    tools/golden/networks.py tests/golden

Needs PyTorch; it is an oracle for tests and nothing else uses it.
"""
import json
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F

MEAN = (0.485, 0.456, 0.406)
STDDEV = (0.229, 0.224, 0.225)

# Channel counts that are no multiple of a vector, pictures whose sides are odd.
NETWORKS = {
    "basic": dict(block="basic", stem="imagenet", shortcut="projection", blocks=[1, 2, 1, 1],
                  channels=[5, 7, 9, 18], outputs=7, height=45, width=37, seed=1),
    "bottleneck": dict(block="bottleneck", stem="imagenet", shortcut="projection",
                       blocks=[1, 1, 1, 1], channels=[3, 4, 5, 6], outputs=5, height=64, width=50,
                       seed=2),
    "cifar": dict(block="basic", stem="cifar", shortcut="zero-pad", blocks=[2, 1, 2],
                  channels=[4, 8, 16], outputs=10, height=17, width=16, seed=3),
}


class Parameters:
    """Draws parameters on demand and remembers them in a state dict's names and order."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors = {}

    def normal(self, name, shape, mean, stddev):
        value = torch.randn(shape, generator=self.generator) * stddev + mean
        self.tensors[name] = value.float()
        return self.tensors[name].double()

    def uniform(self, name, shape, low, high):
        value = torch.rand(shape, generator=self.generator) * (high - low) + low
        self.tensors[name] = value.float()
        return self.tensors[name].double()

    def conv(self, name, x, out_channels, size, stride):
        fan_in = x.shape[1] * size * size
        weight = self.normal(name + ".weight", (out_channels, x.shape[1], size, size), 0,
                             (2 / fan_in) ** 0.5)
        return F.conv2d(x, weight, stride=stride, padding=size // 2)

    def batch_norm(self, name, x):
        channels = x.shape[1]
        weight = self.uniform(name + ".weight", (channels,), 0.5, 1.5)
        bias = self.normal(name + ".bias", (channels,), 0, 0.3)
        mean = self.normal(name + ".running_mean", (channels,), 0, 0.3)
        variance = self.uniform(name + ".running_var", (channels,), 0.5, 2)
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=1e-5)


def shortcut(p, kind, name, x, out_channels, stride):
    if stride == 1 and x.shape[1] == out_channels:
        return x
    if kind == "zero-pad":
        missing = out_channels - x.shape[1]
        before = missing // 2
        return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, before, missing - before))
    return p.batch_norm(name + ".1", p.conv(name + ".0", x, out_channels, 1, stride))


def block(p, net, name, x, width, stride):
    if net["block"] == "basic":
        y = F.relu(p.batch_norm(name + ".bn1", p.conv(name + ".conv1", x, width, 3, stride)))
        y = p.batch_norm(name + ".bn2", p.conv(name + ".conv2", y, width, 3, 1))
    else:
        y = F.relu(p.batch_norm(name + ".bn1", p.conv(name + ".conv1", x, width, 1, 1)))
        y = F.relu(p.batch_norm(name + ".bn2", p.conv(name + ".conv2", y, width, 3, stride)))
        y = p.batch_norm(name + ".bn3", p.conv(name + ".conv3", y, 4 * width, 1, 1))
    return F.relu(y + shortcut(p, net["shortcut"], name + ".downsample", x, y.shape[1], stride))


def run(net):
    p = Parameters(net["seed"])
    height, width = net["height"], net["width"]
    pixels = torch.randint(0, 256, (height, width, 3), generator=p.generator, dtype=torch.uint8)
    mean = torch.tensor(MEAN).double().view(1, 3, 1, 1)
    stddev = torch.tensor(STDDEV).double().view(1, 3, 1, 1)
    x = (pixels.permute(2, 0, 1)[None].double() / 255 - mean) / stddev
    imagenet = net["stem"] == "imagenet"
    x = p.conv("conv1", x, net["channels"][0], 7 if imagenet else 3, 2 if imagenet else 1)
    x = F.relu(p.batch_norm("bn1", x))
    if imagenet:
        x = F.max_pool2d(x, 3, 2, 1)
    for stage, (count, channels) in enumerate(zip(net["blocks"], net["channels"])):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(p, net, f"layer{stage + 1}.{index}", x, channels, stride)
    x = x.mean((2, 3))
    weight = p.normal("fc.weight", (net["outputs"], x.shape[1]), 0, x.shape[1] ** -0.5)
    bias = p.normal("fc.bias", (net["outputs"],), 0, 0.5)
    return p.tensors, pixels, F.linear(x, weight, bias)[0]


def write_safetensors(path, tensors, metadata):
    names = {torch.float32: "F32", torch.float64: "F64", torch.uint8: "U8"}
    header, data = {"__metadata__": metadata}, b""
    # Larger elements first: every tensor is aligned for its type without holes.
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = dict(dtype=names[tensor.dtype], shape=list(tensor.shape),
                            data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name, net in NETWORKS.items():
        tensors, pixels, logits = run(net)
        metadata = {"generator": "tools/golden/networks.py", "torch": torch.__version__,
                    "network": json.dumps(net)}
        write_safetensors(folder / f"network_{name}.safetensors",
                          {**tensors, "golden.pixels": pixels, "golden.logits": logits}, metadata)


if __name__ == "__main__":
    main()
