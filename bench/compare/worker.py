"""An engine's process: started, commanded a turn at a time, and looked at from outside."""

import json
import pathlib
import subprocess
import time


class WorkerError(Exception):
    """The engine could not be started or died; says what it said."""


class Worker:
    """Starts when made, and has given its first result by then."""

    def __init__(self, engine, threads, inputs):
        self.engine = engine
        self.threads = threads
        self.rounds = []  # [round][run], nanoseconds
        command = [*engine.command, engine.model, inputs.pixels, inputs.input, threads]
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=engine.environment(threads))
        first = self._answer()
        self.start_to_result_ms = (time.perf_counter() - start) * 1e3
        self.load_ms = first["load_ms"]
        self.idle_rss_bytes = first["idle_rss_bytes"]
        self.logits = first["logits"]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            said = self._process.stderr.read().strip().splitlines() or ["no message"]
            raise WorkerError(f"exit code {self._process.returncode}: {said[-1]}")
        return json.loads(line)

    def take_turn(self, uncounted, counted, pause_s):
        """Waits until nobody spins any more, then runs; the times are kept as a round."""
        time.sleep(pause_s)
        self._process.stdin.write(f"run {uncounted} {counted}\n")
        self._process.stdin.flush()
        self.rounds.append(self._answer()["ns"])

    def _peak_rss_bytes(self):
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def finish(self):
        """Everything that was seen, as plain values; the process has ended."""
        peak = self._peak_rss_bytes()
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._process.stderr.close()
        return {
            "engine": self.engine.label,
            "precision": self.engine.precision,
            "threads": self.threads,
            "rounds_ns": self.rounds,
            "load_ms": self.load_ms,
            "start_to_result_ms": self.start_to_result_ms,
            "idle_rss_bytes": self.idle_rss_bytes,
            "peak_rss_bytes": peak,
            "file_bytes": self.engine.model.stat().st_size,
            "top1": max(range(len(self.logits)), key=self.logits.__getitem__),
            "logits": self.logits,
        }
