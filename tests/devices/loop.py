"""From a picture to a spoken name, through the kernel's own devices: frames of a made session go to
the output side of a virtual camera, come out of its capture side, are looked at by `deixis run`, and
what it says is recorded from a virtual sound card and compared with the spoken names.

    loop.py make FOLDER     the frames, and what is to be heard (on the host: painting takes long)
    loop.py play FOLDER     in the virtual machine; writes into /tmp/out
    loop.py judge FOLDER    on the host again; FOLDER/out is that folder

scripts/test-devices runs the three. `judge` fails when a name is not heard, or another one is.
"""

import fcntl
import json
import math
import mmap
import operator
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("DEIXIS_PROGRAM", ROOT / "build/release/bin/deixis"))
CAPTURE, OUTPUT = "/dev/video0", "/dev/video1"
CARD, LISTENER = "alsa:plughw:CARD=Loopback,DEV=0", "plughw:CARD=Loopback,DEV=1"
WIDTH, HEIGHT, RATE_HZ = 640, 480, 22050
HDMI_INPUT, HDMI_OUTPUT = 3, 1
NAMES = 2
FPS = 60  # of the virtual plug
# What the camera loses on its way: an emulated processor could not follow.
DROPPED_PERCENT = 75
PATIENCE_S = 120
HEARD = 0.6
INTERRUPTED = 130
# linux/videodev2.h, of 64-bit machines
OUTPUT_TYPE, MEMORY_MMAP = 2, 1
REQBUFS, QUERYBUF, QBUF, DQBUF, STREAMON = 0xC0145608, 0xC0585609, 0xC058560F, 0xC0585611, 0x40045612
BUFFER_BYTES = 88


