"""Inside the booted machine of boot_service.sh: is the service there, does it see the camera and the
sound card, does it come back when it is killed, and does it end when it is told to?"""

import os
import signal
import subprocess
import sys
import time


def systemctl(*arguments):
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True).stdout.strip()


def shown(name):
    return systemctl("show", "--value", "-p", name, "deixis.service")


def journal():
    return subprocess.run(["journalctl", "-o", "cat", "-b", "-u", "deixis.service"],
                          capture_output=True, text=True).stdout


def wait_until(what, holds, limit_s=120):
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            print(f"service-check: FAILED: {what}")
            print(systemctl("status", "--no-pager", "deixis.service"))
            print(journal())
            sys.exit(1)
        time.sleep(0.5)
    print(f"service-check: ok: {what}", flush=True)


def main():
    wait_until("the service started with the machine",
               lambda: shown("ActiveState") == "active" and shown("SubState") == "running")
    main_pid = int(shown("MainPID"))
    status = open(f"/proc/{main_pid}/status").read()
    assert "\nUid:\t0\t" not in status, "it runs as root"
    holds = lambda device: any(
        os.path.realpath(f"/proc/{main_pid}/fd/{name}").startswith(device)
        for name in os.listdir(f"/proc/{main_pid}/fd"))
    wait_until("it holds the camera", lambda: holds("/dev/video"))
    wait_until("it holds the sound card", lambda: holds("/dev/snd/pcm"))
    wait_until("its status names no lack", lambda: shown("StatusText") != ""
               and "no camera" not in shown("StatusText") and "no sound" not in shown("StatusText"))
    print("service-check: status:", shown("StatusText"))

    os.kill(main_pid, signal.SIGKILL)
    wait_until("killed, it came back by itself",
               lambda: shown("NRestarts") == "1" and shown("ActiveState") == "active"
               and shown("MainPID") not in ("0", str(main_pid)))
    main_pid = int(shown("MainPID"))
    wait_until("and holds the camera again", lambda: holds("/dev/video"))

    systemctl("stop", "deixis.service")
    wait_until("it ends when it is told to",
               lambda: shown("ActiveState") == "inactive" and shown("Result") == "success")
    print("service-check: all well", flush=True)


if __name__ == "__main__":
    main()
