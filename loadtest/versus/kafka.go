package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// reader asks Kafka what is in it.
type reader struct {
	brokers []string
	adm     *kadm.Client
}

func newReader(brokers []string) (*reader, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	return &reader{brokers, kadm.NewClient(cl)}, nil
}

// ends are the end offsets of a topic by partition.
func (r *reader) ends(ctx context.Context, topic string) (map[int32]int64, error) {
	listed, err := r.adm.ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end offsets of %s: %w", topic, err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

func total(offsets map[int32]int64) (n int64) {
	for _, o := range offsets {
		n += o
	}
	return n
}

// forget deletes topics, so that a run does not pay for those before it.
func (r *reader) forget(ctx context.Context, topics ...string) error {
	_, err := r.adm.DeleteTopics(ctx, topics...)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	return err
}

// each reads the records of a topic from and up to these offsets.
func (r *reader) each(ctx context.Context, topic string, from, to map[int32]int64, do func(*kgo.Record) error) error {
	start, left := map[int32]kgo.Offset{}, 0
	for p := range to {
		if from[p] < to[p] {
			start[p] = kgo.NewOffset().At(from[p])
			left++
		}
	}
	if left == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}))
	if err != nil {
		return err
	}
	defer cl.Close()
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		for rec := range fetches.RecordsAll() {
			if rec.Offset >= to[rec.Partition] {
				continue
			}
			if err := do(rec); err != nil {
				return err
			}
			if rec.Offset == to[rec.Partition]-1 {
				left--
			}
		}
	}
	return nil
}

// seen is which messages were read back from Kafka.
type seen struct {
	messages, repeats int64
	of                map[string][]uint64 // by sensor: a bit for every sequence number
}

// read counts the messages of a side that are in Kafka from these offsets on.
func (r *reader) read(ctx context.Context, s side, from, to map[int32]int64) (*seen, error) {
	found := &seen{of: map[string][]uint64{}}
	return found, r.each(ctx, s.topic(), from, to, func(rec *kgo.Record) error {
		payload, err := s.payload(rec)
		if payload == nil || err != nil {
			return err
		}
		b, err := wire.Decode(payload)
		if err != nil {
			return fmt.Errorf("%s/%d/%d: %w", rec.Topic, rec.Partition, rec.Offset, err)
		}
		found.add(b.Sensor, b.Seq-firstSeq)
		return nil
	})
}

func (s *seen) add(sensor string, seq uint64) {
	bits := s.of[sensor]
	for uint64(len(bits)) <= seq/64 {
		bits = append(bits, make([]uint64, 16)...)
	}
	s.of[sensor] = bits
	if bits[seq/64]>>(seq%64)&1 == 1 {
		s.repeats++
		return
	}
	bits[seq/64] |= 1 << (seq % 64)
	s.messages++
}

func (s *seen) has(sensor string, seq uint64) bool {
	bits := s.of[sensor]
	return seq/64 < uint64(len(bits)) && bits[seq/64]>>(seq%64)&1 == 1
}
