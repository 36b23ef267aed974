// Package logtest runs an operator over one partition that is kept in memory: tests append
// records, commit and restart when they like. It does not poll, cut or fence as the
// processor does.
package logtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/stream"
)

// Log is a partition and the operator that reads it, which Restart begins. Set the first
// four fields.
type Log struct {
	T         testing.TB
	New       stream.NewOperator
	Partition int32
	Out       stream.Output // takes what the operator says

	Op      stream.Operator
	Records []stream.Record
	First   int64             // the offset of the first record that is still held
	State   map[string][]byte // the changelog as of the last commit
	Written int               // bytes to the changelog
	Reread  int               // records that the operator read again
}

// Restart begins the operator with what was committed.
func (l *Log) Restart() {
	if l.State == nil {
		l.State = map[string][]byte{}
	}
	op, err := l.New(l.Partition, maps.Clone(l.State), l)
	if err != nil {
		l.T.Fatal(err)
	}
	l.Op = op
}

// Read serves stream.History.
func (l *Log) Read(_ context.Context, offsets []int64, yield func(stream.Record) error) error {
	for _, at := range offsets {
		if at < l.First {
			return fmt.Errorf("offset %d is gone", at)
		}
		l.Reread++
		if err := yield(l.Records[at]); err != nil {
			return err
		}
	}
	return nil
}

// Put appends a record, which no operator sees yet, and answers it with its place.
func (l *Log) Put(r stream.Record) stream.Record {
	r.Partition, r.Offset = l.Partition, int64(len(l.Records))
	l.Records = append(l.Records, r)
	return r
}

// Append appends a record and applies it.
func (l *Log) Append(r stream.Record) {
	if err := l.Op.Apply(l.T.Context(), l.Put(r), l.Out); err != nil {
		l.T.Fatal(err)
	}
}

// Flush is what a transaction writes.
func (l *Log) Flush() {
	if err := l.Op.Flush(l.Out); err != nil {
		l.T.Fatal(err)
	}
	err := l.Op.Changes(func(k, v []byte) error {
		l.Written += len(k) + len(v)
		if v == nil {
			delete(l.State, string(k))
		} else {
			l.State[string(k)] = slices.Clone(v)
		}
		return nil
	})
	if err != nil {
		l.T.Fatal(err)
	}
}

// Commit ends a transaction.
func (l *Log) Commit() {
	l.Flush()
	l.Op.Commit()
}