def read_png(path):
    """Rows of RGB bytes of an 8-bit PNG."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", data, at + 8)
            assert (width, height, depth, colour) == (WIDTH, HEIGHT, 8, 2), "not RGB of 640x480"
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    raw, stride = zlib.decompress(packed), 3 * WIDTH
    rows, above = [], bytes(stride)
    for y in range(HEIGHT):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            left, up, corner = row[i - 3] if i >= 3 else 0, above[i], above[i - 3] if i >= 3 else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + up) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif kind == 4:
                p = left + up - corner
                a, b, c = abs(p - left), abs(p - up), abs(p - corner)
                row[i] = (row[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
        rows.append(row)
        above = row
    return rows


def yuyv(rows):
    """Pairs of pixels as Y U Y V, ITU-R BT.601 in its limited range."""
    out = bytearray()
    for row in rows:
        for i in range(0, len(row), 6):
            r, g, b = row[i] + row[i + 3], row[i + 1] + row[i + 4], row[i + 2] + row[i + 5]
            u = 128 + (-0.148 * r - 0.291 * g + 0.439 * b) / 2
            v = 128 + (0.439 * r - 0.368 * g - 0.071 * b) / 2
            for half in ((0, u), (3, v)):
                k = i + half[0]
                y = 16 + 0.257 * row[k] + 0.504 * row[k + 1] + 0.098 * row[k + 2]
                out += bytes((round(y), min(255, max(0, round(half[1])))))
    return bytes(out)


def make(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    session = folder / "session"
    told = subprocess.run(
        [PROGRAM, "run", "--camera", "scene://seed=4&fps=10&clock=simulated", "--seconds", "40",
         "--record", session, "--mute", "--jsonl"], check=True, capture_output=True, text=True)
    events = [json.loads(line) for line in told.stdout.splitlines()]
    right = [event for event in events
             if event["event"] == "say" and event["label"] == event["truth"]["label"]]
    frames = (session / "frames.csv").read_text().splitlines()[1:]
    absent = next(line.split(",")[0] for line in frames if ",absent," in line)
    table = yuyv(read_png(session / absent))
    chosen = right[:NAMES]
    (folder / "table.yuyv").write_bytes(table)
    for event in chosen:
        pointing = session / f"{event['frame']:08d}.png"
        (folder / f"{event['phrase']}.yuyv").write_bytes(yuyv(read_png(pointing)))
    shutil.rmtree(session)
    phrases = [event["phrase"] for event in chosen]
    # Others, to tell that the comparison tells them apart.
    others = [phrase for phrase in ("banana", "umbrella", "scissors") if phrase not in phrases]
    for phrase in phrases + others:
        subprocess.run([PROGRAM, "say", phrase, "--audio", f"file:{folder / phrase}.wav"], check=True,
                       stdout=subprocess.DEVNULL)
    (folder / "wanted.json").write_text(json.dumps({"phrases": phrases, "others": others}))


class Player:
    """Shows pictures on a virtual output. Each lies in two buffers of the device from the start on:
    while it is shown they take turns, and nothing is copied."""

    def __init__(self, device, pictures):
        self.file = os.open(device, os.O_RDWR)
        fcntl.ioctl(self.file, REQBUFS,
                    bytearray(struct.pack("=5I", 2 * len(pictures), OUTPUT_TYPE, MEMORY_MMAP, 0, 0)))
        for index in range(2 * len(pictures)):
            told = self.call(QUERYBUF, index)
            offset, length = struct.unpack_from("=I4xI", told, 64)
            with mmap.mmap(self.file, length, offset=offset) as memory:
                memory[:len(pictures[index // 2])] = pictures[index // 2]
        self.waiting, self.runs = 0, False

    def call(self, request, index=0, used=0):
        buffer = bytearray(BUFFER_BYTES)
        struct.pack_into("=3I", buffer, 0, index, OUTPUT_TYPE, used)
        struct.pack_into("=I", buffer, 60, MEMORY_MMAP)
        fcntl.ioctl(self.file, request, buffer)
        return buffer

    def show(self, picture, until):
        """Until until() holds, or PATIENCE_S have passed."""
        end = time.monotonic() + PATIENCE_S
        turn = 0
        while time.monotonic() < end and not (turn % 15 == 0 and until()):
            if self.waiting == 2:
                self.call(DQBUF)
                self.waiting -= 1
            self.call(QBUF, 2 * picture + turn % 2, 2 * WIDTH * HEIGHT)
            self.waiting += 1
            turn += 1
            if self.waiting == 2 and not self.runs:
                fcntl.ioctl(self.file, STREAMON, struct.pack("=i", OUTPUT_TYPE))
                self.runs = True


def v4l2(device, *words):
    subprocess.run(["v4l2-ctl", "-d", device, *words], check=True, stdout=subprocess.DEVNULL)


def play(folder):
    out = pathlib.Path("/tmp/out")
    phrases = json.loads((folder / "wanted.json").read_text())["phrases"]
    shape = f"width={WIDTH},height={HEIGHT},pixelformat=YUYV"
    v4l2(CAPTURE, "--set-input", str(HDMI_INPUT))
    v4l2(OUTPUT, "--set-output", str(HDMI_OUTPUT))
    for device in (CAPTURE, OUTPUT):
        v4l2(device, "--set-dv-bt-timings", "index=0")  # 640x480
    v4l2(OUTPUT, "--set-fmt-video-out", shape)
    v4l2(CAPTURE, "--set-fmt-video", shape)
    v4l2(CAPTURE, "--set-ctrl",
         f"loop_video=1,osd_text_mode=2,percentage_of_dropped_buffers={DROPPED_PERCENT}")
    player = Player(OUTPUT, [(folder / f"{name}.yuyv").read_bytes() for name in ("table", *phrases)])
    recorder = subprocess.Popen(
        ["arecord", "-q", "-D", LISTENER, "-f", "S16_LE", "-r", str(RATE_HZ), "-c", "2",
         out / "heard.wav"])
    log = out / "events.jsonl"

    def count(*kinds):
        return sum(json.loads(line)["event"] in kinds for line in log.read_text().splitlines()
                   if line.endswith("}"))

    with open(log, "w", encoding="utf-8") as events:
        running = subprocess.Popen(
            [PROGRAM, "run", "--camera", f"v4l2://{CAPTURE}", "--audio", CARD, "--threads", "1",
             "--max-age", "1500", "--jsonl"], stdout=events)
    for number in range(len(phrases)):
        player.show(0, lambda: count("finger-lost") == number)
        player.show(1 + number, lambda: count("say", "hedge", "unknown") > number)
    # It is still being said.
    end = time.monotonic() + 3
    player.show(0, lambda: time.monotonic() > end)
    running.send_signal(signal.SIGTERM)
    status = running.wait()
    recorder.send_signal(signal.SIGINT)
    recorder.wait()
    print(log.read_text())
    sys.exit(0 if status == INTERRUPTED else 1)


def samples_of(path):
    """The left side of a recording of two, or a single one's."""
    data = path.read_bytes()
    channels, = struct.unpack_from("<H", data, 22)
    return memoryview(data[44:44 + (len(data) - 44) // 4 * 4]).cast("h")[::channels]


def likeness(word, sound):
    """The highest correlation of `word` with a stretch of `sound` of its length, -1 to 1; and where.

    Every place where there is a sound is tried with a quarter of the samples, the best one with all.
    """
    coarse_word, coarse = quartered(word), quartered(sound)
    loudest = max(map(abs, coarse))
    places = [at for at in range(len(coarse) - len(coarse_word))
              if max(map(abs, coarse[at:at + RATE_HZ // 400])) > loudest // 20]
    near = max(places, key=lambda at: correlation(coarse_word, coarse[at:at + len(coarse_word)]))
    return max((correlation(word, sound[at:at + len(word)]), at)
               for at in range(max(0, 4 * near - 8), min(4 * near + 8, len(sound) - len(word))))


def quartered(sound):
    return [sum(sound[i:i + 4]) for i in range(0, len(sound) - 3, 4)]


def correlation(one, other):
    def product(a, b):
        return sum(map(operator.mul, a, b))

    both = math.sqrt(product(one, one) * product(other, other))
    return product(one, other) / both if both else 0.0


def judge(folder):
    wanted = json.loads((folder / "wanted.json").read_text())
    heard = samples_of(folder.parent / "out" / "heard.wav")
    found = {}
    for phrase in wanted["phrases"] + wanted["others"]:
        word = samples_of(folder / f"{phrase}.wav")
        quiet = max(abs(x) for x in word) // 50
        loud = [i for i, x in enumerate(word) if abs(x) > quiet]
        found[phrase] = likeness(word[loud[0]:loud[-1]], heard)
        print(f"{phrase}: {found[phrase][0]:.3f} at {found[phrase][1] / RATE_HZ:.2f} s")
    right = [found[phrase] for phrase in wanted["phrases"]]
    assert all(alike > HEARD for alike, _ in right), "a name was not heard"
    assert right == sorted(right, key=operator.itemgetter(1)), "the names came in another order"
    assert all(found[phrase][0] < HEARD for phrase in wanted["others"]), "a wrong name was heard"


{"make": make, "play": play, "judge": judge}[sys.argv[1]](pathlib.Path(sys.argv[2]).resolve())
