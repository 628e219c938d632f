"""audio: what can be heard, and on what; the service's configuration."""

import support
from support import CliTest, DEVICE, NOT_FOUND, USAGE

PACKAGING = support.HERE.parent.parent / "packaging"


class Audio(CliTest):

    def test_lists_cards_by_name(self):
        document = self.deixis_json("audio", "list")
        for device in document["devices"]:
            self.assertRegex(device["uri"], r"^alsa:plughw:CARD=\w+,DEV=\d+$")
        text = self.deixis("audio", "list").out
        if not document["devices"]:
            self.assertIn("No sound card.", text)

    def test_plays_tones_and_the_voice(self):
        loud = self.deixis_json("audio", "test", "--audio", "file:loud.wav")
        self.assertTrue(loud["voice"])
        self.assertGreater(loud["duration_ms"], 1500)
        self.deixis("audio", "test", "--audio", "file:soft.wav", "--volume", "10")
        peaks = [self.peak(name) for name in ("loud.wav", "soft.wav")]
        self.assertAlmostEqual(peaks[1] / peaks[0], 0.1, delta=0.01)
        finished = self.deixis("audio", "test", "--audio", "file:a.wav", "--voice", "no-voice")
        self.assertIn("only tones", finished.err)
        self.assertEqual(self.deixis("audio", "test", "--audio", "alsa:null").code, 0)

    def peak(self, name):
        samples = memoryview((self.folder / name).read_bytes()[44:]).cast("h")
        return max(abs(sample) for sample in samples)

    def test_what_is_missing_or_wrong(self):
        self.fails(DEVICE, "audio", "test", "--audio", "alsa:plughw:CARD=None", says="CARD=None",
                   remedy="file:OUT.wav")
        self.fails(USAGE, "audio", "test", "--audio", "loud", says="loud", remedy="audio list")
        self.fails(USAGE, "audio", "hear", says="hear")
        self.fails(USAGE, "audio", "test", "--volume", "101", says="volume")
        self.fails(USAGE, "audio", "test", "--language", "xx", says="language")


class Configuration(CliTest):

    def test_of_the_service_is_read(self):
        # All of it is understood: only the models are not there.
        text = (PACKAGING / "deixis.conf").read_text()
        for every in (text, text.replace("\n#", "\n# ")):
            (self.folder / "deixis.conf").write_text(
                every.replace("/usr/share/deixis/models/", "none/").replace("v4l2://any",
                                                                            "scene://seed=1"))
            self.fails(NOT_FOUND, "run", "--config", "deixis.conf", "--mute",
                       says="none/pointer.safetensors")
        # The lines that are left out would be understood too.
        settings = [line[1:] for line in text.splitlines()
                    if line.startswith("#") and " = " in line and line[1] != " "]
        self.assertGreaterEqual(len(settings), 4)
        for setting in settings:
            if setting.startswith("trigger"):
                continue  # there is no such device here
            (self.folder / "deixis.conf").write_text(
                "camera = scene://seed=1\npointer = none/pointer.safetensors\n"
                "objects = none/objects.safetensors\n" + setting + "\n")
            self.fails(NOT_FOUND, "run", "--config", "deixis.conf", "--mute", says="none/pointer")

    def test_runs_the_command_that_the_service_starts(self):
        unit = (PACKAGING / "deixis.service").read_text()
        (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
        words = line.split()[1:]
        (self.folder / "deixis.conf").write_text(
            "camera = scene://seed=1\npointer = none\nobjects = none\n")
        self.fails(NOT_FOUND, *[word.replace("%d/", "") for word in words], says="none")


if __name__ == "__main__":
    support.main()
