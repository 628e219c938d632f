"""What the command line's tests share: running the program, and making the files it reads.

Only the standard library is used. The program is build/release/bin/deixis, or what the environment
variable DEIXIS_PROGRAM names. DEIXIS_REFRESH_GOLDEN=1 rewrites the files in golden/ instead of
comparing with them.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
PROGRAM = pathlib.Path(
    os.environ.get("DEIXIS_PROGRAM", HERE.parent.parent / "build/release/bin/deixis")).resolve()
DATA = pathlib.Path(os.environ["DEIXIS_DATA"]).resolve() if os.environ.get("DEIXIS_DATA") else None

# The names of design.md, section 8.
INTERNAL, USAGE, NOT_FOUND, INVALID_DATA, DEVICE, BUSY, AUTHENTICATION, QUALITY, RESOURCES = range(
    1, 10)
INTERRUPTED = 130


class Outcome:
    """What a run of the program left: exit code, stdout and stderr as text."""

    def __init__(self, code, out, err, command):
        self.code, self.out, self.err, self.command = code, out, err, command

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return (f"$ deixis {' '.join(map(str, self.command))}\nexit code {self.code}\n"
                f"-- stdout\n{self.out}\n-- stderr\n{self.err}")


class CliTest(unittest.TestCase):
    """A test with a folder of its own, in which the program runs with a clean environment."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="deixis-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def environment(self, extra=None):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
        }
        # The sanitizer builds take their options from here.
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(extra or {})
        return environment

    def run_program(self, *words, env=None, prepare=None, stdout=None, timeout=300):
        """Runs `deixis WORDS` in the test's folder. `prepare` runs in the child before it."""
        result = subprocess.run(
            [str(PROGRAM), *map(str, words)], cwd=self.folder, env=self.environment(env),
            stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare, timeout=timeout, check=False)
        out = (result.stdout or b"").decode("utf-8", "strict")
        return Outcome(result.returncode, out, result.stderr.decode("utf-8", "strict"), words)

    def deixis(self, *words, code=0, **options):
        """Runs the program and expects that exit code."""
        outcome = self.run_program(*words, **options)
        self.assertEqual(outcome.code, code, str(outcome))
        if code == 0:
            self.assertNotIn("error:", outcome.err, str(outcome))
        return outcome

    def deixis_json(self, *words, code=0, **options):
        """The same with --json: the whole of stdout is one object with "schema": 1."""
        outcome = self.deixis(*words, "--json", code=code, **options)
        document = outcome.json()
        self.assertEqual(document["schema"], 1, str(outcome))
        self.assertEqual("error" in document, code != 0, str(outcome))
        if code != 0:
            self.assertEqual(document["error"]["code"], code)
            self.assertTrue(document["error"]["message"])
            # Told once: stderr has no second copy.
            self.assertNotIn("error:", outcome.err)
        return document

    def fails(self, code, *words, says=(), remedy=None, **options):
        """Expects one error of that code on stderr, nothing on stdout, and the same as JSON."""
        outcome = self.deixis(*words, code=code, **options)
        self.assertEqual(outcome.out, "", str(outcome))
        self.assertEqual(outcome.err.count("error:"), 1, str(outcome))
        self.assertTrue(outcome.err.startswith("deixis: error: "), str(outcome))
        for text in (says,) if isinstance(says, str) else says:
            self.assertIn(text, outcome.err, str(outcome))
        if remedy is not None:
            self.assertIn(remedy, "".join(outcome.err.splitlines(True)[1:]), str(outcome))
        self.deixis_json(*words, code=code, **options)
        return outcome

    def golden(self, name, text):
        path = GOLDEN / name
        if os.environ.get("DEIXIS_REFRESH_GOLDEN") == "1":
            path.write_text(text, encoding="utf-8")
        self.assertTrue(path.exists(), f"{path} is missing; DEIXIS_REFRESH_GOLDEN=1 writes it")
        self.assertEqual(text, path.read_text(encoding="utf-8"),
                         f"differs from {name}; DEIXIS_REFRESH_GOLDEN=1 accepts the new text")

    def temporary_files(self):
        """What an interrupted write would leave behind."""
        return [path for path in self.folder.rglob("*.tmp-*")]

    def needs_data(self, *parts):
        """A file or folder of the real data, or skips the test by name."""
        if DATA is None:
            self.skipTest("DEIXIS_DATA is not set")
        path = DATA.joinpath(*parts)
        if not path.exists():
            self.skipTest(f"{path} is not there")
        return path


