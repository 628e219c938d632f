"""camera: what there is, and one picture."""

import json
import shutil
import subprocess

import support
from support import AUTHENTICATION, CliTest, DEVICE, NOT_FOUND, USAGE

SCENE = "scene://seed=3&size=96x64&clock=simulated"


class List(CliTest):

    def test_has_every_camera_with_what_opens_it(self):
        document = self.deixis_json("camera", "list")
        self.assertEqual(document["command"], "camera list")
        for camera in document["cameras"]:
            self.assertTrue(camera["uri"].startswith("v4l2:///dev/"))
            self.assertIn("held_by", camera)
        text = self.deixis("camera", "list").out
        if not document["cameras"]:
            self.assertIn("No camera.", text)

    def test_needs_an_action(self):
        self.fails(USAGE, "camera", says="ACTION")
        self.fails(USAGE, "camera", "show", says="show")
        self.fails(USAGE, "camera", "list", "--out", "a.jpg", says="--out")


class Snap(CliTest):

    def test_a_scene_as_png_and_jpeg(self):
        document = self.deixis_json("camera", "snap", "--camera", SCENE, "--out", "a.png")
        self.assertEqual((document["width_px"], document["height_px"]), (96, 64))
        self.assertEqual((document["frame"], document["damaged_frames"]), (1, 0))
        self.assertFalse(document["truth"]["has_fingertip"])
        self.assertEqual((self.folder / "a.png").read_bytes()[:4], b"\x89PNG")
        text = self.deixis("camera", "snap", "--camera", SCENE, "-o", "a.JPG", "--skip", "3").out
        self.assertEqual(text, "a.JPG  96x64 from scene of seed 3\n")
        self.assertEqual((self.folder / "a.JPG").read_bytes()[:3], b"\xff\xd8\xff")

    def test_the_same_scene_again(self):
        for name in ("a.png", "b.png"):
            self.deixis("camera", "snap", "--camera", SCENE, "-o", name, "--skip", "60")
        first = (self.folder / "a.png").read_bytes()
        self.assertEqual(first, (self.folder / "b.png").read_bytes())
        self.deixis("camera", "snap", "--camera", SCENE.replace("=3", "=4"), "-o", "b.png")
        self.assertNotEqual(first, (self.folder / "b.png").read_bytes())

    def test_a_finger_comes(self):
        seen = [
            self.deixis_json("camera", "snap", "--camera", SCENE + "&fps=2", "-o", "a.png",
                             "--skip", skip)["truth"]["has_fingertip"] for skip in range(0, 9)
        ]
        self.assertFalse(seen[0])
        self.assertIn(True, seen)

    def test_a_folder(self):
        support.write_random_png(self.folder / "in" / "b.png", seed=1)
        support.write_random_png(self.folder / "in" / "a.png", seed=2, side=20)
        document = self.deixis_json("camera", "snap", "--camera", "folder://in", "-o", "out.png")
        self.assertEqual(document["width_px"], 20)

    def test_the_setting(self):
        self.deixis("camera", "snap", "-o", "a.png", env={"DEIXIS_CAMERA": SCENE})
        self.deixis("camera", "list", env={"DEIXIS_CAMERA": SCENE})

    def test_what_is_missing_or_wrong(self):
        snap = ("camera", "snap", "-o", "a.png")
        self.fails(USAGE, "camera", "snap", "--camera", SCENE, says="--out")
        self.fails(USAGE, *snap, says="--camera")
        self.fails(USAGE, *snap, "--camera", "webcam", says="\"webcam\"", remedy="for instance")
        self.fails(USAGE, *snap, "--camera", "ftp://10.0.0.1/", says="expected v4l2://")
        missing = self.fails(DEVICE, *snap, "--camera", "http://me:sesame@127.0.0.1:9/a?k=sesame",
                             says="http://***@127.0.0.1:9/a?***: cannot connect")
        self.assertNotIn("sesame", missing.err)
        self.fails(USAGE, *snap, "--camera", "scene://sed=1", says="\"sed\"", remedy="seed")
        self.fails(USAGE, "camera", "snap", "--camera", SCENE, "-o", "a.gif", says="a.gif")
        self.fails(NOT_FOUND, *snap, "--camera", "folder://none", says="none")
        self.fails(DEVICE, *snap, "--camera", "/dev/no-camera", says="there is no such device")
        self.fails(DEVICE, *snap, "--camera", "/dev/null", says="is no video device")
        self.assertEqual(list(self.folder.glob("a.*")), [])

    def test_a_folder_of_damaged_pictures(self):
        (self.folder / "in").mkdir()
        (self.folder / "in" / "a.jpg").write_text("no picture")
        self.fails(DEVICE, "camera", "snap", "--camera", "folder://in?fps=100", "-o", "a.png",
                   "--wait", "0.5", says="none of its 1 pictures")


class Rtsp(CliTest):

    def setUp(self):
        super().setUp()
        if shutil.which("ffmpeg") is None:
            self.skipTest("ffmpeg is not installed")
        # Debian's bindings belong to Debian's Python.
        server = subprocess.Popen(["/usr/bin/python3", support.HERE / "rtsp_server.py"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        line = server.stdout.readline()
        if not line:
            self.skipTest(f"no RTSP server: {server.communicate()[1].strip()}")
        self.address = f"127.0.0.1:{int(line)}"

    def test_a_picture(self):
        uri = f"rtsp://me:sesame@{self.address}/live"
        for uri in (uri, uri + "#transport=udp&height=120"):
            snap = self.deixis_json("camera", "snap", "--camera", uri, "-o", "a.png", "--wait", 10)
            self.assertEqual(snap["width_px"], 160 if "height" in uri else 320)
            self.assertNotIn("sesame", json.dumps(snap))

    def test_what_is_refused(self):
        snap = ("camera", "snap", "-o", "a.png", "--camera")
        failed = self.fails(AUTHENTICATION, *snap, f"rtsp://me:wrong1@{self.address}/live",
                            says="401", remedy="NAME:PASSWORD")
        self.assertNotIn("wrong1", failed.err)
        self.fails(DEVICE, *snap, f"rtsp://me:sesame@{self.address}/none", says="404")
        self.fails(DEVICE, *snap, "rtsp://127.0.0.1:9/none", says="refused")


if __name__ == "__main__":
    support.main()
