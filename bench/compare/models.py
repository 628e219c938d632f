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

    def __init__(self, name, precision, command, model, missing=""):
        self.label, self.precision = f"{name} {precision}", precision
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


def compressed(deixis, model, data, path, flags, fresh):
    """The network with u8 activations, made once and kept in --out: calibration takes a while."""
    if data is None:
        return None
    if fresh or not path.exists():
        call([deixis, "compress", model, "--out", path, "--overwrite", "--activations", "int8",
              *flags, "--data", data / "imagenet_sample"])
    return path


def exported(deixis, model, path):
    call([deixis, "convert", model, "--out", path, "--overwrite"])
    return path


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
    int8 = arguments.int8 or compressed(deixis, model, data, out / "int8.safetensors", [],
                                        arguments.fresh)
    four_bit = arguments.four_bit or compressed(deixis, model, data, out / "4-bit.safetensors",
                                                ["--centroids", "16"], arguments.fresh)
    fp32_onnx = exported(deixis, model, out / "fp32.onnx")
    int8_onnx = exported(deixis, int8, out / "int8.onnx") if int8 else None

    ours = [bin_folder / "deixis_compare_deixis"]
    ort = ["node", HERE / "onnxruntime_engine.mjs"]
    libtorch_int8 = bin_folder / "deixis_compare_libtorch_int8"
    opencv = bin_folder / "deixis_compare_opencv"
    not_built = missing_program(ours[0])
    no_int8 = "" if int8 else "give --int8 FILE or DEIXIS_DATA"
    no_four_bit = "" if four_bit else "give --four-bit FILE or DEIXIS_DATA"
    return inputs, [
        Engine("Deixis", "4-bit", ours, four_bit, not_built or no_four_bit),
        Engine("Deixis", "int8", ours, int8, not_built or no_int8),
        Engine("Deixis", "fp32", ours, model, not_built),
        Engine("ONNX Runtime", "int8", ort, int8_onnx, missing_node() or no_int8),
        Engine("ONNX Runtime", "fp32", ort, fp32_onnx, missing_node()),
        Engine("LibTorch", "int8", [libtorch_int8], int8,
               missing_program(libtorch_int8) or no_int8),
        libtorch(bin_folder, model, out / "fp32.pt"),
        Engine("OpenCV DNN", "int8", [opencv, "--int8"], fp32_onnx, missing_program(opencv)),
        Engine("OpenCV DNN", "fp32", [opencv], fp32_onnx, missing_program(opencv)),
    ]


def libtorch(bin_folder, model, path):
    program = bin_folder / "deixis_compare_libtorch"
    missing = missing_program(program)
    if not missing:
        call([bin_folder / "deixis_compare_libtorch_export", model, path])
    return Engine("LibTorch", "fp32", [program], path, missing)
