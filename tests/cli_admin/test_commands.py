"""What a person does with topics, records and groups."""

import json
import subprocess
import time
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

    def test_each_record_that_is_stored_is_told_as_json(self):
        self.run_command("topic", "create", "told", "--partitions", "2")
        told = lines(self.run_command("produce", "told", "--key-separator", ":", "--json",
                                      text="".join(f"k{i % 5}:{i}\n" for i in range(50))))
        self.assertEqual(sorted(line["line"] for line in told), list(range(1, 51)))
        records = lines(self.run_command("consume", "told", "--exit-at-end", "--json"))
        self.assertEqual({(line["partition"], line["offset"], str(line["line"] - 1)) for line in told},
                         {(record["partition"], record["offset"], record["value"]) for record in records})
        self.assertEqual(lines(self.run_command("produce", "told", "--json", "--acks", "0", "--partition", "1", text="x\n")),
                         [{"line": 1, "partition": 1, "offset": None}])
        self.assertEqual(self.run_command("produce", "told", text="quiet\n"), "")

    def test_a_reader_of_what_is_stored_that_goes_away_does_not_end_the_publishing(self):
        self.run_command("topic", "create", "unread")
        command = f"seq 1 5000 | '{BINARY}' produce unread --json --brokers {self.broker.address} | head -n 1"
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
        self.assertEqual((json.loads(done.stdout)["offset"], done.returncode, done.stderr), (0, 0, ""))
        self.assertEqual(self.run_command("consume", "unread", "--exit-at-end"), "".join(f"{i}\n" for i in range(1, 5001)))

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

    def test_a_reader_without_a_group_reads_partitions_that_are_added(self):
        self.run_command("topic", "create", "growing", "--partitions", "1")
        self.run_command("produce", "growing", text="a\nb\n")
        # From an offset, where those that are added do not begin.
        with subprocess.Popen(["timeout", "60", BINARY, "consume", "growing", "--from", "1", "--count", "3", "--json",
                               "--brokers", self.broker.address], stdout=subprocess.PIPE, text=True) as reader:
            read = lines(reader.stdout.readline())
            self.run_command("topic", "alter", "growing", "--partitions", "3")
            self.run_command("produce", "growing", "--partition", "2", text="c\nd\n")
            read += lines(reader.stdout.read())
        self.assertEqual([(r["partition"], r["offset"], r["value"]) for r in read], [(0, 1, "b"), (2, 0, "c"), (2, 1, "d")])

    def test_the_cluster_tells_its_brokers(self):
        info = lines(self.run_command("cluster", "info", "--json"))[0]
        self.assertEqual(len(info["brokers"]), 1)
        self.assertEqual(info["controller"], info["brokers"][0]["id"])
        self.assertIn("BROKER", self.run_command("cluster", "info"))

    def test_an_operator_is_told_how_the_cluster_does_and_what_it_decided(self):
        self.run_command("topic", "create", "operated", "--partitions", "2")
        status = lines(self.run_command("cluster", "status", "--json", "--check"))[0]
        self.assertEqual((status["withoutLeader"], status["moving"], status["brokers"][0]["state"]), (0, 0, "live"))
        broker = str(status["brokers"][0]["id"])
        self.assertIn("nothing moves", self.run_command("cluster", "rebalance", "--dry-run"))
        self.run_command("cluster", "drain", broker)
        self.assertEqual(lines(self.run_command("cluster", "status", "--json"))[0]["brokers"][0]["state"], "draining")
        self.run_command("cluster", "resume", broker)
        events = lines(self.run_command("cluster", "events", "--json"))
        self.assertEqual([event["sequence"] for event in events], sorted(event["sequence"] for event in events))
        self.assertTrue(all(event["time"] and str(event["controller"]) == broker for event in events), events)
        told = [(event["event"], event["detail"]) for event in events]
        for event in [("broker.draining", f"broker {broker}: live -> draining (as ordered)"),
                      ("broker.resumed", f"broker {broker}: draining -> live (as ordered)")]:
            self.assertIn(event, told)
        created = [detail for kind, detail in told if kind == "topic.created" and detail.startswith("topic operated, id ")]
        self.assertEqual([detail.partition(": ")[2] for detail in created], ["none -> 2 partitions, 1 replicas (as a client asked)"])
        self.assertEqual(lines(self.run_command("cluster", "events", "--count", "1", "--json")), events[-1:])
        elected = lines(self.run_command("topic", "elect", "operated", "--json"))
        self.assertEqual([(one["partition"], one["elected"]) for one in elected], [(0, False), (1, False)])

    def test_orders_that_make_no_sense_are_refused_with_a_reason(self):
        self.run_command("topic", "create", "ordered")
        broker = str(lines(self.run_command("cluster", "info", "--json"))[0]["controller"])
        self.assertIn("is alive", self.run_command("cluster", "remove", broker, code=1))
        for order in ("drain", "resume", "remove"):
            self.assertIn("no broker 77", self.run_command("cluster", order, "77", code=1))
        self.assertIn("--partition", self.run_command("topic", "elect", "ordered", "--unclean", code=2))
        self.assertIn("partition 9", self.run_command("topic", "elect", "ordered", "--partition", "9", code=1))
        self.assertIn("nowhere", self.run_command("topic", "elect", "nowhere", code=1))
        self.assertIn("--count", self.run_command("cluster", "events", "--count", "0", code=2))

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

    def test_an_export_that_finds_no_room_is_no_success(self):
        self.run_command("topic", "create", "exported")
        self.run_command("produce", "exported", text="".join(f"{i} {'x' * 1000}\n" for i in range(200)))
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BINARY, "consume", "exported", "--exit-at-end", "--brokers", self.broker.address], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)

    def test_nobody_there_is_said_with_what_to_do(self):
        done = subprocess.run([BINARY, "topic", "list", "--brokers", "127.0.0.1:1"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("godwit serve --data-dir data", done.stderr)


class Unreachable(unittest.TestCase):
    """A broker that answers where it is asked first, and gives an address where nobody is for all that follows."""

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker("--advertised.listeners", "PLAINTEXT://127.0.0.1:1")
        cls.addClassCleanup(cls.broker.stop)
        cls.broker.run("topic", "create", "t", "--timeout", "3s", code=None)

    def gives_up(self, *words):
        """The command ends in time, with 1, and names whom it did not reach."""
        began = time.monotonic()
        said = self.broker.run(*words, "--timeout", "2s", text="x\n", code=1)
        self.assertIn("127.0.0.1:1", said)
        self.assertIn("refused", said)
        self.assertGreater(time.monotonic() - began, 1.5, "it tried for as long as it was told to")
        return said

    def test_a_reader_gives_up(self):
        self.assertIn("nothing of t could be read within 2 s", self.gives_up("consume", "t"))
        self.gives_up("consume", "t", "--exit-at-end")

    def test_a_member_of_a_group_gives_up(self):
        self.assertIn("nothing of t could be read within 2 s", self.gives_up("consume", "t", "--group", "g"))

    def test_a_publisher_gives_up(self):
        self.gives_up("produce", "t")
        self.gives_up("produce", "t", "--json")

    def test_a_benchmark_gives_up(self):
        self.gives_up("bench", "produce", "t", "--records", "10")
        self.gives_up("bench", "produce", "t", "--records", "10", "--one-by-one")
        self.gives_up("bench", "consume", "t")


class NobodyThere(unittest.TestCase):
    def test_every_command_that_publishes_or_reads_says_so_at_once(self):
        for words in (["consume", "t"], ["consume", "t", "--group", "g"], ["produce", "t"], ["bench", "produce", "t"],
                      ["bench", "consume", "t"]):
            done = subprocess.run([BINARY, *words, "--brokers", "127.0.0.1:1"], capture_output=True, text=True, input="x\n",
                                  timeout=20)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("127.0.0.1:1", done.stderr)
            self.assertIn("godwit serve --data-dir data", done.stderr)
