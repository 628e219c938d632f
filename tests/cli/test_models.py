"""info, convert and bench on networks that the tests make, and on every checkpoint of the data."""

import json
import pathlib
import struct
import subprocess
import unittest

import support
from support import CliTest, INVALID_DATA, NOT_FOUND, USAGE


class Info(CliTest):

    def test_a_network(self):
        support.write_resnet20(self.folder / "net.safetensors")
        document = self.deixis_json("info", "net.safetensors")
        self.assertEqual(document["command"], "info")
        self.assertEqual(document["architecture"], "resnet20-cifar")
        self.assertEqual(document["outputs"], 10)
        self.assertEqual(document["task"], "classify")
        self.assertEqual(document["file_bytes"], (self.folder / "net.safetensors").stat().st_size)
        self.assertEqual(len(document["layers"]), 20)
        self.assertEqual(document["layers"][0], {
            "name": "conv1",
            "shape": [16, 3, 3, 3],
            "weights": 432,
            "bytes": 1728,
            "storage": {"kind": "dense", "dtype": "float32"},
        })
        self.assertEqual(document["preprocessing"]["mean"], [0.485, 0.456, 0.406])
        self.assertNotIn("tensors", document)
        text = self.deixis("info", "net.safetensors").out
        self.assertRegex(text, r"network +resnet20-cifar, 10 outputs, classifies")
        self.assertRegex(text, r"layer3\.2\.conv2 +\[64, 64, 3, 3\] +36,864 +float32 +147 kB")

    def test_any_tensor_file(self):
        # Digests of an empty file, of one 0.0 and of 1, 2 (int8), by sha256sum.
        support.write_safetensors(
            self.folder / "any.safetensors", {
                "empty": ("F32", (0, 3), b""),
                "scalar": ("F32", (), b"\0\0\0\0"),
                "pair": ("I8", (2,), b"\1\2"),
            }, {"note": "made by a test"})
        document = self.deixis_json("info", "any.safetensors", "--tensors")
        self.assertIsNone(document["architecture"])
        self.assertTrue(document["architecture_error"])
        self.assertEqual(document["metadata"], {"note": "made by a test"})
        self.assertEqual(document["tensors"], [
            {
                "name": "empty",
                "dtype": "float32",
                "shape": [0, 3],
                "bytes": 0,
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
            {
                "name": "scalar",
                "dtype": "float32",
                "shape": [],
                "bytes": 4,
                "sha256": "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119",
            },
            {
                "name": "pair",
                "dtype": "int8",
                "shape": [2],
                "bytes": 2,
                "sha256": "a12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222",
            },
        ])
        text = self.deixis("info", "any.safetensors", "--tensors").out
        self.assertIn("none that Deixis knows", text)
        self.assertRegex(text, r"pair +int8 +\[2\] +2 B +a12871fee210")

    def test_files_that_are_no_model(self):
        cases = {
            "page.pth": (b"<!DOCTYPE html><html><body>Not found</body></html>", "HTML"),
            "text.pth": (b"just some text\n", "text"),
            "empty.pth": (b"", "empty"),
            "noise.bin": (bytes(range(256)) * 8, "model"),
        }
        for name, (content, says) in cases.items():
            with self.subTest(name):
                (self.folder / name).write_bytes(content)
                self.fails(INVALID_DATA, "info", name, says=(name, says))

    def test_truncated_at_every_kind_of_place(self):
        whole = support.write_resnet20(self.folder / "net.safetensors").read_bytes()
        for size in (1, 7, 8, 9, 500, len(whole) // 2, len(whole) - 1):
            with self.subTest(size):
                (self.folder / "cut.safetensors").write_bytes(whole[:size])
                self.fails(INVALID_DATA, "info", "cut.safetensors", says="cut.safetensors")

    def test_a_header_that_claims_more_than_there_is(self):
        header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40],
                                   "data_offsets": [0, 4 << 40]}}).encode()
        (self.folder / "huge.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
        self.fails(INVALID_DATA, "info", "huge.safetensors")
        (self.folder / "long.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
        self.fails(INVALID_DATA, "info", "long.safetensors")

    def test_no_file_and_a_folder(self):
        self.fails(NOT_FOUND, "info", "missing.pth", says="missing.pth")
        (self.folder / "folder").mkdir()
        self.fails(INVALID_DATA, "info", "folder", says="folder")

    def test_a_deixis_file_with_damaged_metadata(self):
        tensors = support.resnet20_tensors()
        support.write_safetensors(self.folder / "net.safetensors", tensors,
                                  {"deixis.format": "1", "deixis.architecture": "resnet18"})
        self.fails(INVALID_DATA, "info", "net.safetensors")
        support.write_safetensors(self.folder / "net.safetensors", tensors,
                                  {"deixis.format": "99"})
        self.fails(INVALID_DATA, "info", "net.safetensors", says="99")

    def test_every_checkpoint_matches_its_listing(self):
        folder = self.needs_data("checkpoints")
        num_matched, num_refused = 0, 0
        for listing_path in sorted(folder.rglob("*.listing.json")):
            listing = json.loads(listing_path.read_text())
            path = listing_path.with_name(listing["file"])
            if path.suffix == ".onnx" or not path.exists():
                continue
            with self.subTest(path.relative_to(folder)):
                if "tensors" not in listing or listing["format"].endswith("torchscript"):
                    self.fails(INVALID_DATA, "info", path, "--tensors")
                    num_refused += 1
                    continue
                document = self.deixis_json("info", path, "--tensors")
                found = {
                    tensor["name"]: (tensor["dtype"], tensor["shape"], tensor["sha256"])
                    for tensor in document["tensors"]
                }
                expected = {
                    name: (tensor["dtype"], tensor["shape"], tensor["sha256_le_contiguous"])
                    for name, tensor in listing["tensors"].items()
                }
                self.assertEqual(found, expected)
                num_matched += 1
        self.assertGreaterEqual(num_matched, 30)
        self.assertGreaterEqual(num_refused, 1)


class Convert(CliTest):

    def tensors_of(self, path):
        document = self.deixis_json("info", path, "--tensors")
        return {
            tensor["name"]: (tensor["dtype"], tensor["shape"], tensor["sha256"])
            for tensor in document["tensors"]
        }

    def test_there_and_back_is_bit_identical(self):
        support.write_resnet20(self.folder / "net.safetensors")
        self.deixis("convert", "net.safetensors", "--out", "net.pth")
        self.deixis("convert", "net.pth", "--out", "back.safetensors")
        original = self.tensors_of("net.safetensors")
        for path in ("net.pth", "back.safetensors"):
            found = self.tensors_of(path)
            for name, tensor in original.items():
                self.assertEqual(found[name], tensor, f"{path}: {name}")
        self.assertEqual(self.deixis_json("info", "net.pth")["format"], "pth-zip")

    def test_reports_what_it_wrote(self):
        support.write_resnet20(self.folder / "net.safetensors")
        document = self.deixis_json("convert", "net.safetensors", "-o", "net.onnx")
        self.assertEqual(document["file_bytes"], (self.folder / "net.onnx").stat().st_size)
        self.assertEqual(document["dequantized_layers"], 0)
        self.assertGreater(document["file_bytes"], 4 * 270_000)

    def write_with_activation_scales(self, name):
        """net.safetensors as a model whose activations have scales."""
        scale = {"scale": 0.02, "zero_point": 0}
        names = ["conv1", "avgpool"] + [f"layer{stage}.{block}.conv{index}" for stage in (1, 2, 3)
                                        for block in (0, 1, 2) for index in (1, 2)]
        self.deixis("convert", "net.safetensors", "-o", name)
        support.set_metadata(self.folder / name, "deixis.activations",
                             json.dumps({name: scale for name in names}))

    def test_a_c_file_for_small_chips(self):
        support.write_resnet20(self.folder / "net.safetensors")
        self.fails(USAGE, "convert", "net.safetensors", "--embed", "-o", "net.h",
                   says="activations have no scales", remedy="--activations int8")
        self.fails(USAGE, "convert", "net.safetensors", "--embed", "-o", "net.onnx",
                   says="ends in .h or .c")
        self.write_with_activation_scales("named.safetensors")
        sources = pathlib.Path(__file__).parents[2] / "src"
        for name in ("net.h", "net.c"):
            self.deixis_json("convert", "named.safetensors", "--embed", "-o", name)
            for language in ("c", "c++"):
                subprocess.run(["g++", "-x", language, "-Wall", "-Werror", "-Wno-overlength-strings",
                                "-Wno-unused-variable", "-fsyntax-only", "-I", sources, "-include",
                                name, "/dev/null"],
                               cwd=self.folder, check=True)

    def test_an_onnx_in_eight_bits(self):
        support.write_resnet20(self.folder / "net.safetensors")
        plain = self.deixis_json("convert", "net.safetensors", "-o", "net.onnx")
        self.assertEqual(plain["precision"], "fp32")
        self.fails(USAGE, "convert", "net.safetensors", "-o", "x.onnx", "--precision", "int8",
                   says="expected a model with activation scales", remedy="--activations int8")
        self.fails(USAGE, "convert", "net.safetensors", "-o", "x.pth", "--precision", "fp32",
                   says="ends in .onnx")

        self.write_with_activation_scales("named.safetensors")
        document = self.deixis_json("convert", "named.safetensors", "-o", "small.onnx")
        self.assertEqual(document["precision"], "int8")
        self.assertLess(document["file_bytes"], 0.3 * plain["file_bytes"])
        again = self.deixis_json("convert", "named.safetensors", "-o", "big.onnx", "--precision",
                                 "fp32")
        self.assertEqual(again["precision"], "fp32")

    def test_a_compressed_model_becomes_dense(self):
        support.write_resnet20(self.folder / "net.safetensors")
        self.deixis("compress", "net.safetensors", "-o", "small.safetensors")
        document = self.deixis_json("convert", "small.safetensors", "-o", "dense.pth")
        self.assertEqual(document["dequantized_layers"], 20)
        info = self.deixis_json("info", "dense.pth")
        self.assertEqual(info["architecture"], "resnet20-cifar")
        self.assertEqual({layer["storage"]["kind"] for layer in info["layers"]}, {"dense"})

    def test_names_of_categories(self):
        support.write_resnet20(self.folder / "net.safetensors")
        (self.folder / "names.txt").write_text("\n".join(support.CIFAR_NAMES) + "\n")
        self.deixis("convert", "net.safetensors", "-o", "named.safetensors", "--classes",
                    "names.txt")
        self.assertEqual(self.deixis_json("info", "named.safetensors")["class_names"],
                         list(support.CIFAR_NAMES))
        (self.folder / "names.txt").write_text("one\ntwo\n")
        self.fails(INVALID_DATA, "convert", "net.safetensors", "-o", "x.safetensors", "--classes",
                   "names.txt", says=("10 names", "found 2"))
        self.assertFalse((self.folder / "x.safetensors").exists())

    def test_the_original_is_never_overwritten(self):
        path = support.write_resnet20(self.folder / "net.safetensors")
        before = path.read_bytes()
        (self.folder / "link.safetensors").symlink_to("net.safetensors")
        for out in ("net.safetensors", "./net.safetensors", "link.safetensors"):
            self.fails(USAGE, "convert", "net.safetensors", "--out", out, "--overwrite",
                       says="is the model that is read")
        self.assertEqual(path.read_bytes(), before)

    def test_other_files_only_when_asked(self):
        support.write_resnet20(self.folder / "net.safetensors")
        (self.folder / "out.pth").write_text("precious")
        self.fails(USAGE, "convert", "net.safetensors", "-o", "out.pth", says="exists already",
                   remedy="--overwrite")
        self.assertEqual((self.folder / "out.pth").read_text(), "precious")
        self.deixis("convert", "net.safetensors", "-o", "out.pth", "--overwrite")
        self.assertNotEqual((self.folder / "out.pth").read_bytes(), b"precious")

    def test_a_name_that_says_no_format(self):
        support.write_resnet20(self.folder / "net.safetensors")
        self.fails(USAGE, "convert", "net.safetensors", "-o", "out.bin", says=".onnx")
        self.fails(USAGE, "convert", "net.safetensors", says="needs --out FILE")
        (self.folder / "out.pth").mkdir()
        self.fails(USAGE, "convert", "net.safetensors", "-o", "out.pth", says="is a folder")

    def test_a_folder_that_is_not_there(self):
        support.write_resnet20(self.folder / "net.safetensors")
        self.fails(NOT_FOUND, "convert", "net.safetensors", "-o", "nowhere/out.pth",
                   says="nowhere")

    def test_no_network_that_deixis_knows(self):
        support.write_safetensors(self.folder / "any.safetensors",
                                  {"a": ("F32", (1,), b"\0\0\0\0")})
        self.fails(INVALID_DATA, "convert", "any.safetensors", "-o", "out.pth")
        self.assertFalse((self.folder / "out.pth").exists())


class Bench(CliTest):

    def test_keys_and_table(self):
        support.write_resnet20(self.folder / "net.safetensors")
        document = self.deixis_json("bench", "net.safetensors", "--threads", "1", "--repetitions",
                                    "3")
        latency = document["latency_ms"]
        self.assertGreater(latency["p10"], 0)
        self.assertLessEqual(latency["p10"], latency["median"])
        self.assertLessEqual(latency["median"], latency["p90"])
        self.assertEqual(document["threads"], 1)
        self.assertEqual(document["repetitions"], 3)
        for key in ("peak_rss_bytes", "arena_bytes", "weight_bytes"):
            self.assertGreater(document[key], 0, key)
        # 20 layers: 40.55 M multiply-accumulates at 32 x 32 (He et al., section 4.2).
        self.assertAlmostEqual(document["macs"] / 1e6, 40.55, places=1)
        names = [layer["name"] for layer in document["layers"]]
        self.assertIn("conv1+relu", names)
        self.assertEqual(document["precision"], "fp32")
        self.assertGreater(document["peak_gmacs_per_second"], 0)
        for layer in document["layers"]:
            self.assertEqual(layer["macs"] > 0, layer["share_of_peak"] > 0, layer["name"])
        text = self.deixis("bench", "net.safetensors", "--repetitions", "2").out
        self.assertRegex(text, r"latency +[\d.]+ ms median of 2 runs")
        self.assertRegex(text, r"layer3\.0\.conv1\S* +[\d.]+ ms +[\d.]+ % +1\.18 M")

    def test_several_models_in_turns(self):
        for name in ("one.safetensors", "two.safetensors"):
            support.write_resnet20(self.folder / name)
        command = ("bench", "one.safetensors", "two.safetensors", "--repetitions", "3")
        models = self.deixis_json(*command)["models"]
        self.assertEqual([model["model"] for model in models], list(command[1:3]))
        for model in models:
            self.assertEqual(model["repetitions"], 3)
            self.assertGreater(model["latency_ms"]["median"], 0)
        self.assertRegex(self.deixis(*command).out, r"one\.safetensors +fp32 +[\d.]+ ms .* 1\.00 ")
        self.fails(NOT_FOUND, "bench", "one.safetensors", "three.safetensors", says="three")

    def test_bounds(self):
        self.fails(USAGE, "bench", "x", "--threads", "0", says="from 1 to 1024")
        self.fails(USAGE, "bench", "x", "--repetitions", "many", says="whole number")


if __name__ == "__main__":
    support.main()