# --- files -----------------------------------------------------------------------------------------


def read_framebuffer(path):
    """How often each colour stands on the display of Xvfb -fbdir: the file is an XWD dump, 32 bits a
    pixel."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    begin = header[0] + 12 * header[19]
    counts = {}
    for blue, green, red, _ in struct.iter_unpack("4B", data[begin:begin + header[5] * header[12]]):
        counts[red, green, blue] = counts.get((red, green, blue), 0) + 1
    return counts


def write_safetensors(path, tensors, metadata=None):
    """`tensors`: name -> (dtype, shape, bytes), dtype as in the header ("F32")."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def set_metadata(path, key, value):
    """Gives a safetensors file another entry in its metadata."""
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    header.setdefault("__metadata__", {})[key] = value
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length:])


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def resnet20_tensors(seed=1, num_classes=10, favourite=None, scale=1.0):
    """The state dict of a CIFAR ResNet-20 (zero-padded shortcuts) with seeded random weights.

    With `favourite`, the head's weights are zero and its bias prefers that class, so that the answer
    to every picture is known.
    """
    rng = random.Random(seed)
    tensors = {}

    def conv(name, rows, columns, size):
        count = rows * columns * size * size
        deviation = scale * (2.0 / (columns * size * size))**0.5
        values = [rng.gauss(0, deviation) for _ in range(count)]
        tensors[name + ".weight"] = ("F32", (rows, columns, size, size), floats(values))

    def norm(name, channels):
        tensors[name + ".weight"] = ("F32", (channels,), floats([1.0] * channels))
        tensors[name + ".bias"] = ("F32", (channels,), floats(
            [rng.gauss(0, 0.1) for _ in range(channels)]))
        tensors[name + ".running_mean"] = ("F32", (channels,), floats(
            [rng.gauss(0, 0.1) for _ in range(channels)]))
        tensors[name + ".running_var"] = ("F32", (channels,), floats(
            [rng.uniform(0.5, 1.5) for _ in range(channels)]))

    conv("conv1", 16, 3, 3)
    norm("bn1", 16)
    channels = 16
    for stage, width in enumerate((16, 32, 64), start=1):
        for block in range(3):
            prefix = f"layer{stage}.{block}."
            conv(prefix + "conv1", width, channels, 3)
            norm(prefix + "bn1", width)
            conv(prefix + "conv2", width, width, 3)
            norm(prefix + "bn2", width)
            channels = width
    weights = [0.0 if favourite is not None else rng.gauss(0, 0.1) for _ in range(num_classes * 64)]
    bias = [0.0] * num_classes
    if favourite is not None:
        bias[favourite] = 5.0
    tensors["linear.weight"] = ("F32", (num_classes, 64), floats(weights))
    tensors["linear.bias"] = ("F32", (num_classes,), floats(bias))
    return tensors


def write_resnet20(path, **options):
    write_safetensors(path, resnet20_tensors(**options))
    return pathlib.Path(path)


def write_png(path, width, height, pixel):
    """`pixel(x, y)` gives (r, g, b)."""
    rows = b"".join(
        b"\0" + bytes(channel for x in range(width) for channel in pixel(x, y))
        for y in range(height))

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
        chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return pathlib.Path(path)


def write_random_png(path, seed, side=32):
    rng = random.Random(seed)
    tint = [rng.randrange(256) for _ in range(3)]
    noise = rng.randbytes(side * side * 3)

    def pixel(x, y):
        place = (y * side + x) * 3
        return [(tint[c] + noise[place + c]) // 2 for c in range(3)]

    return write_png(path, side, side, pixel)


CIFAR_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
               "truck")


def write_dataset(folder, per_class=2, names=CIFAR_NAMES):
    """A folder per category with random pictures."""
    for label, name in enumerate(names):
        for i in range(per_class):
            write_random_png(pathlib.Path(folder) / name / f"{i}.png", seed=1000 * label + i)
    return pathlib.Path(folder)


def catches(process, number):
    """Whether the process has a handler for that signal: it has begun its work."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return int(mask, 16) >> (number - 1) & 1 == 1


def interrupt_when(process, condition, number=signal.SIGINT, timeout=60):
    """Sends the signal as soon as condition() holds; False when the process ended first."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        if condition():
            process.send_signal(number)
            return True
        time.sleep(0.001)
    raise AssertionError("the condition never held")


def main():
    unittest.main(verbosity=1)
