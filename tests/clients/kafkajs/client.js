// kafkajs: the contract of tests/clients/README.md.
'use strict';

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
const { Kafka, Partitioners, CompressionTypes, CompressionCodecs, PartitionAssigners, logLevel } = require('kafkajs');
const snappy = require('kafkajs-snappy');
const lz4 = require('lz4js');
const { ZstdCodec } = require('zstd-codec');

const PADDING = 'x'.repeat(100);

CompressionCodecs[CompressionTypes.Snappy] = snappy;
// lz4js says that its blocks depend on each other, which Kafka refuses. A batch that is one block depends on nothing: the
// flag is set right, and with it the header's checksum (04224d18 40 70 df becomes 04224d18 60 70 73).
function independent(frame) {
  if (frame[4] !== 0x40 || frame[5] !== 0x70) throw new Error('lz4js writes another header than was known');
  frame[4] = 0x60;
  frame[6] = 0x73;
  return frame;
}
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => independent(Buffer.from(lz4.compress(encoder.buffer))),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});
const zstd = new Promise((resolve) => ZstdCodec.run((codec) => resolve(new codec.Simple())));
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from((await zstd).decompress(buffer)),
});
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
                 lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD };

const tell = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const stop = { now: false, done: null };
stop.done = new Promise((resolve) => {
  process.stdin.on('end', () => { stop.now = true; resolve(); });
  process.stdin.resume();
});

function client(options, name) {
  return new Kafka({
    clientId: name, brokers: options.brokers.split(','), logLevel: logLevel.ERROR, connectionTimeout: 3000,
    requestTimeout: 10000,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 },
    logCreator: () => ({ namespace, log }) => process.stderr.write(`${namespace} ${log.message} ${log.error || ''}\n`),
  });
}

async function create(options) {
  const admin = client(options, 'kafkajs-create').admin();
  await admin.connect();
  const created = await admin.createTopics({ waitForLeaders: true, timeout: 30000, topics: [
    { topic: options.topic, numPartitions: Number(options.partitions), replicationFactor: 1 }] });
  if (!created) throw new Error('the topic is there already');
  await admin.disconnect();
  tell('created', {});
}

