"""The demo: the whole loop, and only in a folder of its own."""

import unittest

import support
from support import CliTest, USAGE


class Demo(CliTest):

    def test_only_in_a_folder_of_its_own(self):
        (self.folder / "mine").mkdir()
        (self.folder / "mine/pictures").mkdir()
        (self.folder / "mine/pictures/wedding.jpg").write_bytes(b"precious")
        self.fails(USAGE, "demo", "--out", "mine", says="holds other things")
        self.assertTrue((self.folder / "mine/pictures/wedding.jpg").exists())
        (self.folder / "file").write_text("")
        self.fails(USAGE, "demo", "--out", "file", says="is not a folder")

    def test_the_whole_loop(self):
        (model,) = [check for check in self.deixis_json("doctor")["checks"]
                    if check["name"] == "demo model"]
        if not model["ok"]:
            self.skipTest("the demo's network is not there")
        document = self.deixis_json("demo", "--out", "demo")
        self.assertEqual(document["shown"], document["seen"])
        self.assertGreater(document["top1"], 0.8)
        ratios = [row["ratio"] for row in document["compressed"]]
        self.assertEqual(ratios, sorted(ratios))
        for row in document["compressed"]:
            self.assertEqual(row["file_bytes"], (self.folder / row["file"]).stat().st_size)
        self.assertTrue((self.folder / document["report"]).exists())
        if document["sound"] is not None:
            self.assertEqual((self.folder / document["sound"]).read_bytes()[:4], b"RIFF")
        # The folder is now known as a demo's, and may be one again.
        self.assertTrue((self.folder / "demo/.deixis-demo").exists())


if __name__ == "__main__":
    support.main()
