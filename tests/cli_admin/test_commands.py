"""What a person does with topics, records and groups."""

import json
import subprocess
import unittest

from broker import BINARY, Broker


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.stop)

    def run_command(self, *words, **how):
        return self.broker.run(*words, **how)

    def test_a_topic_is_created_listed_altered_and_deleted(self):
        self.assertIn("3 partitions", self.run_command("topic", "create", "admin", "--partitions", "3",
                                                       "--config", "retention.ms=3600000"))
        self.assertIn("exist", self.run_command("topic", "create", "admin", code=1))
        self.run_command("topic", "create", "admin", "--if-not-exists")
        listed = {topic["topic"]: topic for topic in lines(self.run_command("topic", "list", "--json"))}
        self.assertEqual(listed["admin"]["partitions"], 3)
        self.run_command("topic", "alter", "admin", "--partitions", "5", "--config", "retention.bytes=1000000",
                         "--delete-config", "retention.ms")
        described = lines(self.run_command("topic", "describe", "admin", "--json"))[0]
        self.assertEqual([p["partition"] for p in described["partitions"]], [0, 1, 2, 3, 4])
        self.assertEqual({(p["first"], p["end"]) for p in described["partitions"]}, {(0, 0)})
        settings = {s["setting"]: s["value"] for s in lines(self.run_command("topic", "config", "admin", "--json"))}
        self.assertEqual(settings.get("retention.bytes"), "1000000")
        self.assertNotIn("retention.ms", settings)
        self.run_command("topic", "delete", "admin")
        self.assertNotIn("admin", [t["topic"] for t in lines(self.run_command("topic", "list", "--json"))])
        self.assertIn("godwit topic list", self.run_command("topic", "delete", "admin", code=1))

    def test_bad_settings_and_names_are_refused_with_a_reason(self):
        self.assertIn("retention.ms", self.run_command("topic", "create", "bad", "--config", "retention.ms=soon", code=1))
        self.run_command("topic", "create", "b/d", code=1)
        self.assertIn("--partitions", self.run_command("topic", "create", "bad", "--partitions", "0", code=2))

    def test_lines_go_in_and_come_out_in_order(self):
        self.run_command("topic", "create", "plain")
        text = "".join(f"line {i}\n" for i in range(5000))
        self.run_command("produce", "plain", "--compression", "lz4", text=text)
        self.assertEqual(self.run_command("consume", "plain", "--exit-at-end"), text)
        self.assertEqual(self.run_command("consume", "plain", "--from", "4998", "--count", "1"), "line 4998\n")
        self.assertEqual(self.run_command("consume", "plain", "--from", "1970-01-02", "--count", "1"), "line 0\n")

    def test_keys_headers_and_formats(self):
        self.run_command("topic", "create", "keyed", "--partitions", "4")
        self.run_command("produce", "keyed", "--key-separator", ":", "--header", "h=1", text="a:1\nb:2\na:3\n")
        records = lines(self.run_command("consume", "keyed", "--exit-at-end", "--json"))
        self.assertEqual(sorted((r["key"], r["value"]) for r in records), [("a", "1"), ("a", "3"), ("b", "2")])
        self.assertEqual({r["partition"] for r in records if r["key"] == "a"}.__len__(), 1)
        self.assertEqual(records[0]["headers"], [{"name": "h", "value": "1"}])
        printed = self.run_command("consume", "keyed", "--exit-at-end", "--format", "%k=%v %h\\n")
        self.assertEqual(sorted(printed.splitlines()), ["a=1 h=1", "a=3 h=1", "b=2 h=1"])
        self.assertIn("line 1", self.run_command("produce", "keyed", "--key-separator", ":", text="nothing\n", code=1))

    def test_a_group_reads_commits_and_is_moved(self):
        self.run_command("topic", "create", "grouped")
        self.run_command("produce", "grouped", text="".join(f"{i}\n" for i in range(10)))
        read = self.run_command("consume", "grouped", "--group", "readers", "--from", "beginning", "--count", "10")
        self.assertEqual(read.split(), [str(i) for i in range(10)])
        group = lines(self.run_command("group", "describe", "readers", "--json"))[0]
        self.assertEqual([(o["topic"], o["committed"], o["lag"]) for o in group["offsets"]], [("grouped", 10, 0)])
        self.assertIn("readers", self.run_command("group", "list"))
        self.assertIn("readers", self.run_command("group", "describe", "readers"))
        self.run_command("group", "reset-offsets", "readers", "--shift-by", "-3")
        self.assertEqual(lines(self.run_command("group", "describe", "readers", "--json"))[0]["offsets"][0]["lag"], 0)
        self.run_command("group", "reset-offsets", "readers", "--shift-by", "-3", "--execute")
        again = self.run_command("consume", "grouped", "--group", "readers", "--count", "3")
        self.assertEqual(again.split(), ["7", "8", "9"])
        self.run_command("group", "reset-offsets", "readers", "--to-earliest", "--topic", "grouped:0", "--execute")
        self.run_command("group", "delete", "readers")
        self.assertNotIn("readers", self.run_command("group", "list"))
        self.run_command("group", "describe", "readers", code=1)

    def test_the_cluster_tells_its_brokers(self):
        info = lines(self.run_command("cluster", "info", "--json"))[0]
        self.assertEqual(len(info["brokers"]), 1)
        self.assertEqual(info["controller"], info["brokers"][0]["id"])
        self.assertIn("BROKER", self.run_command("cluster", "info"))

    def test_a_topic_that_does_not_exist_cannot_be_read(self):
        self.assertIn("nowhere", self.run_command("consume", "nowhere", "--exit-at-end", code=1))

    def test_bench_tells_its_figures(self):
        self.run_command("topic", "create", "bench")
        figures = lines(self.run_command("bench", "produce", "bench", "--records", "2000", "--size", "100", "--json"))[0]
        self.assertEqual(figures["records"], 2000)
        self.assertGreater(figures["latencyUsP50"], 0)
        self.assertEqual(lines(self.run_command("bench", "consume", "bench", "--json"))[0]["records"], 2000)

    def test_a_reader_that_goes_away_ends_the_command_quietly(self):
        self.run_command("topic", "create", "piped")
        self.run_command("produce", "piped", text="".join(f"{i} {'x' * 1000}\n" for i in range(2000)))
        command = f"'{BINARY}' consume piped --from beginning --brokers {self.broker.address} | head -n 1"
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
        self.assertTrue(done.stdout.startswith("0 x"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_nobody_there_is_said_with_what_to_do(self):
        done = subprocess.run([BINARY, "topic", "list", "--brokers", "127.0.0.1:1"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("godwit serve --data-dir data", done.stderr)
