/* librdkafka from C: the contract of tests/clients/README.md. */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kPatienceMs = 30000, kPartitionsMax = 64 };

static int option_count;
static char** option_words;

static void die(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static const char* option(const char* name, const char* fallback) {
  const size_t size = strlen(name);
  for (int i = 0; i < option_count; ++i) {
    if (strncmp(option_words[i], name, size) == 0 && option_words[i][size] == '=')
      return option_words[i] + size + 1;
  }
  if (fallback == NULL) die("missing", name);
  return fallback;
}

static int64_t number(const char* name) {
  return strtoll(option(name, NULL), NULL, 10);
}

/* True once standard input is closed; waits at most `ms` for that. */
static bool stopped(int ms) {
  char buffer[256];
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (poll(&input, 1, ms) > 0) {
    if (read(STDIN_FILENO, buffer, sizeof buffer) <= 0) return true;
  }
  return false;
}

static void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(name, why);
}

static rd_kafka_conf_t* new_conf(void) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", option("brokers", NULL));
  set(conf, "reconnect.backoff.max.ms", "500");
  return conf;
}

static rd_kafka_t* new_handle(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[512];
  rd_kafka_t* handle = rd_kafka_new(type, conf, why, sizeof why);
  if (handle == NULL) die("rd_kafka_new", why);
  return handle;
}

static int create(void) {
  char why[512];
  rd_kafka_t* handle = new_handle(RD_KAFKA_PRODUCER, new_conf());
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(option("topic", NULL), (int)number("partitions"), 1, why, sizeof why);
  if (topic == NULL) die("NewTopic", why);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_AdminOptions_set_operation_timeout(options, kPatienceMs, why, sizeof why);
  rd_kafka_CreateTopics(handle, &topic, 1, options, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kPatienceMs);
  if (event == NULL) die("CreateTopics", "no answer");
  if (rd_kafka_event_error(event)) die("CreateTopics", rd_kafka_event_error_string(event));
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  for (size_t i = 0; i < count; ++i) {
    if (rd_kafka_topic_result_error(results[i]))
      die("CreateTopics", rd_kafka_topic_result_error_string(results[i]));
  }
  rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_destroy(handle);
  puts("{\"event\":\"created\"}");
  return 0;
}

static int failures;

static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* m, void* opaque) {
  (void)handle;
  (void)opaque;
  if (m->err) {
    ++failures;
    printf("{\"event\":\"failed\",\"value\":\"%.*s\",\"why\":\"%s\"}\n", (int)m->len, (const char*)m->payload,
           rd_kafka_err2name(m->err));
  } else {
    printf("{\"event\":\"acked\",\"partition\":%" PRId32 ",\"offset\":%" PRId64
           ",\"key\":\"%.*s\",\"value\":\"%.*s\"}\n",
           m->partition, m->offset, (int)m->key_len, (const char*)m->key, (int)m->len,
           (const char*)m->payload);
  }
}

