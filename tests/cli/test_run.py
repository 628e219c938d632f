"""run: from the camera to the voice."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
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

    def view(self):
        """A camera that shows a finger that is perfectly still."""
        support.write_png(self.folder / "view" / "0.png", 96, 96,
                          lambda x, y: [min(255, v + (x * y) % 40) for v in (210, 40, 30)])
        return "folder://view?fps=10&clock=simulated"

    def test_speaks_other_languages_and_keeps_a_log(self):
        (self.folder / "things.names.csv").write_text("label,en,zh-Hant\nred,red one,紅色\n")
        camera = ["--camera", self.view(), *self.models, "--seconds", "3", "--jsonl"]
        for language, phrase, voice in (("en", "red one", []),
                                        ("zh-Hant", "紅色", ["--rate", "200", "--volume", "50"])):
            finished = self.deixis("run", *camera, "--language", language, *voice, "--log",
                                   "said.jsonl", "--audio", f"file:{language}.wav")
            events = [json.loads(line) for line in finished.out.splitlines() if line[0] == "{"]
            said = [event for event in events if event["event"] in ("say", "hedge")]
            self.assertTrue(said[0]["phrase"].endswith(phrase), said)
        entries = [json.loads(line)
                   for line in (self.folder / "said.jsonl").read_text().splitlines()]
        self.assertEqual([entry["label"] for entry in entries], ["red", "red"])
        self.assertRegex(entries[0]["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$")
        other = ["--names", "other.csv"]
        self.fails(NOT_FOUND, "run", *camera[:-1], *other, "--mute", says="other.csv")
        # Another voice is told where it says so, and is not asked for what it cannot.
        self.fails(USAGE, "run", *camera[:-1], "--voice", "cat", "--rate", "200", says="--rate",
                   remedy="{rate}")
        (self.folder / "voice.sh").write_text('echo "$@" >> told; exec espeak-ng --stdin --stdout\n')
        self.deixis("run", *camera, "--voice", "sh voice.sh {language} {rate}", "--rate", "99",
                    "--language", "zh-Hant", "--audio", "file:a.wav")
        self.assertEqual((self.folder / "told").read_text().splitlines()[0], "zh-Hant 99")

    def test_answers_a_key_only(self):
        camera = ["--camera", self.view() + "&loop=yes", *self.models, "--mute", "--jsonl"]
        # Nobody presses: stdin has ended at once.
        finished = self.deixis("run", *camera, "--seconds", "5", "--trigger", "key")
        events = [json.loads(line)["event"] for line in finished.out.splitlines()]
        self.assertEqual(events, ["finger-found"])
        (self.folder / "pin").write_text("0")
        running = subprocess.Popen(
            [support.PROGRAM, "run", "--camera", "folder://view?fps=20", *self.models, "--mute",
             "--jsonl", "--trigger", "pin", "--once"], cwd=self.folder, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertIn("finger-found", running.stdout.readline())
        (self.folder / "pin").write_text("1")
        self.assertIn("locked", running.stdout.readline())
        self.assertEqual(running.wait(20), 0)
        self.fails(NOT_FOUND, "run", *camera[:-2], "--mute", "--trigger", "button", says="button")

    def test_waits_for_a_camera_and_a_sound_card(self):
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notices.bind(str(self.folder / "notify"))
        notices.settimeout(60)
        running = subprocess.Popen(
            [support.PROGRAM, "run", "--camera", "/dev/no-camera", "--wait", *self.models,
             "--audio", "alsa:plughw:CARD=None"], cwd=self.folder,
            env=self.environment({"NOTIFY_SOCKET": str(self.folder / "notify")}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(notices.close)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertEqual(notices.recv(4096), b"READY=1")
        told = set()
        while not {"alive", "camera", "sound"} <= told:
            notice = notices.recv(4096).decode()
            if notice == "WATCHDOG=1":
                told.add("alive")
            elif notice.startswith("STATUS=camera: no signal: /dev/no-camera"):
                told.add("camera")
                if "no sound: alsa:plughw:CARD=None" in notice:
                    told.add("sound")
        self.assertIsNone(running.poll())
        running.send_signal(signal.SIGTERM)
        self.assertEqual(running.wait(20), support.INTERRUPTED)

    def events(self, outcome):
        """What was decided, without how long it took."""
        events = [json.loads(line) for line in outcome.out.splitlines() if line.startswith("{")]
        for event in events:
            event.pop("pointer_ms", None)
            event.pop("object_ms", None)
        return events

    def test_a_recorded_session_replays_exactly(self):
        # In real time, where frames come when they come and are late when they are.
        camera = f"folder://{self.folder}/view?fps=15&loop=yes"
        self.view()
        finished = self.deixis("run", "--camera", camera, *self.models, "--seconds", "3", "--jsonl",
                               "--dwell", "500", "--strict", "--record", "kept", "--audio",
                               "file:heard.wav")
        self.assertIn("every picture is kept in kept", finished.err)
        told = self.events(finished)
        self.assertIn("locked", [event["event"] for event in told])
        self.assertEqual(self.temporary_files(), [])
        # Whatever the configuration says now.
        (self.folder / "config").write_text("dwell = 900\ntrigger = key\n")
        replayed = self.deixis("run", "--camera", f"replay://{self.folder}/kept", "--jsonl",
                               "--mute", "--config", "config")
        self.assertEqual(self.events(replayed), told)
        self.assertNotIn("recorded", replayed.err)
        # What the command line says goes before it, and is told.
        other = self.deixis("run", "--camera", "replay://kept", "--jsonl", "--mute", "--dwell",
                            "900")
        self.assertIn("--dwell is 900, but was 500 when this session was recorded", other.err)
        self.assertNotEqual(self.events(other), told)
        self.fails(USAGE, "run", "--camera", camera, *self.models, "--mute", "--record", "kept",
                   says="expected an empty folder")
        (self.folder / "kept" / "settings.json").write_text('{"flags": {"dwell": "soon"}, "sha256": {}}')
        self.fails(INVALID_DATA, "run", "--camera", "replay://kept", "--mute", says="settings.json")
        self.fails(NOT_FOUND, "run", "--camera", "replay://nothing", "--mute", says="nothing")

    def test_a_key_that_was_pressed_is_replayed(self):
        (self.folder / "pin").write_text("0")
        self.view()
        running = subprocess.Popen(
            [support.PROGRAM, "run", "--camera", "folder://view?fps=20", *self.models, "--mute",
             "--jsonl", "--trigger", "pin", "--once", "--record", "kept"], cwd=self.folder,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        lines = [running.stdout.readline()]
        (self.folder / "pin").write_text("1")
        lines += running.stdout.readlines()
        self.assertEqual(running.wait(60), 0)
        told = [json.loads(line)["event"] for line in lines]
        self.assertEqual(told[:2], ["finger-found", "locked"])
        replayed = self.deixis("run", "--camera", "replay://kept", "--jsonl", "--mute")
        self.assertEqual([(event["event"], event["time_ms"]) for event in self.events(replayed)],
                         [(json.loads(line)["event"], json.loads(line)["time_ms"])
                          for line in lines])

    def test_a_killed_recording_is_whole_as_far_as_it_goes(self):
        self.view()
        for kept in ("first", "second", "third"):
            running = subprocess.Popen(
                [support.PROGRAM, "run", "--camera", "folder://view?fps=50", *self.models,
                 "--mute", "--jsonl", "--record", kept], cwd=self.folder,
                env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True)
            self.addCleanup(running.wait)
            self.addCleanup(running.kill)
            running.stdout.readline()
            table = self.folder / kept / "frames.csv"
            while table.read_text().count("\n") < 5:
                time.sleep(0.02)
            running.kill()
            running.communicate()
            frames = table.read_text().count(".png,")
            replayed = self.deixis_json("run", "--camera", f"replay://{kept}", "--mute")
            # The last line may be cut off.
            self.assertIn(replayed["frames"], (frames, frames - 1))
            pictures = [path for path in (self.folder / kept).glob("*.png")]
            self.assertLessEqual(len(pictures) - frames, 1)

    def test_a_full_recording_ends_and_the_session_goes_on(self):
        self.view()
        totals = self.deixis_json("run", "--camera", "scene://seed=1&clock=simulated&fps=10",
                                  *self.models, "--frames", "30", "--audio", "file:heard.wav",
                                  "--record", "kept", "--record-limit", "2MB")
        self.assertEqual(totals["frames"], 30)
        self.assertIn("limit of 2 MB", totals["recording"]["ended_early"])
        self.assertLess(totals["recording"]["bytes"], 3_000_000)
        replayed = self.deixis_json("run", "--camera", "replay://kept", "--mute")
        self.assertEqual(replayed["frames"], totals["recording"]["frames"])
        self.fails(USAGE, "run", "--camera", "scene://seed=1", *self.models, "--mute", "--record",
                   "other", "--record-limit", "1kB", says="at least 1 MB", remedy="--record-limit")

    def test_a_window_shows_what_is_seen(self):
        camera = "folder://view?fps=10"
        self.view()
        refused = self.deixis("run", "--camera", camera, *self.models, "--mute", "--show",
                              "--seconds", "1", code=support.DEVICE)
        self.assertIn("without --show", refused.err)
        if "without SDL 2" in refused.err:
            self.skipTest("built without SDL 2")
        if shutil.which("Xvfb") is None:
            self.skipTest("Xvfb is not there")
        # A display whose pixels lie in a file, under a number that the server chooses.
        read_end, write_end = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "800x600x24", "-nolisten", "tcp",
             "-fbdir", str(self.folder)], pass_fds=[write_end], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        os.close(write_end)
        with os.fdopen(read_end) as told:
            display = told.readline().strip()
        self.assertTrue(display, "Xvfb did not start")
        running = subprocess.Popen(
            [support.PROGRAM, "run", "--camera", camera, *self.models, "--mute", "--jsonl",
             "--show"], cwd=self.folder, env=self.environment({"DISPLAY": ":" + display}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        wanted = {(60, 220, 90), (240, 240, 240), (16, 16, 16), (210, 40, 30)}
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.assertIsNone(running.poll(), "the program has ended")
            pixels = support.read_framebuffer(self.folder / "Xvfb_screen0")
            # The square when it is answered, words, the bar below, and the picture itself.
            if wanted <= pixels.keys():
                break
            time.sleep(0.1)
        self.assertLessEqual(wanted, pixels.keys())
        # 96 x 96 pixels and a bar: the rest of the display stays black.
        self.assertGreater(sum(count for colour, count in pixels.items() if colour != (0, 0, 0)),
                           96 * 96)
        running.send_signal(signal.SIGTERM)
        self.assertEqual(running.wait(20), support.INTERRUPTED)

    def test_lessons_are_made_and_taught(self):
        made = self.deixis_json("data", "make", "tips2", "--count", "8", "--seed", "5")
        self.assertEqual(made["images"], 8)
        lines = (self.folder / "tips2" / "points.csv").read_text().splitlines()
        self.assertEqual(lines[0], "file,category,x_px,y_px,presence")
        self.assertEqual(len(lines), 1 + 8 * 2)  # the fingertip and the knuckle of each
        self.assertTrue(any(line.endswith(",,,0") for line in lines), lines)
        self.deixis("data", "make", "small", "--count", "1", "--height", "120")
        header = (self.folder / "small" / "00000.png").read_bytes()[16:24]
        self.assertEqual(struct.unpack(">II", header), (160, 120))
        self.fails(USAGE, "data", "draw", "tips3", says="make")
        self.fails(USAGE, "data", "make", "tips3", "--count", "0", says="count")

    def test_a_rehearsal_is_counted(self):
        short = ["--unknown", "0", "--idle-minutes", "0"]
        document = self.deixis_json("rehearse", *self.models, "--pointings", "0", *short)
        self.assertEqual(document["known"]["dwells"], 0)
        self.assertEqual(document["idle_utterances"], 0)
        self.assertIsNone(document["look_ms"])
        # It has a name for no made thing.
        self.fails(INVALID_DATA, "rehearse", *self.models, "--pointings", "1", *short,
                   says="expected a name for a made thing")
        self.fails(USAGE, "rehearse", "--pointer", "tip.safetensors", says="--objects")

    def test_the_shipped_models_are_taken_when_none_is_named(self):
        self.deixis("run", "--camera", "scene://seed=1&clock=simulated", "--seconds", "1", "--mute")

    def test_mistakes(self):
        camera = ["--camera", "scene://seed=1&clock=simulated"]
        self.fails(USAGE, "run", "--camera", "window", *self.models, "--mute", says="window")
        self.fails(NOT_FOUND, "run", "--camera", "folder://nowhere", *self.models, "--mute",
                   says="nowhere")
        self.fails(INVALID_DATA, "run", *camera, "--pointer", "things.safetensors", "--objects",
                   "things.safetensors", "--mute", says="expected one that locates")
        self.fails(USAGE, "run", *camera, *self.models, "--dwell", "20", says="dwell")
        self.fails(USAGE, "run", *camera, *self.models, "--max-age", "20", says="max-age")
        self.fails(USAGE, "run", *camera, *self.models, "--audio", "loud", says="alsa:NAME")


if __name__ == "__main__":
    unittest.main()
