"""predict and eval: pictures, folders of pictures, and what is wrong with them."""

import csv
import unittest

import support
from support import CliTest, DEVICE, INVALID_DATA, NOT_FOUND, USAGE

CAT = support.CIFAR_NAMES.index("cat")


class Predict(CliTest):

    def setUp(self):
        super().setUp()
        # Answers "class 3" to everything: softmax of a 5 among nine 0s.
        support.write_resnet20(self.folder / "net.safetensors", favourite=CAT)
        support.write_random_png(self.folder / "a.png", seed=1)
        support.write_random_png(self.folder / "b.png", seed=2, side=50)

    def test_one_picture(self):
        document = self.deixis_json("predict", "net.safetensors", "a.png")
        (prediction,) = document["predictions"]
        self.assertEqual(prediction["image"], "a.png")
        self.assertEqual(prediction["label"], "class 3")
        self.assertEqual(prediction["index"], 3)
        self.assertAlmostEqual(prediction["probability"], 0.942825, places=5)
        self.assertEqual(len(prediction["top"]), 5)
        self.assertEqual(self.deixis("predict", "net.safetensors", "a.png", "--top", "1").out,
                         "  class 3  94.28 %  ━━━━━━━━━━━━━━━━━━━\n")

    def test_many_pictures_are_named(self):
        text = self.deixis("predict", "net.safetensors", "a.png", "b.png", "--top", "1").out
        self.assertEqual([line for line in text.splitlines() if not line.startswith(" ")],
                         ["a.png", "b.png"])

    def test_names_of_the_model(self):
        (self.folder / "names.txt").write_text("\n".join(support.CIFAR_NAMES))
        self.deixis("convert", "net.safetensors", "-o", "named.safetensors", "--classes",
                    "names.txt")
        document = self.deixis_json("predict", "named.safetensors", "a.png")
        self.assertEqual(document["predictions"][0]["label"], "cat")

    def test_a_bad_picture_does_not_hide_the_good_ones(self):
        (self.folder / "text.jpg").write_text("this is no picture\n")
        outcome = self.deixis("predict", "net.safetensors", "a.png", "text.jpg", "b.png", "--top",
                              "1", code=INVALID_DATA)
        self.assertEqual(outcome.out.count("class 3"), 2)
        self.assertEqual(outcome.err.count("error:"), 1)
        self.assertIn("text.jpg", outcome.err)
        document = self.deixis_json("predict", "net.safetensors", "a.png", "text.jpg", "b.png",
                                    code=INVALID_DATA)
        self.assertEqual([("error" in p, p["image"]) for p in document["predictions"]],
                         [(False, "a.png"), (True, "text.jpg"), (False, "b.png")])

    def test_pictures_that_are_none(self):
        whole = (self.folder / "a.png").read_bytes()
        (self.folder / "cut.png").write_bytes(whole[:len(whole) // 2])
        (self.folder / "empty.png").write_bytes(b"")
        (self.folder / "page.jpg").write_bytes(b"<html></html>")
        for name in ("cut.png", "empty.png", "page.jpg"):
            with self.subTest(name):
                outcome = self.deixis("predict", "net.safetensors", name, code=INVALID_DATA)
                self.assertIn(name, outcome.err)
                self.assertEqual(outcome.out, "")
        self.deixis("predict", "net.safetensors", "missing.png", code=NOT_FOUND)

    def test_needs_a_picture(self):
        self.fails(USAGE, "predict", "net.safetensors", says="needs IMAGE")

    def test_speaks(self):
        if support.shutil.which("espeak-ng") is None:
            self.skipTest("espeak-ng is not installed")
        self.deixis("predict", "net.safetensors", "a.png", "--speak", "--audio", "file:said.wav")
        sound = (self.folder / "said.wav").read_bytes()
        self.assertEqual((sound[:4], sound[8:12]), (b"RIFF", b"WAVE"))
        self.assertGreater(len(sound), 10_000)

    def test_no_voice_still_shows_the_answer(self):
        outcome = self.deixis("predict", "net.safetensors", "a.png", "--speak", "--voice",
                              "no-such-program", "--audio", "file:said.wav", code=DEVICE)
        self.assertIn("class 3", outcome.out)
        self.assertIn("no-such-program", outcome.err)


class Eval(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors", favourite=CAT)

    def test_figures(self):
        support.write_dataset(self.folder / "data", per_class=2)
        document = self.deixis_json("eval", "net.safetensors", "--data", "data")
        self.assertEqual(document["images"], 20)
        self.assertEqual(document["correct"], 2)
        self.assertEqual(document["top1"], 0.1)
        # Nine logits are 0 and one is 5: -log softmax, twice right and eighteen times wrong.
        self.assertAlmostEqual(document["mean_cross_entropy"], 4.558876, places=4)
        self.assertGreater(document["seconds"], 0)
        by_label = {entry["label"]: entry for entry in document["classes"]}
        self.assertEqual(by_label["cat"]["top1"], 1.0)
        self.assertEqual(by_label["dog"]["top1"], 0.0)
        text = self.deixis("eval", "net.safetensors", "--data", "data").out
        self.assertRegex(text, r"top-1 +10\.00 %  2 of 20 pictures")
        self.assertRegex(text, r"cat +2 +2 +100\.0 %")

    def test_threads_do_not_change_the_figures(self):
        support.write_resnet20(self.folder / "net.safetensors")
        support.write_dataset(self.folder / "data", per_class=2)
        one, three = (self.deixis_json("eval", "net.safetensors", "--data", "data", "--threads", n)
                      for n in ("1", "3"))
        for document in (one, three):
            document.pop("seconds")
            document.pop("threads")
        self.assertEqual(one, three)

    def test_predictions(self):
        support.write_dataset(self.folder / "data", per_class=1, names=("plain", 'with "quotes"'))
        self.deixis("eval", "net.safetensors", "--data", "data", "--predictions", "answers.csv")
        with open(self.folder / "answers.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["file"] for row in rows],
                         ["data/plain/0.png", 'data/with "quotes"/0.png'])
        self.assertEqual([row["predicted"] for row in rows], ["3", "3"])
        self.assertEqual([row["correct"] for row in rows], ["0", "0"])
        self.fails(USAGE, "eval", "net.safetensors", "--data", "data", "--predictions",
                   "net.safetensors", says="is the model that is read")

    def test_labels_in_a_file(self):
        for i in range(3):
            support.write_random_png(self.folder / f"data/{i}.png", seed=i)
        (self.folder / "data/labels.csv").write_text("file,label\n0.png,3\n1.png,3\n2.png,0\n")
        document = self.deixis_json("eval", "net.safetensors", "--data", "data")
        self.assertEqual((document["images"], document["correct"]), (3, 2))

    def test_folders_without_pictures(self):
        self.fails(NOT_FOUND, "eval", "net.safetensors", "--data", "nowhere", says="nowhere")
        (self.folder / "empty").mkdir()
        self.fails(INVALID_DATA, "eval", "net.safetensors", "--data", "empty", says="empty")
        (self.folder / "texts/cat").mkdir(parents=True)
        (self.folder / "texts/cat/readme.txt").write_text("no picture")
        self.fails(INVALID_DATA, "eval", "net.safetensors", "--data", "texts", says="texts")
        self.fails(USAGE, "eval", "net.safetensors", says="needs --data DIR")

    def test_a_text_as_jpeg(self):
        support.write_dataset(self.folder / "data", per_class=1)
        (self.folder / "data/cat/bad.jpg").write_text("this is no picture\n")
        self.fails(INVALID_DATA, "eval", "net.safetensors", "--data", "data", says="bad.jpg")

    def test_categories_that_are_others(self):
        # More categories than outputs; and other names than the model's.
        support.write_dataset(self.folder / "many", per_class=1,
                              names=[f"c{i:02}" for i in range(11)])
        self.fails(INVALID_DATA, "eval", "net.safetensors", "--data", "many", says="10")
        (self.folder / "names.txt").write_text("\n".join(support.CIFAR_NAMES))
        self.deixis("convert", "net.safetensors", "-o", "named.safetensors", "--classes",
                    "names.txt")
        support.write_dataset(self.folder / "other", per_class=1,
                              names=[f"c{i:02}" for i in range(10)])
        self.fails(INVALID_DATA, "eval", "named.safetensors", "--data", "other",
                   says=("c00", "airplane"))

    def test_published_networks_on_real_pictures(self):
        for name, correct in (("resnet20-12fca82f.th", 1840), ("resnet56-4bfd9763.th", 1872)):
            model = self.needs_data("checkpoints", "akamaster", name)
            document = self.deixis_json("eval", model, "--data", self.needs_data("cifar10", "test"))
            self.assertEqual((document["images"], document["correct"]), (2000, correct))


if __name__ == "__main__":
    support.main()
