"""What several parts of the report measure alike, on anything with `address` and `cpu_seconds()`."""

from processes import load


def ingest(server, topic, partitions, total, rounds, settings=()):
    """Throughput and the server's processor time of the best of the later rounds."""
    load("create", server.address, topic, partitions, *settings)
    best = None
    for i in range(rounds):
        cpu = server.cpu_seconds()
        measured = load("produce", server.address, topic, partitions, total)
        measured["cpu_s_per_gb"] = (server.cpu_seconds() - cpu) / (total / 1e9)
        if i > 0 or rounds == 1:
            if best is None or measured["mb_per_s"] > best["mb_per_s"]:
                best = measured
    return best


def show(report, name, measured):
    report.add(name, f"{measured['mb_per_s']:.0f} MB/s, {measured['cpu_s_per_gb']:.2f} CPU s/GB")
