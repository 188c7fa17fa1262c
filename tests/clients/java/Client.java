import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Kafka's own Java client: the contract of tests/clients/README.md. */
public final class Client {
  private static final String PADDING = "x".repeat(100);
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final CountDownLatch stop = new CountDownLatch(1);

  private static Map<String, String> options;

  public static void main(String[] arguments) throws Exception {
    options = Arrays.stream(arguments).skip(1)
        .collect(Collectors.toMap(w -> w.substring(0, w.indexOf('=')), w -> w.substring(w.indexOf('=') + 1)));
    Thread watch = new Thread(() -> {
      try {
        while (System.in.read() >= 0) { }
      } catch (java.io.IOException closed) {
        // as good as its end
      }
      stop.countDown();
    });
    watch.setDaemon(true);
    watch.start();
    switch (arguments[0]) {
      case "create" -> create();
      case "produce" -> produce();
      case "read" -> read();
      case "group" -> group();
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static synchronized void tell(String event, String fields) {
    System.out.println("{\"event\":\"" + event + "\"" + (fields.isEmpty() ? "" : "," + fields) + "}");
  }

  private static Properties properties() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", options.get("brokers"));
    properties.put("reconnect.backoff.max.ms", "500");
    properties.put("key.serializer", StringSerializer.class.getName());
    properties.put("value.serializer", StringSerializer.class.getName());
    properties.put("key.deserializer", StringDeserializer.class.getName());
    properties.put("value.deserializer", StringDeserializer.class.getName());
    return properties;
  }

  private static void create() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      NewTopic topic = new NewTopic(options.get("topic"), Integer.parseInt(options.get("partitions")), (short) 1);
      admin.createTopics(List.of(topic)).all().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
    tell("created", "");
  }

  private static void produce() throws Exception {
    int pace = Integer.parseInt(options.getOrDefault("pace_ms", "0"));
    long from = Long.parseLong(options.get("from"));
    int keys = Integer.parseInt(options.get("keys"));
    AtomicReference<Exception> failure = new AtomicReference<>();
    for (String codec : options.get("codecs").split(",")) {
      Properties properties = properties();
      properties.put("compression.type", codec);
      properties.put("enable.idempotence", options.get("idempotent").equals("1") ? "true" : "false");
      properties.put("acks", "all");
      properties.put("linger.ms", "5");
      properties.put("delivery.timeout.ms", "60000");
      properties.put("request.timeout.ms", "10000");
      try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
        for (long number = from; pace > 0 ? stop.getCount() > 0 : number < from + Long.parseLong(options.get("count"));
             ++number) {
          String key = "k" + number % keys;
          String value = "%s.%s.%06d.%s".formatted(options.get("prefix"), codec, number, PADDING);
          producer.send(new ProducerRecord<>(options.get("topic"), key, value), (meta, error) -> {
            if (error != null) {
              failure.set(error);
            } else {
              tell("acked", "\"partition\":%d,\"offset\":%d,\"key\":\"%s\",\"value\":\"%s\"".formatted(
                  meta.partition(), meta.offset(), key, value));
            }
          });
          if (pace > 0 && stop.await(pace, TimeUnit.MILLISECONDS)) {
            break;
          }
        }
      }
    }
    if (failure.get() != null) {
      throw failure.get();
    }
    tell("done", "");
  }

  private static void tellRecord(ConsumerRecord<String, String> record, String more) {
    tell("record", "\"partition\":%d,\"offset\":%d,\"key\":\"%s\",\"value\":\"%s\",\"time\":%d%s".formatted(
        record.partition(), record.offset(), record.key(), record.value(), record.timestamp(), more));
  }

  private static void read() {
    Properties properties = properties();
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "none");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
      int index = 0;
      for (String span : options.get("spans").split(",")) {
        String[] parts = span.split("[@+]");
        TopicPartition at = new TopicPartition(options.get("topic"), Integer.parseInt(parts[0]));
        consumer.assign(List.of(at));
        long end = consumer.endOffsets(List.of(at)).get(at);
        long offset;
        if (parts[1].startsWith("t")) {
          OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(at, Long.parseLong(parts[1].substring(1)))).get(at);
          offset = found == null ? end : found.offset();
        } else {
          offset = Long.parseLong(parts[1]);
        }
        consumer.seek(at, offset);
        long until = parts[2].equals("end") ? end : offset + Long.parseLong(parts[2]);
        while (consumer.position(at) < until) {
          List<ConsumerRecord<String, String>> came = consumer.poll(PATIENCE).records(at);
          if (came.isEmpty()) {
            throw new IllegalStateException("nothing comes at " + span);
          }
          for (ConsumerRecord<String, String> record : came) {
            if (record.offset() < until) {
              tellRecord(record, ",\"span\":" + index);
            }
          }
        }
        ++index;
      }
    }
    tell("done", "");
  }

  private static void tellAssignment(Set<TopicPartition> held) {
    tell("assigned", "\"partitions\":" + held.stream().map(TopicPartition::partition).sorted().toList());
  }

  private static void group() {
    Properties properties = properties();
    properties.put("group.id", options.get("group"));
    properties.put("client.id", options.get("member"));
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    properties.put("session.timeout.ms", "10000");
    properties.put("heartbeat.interval.ms", "500");
    Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
      consumer.subscribe(List.of(options.get("topic")), new ConsumerRebalanceListener() {
        @Override public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
          next.keySet().removeAll(revoked);
          tell("assigned", "\"partitions\":[]");
        }
        @Override public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
          tellAssignment(consumer.assignment());
        }
      });
      while (stop.getCount() > 0) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          tellRecord(record, "");
          next.put(new TopicPartition(record.topic(), record.partition()),
              new OffsetAndMetadata(record.offset() + 1, Optional.empty(), ""));
        }
        if (!next.isEmpty()) {
          consumer.commitAsync(Map.copyOf(next), null);
        }
      }
      try {
        if (!next.isEmpty()) {
          consumer.commitSync(next, PATIENCE);
          next.forEach((at, held) ->
              tell("committed", "\"partition\":%d,\"offset\":%d".formatted(at.partition(), held.offset())));
        }
      } catch (CommitFailedException | RebalanceInProgressException rebalanced) {
        // whoever has the partitions now reads these again
      }
    }
    tell("done", "");
  }
}
