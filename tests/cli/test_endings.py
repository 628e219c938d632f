"""How the program ends when something is wrong around it: interrupts, no disk, no memory, no voice."""

import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import support
from support import CliTest, DEVICE, INTERRUPTED, RESOURCES, USAGE


class Interrupts(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors")
        support.write_dataset(self.folder / "data", per_class=30)

    def judge_for_long(self):
        """Pictures enough for seconds of judgement: the signal comes in them on a busy machine too."""
        for picture in list((self.folder / "data").rglob("*.png")):
            for copy in range(30):
                os.link(picture, picture.with_stem(f"{picture.stem}-{copy}"))

    def start(self, *words):
        return subprocess.Popen([str(support.PROGRAM), *words], cwd=self.folder,
                                env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_an_interrupt_ends_at_once_with_130(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for flags in ((), ("--json",)):
                with self.subTest((number, flags)):
                    process = self.start("compress", "net.safetensors", "-o", "small.safetensors",
                                         "--data", "data", *flags)
                    # However slowly it starts on a busy machine, it is in its work by then.
                    seen = support.interrupt_when(
                        process, lambda: support.catches(process, number), number)
                    start = time.monotonic()
                    out, err = process.communicate(timeout=30)
                    self.assertTrue(seen, err)
                    self.assertLess(time.monotonic() - start, 5)
                    self.assertEqual(process.returncode, INTERRUPTED)
                    said = (out if flags else err).decode()
                    self.assertIn("interrupted", said)
                    self.assertFalse((self.folder / "small.safetensors").exists())
                    self.assertEqual(self.temporary_files(), [])

    def test_an_interrupted_write_leaves_the_old_file(self):
        # The result is written under another name, then judged: that is when the signal comes.
        (self.folder / "small.safetensors").write_bytes(b"the old file")
        self.judge_for_long()
        process = self.start("compress", "net.safetensors", "-o", "small.safetensors", "-k", "2",
                             "--eval", "data", "--overwrite")
        seen = support.interrupt_when(process, self.temporary_files)
        process.communicate(timeout=60)
        self.assertTrue(seen)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertEqual((self.folder / "small.safetensors").read_bytes(), b"the old file")
        self.assertEqual(self.temporary_files(), [])

    def test_kill_in_the_middle_of_writing(self):
        (self.folder / "small.safetensors").write_bytes(b"the old file")
        self.judge_for_long()
        process = self.start("compress", "net.safetensors", "-o", "small.safetensors", "-k", "2",
                             "--eval", "data", "--overwrite")
        seen = support.interrupt_when(process, self.temporary_files, signal.SIGKILL)
        process.communicate(timeout=60)
        self.assertTrue(seen)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertEqual((self.folder / "small.safetensors").read_bytes(), b"the old file")
        # The next run does its work all the same.
        self.deixis("compress", "net.safetensors", "-o", "small.safetensors", "--overwrite")
        self.deixis("info", "small.safetensors")


class Resources(CliTest):

    def setUp(self):
        super().setUp()
        support.write_resnet20(self.folder / "net.safetensors")

    def test_a_full_disk(self):
        # A limit on the size of files stands for the disk: write() fails in the same way.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

        (self.folder / "old.safetensors").write_bytes(b"the old file")
        for command in (("convert", "net.safetensors", "-o", "old.safetensors", "--overwrite"),
                        ("convert", "net.safetensors", "-o", "new.pth"),
                        ("convert", "net.safetensors", "-o", "new.onnx"),
                        ("compress", "net.safetensors", "-o", "new.safetensors")):
            with self.subTest(command):
                self.fails(RESOURCES, *command, prepare=limit)
                self.assertFalse((self.folder / command[3]).exists() and command[3] != "old.safetensors")
                self.assertEqual(self.temporary_files(), [])
        self.assertEqual((self.folder / "old.safetensors").read_bytes(), b"the old file")

    def test_a_really_full_disk(self):
        # Needs the right to mount; without it the limit above has to do.
        script = f"""
mount -t tmpfs -o size=64k none "{self.folder}/full" || exit 99
"{support.PROGRAM}" convert net.safetensors -o full/out.pth; echo "exit $?"; ls -A full
"""
        (self.folder / "full").mkdir()
        result = subprocess.run(["unshare", "-rm", "bash", "-c", script], cwd=self.folder,
                                env=self.environment(), capture_output=True, check=False)
        if result.returncode != 0:
            self.skipTest("mounting is not permitted here")
        self.assertEqual(result.stdout.decode(), f"exit {RESOURCES}\n")
        self.assertIn(b"No space left", result.stderr)

    def test_a_folder_without_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root may write anywhere")
        (self.folder / "locked").mkdir(mode=0o555)
        self.fails(RESOURCES, "convert", "net.safetensors", "-o", "locked/out.pth")

    def test_no_memory(self):
        if os.environ.get("DEIXIS_SANITIZED"):
            self.skipTest("sanitizers reserve address space")
        support.write_dataset(self.folder / "data", per_class=1)
        # Where memory ends depends on the limit: in the reader, in the executor, in a thread.
        # Every one of them must end with 9, or have been enough.
        codes = set()
        for megabytes in (60, 80, 100, 120, 140, 160, 200, 300):
            limit = megabytes << 20
            outcome = self.run_program(
                "eval", "net.safetensors", "--data", "data", "--threads", "4",
                prepare=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            if "error while loading shared libraries" in outcome.err:
                continue
            codes.add(outcome.code)
            self.assertIn(outcome.code, (0, RESOURCES), str(outcome))
            if outcome.code == RESOURCES:
                self.assertIn("memory", outcome.err)
        self.assertTrue(codes)


class Voice(CliTest):

    def voice(self, script):
        """A command that runs a shell script as the voice."""
        path = self.folder / "voice.sh"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
        return str(path)

    def test_says_into_a_file(self):
        if shutil.which("espeak-ng") is None:
            self.skipTest("espeak-ng is not installed")
        document = self.deixis_json("say", "coffee_mug", "--audio", "file:mug.wav")
        self.assertEqual(document["spoken"], "coffee mug")
        self.assertGreater(document["duration_ms"], 200)
        self.assertEqual((self.folder / "mug.wav").read_bytes()[:4], b"RIFF")

    def test_no_voice(self):
        self.fails(DEVICE, "say", "mug", "--voice", "no-such-voice", "--audio", "file:x.wav",
                   says="no-such-voice")
        self.fails(DEVICE, "say", "mug", "--audio", "file:x.wav", "--voice",
                   self.voice("exit 3\n"))
        self.fails(DEVICE, "say", "mug", "--audio", "file:x.wav", "--voice",
                   self.voice("echo this is no sound\n"))
        self.assertFalse((self.folder / "x.wav").exists())

    def test_nothing_to_say(self):
        for text in ("   ", "___", "..."):
            self.fails(DEVICE, "say", text, "--audio", "file:x.wav")
        self.fails(USAGE, "say", says="needs TEXT")

    def test_no_sound_device(self):
        if os.path.exists("/dev/snd"):
            self.skipTest("this machine has a sound device")
        if shutil.which("espeak-ng") is None:
            self.skipTest("espeak-ng is not installed")
        self.fails(DEVICE, "say", "mug", remedy="file:")
        self.fails(DEVICE, "say", "mug", "--audio", "alsa:no-such-card")

    def test_places_that_are_none(self):
        self.fails(USAGE, "say", "mug", "--audio", "mug.wav", says="file:OUT.wav")
        self.fails(USAGE, "say", "mug", "--voice", "  ", says="--voice")

    def test_text_is_never_a_command(self):
        voice = self.voice("cat > said.txt\nexit 3\n")
        self.deixis("say", "--voice", voice, "--audio", "file:x.wav", "--",
                    "-f /etc/passwd $(touch evil) `touch evil`; touch evil", code=DEVICE)
        self.assertFalse((self.folder / "evil").exists())
        self.assertIn("passwd", (self.folder / "said.txt").read_text())


class Doctor(CliTest):

    def test_one_line_each_with_a_remedy(self):
        document = self.deixis_json("doctor")
        names = [check["name"] for check in document["checks"]]
        self.assertEqual(names, ["processor", "threads", "memory", "voice", "sound", "camera",
                                 "video", "models"])
        missing = [check for check in document["checks"] if not check["ok"]]
        self.assertEqual(document["missing"], len(missing))
        for check in missing:
            self.assertTrue(check["remedy"], check["name"])
        lines = self.deixis("doctor").out.splitlines()
        self.assertEqual(len(lines), len(names))
        for line, name in zip(lines, names):
            self.assertRegex(line, rf"^(ok|missing) +{name} ")

    def test_finds_that_the_voice_is_missing(self):
        document = self.deixis_json("doctor", "--voice", "no-such-voice")
        (voice,) = [check for check in document["checks"] if check["name"] == "voice"]
        self.assertFalse(voice["ok"])
        self.assertIn("no-such-voice", voice["detail"])


if __name__ == "__main__":
    support.main()
