import java.nio.*; import java.nio.file.*; import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
public class MakeJavaGoldens {
  static final long T = 1700000000000L;
  static byte[] b(String s) { return s == null ? null : s.getBytes(); }
  static void fill(MemoryRecordsBuilder m) {
    Header[] none = new Header[0];
    m.append(T, b("k0"), b("v0"), none);
    m.append(T + 5, null, b("value without key"), none);
    m.append(T + 3, b("gone"), null, none);
    m.append(T + 10, b(""), b(""), new Header[]{new RecordHeader("h", b("1")), new RecordHeader("h", b("2")), new RecordHeader("null", (byte[]) null), new RecordHeader("", b("empty key"))});
    byte[] x = new byte[2000]; Arrays.fill(x, (byte) 'x');
    m.append(T + 7, b("long"), x, none);
  }
  static void put(String name, MemoryRecords r) throws Exception {
    ByteBuffer buf = r.buffer().duplicate(); byte[] a = new byte[buf.remaining()]; buf.get(a);
    StringBuilder s = new StringBuilder(); for (int i = 0; i < a.length; i++) { s.append(String.format("%02x", a[i])); if (i % 50 == 49) s.append('\n'); }
    Files.writeString(Path.of("../" + name + ".hex"), s.toString().strip() + "\n");
  }
  static MemoryRecordsBuilder make(Compression c, TimestampType t, long appendTime, long pid, short epoch, int seq, boolean txn, boolean control, long base) {
    return new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 16), (byte) 2, c, t, base, appendTime, pid, epoch, seq, txn, control, 7, 1 << 16);
  }
  public static void main(String[] args) throws Exception {
    Map<String, Compression> cs = new LinkedHashMap<>();
    cs.put("none", Compression.NONE); cs.put("gzip", Compression.gzip().build()); cs.put("snappy", Compression.snappy().build());
    cs.put("lz4", Compression.lz4().build()); cs.put("zstd", Compression.zstd().build());
    for (var e : cs.entrySet()) {
      var m = make(e.getValue(), TimestampType.CREATE_TIME, -1L, -1L, (short) -1, -1, false, false, 0L); fill(m);
      put("java-" + e.getKey(), m.build());
    }
    var m = make(Compression.NONE, TimestampType.CREATE_TIME, -1L, 4001L, (short) 3, 2147483645, false, false, 0L); fill(m); put("java-idempotent", m.build());
    m = make(Compression.zstd().build(), TimestampType.CREATE_TIME, -1L, 4001L, (short) 3, 12, true, false, 0L); fill(m); put("java-transactional-zstd", m.build());
    m = make(Compression.NONE, TimestampType.LOG_APPEND_TIME, T + 1000, -1L, (short) -1, -1, false, false, 1234567890123L); fill(m); put("java-log-append-time", m.build());
    put("java-commit-marker", MemoryRecords.withEndTransactionMarker(99L, T, 7, 4001L, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 21)));
    put("java-abort-marker", MemoryRecords.withEndTransactionMarker(100L, T, 7, 4001L, (short) 3, new EndTransactionMarker(ControlRecordType.ABORT, 22)));
    // Compaction: the batch at base offset 50 keeps its records 0, 2 and 3 and gets a delete horizon; emptied keeps none.
    for (String kind : new String[]{"filtered", "emptied"}) {
      var o = make(Compression.NONE, TimestampType.CREATE_TIME, -1L, 4001L, (short) 3, 12, false, false, 50L); fill(o);
      MemoryRecords before = o.build();
      ByteBuffer out = ByteBuffer.allocate(1 << 16);
      MemoryRecords.RecordFilter f = new MemoryRecords.RecordFilter(T, 86400000L) {
        protected BatchRetentionResult checkBatchRetention(RecordBatch batch) { return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false); }
        protected boolean shouldRetainRecord(RecordBatch batch, org.apache.kafka.common.record.internal.Record r) { long d = r.offset() - 50; return kind.equals("filtered") && (d == 0 || d == 2 || d == 3); }
      };
      before.filterTo(f, out, org.apache.kafka.common.utils.BufferSupplier.NO_CACHING);
      out.flip(); put("java-" + kind, MemoryRecords.readableRecords(out));
    }
  }
}
