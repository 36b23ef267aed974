package kafka

import (
	"time"

	"github.com/wearstream/wearstream/stream"
)

// Limits say where a cut ends: at the first that is reached.
type Limits struct {
	Records int           // records in the cut, ticks included
	Bytes   int           // bytes of keys and values
	Age     time.Duration // append time since the first record that is no tick
	IdleAge time.Duration // append time since the first record, while there are only ticks
}

// Cutter cuts one partition.
type Cutter struct{ limits Limits }

// NewCutter starts at the beginning of a range.
func NewCutter(first int64, limits Limits) *Cutter { return &Cutter{limits} }

// Push takes the next record and answers the cut that it ends, if any.
func (c *Cutter) Push(r stream.Record) (stream.Cut, bool) { return stream.Cut{}, false }
