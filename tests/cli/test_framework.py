"""The command line itself: commands, flags, settings, help, completions, streams, exit codes."""

import os
import shutil
import subprocess
import unittest

import support
from support import CliTest, NOT_FOUND, RESOURCES, USAGE


class Commands(CliTest):

    def test_overview_is_on_stdout(self):
        self.golden("help.txt", self.deixis("--help").out)
        self.assertEqual(self.deixis("help").out, self.deixis("-h").out)

    def test_no_command_is_a_usage_error(self):
        self.fails(USAGE, says="no command", remedy="deixis --help")

    def test_unknown_command_suggests_the_nearest(self):
        self.fails(USAGE, "infp", says='"infp"', remedy="deixis info")
        self.fails(USAGE, "ifno", remedy="deixis info")
        self.fails(USAGE, "comp", remedy="`deixis compress` or `deixis completion`")
        self.fails(USAGE, "qwertyuiop", remedy="lists the commands")

    def test_version(self):
        self.assertRegex(self.deixis("--version").out, r"^deixis \d+\.\d+\.\d+\n$")
        document = self.deixis_json("--version")
        self.assertEqual("deixis " + document["version"] + "\n", self.deixis("--version").out)

    def test_every_command_explains_itself(self):
        catalogue = self.deixis_json("help")
        for command in catalogue["commands"]:
            name = command["name"]
            with self.subTest(name):
                text = self.deixis(name, "--help").out
                self.assertEqual(text, self.deixis("help", name).out)
                self.golden(f"help-{name}.txt", text)
                self.assertIn("Usage\n  deixis " + name, text)
                self.assertIn("Examples", text)
                for flag in command["flags"]:
                    self.assertIn("--" + flag["name"], text)
                for line in text.splitlines():
                    # Only an example may be longer than the terminal is wide.
                    self.assertTrue(len(line) <= 80 or line.startswith("  deixis "), line)

    def test_help_works_whatever_else_is_wrong(self):
        self.deixis("info", "--help", env={"DEIXIS_JSON": "maybe"})

    def test_every_example_parses(self):
        # Against a missing model the only thing that may be wrong is the model. What needs no model
        # would do its work.
        import shlex
        for command in self.deixis_json("help")["commands"]:
            if command["name"] in ("help", "completion", "camera", "audio", "data", "demo", "doctor", "model",
                                   "say", "studio"):
                continue
            for example in command["examples"]:
                with self.subTest(example["command"]):
                    words = shlex.split(example["command"])[1:]
                    self.assertEqual(self.run_program(*words).code, NOT_FOUND)

    def test_help_on_an_unknown_topic(self):
        self.fails(USAGE, "help", "setting", remedy="settings")

    def test_settings_and_exit_codes_are_explained(self):
        self.golden("help-settings.txt", self.deixis("help", "settings").out)
        self.golden("help-exit-codes.txt", self.deixis("help", "exit-codes").out)

    def test_manual_page(self):
        page = self.deixis("help", "--man").out
        self.assertTrue(page.startswith(".TH DEIXIS 1"))
        for command in self.deixis_json("help")["commands"]:
            self.assertIn(f".SS deixis {command['name']}", page)
        if shutil.which("groff") is None:
            return
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page.encode(),
                                capture_output=True, check=True)
        self.assertEqual(result.stderr, b"")


class Flags(CliTest):

    def test_unknown_flag_suggests_the_nearest(self):
        self.fails(USAGE, "info", "x", "--tensor", says="no flag --tensor", remedy="--tensors")
        self.fails(USAGE, "info", "x", "--jsno", remedy="--json")
        self.fails(USAGE, "info", "x", "--xyzzy", remedy="deixis info --help")
        self.fails(USAGE, "info", "x", "-z", says="no flag -z")

    def test_a_missing_argument_is_named(self):
        self.fails(USAGE, "info", says="needs MODEL", remedy="for example: deixis info")

    def test_too_many_arguments(self):
        self.fails(USAGE, "info", "a", "b", says='"b"')

    def test_an_empty_argument_is_not_a_file(self):
        self.fails(USAGE, "info", "", says="MODEL is empty")

    def test_a_flag_before_the_command(self):
        self.fails(USAGE, "--tensors", "info", "x", says="expected a command before --tensors")

    def test_a_switch_takes_no_other_value(self):
        self.fails(USAGE, "info", "x", "--tensors=maybe", says="true or false")

    def test_a_value_may_follow_an_equals_sign(self):
        self.fails(NOT_FOUND, "info", "x", "--tensors=true", says="x:")

    def test_a_flag_without_its_value(self):
        self.fails(USAGE, "info", "x", "--config", says="--config needs a value")
        self.fails(USAGE, "info", "x", "--config=", says="--config needs a value")

    def test_two_dashes_end_the_flags(self):
        outcome = self.deixis("info", "--", "--tensors", code=NOT_FOUND)
        self.assertIn("--tensors: no such file", outcome.err)

    def test_a_choice_suggests_the_nearest(self):
        self.fails(USAGE, "completion", "bsh", says="bash or zsh", remedy='"bash"')


