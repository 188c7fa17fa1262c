# Batches of kafka-python, and of librdkafka by way of a broker that only listens.
import socket, struct, threading, sys
T = 1700000000000
RECORDS = [
  (T, b"k0", b"v0", []),
  (T + 5, None, b"value without key", []),
  (T + 3, b"gone", None, []),
  (T + 10, b"", b"", [("h", b"1"), ("h", b"2"), ("null", None), ("", b"empty key")]),
  (T + 7, b"long", b"x" * 2000, []),
]
def put(name, data):
    h = data.hex(); open(f"../{name}.hex", "w").write("\n".join(h[i:i+100] for i in range(0, len(h), 100)) + "\n")
    print(name, len(data))

from kafka.record.default_records import DefaultRecordBatchBuilder as B
for codec, n in enumerate(["none", "gzip", "snappy", "lz4", "zstd"]):
    b = B(2, codec, 0, -1, -1, -1, 1 << 20)
    for i, (ts, k, v, h) in enumerate(RECORDS): b.append(i, ts, k, v, h)
    put("kafka-python-" + n, bytes(b.build()))

def string(s): s = s.encode(); return struct.pack(">h", len(s)) + s
def serve(listener, got, port):
    def one(c):
        def need(n):
            d = b""
            while len(d) < n:
                x = c.recv(n - len(d))
                if not x: raise EOFError
                d += x
            return d
        try:
            while True:
                r = need(struct.unpack(">i", need(4))[0])
                key, ver, corr = struct.unpack_from(">hhi", r)
                p = 8; n, = struct.unpack_from(">h", r, p); p += 2 + max(n, 0)
                if key == 18:
                    apis = [(0,0,7),(1,0,10),(2,0,1),(3,0,2),(10,0,0),(18,0,0),(22,0,0)]
                    body = struct.pack(">h", 35 if ver else 0) + struct.pack(">i", len(apis)) + b"".join(struct.pack(">hhh", *a) for a in apis)
                elif key == 3:
                    body = struct.pack(">i", 1) + struct.pack(">i", 1) + string("127.0.0.1") + struct.pack(">i", port) + struct.pack(">h", -1)
                    if ver >= 2: body += string("cluster")
                    body += struct.pack(">i", 1) + struct.pack(">i", 1) + struct.pack(">h", 0) + string("t") + b"\0" + struct.pack(">i", 1)
                    body += struct.pack(">hiii", 0, 0, 1, 1) + struct.pack(">ii", 1, 1) + struct.pack(">i", 1)
                elif key == 22:
                    body = struct.pack(">ihqh", 0, 0, 4001, 0)
                elif key == 0:
                    if ver >= 3: n, = struct.unpack_from(">h", r, p); p += 2 + max(n, 0)
                    p += 2 + 4 + 4; n, = struct.unpack_from(">h", r, p); p += 2 + n + 4 + 4
                    n, = struct.unpack_from(">i", r, p); p += 4
                    got.append(r[p:p + n])
                    body = struct.pack(">i", 1) + string("t") + struct.pack(">i", 1) + struct.pack(">ihq", 0, 0, 0)
                    if ver >= 2: body += struct.pack(">q", -1)
                    if ver >= 5: body += struct.pack(">q", 0)
                    body += struct.pack(">i", 0)
                else: return
                out = struct.pack(">i", corr) + body
                c.sendall(struct.pack(">i", len(out)) + out)
        except (EOFError, OSError): pass
    while True:
        try: c, _ = listener.accept()
        except OSError: return
        threading.Thread(target=one, args=(c,), daemon=True).start()

from confluent_kafka import Producer
for codec, idem in [("none",0),("gzip",0),("snappy",0),("lz4",0),("zstd",0),("none",1)]:
    l = socket.create_server(("127.0.0.1", 0)); got = []; port = l.getsockname()[1]
    threading.Thread(target=serve, args=(l, got, port), daemon=True).start()
    p = Producer({"bootstrap.servers": f"127.0.0.1:{port}", "compression.type": codec, "linger.ms": 300, "enable.idempotence": bool(idem)})
    for ts, k, v, h in RECORDS: p.produce("t", key=k, value=v, headers=h, timestamp=ts, partition=0)
    p.flush(10)
    put("librdkafka-" + ("idempotent" if idem else codec), got[0]); l.close()
