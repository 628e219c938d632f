"""run: from the camera to the voice."""

import json
import unittest

import support
from support import CliTest, INVALID_DATA, NOT_FOUND, USAGE


class Run(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors")
        tests = {"blue": (30, 40, 200), "red": (210, 40, 30)}
        for name, tint in tests.items():
            for i in range(6):
                support.write_png(
                    self.folder / "things" / name / f"{i}.png", 32, 32,
                    lambda x, y: [min(255, tint[c] + (x * y + i + c) % 40) for c in range(3)])
        self.deixis("train", "things", "--backbone", "net.safetensors", "--out",
                    "things.safetensors")
        lines = ["file,x_px,y_px"]
        for i in range(8):
            support.write_png(self.folder / "tips" / f"{i}.png", 32, 32,
                              lambda x, y: [(x * 7 + y * 3 + i) % 256] * 3)
            lines.append(f"{i}.png,{15 + i % 2},16")
        (self.folder / "tips" / "points.csv").write_text("\n".join(lines) + "\n")
        self.deixis("train", "tips", "--task", "locate", "--backbone", "net.safetensors", "--out",
                    "tip.safetensors")
        self.models = ["--pointer", "tip.safetensors", "--objects", "things.safetensors"]

    def test_names_what_a_still_finger_points_at(self):
        # One picture, again and again: a finger that is perfectly still.
        support.write_png(self.folder / "view" / "0.png", 96, 96,
                          lambda x, y: [min(255, v + (x * y) % 40) for v in (210, 40, 30)])
        camera = "folder://view?fps=10&clock=simulated"
        finished = self.deixis("run", "--camera", camera, *self.models, "--seconds", "5", "--jsonl",
                               "--audio", "file:heard.wav")
        self.assertIn("does not tell whether a finger is there", finished.err)
        events = [json.loads(line) for line in finished.out.splitlines() if line.startswith("{")]
        self.assertEqual([event["event"] for event in events][:2], ["finger-found", "locked"])
        self.assertEqual(len(events), 3, events)
        self.assertIn(events[2]["event"], ["say", "hedge"])
        self.assertEqual(events[2]["label"], "red")
        self.assertEqual(events[2]["time_ms"] - events[0]["time_ms"], 600)
        self.assertGreater(events[2]["object_ms"], 0)
        self.assertGreater((self.folder / "heard.wav").stat().st_size, 5 * 22050 * 4)

        once = self.deixis_json("run", "--camera", camera, *self.models, "--once", "--mute")
        self.assertEqual((once["said"], once["frames"]), (1, 7))
        self.assertGreater(once["look_ms"]["median"], 0)
        few = self.deixis_json("run", "--camera", camera, *self.models, "--frames", "3", "--mute")
        self.assertEqual((few["said"], few["frames"]), (0, 3))

    def test_lessons_are_made_and_taught(self):
        made = self.deixis_json("data", "make", "tips2", "--count", "8", "--seed", "5")
        self.assertEqual(made["images"], 8)
        lines = (self.folder / "tips2" / "points.csv").read_text().splitlines()
        self.assertEqual(lines[0], "file,category,x_px,y_px,presence")
        self.assertEqual(len(lines), 9)
        self.assertTrue(any(line.endswith(",,,0") for line in lines), lines)
        self.fails(USAGE, "data", "draw", "tips3", says="make")
        self.fails(USAGE, "data", "make", "tips3", "--count", "0", says="count")

    def test_mistakes(self):
        camera = ["--camera", "scene://seed=1&clock=simulated"]
        self.fails(USAGE, "run", *camera, says="--pointer")
        self.fails(USAGE, "run", "--camera", "window", *self.models, "--mute", says="window")
        self.fails(NOT_FOUND, "run", "--camera", "folder://nowhere", *self.models, "--mute",
                   says="nowhere")
        self.fails(INVALID_DATA, "run", *camera, "--pointer", "things.safetensors", "--objects",
                   "things.safetensors", "--mute", says="expected one that locates")
        self.fails(USAGE, "run", *camera, *self.models, "--dwell", "20", says="dwell")
        self.fails(USAGE, "run", *camera, *self.models, "--audio", "loud", says="alsa:NAME")


if __name__ == "__main__":
    unittest.main()
