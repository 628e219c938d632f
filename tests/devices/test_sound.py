"""In a virtual machine with the kernel's own sound card: what is played is heard. scripts/test-devices
runs it."""

import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

PROGRAM = pathlib.Path(os.environ.get(
    "DEIXIS_PROGRAM", pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/deixis"))
CARD = "alsa:plughw:CARD=Loopback,DEV=0"
LISTENER = "plughw:CARD=Loopback,DEV=1"
PATIENCE_S = 120
# The card as its driver has it: taken from it, it is gone as if it had been pulled out.
DRIVER, DEVICE = pathlib.Path("/sys/bus/platform/drivers/snd_aloop"), "snd_aloop.0"
INTERRUPTED = 130


def samples(path):
    """Left and right of a recording."""
    values = memoryview(path.read_bytes()[44:]).cast("h")
    return values[0::2], values[1::2]


def peak(values):
    return max((abs(value) for value in values), default=0)


class Recording:
    """Hears what the sound card plays."""

    def __init__(self, seconds):
        self.path = pathlib.Path(f"/tmp/heard-{time.monotonic_ns()}.wav")
        self.process = subprocess.Popen(
            ["arecord", "-q", "-D", LISTENER, "-f", "S16_LE", "-r", "22050", "-c", "2", "-d",
             str(seconds), str(self.path)], stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def heard(self):
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, errors
        return samples(self.path)


class SoundCard(unittest.TestCase):

    def test_is_listed_by_its_name_and_heard(self):
        listed = json.loads(subprocess.run([PROGRAM, "audio", "list", "--json"], check=True,
                                           capture_output=True).stdout)
        self.assertIn(CARD, [device["uri"] for device in listed["devices"]])
        recording = Recording(8)
        subprocess.run([PROGRAM, "audio", "test", "--audio", CARD], check=True)
        left, right = recording.heard()
        loud = [i for i, value in enumerate(left) if abs(value) > 2000]
        self.assertTrue(loud, "nothing was heard")
        first = loud[0]
        # A tone of 60 ms on the left, then one on the right, then the voice.
        self.assertLess(peak(right[first:first + 1000]), 500)
        later = slice(first + int(0.36 * 22050) + 200, first + int(0.42 * 22050) - 200)
        self.assertGreater(peak(right[later]), 2000)
        self.assertLess(peak(left[later]), 500)
        self.assertGreater(peak(left[first + int(1.3 * 22050):]), 1000)

    def test_a_card_that_is_pulled_out_is_found_again(self):
        folder = pathlib.Path("/tmp/view")
        folder.mkdir()
        subprocess.run([PROGRAM, "camera", "snap", "--camera", "scene://seed=1&size=160x120", "--out",
                        folder / "0.png"], check=True, stdout=subprocess.DEVNULL)
        told = pathlib.Path("/tmp/told")
        with open(told, "w", encoding="utf-8") as errors:
            running = subprocess.Popen(
                [PROGRAM, "run", "--camera", f"folder://{folder}?fps=2", "--audio", CARD, "--jsonl",
                 "--threads", "1"], stdout=subprocess.DEVNULL, stderr=errors)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)

        def wait_for(text):
            end = time.monotonic() + PATIENCE_S
            while text not in told.read_text(encoding="utf-8"):
                self.assertIsNone(running.poll(), told.read_text(encoding="utf-8"))
                self.assertLess(time.monotonic(), end, told.read_text(encoding="utf-8"))
                time.sleep(0.1)

        def is_open():
            status = pathlib.Path("/proc/asound/Loopback/pcm0p/sub0/status")
            return status.exists() and "closed" not in status.read_text(encoding="utf-8")

        end = time.monotonic() + PATIENCE_S
        while not is_open() and time.monotonic() < end:
            time.sleep(0.1)
        self.assertTrue(is_open(), "the card was never played to")
        (DRIVER / "unbind").write_text(DEVICE)
        wait_for("sound: ")
        (DRIVER / "bind").write_text(DEVICE)
        wait_for("sound: is back")
        self.assertTrue(is_open())
        running.send_signal(signal.SIGTERM)
        self.assertEqual(running.wait(PATIENCE_S), INTERRUPTED)


if __name__ == "__main__":
    unittest.main(verbosity=2)
