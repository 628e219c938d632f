"""model list|fetch, against a server on loopback that breaks off, knows no ranges, or lies."""

import fcntl
import hashlib
import http.server
import threading
import unittest

from support import BUSY, CliTest, DEVICE, INVALID_DATA, NOT_FOUND, USAGE

CONTENT = bytes(range(251)) * 4000  # one megabyte
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT as /weights.pth; `starts` are the bytes that answers began with."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.knows_ranges = True
        self.break_after = None  # bytes of one answer
        self.starts = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}/weights.pth"


class Handler(http.server.BaseHTTPRequestHandler):

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        if self.path == "/moved.pth":
            self.send_response(302)
            self.send_header("Location", "/weights.pth")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path != "/weights.pth":
            self.send_error(404)
            return
        start = 0
        asked = self.headers.get("Range")
        total = len(server.content)
        if asked and server.knows_ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            self.send_response(200)
        server.starts.append(start)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.break_after is not None:
            body = body[:server.break_after]
        self.wfile.write(body)


class Fetch(CliTest):

    def setUp(self):
        super().setUp()
        self.server = Server()
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop():
            self.server.shutdown()
            thread.join()
            self.server.server_close()

        self.addCleanup(stop)
        self.file = self.folder / "weights.pth"
        self.part = self.folder / "weights.pth.part"

    def fetch(self, **options):
        return self.deixis_json("model", "fetch", self.server.address, "--sha256", DIGEST, **options)

    def test_a_file(self):
        document = self.fetch()
        self.assertEqual(document["command"], "model fetch")
        self.assertEqual((document["sha256"], document["bytes"]), (DIGEST, len(CONTENT)))
        self.assertFalse(document["was_there"])
        self.assertEqual(self.file.read_bytes(), CONTENT)
        self.assertFalse(self.part.exists())
        self.assertTrue(self.fetch()["was_there"])
        self.assertEqual(self.server.starts, [0])

    def test_another_name_and_a_redirect(self):
        moved = self.server.address.replace("weights", "moved")
        self.deixis("model", "fetch", moved, "--sha256", DIGEST[:8], "--out", "mine.pth")
        self.assertEqual((self.folder / "mine.pth").read_bytes(), CONTENT)

    def test_goes_on_where_it_broke_off(self):
        self.server.break_after = 300_000
        for rest in (300_000, 600_000):
            outcome = self.deixis("model", "fetch", self.server.address, "--sha256", DIGEST,
                                  code=DEVICE)
            self.assertIn("goes on from there", outcome.err)
            self.assertEqual(self.part.stat().st_size, rest)
            self.assertFalse(self.file.exists())
        self.server.break_after = None
        self.fetch()
        self.assertEqual(self.server.starts, [0, 300_000, 600_000])
        self.assertEqual(self.file.read_bytes(), CONTENT)

    def test_a_server_that_sends_all_again(self):
        self.part.write_bytes(CONTENT[:1000])
        self.server.knows_ranges = False
        self.fetch()
        self.assertEqual(self.server.starts, [0])
        self.assertEqual(self.file.read_bytes(), CONTENT)

    def test_a_part_that_is_whole_already(self):
        self.part.write_bytes(CONTENT)
        self.fetch()
        self.assertEqual(self.server.starts, [])
        self.assertEqual(self.file.read_bytes(), CONTENT)

    def test_a_part_of_something_else(self):
        for other in (b"x" * 5000, b"x" * (len(CONTENT) + 1)):
            self.part.write_bytes(other)
            self.fetch()
            self.assertEqual(self.file.read_bytes(), CONTENT)
            self.file.unlink()

    def test_another_file_than_was_meant(self):
        self.file.write_bytes(b"what was there")
        self.server.content = CONTENT[:-1] + b"x"
        self.fails(INVALID_DATA, "model", "fetch", self.server.address, "--sha256", DIGEST,
                   says=["127.0.0.1", DIGEST, "SHA-256"])
        self.assertEqual(self.file.read_bytes(), b"what was there")
        self.assertFalse(self.part.exists())

    def test_what_is_not_there(self):
        self.fails(NOT_FOUND, "model", "fetch", self.server.address + "x", "--sha256", DIGEST,
                   says="no such file")
        self.fails(NOT_FOUND, "model", "fetch", "resnet19", says="resnet19", remedy="model list")
        self.fails(DEVICE, "model", "fetch", "http://127.0.0.1:9/a.pth", "--sha256", DIGEST,
                   says="http://127.0.0.1:9/a.pth: ")

    def test_what_is_wrong_with_the_words(self):
        self.fails(USAGE, "model", "fetch", remedy="model list")
        self.fails(USAGE, "model", "fetch", self.server.address, says="--sha256")
        self.fails(USAGE, "model", "fetch", self.server.address, "--sha256", "xyz", says="xyz")
        self.fails(USAGE, "model", "fetch", "ftp://127.0.0.1/a.pth", "--sha256", DIGEST, says="ftp:")

    def test_while_another_fetches(self):
        with open(self.part, "wb") as part:
            fcntl.flock(part, fcntl.LOCK_EX)
            self.fails(BUSY, "model", "fetch", self.server.address, "--sha256", DIGEST,
                       says="weights.pth.part")

    def test_without_curl(self):
        (self.folder / "empty").mkdir()
        self.fails(NOT_FOUND, "model", "fetch", self.server.address, "--sha256", DIGEST,
                   env={"PATH": str(self.folder / "empty")}, says="curl", remedy="apt-get")


class List(CliTest):

    def test_names_addresses_and_digests(self):
        published = self.deixis_json("model", "list")["published"]
        self.assertEqual([weights["name"] for weights in published],
                         ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
        for weights in published:
            self.assertTrue(weights["address"].startswith("https://"))
            # The publisher writes the digest's beginning into the name.
            self.assertIn(f"/{weights['name']}-{weights['sha256']}.pth", weights["address"])


if __name__ == "__main__":
    unittest.main()
