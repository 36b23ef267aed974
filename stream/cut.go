package stream

import (
	"context"
	"fmt"
)

// Cut is what a sink stores at once: every readable record of a range of one
// partition, ticks included, in offset order. Where a cut ends is a function of
// the log alone, so that whoever cuts it again gets the same.
type Cut struct {
	Range
	Records []Record
}

// Sink stores cuts outside the log. Write is durable on return, and writing the
// same cut twice is the same as writing it once. It retries nothing: the caller
// does, with the same cut.
//
// If the store already holds a cut that begins at the same offset and ends
// elsewhere (its intent was lost with the log's), Write changes nothing and
// returns an *AdoptError; the caller then cuts there and calls again.
type Sink interface {
	Write(ctx context.Context, cut Cut) error
}

// AdoptError says where the stored cut that begins at the same offset ends.
type AdoptError struct{ Next int64 }

func (e *AdoptError) Error() string {
	return fmt.Sprintf("the store holds a cut that ends before offset %d", e.Next)
}