class Settings(CliTest):
    """Flag, then variable, then file, then default. --json shows which one counted."""

    def is_json(self, *words, **options):
        outcome = self.run_program("info", "missing.pth", *words, **options)
        self.assertEqual(outcome.code, NOT_FOUND, str(outcome))
        return outcome.out.startswith("{")

    def write_configuration(self, text, name=".config/deixis/config"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def test_order(self):
        self.assertFalse(self.is_json())
        self.write_configuration("json = true\n")
        self.assertTrue(self.is_json())
        self.assertFalse(self.is_json(env={"DEIXIS_JSON": "false"}))
        self.assertTrue(self.is_json("--json", env={"DEIXIS_JSON": "false"}))
        self.assertFalse(self.is_json("--json=false", env={"DEIXIS_JSON": "true"}))

    def test_a_setting_of_one_command(self):
        self.write_configuration("json = false\n# only here\ninfo.json = true\n")
        self.assertTrue(self.is_json())
        self.write_configuration("help.json = true\n")
        self.assertFalse(self.is_json())

    def test_where_the_file_is(self):
        self.write_configuration("json = true\n", "other/deixis/config")
        self.assertTrue(self.is_json(env={"XDG_CONFIG_HOME": str(self.folder / "other")}))
        self.write_configuration("json = true\n", "mine.conf")
        self.assertTrue(self.is_json("--config", "mine.conf"))
        self.assertTrue(self.is_json(env={"DEIXIS_CONFIG": "mine.conf"}))

    def test_an_empty_variable_is_none(self):
        self.write_configuration("json = true\n")
        self.assertTrue(self.is_json(env={"DEIXIS_JSON": ""}))

    def test_a_named_file_must_be_there(self):
        self.fails(NOT_FOUND, "info", "x", "--config", "nowhere.conf", says="nowhere.conf")

    def test_mistakes_name_their_line(self):
        def expect(text, *says, **options):
            self.write_configuration(text, "bad.conf")
            self.fails(USAGE, "info", "x", "--config", "bad.conf", says=says, **options)

        expect("# fine\n\njsno = true\n", "bad.conf:3", '"jsno"', remedy='"json"')
        expect("json\n", "bad.conf:1", "name = value")
        expect("json =\n", "bad.conf:1", "no value")
        expect("json = true\njson = false\n", "bad.conf:2", "twice", remedy="line 1")
        expect("json = perhaps\n", "bad.conf:1", "true or false")
        expect("tensors = true\n", "bad.conf:1", '"tensors"')
        expect("config = other\n", "bad.conf:1", '"config"')

    def test_a_bad_variable_is_named(self):
        self.fails(USAGE, "info", "x", env={"DEIXIS_QUIET": "maybe"}, says="DEIXIS_QUIET")


class Completion(CliTest):

    def test_bash_accepts_the_script(self):
        script = self.deixis("completion", "bash").out
        result = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True,
                                check=False)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def complete(self, *words):
        script = self.deixis("completion", "bash").out
        driver = script + """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _deixis; printf '%s\\n' "${COMPREPLY[@]}"
"""
        result = subprocess.run(["bash", "-c", driver, "bash", "deixis", *words], cwd=self.folder,
                                capture_output=True, check=True)
        return result.stdout.decode().split()

    def test_bash_completes(self):
        self.assertIn("info", self.complete(""))
        self.assertEqual(self.complete("inf"), ["info"])
        self.assertEqual(self.complete("info", "--ten"), ["--tensors"])
        self.assertIn("--json", self.complete("info", "--"))
        self.assertEqual(self.complete("completion", "b"), ["bash"])
        (self.folder / "model.pth").write_bytes(b"")
        self.assertEqual(self.complete("info", "mo"), ["model.pth"])
        self.assertEqual(self.complete("info", "--config", "mo"), ["model.pth"])

    def test_zsh_accepts_the_script(self):
        script = self.deixis("completion", "zsh").out
        self.assertTrue(script.startswith("#compdef deixis\n"))
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        result = subprocess.run(["zsh", "-n"], input=script.encode(), capture_output=True,
                                check=False)
        self.assertEqual((result.returncode, result.stderr), (0, b""))


class Streams(CliTest):

    def test_no_colours_where_nobody_sees_them(self):
        outcome = self.deixis("help", env={"TERM": "xterm"})
        self.assertNotIn("\x1b", outcome.out + outcome.err)

    def on_a_terminal(self, *words, env):
        """The program's output with stdout on a terminal."""
        import pty
        leader, follower = pty.openpty()
        process = subprocess.Popen([str(support.PROGRAM), *words], cwd=self.folder,
                                   env=self.environment(env), stdin=subprocess.DEVNULL,
                                   stdout=follower, stderr=follower)
        os.close(follower)
        text = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:
                break
            if not part:
                break
            text += part
        process.wait()
        os.close(leader)
        return text.decode()

    def test_colours_on_a_terminal_unless_refused(self):
        self.assertIn("\x1b[", self.on_a_terminal("help", env={"TERM": "xterm"}))
        self.assertNotIn("\x1b", self.on_a_terminal("help", env={"TERM": "xterm", "NO_COLOR": "1"}))
        self.assertNotIn("\x1b", self.on_a_terminal("help", env={"TERM": "dumb"}))
        self.assertNotIn("\x1b", self.on_a_terminal("help", env={}))

    def test_a_full_disk_under_stdout(self):
        with open("/dev/full", "wb") as full:
            outcome = self.deixis("help", code=RESOURCES, stdout=full)
        self.assertIn("No space left", outcome.err)

    def test_a_reader_that_leaves_is_no_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        outcome = self.deixis("help", stdout=writer)
        os.close(writer)
        self.assertEqual(outcome.err, "")

    def test_a_hostile_name_cannot_move_the_cursor(self):
        outcome = self.deixis("info", "x\x1b[2Jy", code=NOT_FOUND)
        self.assertNotIn("\x1b", outcome.err)


if __name__ == "__main__":
    support.main()
