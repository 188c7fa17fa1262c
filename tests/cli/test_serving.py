"""A broker from start to stop, and what keeps it from starting."""

import hashlib
import signal
import subprocess

from program import ProgramTest, taken_port, until


class Serving(ProgramTest):
    def test_a_broker_tells_its_addresses_and_stops_in_order(self):
        server = self.serve().wait_ready()
        self.assertRegex(server.ready["kafka"], r"^127\.0\.0\.1:[1-9]\d*$")
        self.assertEqual(server.get("/healthz"), (200, "alive\n"))
        self.assertEqual(server.get("/readyz"), (200, "ready\n"))
        self.assertIn("# TYPE godwit_connections", server.get("/metrics")[1])
        self.assertEqual(server.get("/nothing")[0], 404)
        self.assertEqual(server.stop(), 0, server.events)
        self.assertEqual(server.events[-1]["event"], "broker.stopped")

    def test_the_variable_of_the_clients_is_no_setting_of_the_broker(self):
        server = self.serve(GODWIT_BROKERS="elsewhere:9092").wait_ready()
        self.assertEqual(server.stop(), 0, server.events)

    def test_http_can_be_switched_off(self):
        server = self.serve("--http", "off").wait_ready()
        self.assertEqual(server.ready["http"], "off")
        self.assertEqual(server.stop(), 0)

    def test_what_was_acknowledged_is_there_after_kill_and_start(self):
        server = self.serve().wait_ready()
        self.publish(server, "first\nsecond\n")
        server.process.kill()
        server.finish()
        again = self.serve().wait_ready()
        self.assertEqual(again.ready["cluster_id"], server.ready["cluster_id"])
        self.assertEqual(self.read(again), "first\nsecond\n")
        self.assertEqual(again.stop(), 0)

    def publish(self, server, text):
        subprocess.run(["kcat", "-P", "-b", server.ready["kafka"], "-t", "t", "-X", "acks=all"], input=text, text=True,
                       check=True, timeout=60)

    def read(self, server):
        return subprocess.run(["kcat", "-C", "-q", "-e", "-b", server.ready["kafka"], "-t", "t", "-o", "beginning"], text=True,
                              capture_output=True, check=True, timeout=60).stdout

    def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(self):
        server = self.serve().wait_ready()
        self.publish(server, "kept\n")
        # A request that waits keeps the broker stopping: a Fetch that nobody answers for a minute.
        reader = subprocess.Popen(["kcat", "-C", "-q", "-b", server.ready["kafka"], "-t", "t", "-o", "end", "-X",
                                   "fetch.wait.max.ms=60000", "-X", "fetch.min.bytes=1000", "-X", "socket.timeout.ms=120000"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        fetches = 'godwit_requests_total{api="Fetch"}'
        until(lambda: fetches in server.get("/metrics")[1])
        server.signal(signal.SIGTERM)
        server.wait_for("broker.stopping")
        server.signal(signal.SIGTERM)
        code = server.finish()
        # It may have been quick enough to stop in order before the second one came.
        self.assertIn(code, (0, 128 + signal.SIGTERM), server.events)
        again = self.serve().wait_ready()
        self.assertEqual(self.read(again), "kept\n")
        self.assertEqual(again.stop(), 0)

    def test_a_reload_changes_what_it_can_and_says_what_waits(self):
        file = self.folder / "godwit.toml"
        file.write_text("num.partitions = 2\n")
        server = self.serve("--config", "godwit.toml").wait_ready()
        file.write_text("num.partitions = 3\ndiagnostics.level = 'debug'\n")
        server.signal(signal.SIGHUP)
        self.assertEqual(server.wait_for("config.reloaded")["text"], "2 settings changed")
        told = {e["fields"]["setting"]: e["text"] for e in server.events if e["event"] == "config.changed"}
        self.assertEqual(told, {"diagnostics.level": "takes effect now", "num.partitions": "takes effect at the next start"})
        file.write_text("num.partitons = 3\n")
        server.signal(signal.SIGHUP)
        self.assertIn("did you mean num.partitions?", server.wait_for("config.not_reloaded")["text"])
        self.assertEqual(server.get("/readyz")[0], 200)
        self.assertEqual(server.stop(), 0)

    def fails(self, server, event, *words):
        told = server.wait_for(event)
        self.assertEqual(told["severity"], "error")
        for word in words:
            self.assertIn(word, told["text"])
        self.assertEqual(server.finish(), 1, server.events)

    def test_a_kafka_port_in_use(self):
        listener, port = taken_port()
        with listener:
            self.fails(self.serve("--kafka", f"127.0.0.1:{port}"), "broker.not_started", str(port), "in use")

    def test_an_http_port_in_use(self):
        listener, port = taken_port()
        with listener:
            self.fails(self.serve("--http", f"127.0.0.1:{port}"), "http.not_started", str(port), "in use")

    def test_the_port_of_another_broker(self):
        first = self.serve("--shards", "2").wait_ready()
        self.fails(self.serve("--shards", "2", "--kafka", first.ready["kafka"], data_dir="other"), "broker.not_started",
                   "in use")
        self.assertEqual(first.stop(), 0)

    def test_the_data_directory_of_a_running_broker(self):
        first = self.serve().wait_ready()
        self.publish(first, "kept\n")
        self.fails(self.serve(), "broker.not_started", str(first.process.pid))
        self.assertEqual(self.read(first), "kept\n")
        self.assertEqual(first.stop(), 0)

    def test_the_data_directory_of_another_broker(self):
        self.assertEqual(self.serve().wait_ready().stop(), 0)
        before = self.content()
        self.fails(self.serve("--broker.id", "2"), "broker.not_started", "broker")
        self.fails(self.serve("--cluster.id", "AAAAAAAAQACAAAAAAAAAAA"), "broker.not_started", "cluster")
        self.assertEqual(self.content(), before, "nothing is touched")
        self.assertEqual(self.serve().wait_ready().stop(), 0)

    def content(self):
        """A digest of each file but the lock, which names who came last."""
        files = [p for p in sorted((self.folder / "d").rglob("*")) if p.is_file() and p.name != "lock"]
        return {str(p.relative_to(self.folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    def test_a_folder_that_holds_something_else(self):
        (self.folder / "d").mkdir()
        (self.folder / "d" / "thesis.tex").write_text("mine")
        self.fails(self.serve(), "broker.not_started", "thesis.tex")
        self.assertEqual((self.folder / "d" / "thesis.tex").read_text(), "mine")

    def test_a_data_directory_that_is_a_file(self):
        (self.folder / "d").write_text("mine")
        self.fails(self.serve(), "broker.not_started", "d")
        self.assertEqual((self.folder / "d").read_text(), "mine")

    def test_a_data_directory_that_may_not_be_written(self):
        (self.folder / "d").mkdir(mode=0o500)
        self.fails(self.serve(unprivileged=True), "broker.not_started", "permission")
        self.assertEqual(list((self.folder / "d").iterdir()), [])

    def test_a_used_data_directory_that_may_not_be_written_any_more(self):
        first = self.serve().wait_ready()
        self.publish(first, "kept\n")
        self.assertEqual(first.stop(), 0)
        before = self.content()
        inside = [self.folder / "d", *(self.folder / "d").rglob("*")]
        for path in inside:
            path.chmod(0o500 if path.is_dir() else 0o400)
        self.fails(self.serve(unprivileged=True), "broker.not_started", "permission")
        for path in inside:
            path.chmod(0o700 if path.is_dir() else 0o600)
        self.assertEqual(self.content(), before)
        again = self.serve().wait_ready()
        self.assertEqual(self.read(again), "kept\n")
        self.assertEqual(again.stop(), 0)
