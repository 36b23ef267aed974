package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// throughput is what `wearstream process` did with a device topic that was full
// when it started: windows of core.v1, exactly once, to the last committed offset.
type throughput struct {
	samples  int64
	records  int64
	cpu      time.Duration // user and system, of the process from its start
	wall     time.Duration // from its start to the last commit
	outputs  int64         // records of the features topic
	resident string
}

// processed fills the device topic of a new cell and has it processed.
func processed(ctx context.Context, st stage, r *reader, cell string, devices, batches int, profile string) (*throughput, error) {
	defer forgetCell(ctx, r, cell)
	t := &throughput{samples: int64(devices) * int64(batches) * batchSamples, records: int64(devices) * int64(batches)}
	if err := fill(ctx, st, r, cell, devices, batches); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(st.run, "process.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd := st.wearstream(log, "process", "--cell", cell, "--instance", "versus", "--kafka.brokers", strings.Join(st.brokers, ","), "--admin.listen", admin)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer end(cmd)
	if profile != "" {
		go fetchProfile(ctx, admin, profile, 5)
	}
	device := wire.TopicName(cell, wire.TopicDevice)
	ends, err := r.ends(ctx, device)
	if err != nil {
		return nil, err
	}
	if err := committed(ctx, r, cell+"-process", device, ends); err != nil {
		return nil, fmt.Errorf("%w: see %s", err, log.Name())
	}
	t.wall = time.Since(began)
	if t.cpu, err = cpu(cmd.Process.Pid); err != nil {
		return nil, err
	}
	t.resident = resident(cmd.Process.Pid)
	out, err := r.ends(ctx, wire.TopicName(cell, wire.TopicFeatures))
	t.outputs = total(out)
	return t, err
}

// committed waits until a group has committed these offsets.
func committed(ctx context.Context, r *reader, group, topic string, want map[int32]int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		offsets, err := r.adm.FetchOffsets(ctx, group) // fails until Kafka has made the group's coordinator
		behind := err != nil
		for p, o := range want {
			at, ok := offsets.Lookup(topic, p)
			behind = behind || !ok || at.At < o
		}
		if !behind {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("group %s has not committed the end of %s: %w", group, topic, errors.Join(context.Cause(ctx), err))
		}
	}
}

// What a device of the processor's load sends: ten seconds at 50 Hz.
const batchSamples = 10 * rateHz

// fill writes what devices would have sent in their order, side by side, and ticks.
func fill(ctx context.Context, st stage, r *reader, cell string, devices, batches int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(st.brokers...), kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		return err
	}
	defer cl.Close()
	replicas, err := r.adm.ListBrokers(ctx)
	if err != nil {
		return err
	}
	if _, err := kafka.Ensure(ctx, cl, cell, wire.Topics(wire.DefaultPartitions), int16(min(3, len(replicas)))); err != nil {
		return err
	}
	var failed kgo.FirstErrPromise
	topic := wire.TopicName(cell, wire.TopicDevice)
	rng := rand.New(rand.NewPCG(3, 4))
	made := make([]*batch, devices)
	for i := range made {
		if made[i], err = newBatch(fmt.Sprintf("wrist-%04d", i), batchSamples, rng); err != nil {
			return err
		}
	}
	for n := range batches {
		received := strconv.AppendInt(nil, time.Now().UnixMicro(), 10)
		if n%200 == 0 || n == batches-1 {
			tickAll(ctx, cl, topic, &failed)
		}
		for _, b := range made {
			b.name(firstSeq + uint64(n))
			name := b.sensor()
			cl.Produce(ctx, &kgo.Record{
				Topic: topic, Partition: wire.PartitionOf(string(name), wire.DefaultPartitions), Key: name, Value: append([]byte(nil), b.payload...),
				Headers: []kgo.RecordHeader{
					{Key: wire.HeaderKind, Value: []byte(wire.KindSamples)}, {Key: wire.HeaderThing, Value: name},
					{Key: wire.HeaderVia, Value: []byte("mqtt")}, {Key: wire.HeaderReceived, Value: received},
				},
			}, failed.Promise())
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return failed.Err()
}

func tickAll(ctx context.Context, cl *kgo.Client, topic string, failed *kgo.FirstErrPromise) {
	value, _ := json.Marshal(wire.Tick{UTC: time.Now().UnixMicro()})
	for p := range int32(wire.DefaultPartitions) {
		cl.Produce(ctx, &kgo.Record{
			Topic: topic, Partition: p, Value: value, Headers: []kgo.RecordHeader{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}},
		}, failed.Promise())
	}
}

// fetchProfile writes a CPU profile of a service to a file.
func fetchProfile(ctx context.Context, admin, file string, seconds int) {
	if err := ready(ctx, admin, "its log"); err != nil {
		slog.Warn("no profile", "err", err)
		return
	}
	resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, seconds))
	if err != nil {
		slog.Warn("no profile", "err", err)
		return
	}
	defer resp.Body.Close()
	if f, err := os.Create(file); err == nil {
		defer f.Close()
		io.Copy(f, resp.Body)
	}
}
