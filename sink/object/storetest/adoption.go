package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// cut is n records of the device topic.
func cut(n int, payload string) stream.Cut {
	topic := wire.TopicName("main", wire.TopicDevice)
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Topic: topic, Offset: int64(40 + i), AppendTime: time.Unix(1e9, 0), Key: []byte("wrist"), Value: []byte(payload)}
	}
	return stream.Cut{Range: stream.Range{Log: "0123456789abcdef0123456789abcdef", Topic: topic, First: 40, Next: int64(40 + n)}, Records: records}
}

// adoption: the same rows of the same offsets are taken for stored, another end
// is found again, anything else is refused, and the object stays as it is.
func adoption(t *testing.T, place string) {
	s := open(t, place)
	to := object.New(s, "main", "v1")
	if err := to.Write(t.Context(), cut(3, "payload")); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, s, "main/landing/", "")
	if len(keys) != 1 {
		t.Fatalf("objects: %q", keys)
	}
	before := get(t, s, keys[0])
	info, err := s.Head(t.Context(), keys[0])
	if err != nil || info.Meta["cell"] != "main" || info.Meta["first"] != "40" || info.Meta["next"] != "43" || info.Meta["rows"] != "3" {
		t.Errorf("head: %+v, %v", info, err)
	}
	if err := object.New(open(t, place), "main", "v2").Write(t.Context(), cut(3, "payload")); err != nil {
		t.Errorf("the same cut by another build: %v", err)
	}
	for _, n := range []int{2, 4} {
		adopt, ok := errors.AsType[*stream.AdoptError](to.Write(t.Context(), cut(n, "payload")))
		if !ok || adopt.Next != 43 {
			t.Errorf("a cut of %d records: %v", n, adopt)
		}
	}
	if err := to.Write(t.Context(), cut(3, "another")); !sink.IsPermanent(err) {
		t.Errorf("other rows of the same offsets: %v", err)
	}
	if !bytes.Equal(get(t, s, keys[0]), before) || len(keysOf(t, s, "", "")) != 1 {
		t.Error("the object was changed, or another one made")
	}
}
