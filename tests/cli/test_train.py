"""train, and what a model that locates does in the other commands."""

import unittest

import support
from support import CliTest, INVALID_DATA, NOT_FOUND, USAGE


class Train(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors")

    def write_colours(self, folder, per_class):
        """Pictures that differ by their colour: any network can tell them apart."""
        tints = {"blue": (30, 40, 200), "green": (40, 180, 50), "red": (210, 40, 30)}
        rng = support.random.Random(7)
        for name, tint in tints.items():
            for i in range(per_class):
                shift = [rng.randrange(-25, 26) for _ in range(3)]
                support.write_png(
                    self.folder / folder / name / f"{i}.png", 32, 32,
                    lambda x, y: [max(0, min(255, tint[c] + shift[c] + (x * y + c) % 9))
                                  for c in range(3)])

    def test_categories(self):
        self.write_colours("things", 12)
        self.write_colours("others", 3)
        document = self.deixis_json("train", "things", "--backbone", "net.safetensors", "--out",
                                    "things.safetensors")
        self.assertEqual(document["images"], 36)
        self.assertGreater(document["held_out_top1"], 0.9)
        info = self.deixis_json("info", "things.safetensors")
        self.assertEqual(info["class_names"], ["blue", "green", "red"])
        judged = self.deixis_json("eval", "things.safetensors", "--data", "others")
        self.assertEqual(judged["images"], 9)
        self.assertGreater(judged["top1"], 0.85)
        (seen,) = self.deixis_json("predict", "things.safetensors",
                                   "others/red/0.png")["predictions"]
        self.assertEqual(seen["label"], "red")
        self.assertIn("known_score", seen)
        self.assertGreater(document["unknown_auroc"], 0.5)
        self.assertGreater(document["fit_seconds"], 0)

        for i in range(6):
            support.write_png(self.folder / "strangers" / "grey" / f"{i}.png", 32, 32,
                              lambda x, y: [120 + (x * y + i) % 9] * 3)
        met = self.deixis_json("eval", "things.safetensors", "--data", "others", "--unknown",
                               "strangers")
        self.assertEqual((met["images"], met["unknown_images"]), (9, 6))
        self.assertGreater(met["unknown_auroc"], 0.5)
        self.assertLessEqual(met["known_rejected"], 0.5)
        self.assertGreaterEqual(met["unknown_rejected"], 0)

    def test_the_maps_that_are_read(self):
        self.write_colours("things", 6)
        base = ("train", "things", "--backbone", "net.safetensors", "--out")
        self.deixis(*base, "three.safetensors")
        self.assertIn("on the means of 3 stages", self.deixis("info", "three.safetensors").out)
        self.deixis(*base, "one.safetensors", "--pooled-stages", "1")
        self.assertNotIn("means", self.deixis("info", "one.safetensors").out)
        # A network of three stages has no fourth.
        self.deixis(*base, "four.safetensors", "--pooled-stages", "4")
        self.assertEqual((self.folder / "three.safetensors").read_bytes(),
                         (self.folder / "four.safetensors").read_bytes())
        self.fails(USAGE, *base, "x.safetensors", "--method", "full", "--pooled-stages", "1",
                   says="--pooled-stages")

    def test_copies(self):
        self.write_colours("things", 6)
        base = ("train", "things", "--backbone", "net.safetensors", "--out")
        self.assertIn("each in 5 views", self.deixis(*base, "five.safetensors").out)
        taught = self.deixis_json(*base, "one.safetensors", "--varied-copies", "0")
        self.assertEqual((taught["images"], taught["views"]), (18, 1))
        self.assertNotEqual((self.folder / "five.safetensors").read_bytes(),
                            (self.folder / "one.safetensors").read_bytes())
        self.fails(USAGE, *base, "x.safetensors", "--method", "full", "--varied-copies", "2",
                   says="--varied-copies")

    def test_looks_once(self):
        self.write_colours("things", 6)
        base = ("train", "things", "--backbone", "net.safetensors", "--out")
        self.deixis(*base, "a.safetensors")
        kept = list((self.folder / ".cache/deixis/embeddings").iterdir())
        self.assertEqual(len(kept), 18 * 5)
        for path in kept[:9]:
            path.write_bytes(path.read_bytes()[:-3])  # a damaged one is made anew
        self.deixis(*base, "b.safetensors")
        self.assertEqual((self.folder / "a.safetensors").read_bytes(),
                         (self.folder / "b.safetensors").read_bytes())

    def write_dots(self, folder, count):
        """A bright dot on grey, its place in points.csv."""
        rng = support.random.Random(11)
        lines = ["file,x_px,y_px"]
        for i in range(count):
            at_x, at_y = rng.randrange(4, 28), rng.randrange(4, 28)
            support.write_png(
                self.folder / folder / f"{i}.png", 32, 32,
                lambda x, y: (255, 240, 90) if (x - at_x)**2 + (y - at_y)**2 < 14 else (70, 70, 70))
            lines.append(f"{i}.png,{at_x},{at_y}")
        (self.folder / folder / "points.csv").write_text("\n".join(lines) + "\n")

    def test_places(self):
        self.write_dots("dots", 60)
        document = self.deixis_json("train", "dots", "--task", "locate", "--backbone",
                                    "net.safetensors", "--out", "dot.safetensors")
        self.assertEqual(document["task"], "locate")
        self.assertGreater(document["held_out_mean_error_px"], 0)
        judged = self.deixis_json("eval", "dot.safetensors", "--data", "dots")
        self.assertEqual((judged["task"], judged["images"]), ("locate", 60))
        # Guessing the middle of the picture would be some 9 pixels off.
        self.assertLess(judged["mean_error_px"], 8)
        self.assertLessEqual(judged["median_error_px"], judged["p95_error_px"])
        self.assertNotIn("top1", judged)
        self.assertRegex(self.deixis("eval", "dot.safetensors", "--data", "dots").out,
                         r"error +[\d.]+ px mean")
        (seen,) = self.deixis_json("predict", "dot.safetensors", "dots/0.png")["predictions"]
        self.assertAlmostEqual(seen["x_px"], (seen["x"] + 1) * 16, places=4)
        small = self.deixis_json("compress", "dot.safetensors", "-o", "small.safetensors", "--eval",
                                 "dots")
        self.assertIsNone(small["top1_after"])
        self.assertAlmostEqual(small["mean_error_px_before"], judged["mean_error_px"], places=6)
        self.fails(USAGE, "compress", "dot.safetensors", "-o", "x.safetensors", "--eval", "dots",
                   "-k", "4", "--max-drop", "1", says="locates")
        self.fails(USAGE, "eval", "dot.safetensors", "--data", "dots", "--predictions", "p.csv",
                   says="locates")

    def test_all_of_the_network(self):
        if not (support.PROGRAM.parent / "deixis-train").exists():
            self.skipTest("deixis-train was not built")
        # Noise: what is alike would stay on one side of the split.
        for label, name in enumerate(("blue", "green", "red")):
            for i in range(8):
                support.write_random_png(self.folder / "things" / name / f"{i}.png",
                                         100 * label + i)
        words = ("train", "things", "--method", "full", "--backbone", "net.safetensors", "--out",
                 "things.safetensors", "--epochs", "2", "--batch", "6", "--threads", "1")
        document = self.deixis_json(*words)
        self.assertEqual(document["method"], "full")
        self.assertEqual(sum(map(sum, document["confusion"])), document["held_out"]["images"])
        self.assertIn(document["best_epoch"], (1, 2))
        info = self.deixis_json("info", "things.safetensors")
        self.assertEqual(info["class_names"], ["blue", "green", "red"])
        self.fails(USAGE, *words, says="things.safetensors")  # is there already
        self.assertIn("named right", self.deixis(*words, "--overwrite").out)
        small = self.deixis_json("compress", "things.safetensors", "-o", "small.safetensors",
                                 "--data", "things", "--finetune", "things", "--finetune-epochs",
                                 "1", "--threads", "1")
        self.assertEqual(small["file_bytes"], (self.folder / "small.safetensors").stat().st_size)
        self.assertEqual(self.temporary_files(), [])

    def test_the_trainers_word_is_passed_on(self):
        self.write_colours("things", 2)
        trainer = self.folder / "trainer"
        trainer.write_text("#!/bin/sh\necho 'error: training: it diverged' >&2\n"
                           "echo '  help: be slow' >&2\nexit 4\n")
        trainer.chmod(0o755)
        words = ("train", "things", "--method", "full", "--backbone", "net.safetensors", "--out",
                 "x.safetensors")
        self.fails(INVALID_DATA, *words, env={"DEIXIS_TRAINER": str(trainer)},
                   says="it diverged", remedy="be slow")
        self.fails(NOT_FOUND, *words, env={"DEIXIS_TRAINER": "/no/such"}, says="DEIXIS_TRAINER")
        quick = ("train", "things", "--backbone", "net.safetensors", "--out", "x.safetensors")
        self.fails(USAGE, *quick, "--epochs", "3", says="--epochs", remedy="--method full")
        self.fails(USAGE, *quick, "--resume", says="--resume", remedy="--method full")
        self.fails(USAGE, "compress", "net.safetensors", "-o", "x.safetensors",
                   "--finetune-epochs", "2", says="--finetune")

    def test_mistakes(self):
        self.write_colours("things", 2)
        base = ("--backbone", "net.safetensors", "--out")
        self.fails(NOT_FOUND, "train", "nowhere", *base, "x.safetensors", says="nowhere")
        self.fails(USAGE, "train", "things", *base, "net.safetensors", "--overwrite",
                   says="is the model that is read")
        self.fails(USAGE, "train", "things", "--out", "x.safetensors", says="needs --backbone")
        self.fails(USAGE, "train", "things", *base, "x.safetensors", "--task", "clasify",
                   remedy='"classify"')
        self.fails(INVALID_DATA, "train", "things", *base, "x.safetensors", "--task", "locate")
        self.assertFalse((self.folder / "x.safetensors").exists())


if __name__ == "__main__":
    support.main()
