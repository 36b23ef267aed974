package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// normal makes absent and empty slices alike.
func normal(b *SampleBatch) *SampleBatch {
	c := *b
	if len(c.XYZ) == 0 {
		c.XYZ = nil
	}
	if len(c.TempMdegC) == 0 {
		c.TempMdegC = nil
	}
	return &c
}

// FuzzDecode: Decode parses what the protobuf library parses, field by field,
// refuses with a named reason, and what it accepts survives Append.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.payload)
	}
	f.Add(protowire.AppendTag(nil, 99, protowire.StartGroupType))
	f.Add(append(protowire.AppendVarint(nil, uint64(protowire.MaxValidNumber+1)<<3), 1))
	f.Add(protowire.AppendVarint(protowire.AppendTag(nil, fEncoding, protowire.VarintType), 1<<40|1))
	f.Add(protowire.AppendVarint(protowire.AppendTag(nil, fTemp, protowire.VarintType), 1<<33|3))
	f.Fuzz(func(t *testing.T, p []byte) {
		m, libraryErr := library(p)
		got := new(SampleBatch)
		if err := got.unmarshal(p); (err == nil) != (libraryErr == nil) {
			t.Fatalf("unmarshal: %v, the library: %v", err, libraryErr)
		}
		b, err := Decode(p)
		if err != nil {
			checkRefusal(t, err, libraryErr)
			return
		}
		if want := libraryBatch(m); !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("unmarshal %+v, the library %+v", got, want)
		}
		if !reflect.DeepEqual(b, got) {
			t.Fatalf("Decode %+v, unmarshal %+v", b, got)
		}
		again := b.Append(nil)
		if theirs, err := (proto.MarshalOptions{Deterministic: true}).Marshal(m); err != nil || !bytes.Equal(again, theirs) {
			t.Fatalf("Append %x, the library %x, %v", again, theirs, err)
		}
		if c, err := Decode(again); err != nil || !reflect.DeepEqual(normal(c), normal(b)) {
			t.Fatalf("after Append: %+v, %v, before %+v", c, err, b)
		}
	})
}

func checkRefusal(t *testing.T, err, libraryErr error) {
	r, ok := errors.AsType[*Refusal](err)
	if !ok || !slices.Contains([]string{ReasonParse, ReasonShape, ReasonRange, ReasonSensor}, r.Reason) {
		t.Fatalf("refused without a reason: %v", err)
	}
	if (r.Reason == ReasonParse) != (libraryErr != nil) {
		t.Fatalf("refused as %q, the library says %v", err, libraryErr)
	}
}

// TestAppendExtends: Append keeps what is there, and Decode aliases the samples.
func TestAppendExtends(t *testing.T) {
	b := everything()
	p := b.Append([]byte("before"))
	if !bytes.HasPrefix(p, []byte("before")) {
		t.Fatalf("%q", p[:6])
	}
	c, err := Decode(p[6:])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(p, b.XYZ)
	p[at]++
	if c.XYZ[0] != b.XYZ[0]+1 {
		t.Error("XYZ is a copy")
	}
}

func BenchmarkDecode(b *testing.B) {
	batch := everything()
	batch.N = 500
	batch.XYZ = make([]byte, 500*6)
	p := batch.Append(nil)
	var x, y, z []int32
	b.ReportAllocs()
	for b.Loop() {
		d, err := Decode(p)
		if err != nil {
			b.Fatal(err)
		}
		x, y, z = d.AppendMicroG(x[:0], y[:0], z[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*500), "ns/sample")
}
