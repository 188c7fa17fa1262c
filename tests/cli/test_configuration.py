"""What the configuration refuses, and what it says of where values came from."""

from program import REPOSITORY, ProgramTest


class Configuration(ProgramTest):
    def file(self, text):
        (self.folder / "godwit.toml").write_text(text)
        return ("--config", "godwit.toml")

    def test_an_unknown_flag_names_the_nearest_one(self):
        self.refuses(self.run_program("serve", "--data-dir", "d", "--num.partition", "3"), 2,
                     "--num.partition: unknown flag; did you mean num.partitions?")

    def test_a_typo_in_the_file_is_told_with_its_line(self):
        done = self.run_program("serve", "--data-dir", "d", *self.file("# mine\nnum.partition = 3\n"))
        self.refuses(done, 2, "godwit.toml:2:5: unknown setting num.partition; did you mean num.partitions?")

    def test_every_mistake_is_told_not_only_the_first(self):
        done = self.run_program("serve", "--data-dir", "d", "--max.connections", "0",
                                *self.file("num.partitions = 'three'\n"), GODWIT_RACKS="r1")
        self.refuses(done, 2, "num.partitions: 'three' is not a whole number", "max.connections: '0' is below 1",
                     "GODWIT_RACKS: this environment variable is no setting")

    def test_an_unknown_variable_names_the_nearest_one(self):
        self.refuses(self.run_program("serve", "--data-dir", "d", GODWIT_NUM_PARTITION="3"), 2,
                     "GODWIT_NUM_PARTITION: this environment variable is no setting; did you mean GODWIT_NUM_PARTITIONS?")

    def test_a_file_that_is_no_toml(self):
        self.refuses(self.run_program("serve", "--data-dir", "d", *self.file("num.partitions: 3\n")), 2, "godwit.toml:1:")

    def test_a_file_that_is_not_there(self):
        self.refuses(self.run_program("serve", "--data-dir", "d", "--config", "gone.toml"), 2, "gone.toml: cannot be read")

    def test_values_that_contradict_each_other(self):
        self.refuses(self.run_program("serve", "--data-dir", "d", "--listeners", "A://:1", "--kafka", ":2"), 2,
                     "--kafka: kafka.address: listeners takes its place")
        self.refuses(self.run_program("serve", "--data-dir", "d", "--advertised.listeners", "B://h:1"), 2,
                     "there is no listener B")
        self.refuses(self.run_program("serve", "--data-dir", "d", "--listeners", "SSL://:1"), 2, "does not have")
        self.refuses(self.run_program("serve", "--data-dir", "d", "--kafka", "9092"), 2, "there is no port")
        self.refuses(self.run_program("serve", "--data-dir", "d", "--cluster.id", "mine"), 2, "cluster.id")

    def test_config_prints_each_value_and_its_origin(self):
        done = self.run_program("config", "--num.partitions", "4", *self.file("log.retention.ms = '7d'\n"),
                                GODWIT_BROKER_RACK="r1")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {line.split()[0]: line.split(None, 2)[1:] for line in done.stdout.splitlines()}
        self.assertEqual(rows["num.partitions"], ["4", "--num.partitions"])
        self.assertEqual(rows["log.retention.ms"], ["7d", "godwit.toml:1:15"])
        self.assertEqual(rows["broker.rack"], ["r1", "GODWIT_BROKER_RACK"])
        self.assertEqual(rows["max.connections"], ["100000", "default"])
        self.assertTrue(rows["memory.arena"][1].startswith("automatic"))

    def test_the_document_is_what_the_program_prints(self):
        table = self.run_program("config", "--doc").stdout
        document = (REPOSITORY / "docs" / "configuration.md").read_text().split("<!-- settings -->\n")[1]
        self.assertEqual(document, table, "docs/configuration.md: replace its table by what godwit config --doc prints")

    def test_commands_that_do_not_exist(self):
        done = self.run_program("serv")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean serve?", done.stderr)
        self.assertEqual(self.run_program().returncode, 2)

    def test_help_and_version(self):
        for words in (["--help"], ["serve", "--help"], ["config", "--help"]):
            done = self.run_program(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("godwit serve", done.stdout + "godwit serve" * (words[0] == "config"))
        self.assertRegex(self.run_program("version").stdout, r"^godwit \d+\.\d+\.\d+ \(commit \S+, clang 16\.\d+\.\d+\)\n$")
