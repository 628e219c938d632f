"""compress and study: files, figures, gates, and the combinations that make no sense."""

import csv
import json
import pathlib
import unittest

import support
from support import CliTest, INVALID_DATA, NOT_FOUND, QUALITY, USAGE

CAT = support.CIFAR_NAMES.index("cat")


class Compress(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors")

    def small(self, *flags, code=0):
        return self.deixis_json("compress", "net.safetensors", "-o", "small.safetensors", *flags,
                                code=code)

    def test_without_pictures(self):
        document = self.small()
        path = self.folder / "small.safetensors"
        self.assertTrue(document["written"])
        self.assertEqual(document["file_bytes"], path.stat().st_size)
        source_bytes = (self.folder / "net.safetensors").stat().st_size
        self.assertEqual(document["source_bytes"], source_bytes)
        self.assertAlmostEqual(document["ratio"], source_bytes / path.stat().st_size)
        self.assertGreater(document["ratio"], 6.5)
        # Never a guess.
        self.assertIsNone(document["top1_before"])
        self.assertIsNone(document["top1_after"])
        self.assertNotIn("measured_on", document)
        self.assertEqual(len(document["layers"]), 20)
        layer = document["layers"][1]
        self.assertEqual((layer["name"], layer["centroids"], layer["granularity"]),
                         ("layer1.0.conv1", 16, "group"))
        # 16 rows of 72 bytes, 4 codebooks of 16 int8, 16 scales and 16 biases.
        self.assertEqual(layer["bytes_after"], 16 * 72 + 4 * 16 + 16 * 4 + 16 * 4)
        self.assertEqual(self.temporary_files(), [])

    def test_the_file_says_what_it_was_made_from(self):
        import hashlib
        self.small()
        info = self.deixis_json("info", "small.safetensors")
        self.assertEqual(info["metadata"]["deixis.source.sha256"],
                         hashlib.sha256((self.folder / "net.safetensors").read_bytes()).hexdigest())
        self.assertEqual(info["architecture"], "resnet20-cifar")
        self.assertEqual(info["layers"][0]["storage"], {
            "kind": "palettized",
            "centroids": 16,
            "bits_per_index": 4,
            "group_rows": 4,
            "codebook_dtype": "int8",
        })

    def test_figures_are_those_of_the_file(self):
        support.write_dataset(self.folder / "data", per_class=2)
        document = self.small("--eval", "data", "--centroids", "4")
        self.assertEqual(document["measured_on"], "data")
        self.assertEqual(document["images"], 20)
        for model, key in (("net.safetensors", "top1_before"), ("small.safetensors", "top1_after")):
            self.assertEqual(self.deixis_json("eval", model, "--data", "data")["top1"],
                             document[key])

    def test_layers_that_are_left_out_stay_bit_identical(self):
        document = self.small("--layers", r"layer3\..*")
        self.assertEqual([layer["name"] for layer in document["layers"]],
                         [f"layer3.{b}.conv{c}" for b in range(3) for c in (1, 2)])
        before, after = (
            {tensor["name"]: tensor["sha256"]
             for tensor in self.deixis_json("info", path, "--tensors")["tensors"]}
            for path in ("net.safetensors", "small.safetensors"))
        kept = [name for name in before if not name.startswith("layer3.")]
        self.assertGreater(len(kept), 50)
        for name in kept:
            self.assertEqual(after[name], before[name], name)

    def test_layers_that_do_not_exist(self):
        self.fails(USAGE, "compress", "net.safetensors", "-o", "s.safetensors", "--layers", "nope")
        self.fails(USAGE, "compress", "net.safetensors", "-o", "s.safetensors", "--layers", "(")

    def test_granularity_and_number_of_centroids(self):
        rows = {"row": 1, "group": 4, "tensor": 16}
        for granularity, group_rows in rows.items():
            for centroids, bits in ((2, 1), (3, 2), (256, 8)):
                with self.subTest((granularity, centroids)):
                    self.small("--granularity", granularity, "-k", centroids, "--layers",
                               "layer1.0.conv1", "--overwrite")
                    info = self.deixis_json("info", "small.safetensors")
                    storage = info["layers"][1]["storage"]
                    self.assertEqual((storage["centroids"], storage["bits_per_index"],
                                      storage["group_rows"]), (centroids, bits, group_rows))

    def test_pruning(self):
        document = self.small("--prune", "nearest-zero", "-k", "3")
        for layer in document["layers"]:
            self.assertGreater(layer["sparsity"], 0.2, layer["name"])
        document = self.small("--prune", "magnitude", "--sparsity", "0.5", "--overwrite")
        for layer in document["layers"]:
            self.assertGreaterEqual(layer["sparsity"], 0.49, layer["name"])
        self.assertRegex(
            self.deixis("compress", "net.safetensors", "-o", "p.safetensors", "--prune",
                        "nearest-zero", "-k", "3").out, r"zeros\n")

    def test_archive(self):
        # Pruned indices are far from uniform, so there is something to gain.
        packed = self.small("--prune", "magnitude", "--sparsity", "0.7")
        archived = self.small("--prune", "magnitude", "--sparsity", "0.7", "--archive",
                              "--overwrite")
        self.assertTrue(archived["archived"])
        self.assertLess(archived["file_bytes"], 0.9 * packed["file_bytes"])
        info = self.deixis_json("info", "small.safetensors")
        self.assertTrue(info["layers"][-2]["storage"]["archived"])
        self.assertIn("archived", self.deixis("info", "small.safetensors").out)

    def test_a_size(self):
        for target in (60_000, 120_000):
            document = self.small("--target-bytes", target, "--overwrite")
            self.assertLessEqual(document["file_bytes"], target)
            self.assertGreaterEqual(document["file_bytes"], 0.97 * target)
        self.fails(USAGE, "compress", "net.safetensors", "-o", "s.safetensors", "--target-bytes",
                   "10k")

    def test_a_gate_that_is_missed(self):
        # The answer to every picture is the same before and after, so nothing is lost; then the
        # original is right about all pictures and K=2 without calibration is not.
        support.write_resnet20(self.folder / "net.safetensors", favourite=CAT)
        support.write_dataset(self.folder / "data", per_class=1)
        self.deixis("compress", "net.safetensors", "-o", "small.safetensors", "-k", "16", "--eval",
                    "data", "--max-drop", "0")
        support.write_resnet20(self.folder / "net.safetensors", seed=5)
        for i in range(24):
            support.write_random_png(self.folder / f"own/{i}.png", seed=100 + i)
        answers = self.deixis_json("predict", "net.safetensors",
                                   *[f"own/{i}.png" for i in range(24)])["predictions"]
        (self.folder / "own/labels.csv").write_text(
            "file,label\n" + "".join(f"{i}.png,{a['index']}\n" for i, a in enumerate(answers)))
        before = (self.folder / "small.safetensors").read_bytes()
        flags = ("-k", "2", "--eval", "own", "--max-drop", "1", "--overwrite")
        document = self.small(*flags, code=QUALITY)
        self.assertEqual(document["error"]["name"], "quality_missed")
        self.assertEqual(document["top1_before"], 1.0)
        self.assertLess(document["top1_after"], 0.99)
        self.assertFalse(document["written"])
        # The old file is what it was, and nothing lies beside it.
        self.assertEqual((self.folder / "small.safetensors").read_bytes(), before)
        self.assertEqual(self.temporary_files(), [])
        # For people: the table all the same, and one error.
        outcome = self.deixis("compress", "net.safetensors", "-o", "small.safetensors", *flags,
                              code=QUALITY)
        self.assertRegex(outcome.out, r"not written +small\.safetensors")
        self.assertEqual(outcome.err.count("error:"), 1)
        self.assertIn("--max-drop", outcome.err)

    def test_calibrated(self):
        support.write_dataset(self.folder / "data", per_class=2)
        document = self.small("--data", "data", "--layers", "layer1.0.*")
        self.assertEqual(document["measured_on"], "data")
        self.assertGreaterEqual(document["calibration_images"], 20)
        for layer in document["layers"]:
            self.assertGreater(layer["output_snr_db"], 10)

    def test_activations_in_eight_bits(self):
        support.write_dataset(self.folder / "data", per_class=2)
        before = self.small("--data", "data", "-k", "16")
        self.assertEqual(before["activations"], [])
        document = self.small("--data", "data", "-k", "16", "--activations", "int8", "--overwrite")
        info = self.deixis_json("info", "small.safetensors")
        kept = json.loads(info["metadata"]["deixis.activations"])
        # 19 convolutions and the average; the picture and the answer have none.
        self.assertEqual(len(document["activations"]), 20)
        for value in document["activations"]:
            self.assertEqual(value["zero_point"], 0)
            self.assertAlmostEqual(kept[value["name"]]["scale"] / value["scale"], 1, 6)
            self.assertGreater(value["sqnr_db"], 20)
            self.assertLess(value["clipped_fraction"], 0.01)
            self.assertLessEqual(value["min"], value["max"])
        self.assertEqual({value["name"] for value in document["activations"]}, set(kept))
        self.assertNotIn("linear", kept)
        # Judged from the file, in integers.
        judged = self.deixis_json("eval", "small.safetensors", "--data", "data")
        self.assertEqual((judged["top1"], judged["activations"]), (document["top1_after"], "int8"))
        self.assertEqual(self.deixis_json("eval", "net.safetensors", "--data",
                                          "data")["activations"], "float32")
        self.assertRegex(self.deixis("eval", "small.safetensors", "--data", "data").out,
                         "resnet20-cifar, int8 activations\n")
        # Compressed once more without the flag it is float32 again, and says so.
        again = self.deixis("compress", "small.safetensors", "--out", "again.safetensors", "-k", "8")
        self.assertRegex(again.out, "activations  float32: the scales of the source's")
        self.assertGreaterEqual(document["agreement"], 0.8)
        self.assertGreater(document["mean_kl_divergence"], 0)
        self.assertLess(document["mean_kl_divergence"], 0.05)
        self.assertRegex(self.small_text("-k", "16", "--activations", "int8"),
                         r"(?s)activations +int8, 20 values, the least accurate at .* kept\n")

    def small_text(self, *flags):
        return self.deixis("compress", "net.safetensors", "-o", "small.safetensors", "--overwrite",
                           "--data", "data", *flags).out

    def test_int8_weights_where_nobody_asked_for_codebooks(self):
        support.write_dataset(self.folder / "data", per_class=2)
        document = self.small("--data", "data", "--activations", "int8")
        for layer in document["layers"]:
            self.assertEqual((layer["form"], layer["centroids"], layer["granularity"]),
                             ("int8", 256, "tensor"))
        # A byte per weight, 256 integers, 16 scales and 16 biases.
        self.assertEqual(document["layers"][1]["bytes_after"], 16 * 144 + 256 + 2 * 16 * 4)
        self.assertGreaterEqual(document["agreement"], 0.9)
        self.assertIn("int8 weights", self.small_text("--activations", "int8"))
        # With a size to meet, codebooks are chosen, and the scales are part of it.
        document = self.small("--data", "data", "--activations", "int8", "--target-bytes", "120k",
                              "--overwrite")
        self.assertLessEqual(document["file_bytes"], 120_000)
        self.assertEqual(document["layers"][0]["form"], "codebook")
        self.assertEqual(len(document["activations"]), 20)

    def test_ranges_of_activations(self):
        support.write_dataset(self.folder / "data", per_class=1)
        flags = ("--data", "data", "--activations", "int8", "--overwrite", "--observer")
        clipped = {}
        for name, observer in (("all", ("min-max",)), ("most", ("percentile",)),
                               ("half", ("percentile", "--percentile", "90")), ("mse", ("mse",))):
            values = self.small(*flags, *observer)["activations"]
            clipped[name] = sum(value["clipped_fraction"] for value in values) / len(values)
        self.assertEqual(clipped["all"], 0)
        self.assertLess(clipped["most"], 2e-4)
        self.assertAlmostEqual(clipped["half"], 0.1, delta=0.02)
        self.assertGreater(clipped["mse"], 0)

    def test_answers_before_and_after(self):
        support.write_dataset(self.folder / "data", per_class=1)
        document = self.small("--eval", "data", "-k", "256")
        self.assertEqual(document["agreement"], 1)
        self.assertLess(document["mean_kl_divergence"], 1e-3)
        document = self.small("--overwrite")
        self.assertIsNone(document["agreement"])
        self.assertIsNone(document["mean_kl_divergence"])

    def test_two_runs_write_the_same_bytes(self):
        support.write_dataset(self.folder / "data", per_class=1)
        flags = ("--data", "data", "--layers", "layer1.*")
        self.small(*flags, "--threads", "1")
        first = (self.folder / "small.safetensors").read_bytes()
        self.small(*flags, "--threads", "3", "--overwrite")
        self.assertEqual((self.folder / "small.safetensors").read_bytes(), first)

    def test_combinations_that_make_no_sense(self):
        def refuse(*flags, says):
            self.fails(USAGE, "compress", "net.safetensors", "-o", "s.safetensors", *flags,
                       says=says)

        refuse("--max-drop", "1", says="--max-drop needs labelled pictures")
        refuse("--max-drop", "1", "--eval", "nowhere", says="that needs --data")
        refuse("-k", "4", "--target-bytes", "90k", says="contradict")
        refuse("--archive", "--target-bytes", "90k", says="--archive")
        refuse("--activations", "int8", says="needs pictures")
        refuse("--activations", "int8", "--eval", "nowhere", says="needs pictures")
        refuse("--observer", "mse", says="for --activations int8")
        refuse("--percentile", "99", says="for --activations int8")
        eight = ("--activations", "int8", "--data", "nowhere")
        refuse(*eight, "--percentile", "99", says="--observer percentile")
        refuse(*eight, "--observer", "percentile", "--percentile", "49", says="from 50 to 100")
        refuse(*eight, "--observer", "entropy", says="mse, percentile or min-max")
        refuse(*eight, "-k", "16", "--codebook", "float16", says="centroids of int8")
        refuse(*eight, "--granularity", "row", says="about codebooks")
        refuse(*eight, "--prune", "nearest-zero", says="about codebooks")
        refuse("--sparsity", "0.5", says="--prune magnitude")
        refuse("--prune", "magnitude", says="needs --sparsity")
        refuse("--prune", "smallest", says="nearest-zero or magnitude")
        refuse("-k", "1", says="from 2 to 256")
        refuse("--granularity", "channel", says="row, group or tensor")
        self.fails(USAGE, "compress", "net.safetensors", "-o", "small.pth", says=".safetensors",
                   remedy="deixis convert")
        self.fails(USAGE, "compress", "net.safetensors", says="needs --out FILE")
        self.fails(USAGE, "compress", "net.safetensors", "-o", "net.safetensors", "--overwrite",
                   says="is the model that is read")
        self.fails(NOT_FOUND, "compress", "net.safetensors", "-o", "s.safetensors", "--data",
                   "nowhere", says="nowhere")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["net.safetensors"])

    def test_published_network(self):
        # Limits in points of top-1, on 2,000 test pictures.
        model = self.needs_data("checkpoints", "akamaster", "resnet20-12fca82f.th")
        train, test = self.needs_data("cifar10", "train"), self.needs_data("cifar10", "test")
        document = self.deixis_json("compress", model, "-o", "r20.safetensors", "--data", train,
                                    "--eval", test)
        self.assertEqual(document["top1_before"], 0.92)
        self.assertGreaterEqual(document["top1_after"], 0.92 - 0.003)
        self.assertGreaterEqual(document["float32_ratio"], 6.5)


    def test_published_network_in_integers(self):
        model = self.needs_data("checkpoints", "akamaster", "resnet20-12fca82f.th")
        train, test = self.needs_data("cifar10", "train"), self.needs_data("cifar10", "test")
        for flags, most_points, least_ratio in ((("-k", "16"), 0.5, 7), ((), 0.3, 3.7)):
            document = self.deixis_json("compress", model, "-o", "r20.safetensors", "--data", train,
                                        "--eval", test, "--activations", "int8", "--overwrite",
                                        *flags)
            self.assertGreaterEqual(document["top1_after"], 0.92 - most_points / 100)
            self.assertGreaterEqual(document["agreement"], 0.985)
            self.assertLess(document["mean_kl_divergence"], 0.01)
            self.assertGreaterEqual(document["float32_ratio"], least_ratio)


