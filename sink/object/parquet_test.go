package object

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/wearstream/wearstream/stream"
)

var errLimit = errors.New("disk full")

// limited takes n bytes and then fails, or pretends to take the rest.
type limited struct {
	w     io.Writer
	n     int
	quiet bool
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(len(p), l.n)])
	l.n -= n
	if err == nil && n < len(p) {
		if l.quiet {
			return len(p), nil
		}
		return n, errLimit
	}
	return n, err
}

func through(w io.Writer) io.Writer { return w }

func landingRecord(t testing.TB, n int) (arrow.Record, Meta) {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{
			Offset: int64(100 + i), AppendTime: time.UnixMicro(int64(1e15 + i)), Key: []byte("s"),
			Value: []byte(strings.Repeat("v", i)), Headers: []stream.Header{{Key: "kind", Value: []byte("samples")}},
		}
	}
	rec := landingRows(memory.NewGoAllocator(), records)
	t.Cleanup(rec.Release)
	sum, err := hashRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	return rec, Meta{stream.Range{Log: "l", Topic: "t", First: 100, Next: 100 + int64(n)}, int64(n), sum, SchemaLanding, "b"}
}

// Wherever the writer of a file fails, loudly or not, there is no file.
func TestEncodeFailsWithItsWriter(t *testing.T) {
	rec, meta := landingRecord(t, 30)
	whole, err := encode(rec, meta, through)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("every cut of %d bytes", len(whole))
	for n := range len(whole) {
		for _, quiet := range []bool{false, true} {
			body, err := encode(rec, meta, func(w io.Writer) io.Writer { return &limited{w, n, quiet} })
			if err == nil || body != nil {
				t.Fatalf("a file after %d of %d bytes (quiet %v)", n, len(whole), quiet)
			}
			if !quiet && !errors.Is(err, errLimit) {
				t.Fatalf("after %d bytes: %v", n, err)
			}
		}
	}
}

// The library that wrote a file reads the same rows from it as the one that
// verified it.
func TestReadByArrow(t *testing.T) {
	rec, meta := landingRecord(t, 300)
	body, err := encode(rec, meta, through)
	if err != nil {
		t.Fatal(err)
	}
	f, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	// Not checked for leaks: the library's own delta decoder keeps a buffer.
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.NewGoAllocator())
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	columns := make([]arrow.Array, table.NumCols())
	for i := range columns {
		chunks := table.Column(i).Data().Chunks()
		if len(chunks) != 1 {
			t.Fatalf("column %d has %d chunks", i, len(chunks))
		}
		columns[i] = chunks[0]
	}
	got := array.NewRecord(table.Schema(), columns, table.NumRows())
	defer got.Release()
	if sum, err := hashRecord(got); err != nil || sum != meta.RowSHA256 || got.NumRows() != 300 {
		t.Errorf("%d rows of hash %s, %v", got.NumRows(), sum, err)
	}
}

// A file that is not what it says is not read: whatever single byte of it is
// changed, the rows and the metadata are the same, or there is an error.
func TestDecodeNoticesDamage(t *testing.T) {
	rec, meta := landingRecord(t, 5)
	whole, err := encode(rec, meta, through)
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for i := range whole {
		body := append([]byte(nil), whole...)
		body[i] ^= 0x10
		got, err := decode(body)
		if err == nil && got.RowSHA256 != meta.RowSHA256 {
			t.Fatalf("byte %d: other rows", i)
		}
		if err != nil {
			noticed++
		}
	}
	if noticed < len(whole)/2 {
		t.Errorf("only %d of %d noticed", noticed, len(whole))
	}
	for n := range len(whole) {
		if _, err := decode(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes were a file", n, len(whole))
		}
	}
}

// Other rows have another hash, also where their bytes in a row are the same.
func TestDigest(t *testing.T) {
	base := []stream.Record{{Offset: 1, AppendTime: time.UnixMicro(5), Key: []byte("ab"), Value: []byte("c"), Headers: []stream.Header{{Key: "k", Value: []byte("v")}}}}
	sums := map[string]string{}
	for name, change := range map[string]func(*stream.Record){
		"same":        func(*stream.Record) {},
		"offset":      func(r *stream.Record) { r.Offset = 2 },
		"append time": func(r *stream.Record) { r.AppendTime = time.UnixMicro(6) },
		"key":         func(r *stream.Record) { r.Key, r.Value = []byte("a"), []byte("bc") },
		"no key":      func(r *stream.Record) { r.Key = nil },
		"empty key":   func(r *stream.Record) { r.Key = []byte{} },
		"payload":     func(r *stream.Record) { r.Value = []byte("d") },
		"no payload":  func(r *stream.Record) { r.Value = nil },
		"empty":       func(r *stream.Record) { r.Value = []byte{} },
		"header":      func(r *stream.Record) { r.Headers = []stream.Header{{Key: "kv"}} },
		"no header":   func(r *stream.Record) { r.Headers = nil },
		"two headers": func(r *stream.Record) { r.Headers = append(r.Headers[:1:1], stream.Header{Key: "l"}) },
	} {
		r := base[0]
		change(&r)
		rec := landingRows(memory.NewGoAllocator(), []stream.Record{r})
		sum, err := hashRecord(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := sums[sum]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		sums[sum] = name
	}
	const same = "9029e91bc08c961acd015f561d63031297f8471ffcc6daee4f4bce852491b5df" // the hash is stored: it must not change with the code
	for sum, name := range sums {
		if name == "same" && sum != same {
			t.Errorf("row hash is now %s", sum)
		}
	}
}

func FuzzParseMeta(f *testing.F) {
	m := Meta{stream.Range{Log: "0123", Topic: "wear.main.device.v1", Partition: 3, First: 7, Next: 9}, 2, "ab", SchemaLanding, ""}
	add := func(values map[string]string) {
		var b strings.Builder
		for k, v := range values {
			b.WriteString(k + "=" + v + "\n")
		}
		f.Add(b.String())
	}
	add(m.Map())
	for name := range m.Map() {
		for _, v := range []string{"", "-1", "x", "99999999999999999999"} {
			values := maps.Clone(m.Map())
			values[name] = v
			add(values)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		values := map[string]string{}
		for line := range strings.Lines(s) {
			k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			values[k] = v
		}
		m, err := ParseMeta(values)
		if err != nil {
			return
		}
		if m.First < 0 || m.Next <= m.First || m.Rows < 0 || m.Partition < 0 || m.Log == "" {
			t.Fatalf("accepted %+v", m)
		}
		if again, err := ParseMeta(m.Map()); err != nil || again != m {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

// Attributes are whatever somebody wrote there.
func FuzzAttributes(f *testing.F) {
	d, err := openDir(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	if err := d.Put(f.Context(), "k", nil, sha256.Sum256(nil), map[string]string{"a": "b"}); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "{}", "null", `{"sha256":"ab","meta":{"a":"b"}}`, `{"meta":[]}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		file, _, err := d.(*dir).open("k")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := setAttribute(file, value); err != nil {
			t.Skip(err) // larger than the file system takes
		}
		if info, err := d.Head(t.Context(), "k"); err != nil || info.Size != 0 {
			t.Fatalf("%+v, %v", info, err)
		}
	})
}
