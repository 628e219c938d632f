#!/usr/bin/env python3
"""Epoch times of deixis-train and of Python PyTorch, the same LibTorch beneath, on the same pictures.

    bench/train_epoch.py --program build/release/bin/deixis-train --data DIR --backbone resnet18.pth

DIR holds a folder per category. Both train all of a ResNet-18 with AdamW at the same batch and
thread count on pictures held in memory, without augmentation, so that what is compared is training
itself; the two take turns. Python's loop is the plain one of its tutorials, with tensors that are
normalised beforehand. Prints one JSON object.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile


def deixis_epochs(options, folder):
    """Seconds of each epoch but the first, and the peak memory."""
    command = [options.program, "finetune", "--data", options.data, "--backbone", options.backbone,
               "--out", os.path.join(folder, "model.safetensors"), "--input-px", str(options.input_px),
               "--resize", "stretch", "--batch", str(options.batch), "--threads", str(options.threads),
               "--epochs", str(options.epochs), "--per-category", str(options.per_category),
               "--no-flip", "--scale", "0", "--shift", "0", "--rotate-degrees", "0", "--colour", "0",
               "--blur-px", "0", "--noise", "0"]
    if options.held_out_where:
        command += ["--held-out-where", options.held_out_where]
    lines = [json.loads(line) for line in
             subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()]
    epochs = [line for line in lines if line["event"] == "epoch"]
    images = epochs[0]["train"]["images"]
    return ([line["seconds"] for line in epochs[1:]], images, lines[-1]["peak_rss_bytes"])


PYTHON = r"""
import json, resource, sys, time
import torch, torchvision
from PIL import Image
options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])
side = options["input_px"]
dataset = torchvision.datasets.ImageFolder(options["data"])
count = options["images"]
mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
order = torch.randperm(len(dataset.samples), generator=torch.Generator().manual_seed(1))[:count]
pictures, labels = [], []
for i in order.tolist():
    path, label = dataset.samples[i]
    image = Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR)
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(side, side, 3)
    pictures.append(((values.float() / 255 - mean) / std).permute(2, 0, 1))
    labels.append(label)
x, y = torch.stack(pictures), torch.tensor(labels)
net = torchvision.models.resnet18(num_classes=1000)
state = torch.load(options["backbone"], map_location="cpu")
net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
net.fc = torch.nn.Linear(512, len(dataset.classes))
memory_format = torch.channels_last if options["channels_last"] else torch.contiguous_format
net, x = net.to(memory_format=memory_format), x.contiguous(memory_format=memory_format)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
net.train()
seconds = []
for epoch in range(options["epochs"]):
    start = time.perf_counter()
    order = torch.randperm(len(x))
    for begin in range(0, len(x) - options["batch"] + 1, options["batch"]):
        chosen = order[begin:begin + options["batch"]]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()
        loss.item()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds[1:],
                  "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def python_epochs(options, images, channels_last):
    job = {"threads": options.threads, "input_px": options.input_px, "data": options.data,
           "backbone": options.backbone, "batch": options.batch, "epochs": options.epochs,
           "images": images, "channels_last": channels_last}
    answer = json.loads(subprocess.run([options.python, "-c", PYTHON, json.dumps(job)], check=True,
                                       stdout=subprocess.PIPE).stdout)
    return answer["seconds"], answer["peak_rss_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--input-px", type=int, default=96)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3, help="the first of each turn is not counted")
    parser.add_argument("--per-category", type=int, default=10)
    parser.add_argument("--held-out-where", default="", help="as of deixis-train")
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    times = {"deixis-train": [], "python": [], "python channels_last": []}
    peaks = dict.fromkeys(times, 0)
    images = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.turns):
            seconds, images, peak = deixis_epochs(options, folder)
            times["deixis-train"] += seconds
            peaks["deixis-train"] = max(peaks["deixis-train"], peak)
            for name, channels_last in (("python", False), ("python channels_last", True)):
                seconds, peak = python_epochs(options, images, channels_last)
                times[name] += seconds
                peaks[name] = max(peaks[name], peak)
    print(json.dumps({"schema": 1, "images_per_epoch": images, "batch": options.batch,
                      "input_px": options.input_px, "threads": options.threads,
                      "epoch_s": {name: {"median": statistics.median(values), "min": min(values),
                                         "max": max(values)} for name, values in times.items()},
                      "peak_rss_bytes": peaks}, indent=1))


if __name__ == "__main__":
    main()