async function produce(options) {
  const paced = Number(options.pace_ms || 0);
  const from = Number(options.from);
  for (const codec of options.codecs.split(',')) {
    const producer = client(options, 'kafkajs-produce').producer({
      idempotent: options.idempotent === '1', maxInFlightRequests: 1,
      // A broker that hangs gives no reason to ask who leads now: kafkajs asks only when its answer is older than this.
      metadataMaxAge: 5000,
      createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    // One send is one batch a partition, and is over when all of it is acknowledged: kafkajs has no batching of its own.
    const send = async (first, count) => {
      const messages = [];
      const next = {};
      for (let number = first; number < first + count; ++number) {
        messages.push({ key: `k${number % Number(options.keys)}`,
                        value: `${options.prefix}.${codec}.${String(number).padStart(6, '0')}.${PADDING}` });
      }
      // Which record got which offset follows from the partition, and kafkajs tells that only to its partitioner.
      const chosen = messages.map((message) => Partitioners.DefaultPartitioner()({
        topic: options.topic, message: { ...message, key: Buffer.from(message.key) }, partitionMetadata: partitions }));
      // When a partition's new leader is a broker that has answered for others already, kafkajs's own retry passes the
      // partition over and reports success without it: what has no answer was not sent, and is sent again. Its sequence
      // numbers are the same, so that an idempotent producer's records are there once.
      for (let left = [...messages.keys()]; left.length > 0;) {
        const answers = await producer.send({ topic: options.topic, acks: -1, compression: CODECS[codec],
                                              messages: left.map((i) => messages[i]) });
        for (const answer of answers) {
          if (answer.errorCode !== 0) throw new Error(`not acknowledged: ${answer.errorCode}`);
          next[answer.partition] = BigInt(answer.baseOffset);
        }
        const answered = new Set(answers.map((answer) => answer.partition));
        for (const i of left.filter((one) => answered.has(chosen[one]))) {
          const { key, value } = messages[i];
          tell('acked', { partition: chosen[i], offset: Number(next[chosen[i]]), key, value });
          next[chosen[i]] += 1n;
        }
        left = left.filter((one) => !answered.has(chosen[one]));
      }
    };
    const admin = client(options, 'kafkajs-layout').admin();
    await admin.connect();
    const partitions = (await admin.fetchTopicMetadata({ topics: [options.topic] })).topics[0].partitions;
    await admin.disconnect();
    if (paced) {
      for (let number = from; !stop.now; number += 4) {
        await send(number, 4);
        await Promise.race([new Promise((resolve) => setTimeout(resolve, paced * 4)), stop.done]);
      }
    } else {
      await send(from, Number(options.count));
    }
    await producer.disconnect();
  }
  tell('done', {});
}

const tellRecord = (partition, message, more) => tell('record', {
  partition, offset: Number(message.offset), key: message.key.toString(), value: message.value.toString(),
  time: Number(message.timestamp), ...more });

// Seeking is something that a running member of a group does: each read is a group of its own.
async function read(options) {
  const kafka = client(options, 'kafkajs-read');
  const admin = kafka.admin();
  await admin.connect();
  const ends = {};
  for (const { partition, high } of await admin.fetchTopicOffsets(options.topic)) ends[partition] = Number(high);
  const consumer = kafka.consumer({ groupId: `read-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topics: [options.topic], fromBeginning: true });
  let current = null;
  const assigned = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isStale }) => {
      for (const message of batch.messages) {
        resolveOffset(message.offset);
        if (!current || isStale() || batch.partition !== current.partition) continue;
        if (Number(message.offset) !== current.next) continue;
        current.next += 1;
        tellRecord(batch.partition, message, { span: current.index });
        if (--current.left === 0) { const { resolve } = current; current = null; resolve(); }
      }
      await heartbeat();
    } });
  await assigned;
  for (const [index, span] of options.spans.split(',').entries()) {
    const [, partition, where, count] = span.match(/^(\d+)@(t?\d+)\+(\w+)$/);
    let offset = Number(where);
    if (where.startsWith('t')) {
      const found = await admin.fetchTopicOffsetsByTimestamp(options.topic, Number(where.slice(1)));
      offset = Number(found.find((entry) => entry.partition === Number(partition)).offset);
    }
    const left = count === 'end' ? ends[partition] - offset : Number(count);
    if (left <= 0) continue;
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`nothing comes at ${span}`)), 30000);
      current = { index, partition: Number(partition), next: offset, left,
                  resolve: () => { clearTimeout(late); resolve(); } };
      consumer.seek({ topic: options.topic, partition: Number(partition), offset: String(offset) });
    });
  }
  await consumer.disconnect();
  await admin.disconnect();
  tell('done', {});
}

async function group(options) {
  const consumer = client(options, options.member).consumer({
    groupId: options.group, sessionTimeout: 10000, rebalanceTimeout: 10000, heartbeatInterval: 500,
    maxWaitTimeInMs: 200, partitionAssigners: [PartitionAssigners.roundRobin] });
  await consumer.connect();
  await consumer.subscribe({ topics: [options.topic], fromBeginning: true });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    tell('assigned', { partitions: [...(payload.memberAssignment[options.topic] || [])].sort() }));
  consumer.on(consumer.events.REBALANCING, () => tell('assigned', { partitions: [] }));
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => payload.topics.forEach((topic) =>
    topic.partitions.forEach(({ partition, offset }) =>
      tell('committed', { partition: Number(partition), offset: Number(offset) }))));
  consumer.on(consumer.events.CRASH, ({ payload }) => process.stderr.write(`crash ${payload.error}\n`));
  await consumer.run({ autoCommitInterval: 200, eachMessage: async ({ partition, message }) => {
    tellRecord(partition, message, {});
  } });
  await stop.done;
  await consumer.stop();
  await consumer.disconnect();
  tell('done', {});
}

const VERBS = { create, produce, read, group };
const options = Object.fromEntries(process.argv.slice(3).map((word) => {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}));
VERBS[process.argv[2]](options).then(() => process.exit(0), (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
