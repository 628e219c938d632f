"""In a virtual machine with the kernel's own sound card: what is played is heard. scripts/test-devices
runs it."""

import json
import os
import pathlib
import subprocess
import time
import unittest

PROGRAM = pathlib.Path(os.environ.get(
    "DEIXIS_PROGRAM", pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/deixis"))
CARD = "alsa:plughw:CARD=Loopback,DEV=0"
LISTENER = "plughw:CARD=Loopback,DEV=1"
PATIENCE_S = 120


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


if __name__ == "__main__":
    unittest.main(verbosity=2)
