package kafka

import (
	"encoding/json"
	"fmt"

	"github.com/wearstream/wearstream/stream"
)

// maxMark is what we allow ourselves of offset.metadata.max.bytes, 4,096 by
// default: a broker refuses more, the embedded one does not.
const maxMark = 4000

// mark is the metadata of a committed offset S: which log it belongs to and, as
// long as a cut is under way, the intent: that it is [S, Next), with N records
// and this hash.
type mark struct {
	Log  stream.LogID `json:"log"`
	Next int64        `json:"next,omitempty"` // 0: no intent
	N    int          `json:"n,omitempty"`
	Hash string       `json:"h,omitempty"`
}

func (m mark) encode() (string, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) > maxMark {
		err = fmt.Errorf("%d bytes, at most %d are allowed", len(b), maxMark)
	}
	if err != nil {
		return "", fmt.Errorf("encode offset metadata: %w", err)
	}
	return string(b), nil
}

// decodeMark reads the metadata of a committed offset.
func decodeMark(first int64, metadata string) (mark, error) {
	var m mark
	if err := json.Unmarshal([]byte(metadata), &m); err != nil {
		return mark{}, fmt.Errorf("parse offset metadata %q: %w", metadata, err)
	}
	switch {
	case m.Log == "":
		return mark{}, fmt.Errorf("parse offset metadata %q: it names no log", metadata)
	case m.Next != 0 && m.Next <= first:
		return mark{}, fmt.Errorf("parse offset metadata %q: the cut ends before it begins, at %d", metadata, first)
	}
	return m, nil
}

// check compares a cut that was made again with what was intended.
func (m mark) check(cut stream.Cut) error {
	if n, h := len(cut.Records), digest(cut.Records); n != m.N || h != m.Hash {
		return fmt.Errorf("log %s of topic %s, partition %d: offsets %d to %d held %d records (hash %s) when they were to be stored, and hold %d (hash %s) now: "+
			"records were deleted or changed behind the sink; compare what is stored from offset %d on with the log, then commit the offset to go on from, without metadata",
			cut.Log, cut.Topic, cut.Partition, cut.First, cut.Next, m.N, m.Hash, n, h, cut.First)
	}
	return nil
}
