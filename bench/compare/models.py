"""The engines of the comparison, and the files that they need: each form of the network, and the
picture as bytes and as normalised floats."""

import collections
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "bench/compare"
NODE_MODULES = ROOT / "tests/integration/onnx/node_modules"

Inputs = collections.namedtuple("Inputs", "pixels input")


class Engine:
    """`missing` says why it cannot run; empty when it can."""

    def __init__(self, label, precision, command, model, missing=""):
        self.label, self.precision = label, precision
        self.command, self.model, self.missing = command, model, missing

    def environment(self, threads):
        """OpenMP's team is sized before the program's first line."""
        return {**os.environ, "OMP_NUM_THREADS": str(threads)}


def call(command):
    command = [str(word) for word in command]
    print("$ " + " ".join(command), file=sys.stderr)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def missing_program(program):
    return "" if program.exists() else f"{program.name} is not built"


def missing_model(model, flag):
    if model is None:
        return f"no model: give {flag} FILE"
    return "" if model.exists() else f"{model} is not there"


def missing_node():
    if shutil.which("node") is None:
        return "no Node.js"
    if not (NODE_MODULES / "onnxruntime-node").exists():
        return "npm ci in tests/integration/onnx installs it"
    return ""


def prepare(arguments, data):
    """The inputs and every engine, the ones that cannot run included."""
    model, picture = arguments.model, arguments.picture
    if model is None:
        model = data / "imagenet_resnet18/resnet18.pth" if data else None
    if picture is None:
        picture = sorted((data / "imagenet_sample/images").iterdir())[0] if data else None
    if model is None or picture is None:
        sys.exit("no network to run: set DEIXIS_DATA, or give --model and --picture")
    bin_folder, out = arguments.build / "bin", arguments.out
    prepare_program, deixis = bin_folder / "deixis_compare_prepare", bin_folder / "deixis"
    for program in (prepare_program, deixis):
        if not program.exists():
            sys.exit(f"{program} is not there: build with -DDEIXIS_COMPARE=ON")

    inputs = Inputs(out / "pixels.u8", out / "input.f32")
    call([prepare_program, model, picture, inputs.pixels, inputs.input])
    fp32_onnx = out / "resnet18-fp32.onnx"
    call([deixis, "convert", model, "--out", fp32_onnx, "--overwrite"])

    ours = bin_folder / "deixis_compare_deixis"
    ort = ["node", HERE / "onnxruntime_engine.mjs"]
    engines = [
        Engine("Deixis", "4-bit", [ours], arguments.four_bit,
               missing_program(ours) or missing_model(arguments.four_bit, "--four-bit")),
        Engine("Deixis", "int8", [ours], arguments.int8,
               missing_program(ours) or missing_model(arguments.int8, "--int8")),
        Engine("Deixis", "fp32", [ours], model, missing_program(ours)),
        Engine("ONNX Runtime", "fp32", ort, fp32_onnx, missing_node()),
    ]
    for engine in engines:
        engine.label = f"{engine.label} {engine.precision}"
    return inputs, engines
