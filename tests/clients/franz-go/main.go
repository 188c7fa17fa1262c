// franz-go: the contract of tests/clients/README.md. It builds with two versions of franz-go: go.mod has one for Debian's
// Go, newest.mod the newest for machines whose Go suffices.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 30 * time.Second

var (
	padding = strings.Repeat("x", 100)
	options = map[string]string{}
	stop    = make(chan struct{})
	telling sync.Mutex
)

type fields map[string]interface{}

func tell(event string, more fields) {
	more["event"] = event
	line, _ := json.Marshal(more)
	telling.Lock()
	defer telling.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(name string) int64 {
	value, err := strconv.ParseInt(options[name], 10, 64)
	must(err)
	return value
}

func newClient(more ...kgo.Opt) *kgo.Client {
	// A fetch waits half a second at most, as with the other clients: partitions that a rebalance adds are fetched after it.
	given := append([]kgo.Opt{
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.SeedBrokers(strings.Split(options["brokers"], ",")...),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	}, more...)
	client, err := kgo.NewClient(given...)
	must(err)
	return client
}

func create() {
	client := newClient()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	made, err := kadm.NewClient(client).CreateTopics(ctx, int32(number("partitions")), 1, nil, options["topic"])
	must(err)
	for _, topic := range made {
		must(topic.Err)
	}
	tell("created", fields{})
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func produce() {
	pace := int64(0)
	if options["pace_ms"] != "" {
		pace = number("pace_ms")
	}
	failed := false
	for _, codec := range strings.Split(options["codecs"], ",") {
		given := []kgo.Opt{
			kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(5 * time.Millisecond),
			kgo.RecordDeliveryTimeout(time.Minute), kgo.DefaultProduceTopic(options["topic"]),
		}
		if options["idempotent"] != "1" {
			given = append(given, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
		}
		client := newClient(given...)
		more := func(at int64) bool {
			if pace == 0 {
				return at < number("from")+number("count")
			}
			select {
			case <-stop:
				return false
			default:
				return true
			}
		}
		for at := number("from"); more(at); at++ {
			record := &kgo.Record{
				Key:   []byte(fmt.Sprintf("k%d", at%number("keys"))),
				Value: []byte(fmt.Sprintf("%s.%s.%06d.%s", options["prefix"], codec, at, padding)),
			}
			client.Produce(context.Background(), record, func(record *kgo.Record, err error) {
				if err != nil {
					failed = true
					tell("failed", fields{"value": string(record.Value), "why": err.Error()})
					return
				}
				tell("acked", fields{"partition": record.Partition, "offset": record.Offset,
					"key": string(record.Key), "value": string(record.Value)})
			})
			if pace > 0 {
				select {
				case <-stop:
				case <-time.After(time.Duration(pace) * time.Millisecond):
				}
			}
		}
		must(client.Flush(context.Background()))
		client.Close()
	}
	if failed {
		os.Exit(1)
	}
	tell("done", fields{})
}

func tellRecord(record *kgo.Record, more fields) {
	more["partition"], more["offset"] = record.Partition, record.Offset
	more["key"], more["value"] = string(record.Key), string(record.Value)
	more["time"] = record.Timestamp.UnixMilli()
	tell("record", more)
}

func read() {
	admin := kadm.NewClient(newClient())
	defer admin.Close()
	topic := options["topic"]
	for index, span := range strings.Split(options["spans"], ",") {
		place, count, _ := strings.Cut(span, "+")
		partitionText, where, _ := strings.Cut(place, "@")
		partition64, err := strconv.ParseInt(partitionText, 10, 32)
		must(err)
		partition := int32(partition64)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		var offset int64
		if strings.HasPrefix(where, "t") {
			time, err := strconv.ParseInt(where[1:], 10, 64)
			must(err)
			found, err := admin.ListOffsetsAfterMilli(ctx, time, topic)
			must(err)
			must(found.Error())
			at, _ := found.Lookup(topic, partition)
			offset = at.Offset
		} else {
			offset, err = strconv.ParseInt(where, 10, 64)
			must(err)
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		must(err)
		must(ends.Error())
		end, _ := ends.Lookup(topic, partition)
		until := end.Offset
		if count != "end" {
			wanted, err := strconv.ParseInt(count, 10, 64)
			must(err)
			until = offset + wanted
		}
		if offset < until {
			client := newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
				topic: {partition: kgo.NewOffset().At(offset)}}))
			for next := offset; next < until; {
				fetched := client.PollFetches(ctx)
				must(fetched.Err())
				fetched.EachRecord(func(record *kgo.Record) {
					if record.Offset < until {
						tellRecord(record, fields{"span": index})
					}
					next = record.Offset + 1
				})
			}
			client.Close()
		}
		cancel()
	}
	tell("done", fields{})
}

func group() {
	held := map[int32]bool{}
	tellHeld := func() {
		partitions := []int32{}
		for partition := range held {
			partitions = append(partitions, partition)
		}
		sort.Slice(partitions, func(i, j int) bool { return partitions[i] < partitions[j] })
		tell("assigned", fields{"partitions": partitions})
	}
	drop := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		for _, partition := range lost[options["topic"]] {
			delete(held, partition)
		}
		tellHeld()
	}
	client := newClient(
		kgo.ConsumerGroup(options["group"]), kgo.ConsumeTopics(options["topic"]), kgo.ClientID(options["member"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, given map[string][]int32) {
			for _, partition := range given[options["topic"]] {
				held[partition] = true
			}
			tellHeld()
		}),
		kgo.OnPartitionsRevoked(drop), kgo.OnPartitionsLost(drop),
	)
	for stopped := false; !stopped; {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		fetched := client.PollFetches(ctx)
		cancel()
		fetched.EachRecord(func(record *kgo.Record) { tellRecord(record, fields{}) })
		if fetched.NumRecords() > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := client.CommitUncommittedOffsets(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "commit:", err)
			}
			cancel()
		}
		client.AllowRebalance()
		select {
		case <-stop:
			stopped = true
		default:
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(client.CommitUncommittedOffsets(ctx))
	for partition, at := range client.CommittedOffsets()[options["topic"]] {
		tell("committed", fields{"partition": partition, "offset": at.Offset})
	}
	client.CloseAllowingRebalance()
	tell("done", fields{})
}

func main() {
	for _, word := range os.Args[2:] {
		name, value, _ := strings.Cut(word, "=")
		options[name] = value
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			if _, err := os.Stdin.Read(buffer); err != nil {
				close(stop)
				return
			}
		}
	}()
	verbs := map[string]func(){"create": create, "produce": produce, "read": read, "group": group}
	verbs[os.Args[1]]()
}
