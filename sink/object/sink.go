package object

import (
	"github.com/wearstream/wearstream/stream"
)

// New returns the sink that stores the cuts of one cell's topics below <cell>/:
// features as Parquet by window, study and date, every other topic as landing.
// build is written into each object. Not for concurrent cuts of one partition;
// cuts of different partitions may be written at once.
func New(store Store, cell, build string) stream.Sink { return nil }
