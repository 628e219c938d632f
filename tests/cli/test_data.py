"""data: datasets are imported, edited, undone, checked and exported, whole or not at all."""

import fcntl
import random
import resource
import signal
import struct
import subprocess
import time
import unittest
import zipfile
import zlib

import support
from support import BUSY, CliTest, INVALID_DATA, NOT_FOUND, PROGRAM, RESOURCES, USAGE


def png(seed, side=24):
    """A picture of eight by eight blocks that the seed decides."""
    rng = random.Random(seed)
    blocks = [rng.randrange(256) for _ in range(64)]
    rows = b"".join(b"\0" + bytes(
        value for x in range(side) for value in 3 * [blocks[8 * (y * 8 // side) + x * 8 // side]])
                    for y in range(side))

    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class DataTest(CliTest):

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def tree(self, root, per_category=6, categories=("keys", "mug")):
        for number, category in enumerate(categories):
            for i in range(per_category):
                self.write(f"{root}/{category}/{i}.png", png(100 * number + i))

    def archive(self, name, entries, method=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(self.folder / name, "w", method) as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)

    def visible(self, root):
        return sorted(str(path.relative_to(self.folder / root))
                      for path in (self.folder / root).rglob("*")
                      if path.is_file() and ".deixis" not in path.parts)


class Edit(DataTest):

    def test_an_afternoon(self):
        self.deixis("data", "new", "mine", "--kind", "objects", "mug")
        self.write("a.png", png(1))
        self.write("b.png", png(2))
        document = self.deixis_json("data", "add", "mine", "a.png", "b.png", "--category", "mug",
                                    "--session", "kitchen")
        self.assertEqual(document["ids"], [1, 2])
        again = self.deixis_json("data", "add", "mine", "a.png", "--category", "mug")
        self.assertEqual(again["skipped_files"][0]["duplicate_of"], 1)
        self.deixis("data", "relabel", "mine", "2", "--category", "cup")
        self.deixis("data", "rm", "mine", "1-2")
        listing = self.deixis_json("data", "ls", "mine", "--bin")
        self.assertEqual([s["category"] for s in listing["samples"]], ["mug", "cup"])
        self.deixis("data", "restore", "mine", "2")
        for what in ("restore", "delete", "relabel"):
            self.assertEqual(self.deixis_json("data", "undo", "mine")["what"], what)
        self.assertEqual(self.deixis_json("data", "redo", "mine")["what"], "relabel")
        samples = self.deixis_json("data", "ls", "mine")["samples"]
        self.assertEqual([s["file"] for s in samples], ["mug/000001.png", "cup/000002.png"])
        self.assertEqual(samples[0]["session"], "kitchen")
        self.deixis("data", "rm", "mine", "1")
        self.assertEqual(self.deixis_json("data", "empty-bin", "mine")["removed"], 1)
        self.assertIn("mug", self.deixis("data", "stats", "mine").out)

    def test_marks(self):
        self.deixis("data", "new", "tips", "fingertip", "knuckle")
        self.write("a.png", png(1))
        self.deixis("data", "add", "tips", "a.png")
        finding = self.deixis_json("data", "verify", "tips")["findings"][0]
        self.assertEqual(finding["kind"], "unmarked")
        self.deixis("data", "mark", "tips", "1", "--category", "fingertip", "--at", "3.5,4")
        self.deixis("data", "mark", "tips", "1", "--category", "knuckle", "--absent")
        marks = self.deixis_json("data", "ls", "tips")["samples"][0]["marks"]
        self.assertEqual(marks, [
            {"category": "fingertip", "present": True, "x_px": 3.5, "y_px": 4.0},
            {"category": "knuckle", "present": False}])
        self.fails(USAGE, "data", "mark", "tips", "1", "--category", "fingertip", "--at", "24,4",
                   says="fingertip mark at 24, 4: expected a place in the 24 x 24 pixels")
        self.assertEqual(self.deixis_json("data", "stats", "tips")["marks_by_cell"][0], 1)

    def test_what_does_not_fit(self):
        self.tree("mine")
        self.fails(USAGE, "data", "stats", "mine", "--seed", "2", says="takes no --seed")
        self.fails(USAGE, "data", "rm", "mine", says="expected NUMBER...")
        self.fails(USAGE, "data", "rm", "mine", "mug", says="expected a picture's number")
        self.fails(NOT_FOUND, "data", "rm", "mine", "99", says="number 99")
        self.fails(NOT_FOUND, "data", "ls", "nowhere", says="nowhere: no such folder")
        self.fails(USAGE, "data", "ls", "mine", "more", says="nothing after DIR")
        self.fails(USAGE, "data", "add", "mine", "a.png", says="--category")

    def test_a_dataset_in_use_is_busy(self):
        self.tree("mine")
        self.deixis("data", "rm", "mine", "1")
        with open(self.folder / "mine/.deixis/lock", "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("being edited", self.deixis("data", "rm", "mine", "2", code=BUSY).err)
            self.deixis("data", "ls", "mine")
        self.deixis("data", "rm", "mine", "2")


class Import(DataTest):

    def test_a_tree_and_its_zip_are_the_same(self):
        self.tree("tree/deep")
        self.write("tree/deep/mug/notes.txt", b"not a picture")
        self.write("tree/deep/mug/broken.png", png(1)[:60])
        document = self.deixis_json("data", "import", "a", "tree")
        self.assertEqual((document["layout"], document["added"]), ("folders", 12))
        self.assertEqual([s["file"] for s in document["skipped_files"]], ["mug/broken.png"])
        self.assertEqual(document["other_files"], 1)
        files = {str(p.relative_to(self.folder)): p.read_bytes()
                 for p in (self.folder / "tree").rglob("*") if p.is_file()}
        self.archive("tree.zip", files)
        self.assertEqual(self.deixis_json("data", "import", "b", "tree.zip")["added"], 12)
        self.assertEqual(self.visible("a"), self.visible("b"))
        self.assertEqual(self.deixis_json("data", "import", "a", "tree.zip")["added"], 0)
        self.assertEqual(self.deixis_json("data", "undo", "a")["what"], "add")
        self.assertEqual(self.visible("a"), ["labels.csv"])

    def test_sides_of_train_and_val(self):
        self.tree("set/train", categories=("mug", "pen"))
        for i in range(2):
            self.write(f"set/val/mug/v{i}.png", png(900 + i))
        self.deixis("data", "import", "mine", "set")
        samples = self.deixis_json("data", "ls", "mine", "--category", "mug")["samples"]
        self.assertEqual([s["split"] for s in samples].count("held_out"), 2)

    def test_marks_in_names_out_and_in(self):
        for i in range(4):
            self.write(f"old/index/{i}_{2 * i}_uuid{i}.png", png(i))
        self.write("old/labels.csv", b"file,scene\nindex/0_0_uuid0.png,garden\n")
        document = self.deixis_json("data", "import", "tips", "old", "--category", "fingertip")
        self.assertEqual((document["kind"], document["layout"]), ("pointing", "marks in names"))
        samples = self.deixis_json("data", "ls", "tips")["samples"]
        self.assertEqual(samples[0]["session"], "garden")
        self.assertEqual(samples[3]["marks"][0]["y_px"], 6)
        self.deixis("data", "export", "tips", "tips.zip", "--layout", "names")
        with zipfile.ZipFile(self.folder / "tips.zip") as archive:
            self.assertIsNone(archive.testzip())
            self.assertIn("fingertip/3_6_000004.png", archive.namelist())
        self.deixis("data", "import", "again", "tips.zip")
        self.assertEqual([s["marks"] for s in self.deixis_json("data", "ls", "again")["samples"]],
                         [s["marks"] for s in samples])
        self.fails(USAGE, "data", "export", "tips", "x", "--layout", "imagefolder", says="marks")

    def test_hostile_archives_leave_nothing(self):
        good = png(1)
        for name, entries, says in (
                ("up.zip", {"mug/a.png": good, "../../etc/cron.d/x": b"x"}, "leads out"),
                ("root.zip", {"/etc/x.png": good}, "leads out"),
                ("drive.zip", {"C:/x.png": good}, "leads out"),
                ("bomb.zip", {"mug/a.png": bytes(200 << 20)}, "to unpack to at most"),
        ):
            with self.subTest(name):
                self.archive(name, entries)
                self.fails(INVALID_DATA, "data", "import", "mine", name, says=says)
                self.assertFalse((self.folder / "mine").exists())
        link = zipfile.ZipInfo("mug/a.png")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(self.folder / "link.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        self.fails(INVALID_DATA, "data", "import", "mine", "link.zip", says="symbolic link")
        self.archive("cut.zip", {"mug/a.png": good})
        whole = (self.folder / "cut.zip").read_bytes()
        self.write("cut.zip", whole[:-30])
        self.fails(INVALID_DATA, "data", "import", "mine", "cut.zip", says="zip archive")
        # Data that does not inflate is a picture that cannot be read, and the only one.
        self.write("bent.zip", whole[:45] + bytes(20) + whole[65:])
        self.fails(INVALID_DATA, "data", "import", "mine", "bent.zip", says="damaged")
        self.fails(INVALID_DATA, "data", "import", "mine", str(PROGRAM), says="ZIP archive")
        self.assertFalse((self.folder / "mine").exists())

    def test_links_in_folders_are_passed_over(self):
        self.tree("tree")
        (self.folder / "tree/mug/link.png").symlink_to(self.folder / "tree/mug/0.png")
        self.assertEqual(self.deixis_json("data", "import", "mine", "tree")["links"], 1)

    def test_a_full_disk_leaves_nothing(self):
        self.tree("tree")
        self.deixis("data", "import", "mine", "tree")
        self.write("new/mug/x.png", png(5000, side=512))
        before = self.visible("mine")

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

        for target in ("mine", "fresh"):
            self.deixis("data", "import", target, "new", code=RESOURCES, prepare=no_room)
        self.assertEqual(self.visible("mine"), before)
        self.assertFalse((self.folder / "fresh").exists())

    def test_a_killed_import_leaves_all_or_nothing(self):
        self.tree("tree", per_category=60)
        self.tree("first", per_category=2, categories=("pen",))
        self.deixis("data", "import", "mine", "first")
        rng = random.Random(1)  # two pictures of the tree are there already: 118 come
        for _ in range(12):
            process = subprocess.Popen([str(PROGRAM), "data", "import", "mine", "tree"],
                                       cwd=self.folder, env=self.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.005, 0.25))
            process.kill()
            process.wait()
            findings = self.deixis_json("data", "verify", "mine")["findings"]
            self.assertNotIn("missing", [finding["kind"] for finding in findings])
            samples = len(self.deixis_json("data", "ls", "mine")["samples"])
            # The next edit finishes what was begun; then nothing lies about.
            self.deixis("data", "undo", "mine")
            self.deixis("data", "redo", "mine")
            self.assertIn(samples, (2, 120))
            findings = self.deixis_json("data", "verify", "mine")["findings"]
            self.assertNotIn("unlisted", [finding["kind"] for finding in findings])
            if samples == 120:
                self.deixis("data", "undo", "mine")


class Check(DataTest):

    def test_verify_finds_what_is_wrong(self):
        self.tree("mine")
        self.deixis("data", "split", "mine")
        self.write("mine/mug/5.png", b"no picture any more")
        (self.folder / "mine/keys/0.png").unlink()
        self.write("mine/mug/new.png", png(77))
        self.write("mine/mug/1.png", (self.folder / "mine/keys/2.png").read_bytes())
        document = self.deixis_json("data", "verify", "mine", code=INVALID_DATA)
        kinds = {(finding["kind"], finding["file"]) for finding in document["findings"]}
        self.assertLessEqual({("missing", "keys/0.png"), ("broken", "mug/5.png"),
                              ("unlisted", "mug/new.png"), ("duplicate", "mug/1.png"),
                              ("conflict", "mug/1.png")}, kinds)
        self.assertEqual(document["errors"], 2)

    def test_split_keeps_sessions_and_what_was_written_down(self):
        rows = ["file,label,class,student_block"]
        for i in range(60):
            self.write(f"mine/{i}.png", png(i))
            rows.append(f"{i}.png,{i % 2},{'ab'[i % 2]},{i // 6}")
        self.write("mine/labels.csv", ("\n".join(rows) + "\n").encode())
        self.deixis("data", "split", "mine", "--share", "30")
        samples = self.deixis_json("data", "ls", "mine")["samples"]
        sides = {}
        for sample in samples:
            self.assertEqual(sides.setdefault(sample["session"], sample["split"]), sample["split"])
        self.assertEqual(set(sides.values()), {"train", "held_out"})
        self.write("more.png", png(1000))
        self.deixis("data", "add", "mine", "more.png", "--category", "a")
        after = self.deixis_json("data", "ls", "mine")["samples"]
        self.assertEqual([s["split"] for s in after[:60]], [s["split"] for s in samples])

    def test_real_sets(self):
        signs = self.needs_data("sign_digits")
        tips = self.needs_data("fingertip_ti1k", "fingertip_A")
        self.assertEqual(self.deixis_json("data", "import", "signs", signs)["added"], 1448)
        document = self.deixis_json("data", "import", "tips", tips, "--category", "fingertip")
        self.assertEqual((document["added"], document["kind"]), (534, "pointing"))
        stats = self.deixis_json("data", "stats", "tips")
        self.assertEqual(len(stats["sessions"]), 4)
        self.assertGreater(stats["near_duplicates"], 300)
        self.assertEqual(self.deixis_json("data", "verify", "tips")["errors"], 0)


if __name__ == "__main__":
    unittest.main()
