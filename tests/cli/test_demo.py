"""The demo: the whole loop, and only in a folder of its own."""

import os
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
        # The folder in which a later test expects the demo, or one that is thrown away.
        out = os.environ.get("DEIXIS_DEMO", "demo")
        document = self.deixis_json("demo", "--out", out, timeout=840)
        for name, score in (("pointer", "mean_error_px"), ("objects", "top1")):
            taught, *compressed = document[name]["models"]
            self.assertIsNone(taught["centroids"])
            self.assertEqual([row["centroids"] for row in compressed], [8])
            ratios = [row["ratio"] for row in (taught, *compressed)]
            self.assertEqual(ratios, sorted(ratios))
            for row in (taught, *compressed):
                self.assertIn(score, row)
                self.assertEqual(row["file_bytes"], (self.folder / row["file"]).stat().st_size)
        self.assertIn(document["shown"], document["class_names"])
        self.assertTrue((self.folder / document["report"]).exists())
        if document["sound"] is not None:
            self.assertEqual((self.folder / document["sound"]).read_bytes()[:4], b"RIFF")
        # The folder is now known as a demo's, and may be one again.
        self.assertTrue((self.folder / out / ".deixis-demo").exists())


if __name__ == "__main__":
    support.main()
