package engine

import (
	"bytes"
	"strings"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

const clientRevision = 54460

// block encodes rows the way the client's own library does, at a revision.
func block(t testing.TB, revision uint64, types []string, rows ...[]any) []byte {
	t.Helper()
	b := proto.NewBlock()
	b.ServerContext = &column.ServerContext{Timezone: time.UTC}
	for i, kind := range types {
		if err := b.AddColumn(string(rune('a'+i)), column.Type(kind)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range rows {
		if err := b.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	var buf chproto.Buffer
	if err := b.Encode(&buf, revision); err != nil {
		t.Fatal(err)
	}
	return buf.Buf
}

type sample struct {
	types []string
	rows  [][]any
}

func ptr[T any](v T) *T { return &v }

var samples = []sample{
	{[]string{"UInt64"}, nil},
	{[]string{"UInt8", "Int16", "UInt32", "Int64", "Float32", "Float64", "Bool"}, [][]any{{uint8(1), int16(-2), uint32(3), int64(-4), float32(5), float64(6), true}, {uint8(7), int16(8), uint32(9), int64(10), float32(11), float64(12), false}}},
	{[]string{"String", "FixedString(4)", "Enum8('a, (' = 1, 'b''c' = 2)"}, [][]any{{"", "abcd", int8(1)}, {strings.Repeat("x", 300), "efgh", int8(2)}}},
	{[]string{"Nullable(Float32)", "Nullable(String)"}, [][]any{{ptr(float32(1)), nil}, {nil, ptr("y")}}},
	{[]string{"Array(Int32)", "Array(Array(String))", "Array(Nullable(Int64))"}, [][]any{{[]int32{1, 2}, [][]string{{"a"}, {}}, []*int64{nil}}, {[]int32{}, [][]string{}, []*int64{}}}},
	{[]string{"Map(String, String)", "Map(String, Array(Int32))"}, [][]any{{map[string]string{"k": "v"}, map[string][]int32{"z": {1}}}, {map[string]string{}, map[string][]int32{}}}},
	{[]string{"LowCardinality(String)", "LowCardinality(Nullable(String))", "Array(LowCardinality(String))"}, [][]any{{"x", ptr("n"), []string{"q", "r"}}, {"x", nil, []string{}}}},
	{[]string{"Array(LowCardinality(String))"}, [][]any{{[]string{}}, {[]string{}}}},
	{[]string{"Tuple(a Int32, b String)", "Tuple(Int8, Tuple(LowCardinality(String), Float64))"}, [][]any{{map[string]any{"a": int32(1), "b": "x"}, []any{int8(1), []any{"l", 1.5}}}}},
	{[]string{"DateTime('Europe/Berlin')", "DateTime64(6, 'UTC')", "Date", "Date32"}, [][]any{{time.Unix(1, 0), time.Unix(2, 3000), time.Unix(0, 0), time.Unix(0, 0)}}},
	{[]string{"UUID", "IPv4", "IPv6", "Tuple(Float64, Float64)"}, [][]any{{"00000000-0000-0000-0000-000000000001", "1.2.3.4", "::1", []any{1.0, 2.0}}}},
	{[]string{"SimpleAggregateFunction(sum, UInt64)", "SimpleAggregateFunction(anyLast, LowCardinality(String))"}, [][]any{{uint64(1), "s"}}},
}

// TestReframe: the front's blocks are those that the client's library would make.
func TestReframe(t *testing.T) {
	for _, s := range samples {
		from, want := block(t, 0, s.types, s.rows...), block(t, clientRevision, s.types, s.rows...)
		got, rest, err := reframe(nil, from, clientRevision)
		if err != nil || len(rest) != 0 || !bytes.Equal(got, want) {
			t.Errorf("%v: %v, %d bytes left\n got %x\nwant %x", s.types, err, len(rest), got, want)
		}
		// Cut anywhere, it waits for more and yields nothing.
		for n := range from {
			if out, rest, err := reframe(nil, from[:n], clientRevision); err != nil || len(out) != 0 || len(rest) != n {
				t.Fatalf("%v cut at %d: %d bytes out, %d left, %v", s.types, n, len(out), len(rest), err)
			}
		}
		two := append(bytes.Clone(from), from...)
		if got, rest, err := reframe(nil, two, clientRevision); err != nil || len(rest) != 0 || len(got) != 2*len(want) {
			t.Errorf("%v twice: %d bytes, %d left, %v", s.types, len(got), len(rest), err)
		}
	}
}

func TestReframeOlderClient(t *testing.T) {
	from := block(t, 0, []string{"UInt8"}, []any{uint8(9)})
	got, _, err := reframe(nil, from, 54405)
	if want := block(t, 54405, []string{"UInt8"}, []any{uint8(9)}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

func TestReframeRefusesUnknownTypes(t *testing.T) {
	for _, kind := range []string{"JSON", "Dynamic", "Variant(String, UInt8)", "AggregateFunction(sum, UInt64)", "Array(JSON)", "",
		strings.Repeat("Array(", 1000), "FixedString(0)", "FixedString(-1)", "Decimal(x)", "Nullable()", "Tuple(a)"} {
		from := append([]byte{1, 1, 1, 'c'}, chString(kind)...)
		if _, _, err := reframe(nil, append(from, 1, 2, 3), clientRevision); err == nil {
			t.Errorf("%.40q was taken", kind)
		}
	}
}

func chString(s string) []byte {
	var b chproto.Buffer
	b.PutString(s)
	return b.Buf
}

// FuzzReframe: no bytes make it panic, and how the bytes are cut changes nothing.
func FuzzReframe(f *testing.F) {
	for _, s := range samples {
		b := block(f, 0, s.types, s.rows...)
		f.Add(b, uint16(len(b)/2))
		f.Add(b[:len(b)-1], uint16(1))
	}
	f.Add(append([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 'c'}, chString("Tuple()")...), uint16(0))
	f.Add(append([]byte{2, 1, 1, 'c'}, chString("Array(Tuple(Array(Nothing)))")...), uint16(3))
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		whole, rest, err := reframe(nil, data, clientRevision)
		if len(rest) > len(data) {
			t.Fatal("more left than there was")
		}
		if err != nil {
			return
		}
		cut := int(at) % (len(data) + 1)
		out, left, err := reframe(nil, data[:cut], clientRevision)
		if err != nil {
			t.Fatalf("the first %d bytes alone: %v", cut, err)
		}
		out, left, err = reframe(out, append(bytes.Clone(left), data[cut:]...), clientRevision)
		if err != nil || !bytes.Equal(out, whole) || !bytes.Equal(left, rest) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	})
}
