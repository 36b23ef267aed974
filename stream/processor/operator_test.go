package processor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

const (
	testCell  = "test"
	testIn    = "in.v1"
	testOut   = "out.v1"
	testState = "state-chain.v1"
)

// chain counts the records of each key and hashes them in a chain, so that one
// record lost, doubled or out of order changes every later answer of its key.
// Every seventh record ends the key: its state is deleted and begins anew. Every
// third answer waits for Flush.
type chain struct {
	out                string // topic
	committed, changed map[string][]byte
	held               []func(stream.Output)
	fail               func(stream.Record) error
}

func newChain(cell string) stream.NewOperator {
	return func(_ int32, state map[string][]byte, _ stream.History) (stream.Operator, error) {
		return &chain{out: wire.TopicName(cell, testOut), committed: maps.Clone(state), changed: map[string][]byte{}}, nil
	}
}

func (c *chain) Apply(_ context.Context, r stream.Record, out stream.Output) error {
	if c.fail != nil {
		if err := c.fail(r); err != nil {
			return err
		}
	}
	key := string(r.Key)
	old, ok := c.changed[key]
	if !ok {
		old = c.committed[key]
	}
	now := link(old, r)
	c.changed[key] = now
	if ended(now) {
		c.changed[key] = nil
	}
	emit := func(out stream.Output) {
		out.Emit(c.out, -1, r.Key, answer(r, now),
			stream.Header{Key: "source", Value: fmt.Appendf(nil, "%d/%d", r.Partition, r.Offset)})
	}
	if binary.BigEndian.Uint64(now)%3 == 0 {
		c.held = append(c.held, emit)
	} else {
		emit(out)
	}
	return nil
}

// link is the state after a record: a count and a hash.
func link(old []byte, r stream.Record) []byte {
	n := uint64(1)
	if old != nil {
		n = binary.BigEndian.Uint64(old) + 1
	}
	h := sha256.New()
	h.Write(old)
	h.Write(r.Value)
	return h.Sum(binary.BigEndian.AppendUint64(nil, n))
}

func ended(state []byte) bool { return binary.BigEndian.Uint64(state) == 7 }

func answer(r stream.Record, state []byte) []byte {
	return fmt.Appendf(nil, "%s %d %s", r.Key, binary.BigEndian.Uint64(state), hex.EncodeToString(state[8:16]))
}

func (c *chain) Flush(out stream.Output) error {
	for _, emit := range c.held {
		emit(out)
	}
	c.held = nil
	return nil
}

func (c *chain) Changes(yield func(key, value []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(c.changed)) {
		if err := yield([]byte(key), c.changed[key]); err != nil {
			return err
		}
	}
	return nil
}

func (c *chain) Commit() {
	for key, value := range c.changed {
		if value == nil {
			delete(c.committed, key)
		} else {
			c.committed[key] = value
		}
	}
	c.Rollback()
}

func (c *chain) Rollback() {
	clear(c.changed)
	c.held = nil
}