class Study(CliTest):

    def test_tables_and_files(self):
        support.write_resnet20(self.folder / "net.safetensors")
        support.write_dataset(self.folder / "data", per_class=1)
        words = ("study", "net.safetensors", "--data", "data", "--layer", "linear", "--centroids",
                 "2,3,8", "--out", "report")
        document = self.deixis_json(*words, "--layer-only")
        self.assertEqual([case["centroids"] for case in document["cases"]], [2, 3, 8])
        self.assertEqual([case["bits_per_index"] for case in document["cases"]], [1, 2, 3])
        self.assertEqual((document["nodes"], document["weights_per_node"]), (10, 64))
        errors = [case["weight_mse"] for case in document["cases"]]
        self.assertEqual(errors, sorted(errors, reverse=True))
        for case in document["cases"]:
            self.assertGreater(case["pruned"]["sparsity"], 0)
        names = {path.name for path in (self.folder / "report").iterdir()}
        self.assertLessEqual({"index.html", "study.json", "layer.csv", "codebooks.csv",
                              "network.csv"}, names)
        json.loads((self.folder / "report/study.json").read_text())
        page = (self.folder / "report/index.html").read_text()
        self.assertNotRegex(page, r"""(src|href)=["']https?://""")
        with open(self.folder / "report/codebooks.csv", newline="", encoding="utf-8") as file:
            self.assertGreater(len(list(csv.reader(file))), 10)
        self.assertEqual(self.temporary_files(), [])
        text = self.deixis(*words).out
        self.assertRegex(text, r"as trained +\d+\.\d\d %")
        self.assertIn("The whole network", text)

    def test_each_row_of_a_head_that_locates_has_a_name(self):
        pointer = pathlib.Path(__file__).resolve().parents[2] / "models/pointer.safetensors"
        self.deixis("data", "make", "tips", "--kind", "pointing", "--count", "4", "--height", "240")
        self.deixis("study", pointer, "--data", "tips", "--centroids", "2", "--layer-only", "--out",
                    "report")
        layer = json.loads((self.folder / "report/study.json").read_text())["layer"]
        names = [f"{category} {what}" for category in ("fingertip", "knuckle") for what in "xy"]
        for what in ("presence", "attention"):
            names += [f"{category} {what}" for category in ("fingertip", "knuckle")]
        self.assertEqual((layer["node_names"], layer["nodes"]), (names, 8))

    def test_mistakes(self):
        support.write_resnet20(self.folder / "net.safetensors")
        support.write_dataset(self.folder / "data", per_class=1)
        base = ("study", "net.safetensors", "--data", "data", "--out", "report")
        self.fails(NOT_FOUND, *base, "--layer", "fc", says="fc")
        self.fails(USAGE, *base, "--centroids", "2,2", says="none twice")
        self.fails(USAGE, *base, "--centroids", "1,2", says="from 2 to 256")
        self.fails(USAGE, "study", "net.safetensors", "--data", "data", says="needs --out")
        self.assertFalse((self.folder / "report").exists())


if __name__ == "__main__":
    support.main()