static int produce(void) {
  const int pace_ms = atoi(option("pace_ms", "0"));
  char codecs[64];
  snprintf(codecs, sizeof codecs, "%s", option("codecs", NULL));
  char padding[101];
  memset(padding, 'x', 100);
  padding[100] = 0;
  char* rest = NULL;
  for (char* codec = strtok_r(codecs, ",", &rest); codec != NULL; codec = strtok_r(NULL, ",", &rest)) {
    rd_kafka_conf_t* conf = new_conf();
    set(conf, "compression.type", codec);
    set(conf, "enable.idempotence", strcmp(option("idempotent", NULL), "1") == 0 ? "true" : "false");
    set(conf, "linger.ms", "5");
    set(conf, "message.timeout.ms", "60000");
    // For a broker that hangs; the default is as long as the line above.
    set(conf, "socket.timeout.ms", option("hang_ms", "10000"));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t* handle = new_handle(RD_KAFKA_PRODUCER, conf);
    const int64_t from = number("from");
    for (int64_t n = from; pace_ms > 0 ? !stopped(pace_ms) : n < from + number("count"); ++n) {
      char key[32];
      char value[256];
      snprintf(key, sizeof key, "k%" PRId64, n % number("keys"));
      snprintf(value, sizeof value, "%s.%s.%06" PRId64 ".%s", option("prefix", NULL), codec, n, padding);
      const rd_kafka_resp_err_t error = rd_kafka_producev(
          handle, RD_KAFKA_V_TOPIC(option("topic", NULL)), RD_KAFKA_V_KEY(key, strlen(key)),
          RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (error) die("producev", rd_kafka_err2str(error));
      rd_kafka_poll(handle, 0);
      fflush(stdout);
    }
    if (rd_kafka_flush(handle, 2 * kPatienceMs)) die("flush", "records are left");
    rd_kafka_destroy(handle);
  }
  puts("{\"event\":\"done\"}");
  return failures == 0 ? 0 : 1;
}

static void tell_record(const rd_kafka_message_t* m, int span) {
  printf("{\"event\":\"record\",\"partition\":%" PRId32 ",\"offset\":%" PRId64
         ",\"key\":\"%.*s\",\"value\":\"%.*s\",\"time\":%" PRId64 ",\"span\":%d}\n",
         m->partition, m->offset, (int)m->key_len, (const char*)m->key, (int)m->len, (const char*)m->payload,
         rd_kafka_message_timestamp(m, NULL), span);
}

static void read_span(rd_kafka_t* handle, const char* span, int index) {
  const char* topic = option("topic", NULL);
  char* rest = NULL;
  const int32_t partition = (int32_t)strtol(span, &rest, 10);
  const bool by_time = rest[1] == 't';
  int64_t offset = strtoll(rest + (by_time ? 2 : 1), &rest, 10);
  int64_t low = 0;
  int64_t end = 0;
  rd_kafka_resp_err_t error =
      rd_kafka_query_watermark_offsets(handle, topic, partition, &low, &end, kPatienceMs);
  if (error) die("watermarks", rd_kafka_err2str(error));
  if (by_time) {
    rd_kafka_topic_partition_list_t* times = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(times, topic, partition)->offset = offset;
    error = rd_kafka_offsets_for_times(handle, times, kPatienceMs);
    if (error || times->elems[0].err)
      die("offsets_for_times", rd_kafka_err2str(error ? error : times->elems[0].err));
    offset = times->elems[0].offset < 0 ? end : times->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(times);
  }
  const int64_t until = strcmp(rest + 1, "end") == 0 ? end : offset + strtoll(rest + 1, NULL, 10);
  rd_kafka_topic_partition_list_t* at = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(at, topic, partition)->offset = offset;
  error = rd_kafka_assign(handle, at);
  if (error) die("assign", rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(at);
  while (offset < until) {
    rd_kafka_message_t* m = rd_kafka_consumer_poll(handle, kPatienceMs);
    if (m == NULL) die("nothing comes at", span);
    if (m->err) die("poll", rd_kafka_message_errstr(m));
    tell_record(m, index);
    offset = m->offset + 1;
    rd_kafka_message_destroy(m);
  }
}

static int read_spans(void) {
  rd_kafka_conf_t* conf = new_conf();
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "error");
  set(conf, "check.crcs", "true");
  rd_kafka_t* handle = new_handle(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(handle);
  char spans[4096];
  snprintf(spans, sizeof spans, "%s", option("spans", NULL));
  char* rest = NULL;
  int index = 0;
  for (char* span = strtok_r(spans, ",", &rest); span != NULL; span = strtok_r(NULL, ",", &rest)) {
    read_span(handle, span, index++);
  }
  rd_kafka_consumer_close(handle);
  rd_kafka_destroy(handle);
  puts("{\"event\":\"done\"}");
  return 0;
}

static int by_number(const void* a, const void* b) {
  return *(const int32_t*)a - *(const int32_t*)b;
}

static void tell_assigned(const rd_kafka_topic_partition_list_t* given) {
  int32_t partitions[kPartitionsMax];
  int count = 0;
  for (; given != NULL && count < given->cnt && count < kPartitionsMax; ++count) {
    partitions[count] = given->elems[count].partition;
  }
  qsort(partitions, (size_t)count, sizeof partitions[0], by_number);
  printf("{\"event\":\"assigned\",\"partitions\":[");
  for (int i = 0; i < count; ++i) printf("%s%" PRId32, i > 0 ? "," : "", partitions[i]);
  printf("]}\n");
  fflush(stdout);
}

static void on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list,
                         void* opaque) {
  (void)opaque;
  const bool assigns = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  rd_kafka_assign(handle, assigns ? list : NULL);
  tell_assigned(assigns ? list : NULL);
}

static void tell_committed(int32_t partition, int64_t offset) {
  printf("{\"event\":\"committed\",\"partition\":%" PRId32 ",\"offset\":%" PRId64 "}\n", partition, offset);
}

static void on_commit(rd_kafka_t* handle, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list,
                      void* opaque) {
  (void)handle;
  (void)opaque;
  for (int i = 0; list != NULL && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t* one = &list->elems[i];
    if (error || one->err) {
      fprintf(stderr, "commit of %" PRId64 " in partition %" PRId32 ": %s\n", one->offset, one->partition,
              rd_kafka_err2str(error ? error : one->err));
    } else if (one->offset >= 0) {
      tell_committed(one->partition, one->offset);
    }
  }
  fflush(stdout);
}

static int group(void) {
  rd_kafka_conf_t* conf = new_conf();
  set(conf, "group.id", option("group", NULL));
  set(conf, "client.id", option("member", NULL));
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "session.timeout.ms", option("session_ms", "10000"));
  set(conf, "heartbeat.interval.ms", "500");
  set(conf, "check.crcs", "true");
  set(conf, "socket.timeout.ms", option("hang_ms", "10000"));
  rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
  rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
  rd_kafka_t* handle = new_handle(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(handle);
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, option("topic", NULL), RD_KAFKA_PARTITION_UA);
  rd_kafka_resp_err_t error = rd_kafka_subscribe(handle, topics);
  if (error) die("subscribe", rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(topics);
  while (!stopped(0)) {
    rd_kafka_message_t* m = rd_kafka_consumer_poll(handle, 100);
    if (m == NULL) continue;
    if (m->err) {
      fprintf(stderr, "poll: %s\n", rd_kafka_message_errstr(m));
    } else {
      tell_record(m, 0);
      fflush(stdout);
      rd_kafka_commit_message(handle, m, 1);
    }
    rd_kafka_message_destroy(m);
  }
  error = rd_kafka_commit(handle, NULL, 0);
  // A rebalance may be quicker: whoever has the partitions then reads these again.
  if (error && error != RD_KAFKA_RESP_ERR__NO_OFFSET && error != RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS &&
      error != RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
    die("commit", rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_t* held = NULL;
  rd_kafka_assignment(handle, &held);
  error = rd_kafka_committed(handle, held, kPatienceMs);
  if (error) die("committed", rd_kafka_err2str(error));
  for (int i = 0; i < held->cnt; ++i) {
    if (held->elems[i].offset < 0) continue;
    tell_committed(held->elems[i].partition, held->elems[i].offset);
  }
  rd_kafka_topic_partition_list_destroy(held);
  rd_kafka_consumer_close(handle);
  rd_kafka_destroy(handle);
  puts("{\"event\":\"done\"}");
  return 0;
}

int main(int count, char** words) {
  if (count < 2) die("usage", "client VERB name=value…");
  option_count = count - 2;
  option_words = words + 2;
  if (strcmp(words[1], "create") == 0) return create();
  if (strcmp(words[1], "produce") == 0) return produce();
  if (strcmp(words[1], "read") == 0) return read_spans();
  if (strcmp(words[1], "group") == 0) return group();
  die("unknown verb", words[1]);
}
