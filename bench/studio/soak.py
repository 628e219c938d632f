#!/usr/bin/env python3
"""Watches the studio as several viewers do, for as long as is wanted: how late frames are, how many
come, and whether its memory stays flat, with viewers beside them that never read an answer.

    bench/studio/soak.py --program build/release/bin/deixis --minutes 30 --viewers 4 --stalled 4

Latency is from a frame's capture to the last of its bytes at the viewer, both on this machine's
monotonic clock. Ends with 1 when p95 is 150 ms or more, or memory grew by more than 5 % after the
first minute."""

import argparse
import http.client
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time


def view(port, token, fps, end, latencies):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    last = "0"
    while time.monotonic() < end:
        begin = time.monotonic()
        connection.request("GET", f"/api/v1/camera/frame?after={last}",
                           headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            last = answer.headers["Deixis-Frame-Id"]
            latencies.append(time.monotonic() * 1000 - float(answer.headers["Deixis-Captured-Ms"]))
        time.sleep(max(0, 1 / fps - (time.monotonic() - begin)))


def stall(port, token, end):
    """Asks for more than it will ever read."""
    request = (f"GET /api/v1/camera/frame HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
               f"Authorization: Bearer {token}\r\n\r\n").encode() * 50
    while time.monotonic() < end:
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", port))
            stalled.sendall(request)
            time.sleep(min(20, max(0, end - time.monotonic())))


def resident_bytes(pid):
    """Of its own; the pages of mapped files come and go with the system."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/deixis")
    parser.add_argument("--camera", default="scene://seed=1&fps=30")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--viewers", type=int, default=4)
    parser.add_argument("--stalled", type=int, default=4)
    parser.add_argument("--fps", type=float, default=15)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        studio = subprocess.Popen(
            [arguments.program, "studio", "--listen", "127.0.0.1:0", "--project", folder,
             "--camera", arguments.camera, "--json"], stdout=subprocess.PIPE, text=True)
        try:
            port = json.loads(studio.stdout.readline())["port"]
            token = (pathlib.Path(folder) / ".studio" / "token").read_text().strip()
            end = time.monotonic() + arguments.minutes * 60
            latencies = [[] for _ in range(arguments.viewers)]
            threads = [threading.Thread(target=view,
                                        args=(port, token, arguments.fps, end, each))
                       for each in latencies]
            threads += [threading.Thread(target=stall, args=(port, token, end))
                        for _ in range(arguments.stalled)]
            for thread in threads:
                thread.start()
            # What is reached once everything has been used is where flatness begins.
            time.sleep(min(60, arguments.minutes * 60 / 4))
            memory = []
            while time.monotonic() < end:
                memory.append(resident_bytes(studio.pid))
                time.sleep(1)
            for thread in threads:
                thread.join()
        finally:
            studio.terminate()
            studio.wait()
    every = [value for each in latencies for value in each]
    p95 = quantile(every, 0.95)
    # The first tenth against the last: single readings move with the table that is being painted.
    tenth = max(1, len(memory) // 10)
    first, last = max(memory[:tenth]), max(memory[-tenth:])
    result = {"viewers": arguments.viewers, "stalled": arguments.stalled,
              "minutes": arguments.minutes, "frames": len(every),
              "fps_per_viewer": round(len(every) / arguments.viewers / arguments.minutes / 60, 2),
              "latency_ms": {"median": round(quantile(every, 0.5), 1), "p95": round(p95, 1),
                             "max": round(max(every), 1)},
              "resident_bytes": {"after_a_minute": first, "end": last, "most": max(memory)}}
    print(json.dumps(result, indent=1))
    return 0 if p95 < 150 and last <= first * 1.05 else 1


if __name__ == "__main__":
    sys.exit(main())
