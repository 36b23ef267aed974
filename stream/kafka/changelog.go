package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wearstream/wearstream/stream"
)

// ChangelogCheckpointKey is the key of the record that says which input the
// changelog's state stands for. No operator may use it.
const ChangelogCheckpointKey = "_ckpt"

// ChangelogFormat is the format of the state that this version writes.
const ChangelogFormat = 1

// ChangelogCheckpoint names the input that a state stands for: everything below
// Next of the partition of the log Log. It is written in the transaction that
// commits Next as the group's offset, so where both can be read they are equal.
type ChangelogCheckpoint struct {
	Next   int64        `json:"next"`
	Format int          `json:"format"`
	App    string       `json:"app"` // the group that owns the state
	Log    stream.LogID `json:"log"`
}

// Encode is the value of the checkpoint's record.
func (c ChangelogCheckpoint) Encode() ([]byte, error) { return json.Marshal(c) }

// DecodeChangelogCheckpoint reads a checkpoint and refuses what a newer version
// has written.
func DecodeChangelogCheckpoint(b []byte) (ChangelogCheckpoint, error) {
	var c ChangelogCheckpoint
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("parse checkpoint: %w", err)
	}
	switch {
	case c.Format > ChangelogFormat:
		return c, fmt.Errorf("checkpoint has format %d and this version knows up to %d: run the version that wrote it, or a newer one", c.Format, ChangelogFormat)
	case c.Format < 1 || c.Next < 0:
		return c, fmt.Errorf("checkpoint with format %d and next %d is none", c.Format, c.Next)
	}
	return c, nil
}

// Changelog is what one partition of a changelog says: the latest value of every
// key, and the checkpoint, nil where there is none.
type Changelog struct {
	State      map[string][]byte
	Checkpoint []byte
}

// Changelog reads a partition of a changelog to its end. The end is taken now,
// as the high watermark, so a caller who has asked for the group's committed
// offsets before sees at least the state that belongs to them.
func (r *HistoryReader) Changelog(ctx context.Context, topic string, partition int32) (Changelog, error) {
	h := r.Partition(topic, partition)
	first, end, err := h.Bounds(ctx)
	if err != nil {
		return Changelog{}, err
	}
	c := Changelog{State: map[string][]byte{}}
	err = h.Range(ctx, first, end, func(r stream.Record) error {
		if r.Value == nil {
			delete(c.State, string(r.Key))
			return nil
		}
		c.State[string(r.Key)] = slices.Clone(r.Value) // else a small value keeps a whole fetch
		return nil
	})
	c.Checkpoint = c.State[ChangelogCheckpointKey]
	delete(c.State, ChangelogCheckpointKey)
	return c, err
}
