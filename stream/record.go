package stream

import "time"

// Record is one record of the log, as read.
//
// AppendTime is the log's own append time. The embedded log has none and keeps
// the gateway's clock in its place. Slices alias the fetch buffer: they may be
// kept, never changed.
type Record struct {
	Topic       string
	Partition   int32
	Offset      int64
	LeaderEpoch int32
	AppendTime  time.Time
	Key         []byte
	Value       []byte
	Headers     []Header
}

// Header is one header of a record. The keys in use are listed in package wire.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the first header with that key, or nil.
func (r *Record) Header(key string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return nil
}

// LogID names a log for ever: the Kafka topic id as 32 hex digits. A topic that
// was deleted and made again is another log, although its name is the same.
type LogID string

// Range is the half-open interval of offsets [First, Next) of one partition.
type Range struct {
	Log       LogID
	Topic     string
	Partition int32
	First     int64
	Next      int64
}
