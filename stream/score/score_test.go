package score

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

var (
	schema = wire.WindowSchema([]string{"x_mean", "enmo"})
	begin  = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
)

func window(sensor string, minute int, revision uint32, status string) wire.WindowRow {
	return wire.WindowRow{
		Study: "st", Participant: "p1", Side: "left", Thing: sensor, Sensor: sensor, Start: begin.Add(time.Duration(minute) * time.Minute), Length: time.Minute,
		Algo: "core.v1@1.1.0+0123abcd", Revision: revision, Status: status, FinalReason: wire.FinalComplete, Lane: wire.LaneLive,
		InputDigest: fmt.Sprintf("%016x", minute), Features: []float32{float32(minute), float32(revision)},
	}
}

func record(t testing.TB, offset int64, schema *arrow.Schema, rows ...wire.WindowRow) stream.Record {
	t.Helper()
	w := wire.NewWindowRows(schema)
	for i := range rows {
		w.Append(&rows[i])
	}
	value, err := w.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return stream.Record{Offset: offset, Value: value, Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindRows)}, {Key: wire.HeaderSchema, Value: []byte(wire.RowsWindows)}}}
}

func cutOf(first int64, records ...stream.Record) stream.Cut {
	return stream.Cut{Range: stream.Range{Log: "0123456789abcdef0123456789abcdef", Topic: "wear.main.features.v1", Partition: 3, First: first, Next: records[len(records)-1].Offset + 1}, Records: records}
}

func config(url string) Config {
	return Config{URL: url, Window: []time.Duration{time.Minute}, Algo: "core.v1@", OnRefusal: refusalHalt, Timeout: 5 * time.Second, AnswerBytes: 1 << 20}
}

func scorer(t testing.TB, cfg Config) (*Scorer, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	s, err := New(cfg, "main", "test", schema, reg)
	if err != nil {
		t.Fatal(err)
	}
	return s, reg
}

func request(t testing.TB, s *Scorer, cut stream.Cut) *Request {
	t.Helper()
	q, err := s.Request(cut)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// asked is what a request asks, in short.
func asked(q *Request) string {
	var out []string
	for _, w := range q.Asked {
		out = append(out, fmt.Sprintf("%s/%d/%d", w.Sensor, (w.StartMS-begin.UnixMilli())/60_000, w.Revision))
	}
	return strings.Join(out, " ")
}

// TestRequest: final and corrected rows of what was chosen, each window once and by
// its last row, whatever set of features a record has; the same cut, the same bytes.
func TestRequest(t *testing.T) {
	long, other, foreign := window("a", 9, 1, wire.StatusFinal), window("a", 8, 1, wire.StatusFinal), window("a", 7, 1, wire.StatusFinal)
	long.Length, other.Algo, foreign.Study = 15*time.Minute, "ref.v1@1", "other"
	older := window("c", 0, 1, wire.StatusFinal)
	older.Features = older.Features[:1]
	tick := stream.Record{Offset: 13, Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}}
	cut := cutOf(10,
		record(t, 10, schema, window("a", 0, 1, wire.StatusProvisional), window("a", 1, 1, wire.StatusFinal), window("a", 2, 1, wire.StatusFinal), long, other, foreign),
		record(t, 11, wire.WindowSchema([]string{"x_mean"}), older),
		record(t, 12, schema, window("b", 1, 1, wire.StatusFinal), window("a", 1, 2, wire.StatusCorrected), window("a", 3, 1, wire.StatusRetracted)), tick)
	cfg := config("http://127.0.0.1:1")
	s, _ := scorer(t, cfg)
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, "a/2/1 a/7/1 c/0/1 b/1/1 a/1/2"},
		{func(c *Config) { c.Study = []string{"st"} }, "a/2/1 c/0/1 b/1/1 a/1/2"},
		{func(c *Config) { c.Algo = "ref.v1@" }, "a/8/1"},
		{func(c *Config) { c.Algo = "core.v1@1.1.0+0123abcd" }, "a/2/1 a/7/1 c/0/1 b/1/1 a/1/2"},
		{func(c *Config) { c.Window = []time.Duration{15 * time.Minute} }, "a/9/1"},
		{func(c *Config) { c.Study = []string{"none"} }, ""},
	} {
		s.cfg = cfg
		c.change(&s.cfg)
		if got := asked(request(t, s, cut)); got != c.want {
			t.Errorf("%+v: asks %s, want %s", s.cfg, got, c.want)
		}
	}
	s.cfg = cfg
	q, again := request(t, s, cut), request(t, s, cut)
	a, _ := wire.EncodeRows(q.rows)
	b, _ := wire.EncodeRows(again.rows)
	if !bytes.Equal(a, b) || q.Digest != again.Digest || len(a) == 0 {
		t.Error("the same cut makes another request")
	}
	recs, err := wire.DecodeRows(a)
	if err != nil || len(recs) != 1 || !recs[0].Schema().Equal(schema) {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	x, enmo := recs[0].Column(wire.FirstFeature).(*array.Float32), recs[0].Column(wire.FirstFeature+1).(*array.Float32)
	for i, w := range q.Asked {
		if minute := float32(w.StartMS-begin.UnixMilli()) / 60_000; x.Value(i) != minute || enmo.IsNull(i) != (w.Sensor == "c") || enmo.IsValid(i) && enmo.Value(i) != float32(w.Revision) {
			t.Errorf("row %d of %+v: %v %v", i, w, x.Value(i), enmo)
		}
	}
	if q.Asked[3].Offset != 12 || q.Asked[0].Offset != 10 {
		t.Errorf("offsets %d %d", q.Asked[0].Offset, q.Asked[3].Offset)
	}
	if _, err := s.Request(cutOf(0, record(t, 0, wire.WindowSchema([]string{"x_mean", "enmo", "news"})))); err == nil || !strings.Contains(err.Error(), `"news"`) {
		t.Errorf("a column that is not known: %v", err)
	}
}

// sent is the answer of a model in Go: sensor, window_start and length_s as they
// came, a number, a text and a truth value.
func sent(t testing.TB, rec arrow.Record, unit arrow.TimeUnit) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "risk", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "sensor", Type: arrow.BinaryTypes.LargeString},
		{Name: "length_s", Type: arrow.PrimitiveTypes.Int64}, {Name: "window_start", Type: &arrow.TimestampType{Unit: unit}},
		{Name: "why", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "high", Type: arrow.FixedWidthTypes.Boolean}, {Name: "n", Type: arrow.PrimitiveTypes.Int8},
	}, nil))
	for row := range int(rec.NumRows()) {
		v := float64(rec.Column(wire.FirstFeature).(*array.Float32).Value(row))
		if v == 3 {
			b.Field(0).(*array.Float64Builder).AppendNull()
			b.Field(4).(*array.StringBuilder).AppendNull()
		} else {
			b.Field(0).(*array.Float64Builder).Append(v / 7)
			b.Field(4).(*array.StringBuilder).Append(fmt.Sprint("x = ", v))
		}
		b.Field(1).(*array.LargeStringBuilder).Append(rec.Column(4).(*array.String).Value(row))
		b.Field(2).(*array.Int64Builder).Append(int64(rec.Column(6).(*array.Uint32).Value(row)))
		ms := int64(rec.Column(5).(*array.Timestamp).Value(row))
		b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(ms * 1_000_000 / int64(unit.Multiplier())))
		b.Field(5).(*array.BooleanBuilder).Append(v > 1)
		b.Field(6).(*array.Int8Builder).Append(int8(-v))
	}
	return b.NewRecord()
}

func cutOfThree(t testing.TB) stream.Cut {
	return cutOf(10, record(t, 10, schema, window("a", 1, 1, wire.StatusFinal), window("b", 2, 1, wire.StatusFinal)), record(t, 14, schema, window("a", 3, 2, wire.StatusCorrected)))
}

// TestAsk: what the service gets, and what is made of what it says.
func TestAsk(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var unit arrow.TimeUnit
	var bodies [][]byte
	ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, body)
		for name, want := range map[string]string{
			"Content-Type": ContentType, "Accept": ContentType, "Authorization": "Bearer sesame",
			"Idempotency-Key":   "0123456789abcdef0123456789abcdef/wear.main.features.v1/3/10-15",
			"X-Wearstream-Cell": "main", "X-Wearstream-Range": "wear.main.features.v1/3/10-15", "X-Wearstream-Rows": "3", "X-Wearstream-Scorer": "test",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		recs, err := wire.DecodeRows(body)
		if err != nil {
			t.Error(err)
			return
		}
		answer, _ := wire.EncodeRows(sent(t, recs[0], unit))
		w.Header().Set("Content-Type", ContentType)
		w.Header().Set("X-Model-Name", "m/1")
		w.Header().Set("X-Model-Digest", "0123ABCD")
		w.Write(answer)
	}))
	defer ts.Close()
	cfg := config(ts.URL)
	cfg.TokenFile, cfg.CA = token, filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(cfg.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ts.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s, reg := scorer(t, cfg)
	for _, unit = range []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond} {
		q := request(t, s, cutOfThree(t))
		a, err := s.Ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if a.Result != ResultAnswered || a.Model != "m/1" || a.Digest != "0123abcd" {
			t.Errorf("%+v", a)
		}
		scores, err := q.Scores(a)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, of := range scores {
			for _, x := range of {
				got = append(got, fmt.Sprintf("%s/%d %s=%.4f%s", q.Asked[i].Sensor, q.Asked[i].Revision, x.Name, x.Value, x.Text))
			}
		}
		want := "a/1 risk=0.1429,a/1 why=NaNx = 1,a/1 high=0.0000,a/1 n=-1.0000,b/1 risk=0.2857,b/1 why=NaNx = 2,b/1 high=1.0000,b/1 n=-2.0000,a/2 risk=NaN,a/2 why=NaN,a/2 high=1.0000,a/2 n=-3.0000"
		if strings.Join(got, ",") != want {
			t.Errorf("%s:\n got %s\nwant %s", unit, strings.Join(got, ","), want)
		}
	}
	for _, b := range bodies[1:] {
		if !bytes.Equal(b, bodies[0]) {
			t.Error("the same range was sent with other bytes")
		}
	}
	if n := counted(t, reg, ResultAnswered); n != 4 {
		t.Errorf("%v requests answered", n)
	}
}

// TestAnswers: every way in which a service may behave, whether the same is asked
// again, and what /readyz says.
func TestAnswers(t *testing.T) {
	q0, _ := scorer(t, config("http://127.0.0.1:1"))
	q := request(t, q0, cutOfThree(t))
	good, err := wire.EncodeRows(sent(t, q.rows, arrow.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	twice, _ := wire.EncodeRows(sent(t, request(t, q0, cutOf(10, record(t, 10, schema, window("a", 1, 1, wire.StatusFinal)))).rows, arrow.Millisecond))
	strange, _ := wire.EncodeRows(sent(t, request(t, q0, cutOf(10, record(t, 10, schema, window("z", 1, 1, wire.StatusFinal)))).rows, arrow.Millisecond))
	model := []string{"X-Model-Name", "m", "X-Model-Digest", "0123abcd", "Content-Type", ContentType}
	for name, c := range map[string]struct {
		code    int
		headers []string
		body    []byte
		skip    bool
		result  string // of metrics
		says    string // in the error; empty: there is none
		halts   bool
	}{
		"answered":         {200, model, good, false, ResultAnswered, "", false},
		"one of three":     {200, model, twice, false, ResultAnswered, "", false},
		"nothing":          {204, model, nil, false, ResultNothing, "", false},
		"no name":          {200, model[2:], good, false, resultUnreadable, "X-Model-Name", true},
		"no digest":        {204, model[:2], nil, false, resultUnreadable, "X-Model-Digest", true},
		"odd digest":       {204, []string{"X-Model-Name", "m", "X-Model-Digest", "latest"}, nil, false, resultUnreadable, "hex", true},
		"another type":     {200, append(model[:4:4], "Content-Type", "application/json"), good, false, resultUnreadable, "content type", true},
		"empty":            {200, model, nil, false, resultUnreadable, "cut off", true},
		"cut off":          {200, model, good[:len(good)/2], false, resultUnreadable, "cut off", true},
		"cut off between":  {200, model, unended(t, twice), false, resultUnreadable, "mark of its end", true},
		"too long":         {200, model, bytes.Repeat([]byte{1}, 2<<20), false, resultUnreadable, "score.answer_bytes", true},
		"not asked":        {200, model, strange, false, resultUnreadable, "not asked", true},
		"twice":            {200, model, doubled(t, twice), false, resultUnreadable, "twice", true},
		"redirect":         {307, []string{"Location", "http://169.254.169.254/"}, nil, false, resultUnreadable, "redirects are not followed", true},
		"created":          {201, model, good, false, resultUnreadable, "only 200 and 204", true},
		"refused":          {422, nil, []byte("enmo\nis\x00 missing"), false, ResultRefused, "enmo is  missing", true},
		"refused, skipped": {422, nil, []byte("enmo is missing"), true, ResultRefused, "", false},
		"token, not rows":  {401, nil, nil, true, ResultRefused, "401", true},
		"address":          {404, nil, nil, true, ResultRefused, "404", true},
		"too many":         {429, nil, nil, true, resultFailed, "429", false},
		"down":             {503, nil, []byte("be patient"), true, resultFailed, "be patient", false},
	} {
		t.Run(name, func(t *testing.T) {
			ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					t.Errorf("%s", r.Method)
				}
				for i := 0; i < len(c.headers); i += 2 {
					w.Header().Set(c.headers[i], c.headers[i+1])
				}
				w.WriteHeader(c.code)
				w.Write(c.body)
			}))
			defer ts.Close()
			cfg := config(ts.URL)
			if c.skip {
				cfg.OnRefusal = refusalSkip
			}
			s, reg := scorer(t, cfg)
			ctx, revoke := context.WithCancel(t.Context())
			a, err := s.Ask(ctx, q)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err == nil && (a.Result != c.result || a.Code != c.code || a.Result == ResultRefused && a.Reason != string(c.body)) {
				t.Errorf("answer %+v", a)
			}
			if n := counted(t, reg, c.result); n != 1 {
				t.Errorf("%v requests %s", n, c.result)
			}
			halted := false
			each(t, reg, "wearstream_score_halted_partitions", func(m *dto.Metric) { halted = m.GetGauge().GetValue() == 1 })
			if ready := s.Ready(); (ready != nil) != c.halts || halted != c.halts || c.halts && !strings.Contains(ready.Error(), c.says) {
				t.Errorf("ready: %v", ready)
			}
			revoke() // the partition goes to another replica, and its trouble with it
			for end := time.Now().Add(5 * time.Second); s.Ready() != nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			if s.Ready() != nil {
				t.Error("still halted")
			}
		})
	}
}

// TestMended: a halted partition goes on by itself, and a service that is away is no
// verdict.
func TestMended(t *testing.T) {
	code := 422
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Model-Name", "m")
		w.Header().Set("X-Model-Digest", "0123abcd")
		w.WriteHeader(code)
	}))
	defer ts.Close()
	s, _ := scorer(t, config(ts.URL))
	q := request(t, s, cutOfThree(t))
	for _, c := range []struct {
		code  int
		ready bool
	}{{422, false}, {503, false}, {204, true}, {503, true}} {
		code = c.code
		s.Ask(t.Context(), q)
		if (s.Ready() == nil) != c.ready {
			t.Errorf("after %d: %v", c.code, s.Ready())
		}
	}
	ts.Close()
	if _, err := s.Ask(t.Context(), q); err == nil || s.Ready() != nil {
		t.Errorf("%v, %v", err, s.Ready())
	}
}

// TestSilence: a service that does not answer in time is asked again, not waited for.
func TestSilence(t *testing.T) {
	gone := make(chan struct{})
	ts := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gone }))
	defer ts.Close()
	defer close(gone)
	cfg := config(ts.URL)
	cfg.Timeout = 50 * time.Millisecond
	s, _ := scorer(t, cfg)
	if _, err := s.Ask(t.Context(), request(t, s, cutOfThree(t))); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	os.WriteFile(file, []byte("sesame"), 0o600)
	for want, change := range map[string]func(*Config){
		"url: give":               func(c *Config) { c.URL = "" },
		"the scheme":              func(c *Config) { c.URL = "ftp://x" },
		"it holds a user":         func(c *Config) { c.URL = "http://u:sesame@x/" },
		"by https only":           func(c *Config) { c.URL, c.TokenFile = "http://models.example.org/", file },
		"--algo core.v1@":         func(c *Config) { c.Algo = "" },
		"at least one length":     func(c *Config) { c.Window = nil },
		"on-refusal":              func(c *Config) { c.OnRefusal = "ask" },
		"score.timeout":           func(c *Config) { c.Timeout = 0 },
		"score.answer_bytes":      func(c *Config) { c.AnswerBytes = 1 << 40 },
		"score.token_file: open":  func(c *Config) { c.TokenFile = file + "x" },
		"score.ca: no":            func(c *Config) { c.CA = file },
		"score.cert, score.key: ": func(c *Config) { c.Cert = file },
	} {
		cfg := config("http://127.0.0.1/")
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// TestOneSet: windows of two sets have one name in an answer, so a scorer has one.
func TestOneSet(t *testing.T) {
	for algo, ok := range map[string]bool{
		"core.v1@": true, "ref.v1@1": true, "core.v1@1.1.0+0123abcd": true,
		"": false, "c": false, "ref": false, "core.v1": false, "@": false, "@1.1.0": false,
	} {
		cfg := config("http://127.0.0.1/")
		cfg.Algo = algo
		_, err := New(cfg, "main", "test", schema, prometheus.NewRegistry())
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), fmt.Sprintf("algo: %q is not one set; name one with its @", algo)) {
			t.Errorf("%q: got %v", algo, err)
		}
	}
}

// FuzzAnswer: no bytes make the parser panic, take memory beyond their length, or
// give a window that was not asked.
func FuzzAnswer(f *testing.F) {
	s, _ := scorer(f, config("http://127.0.0.1:1"))
	q := request(f, s, cutOfThree(f))
	for _, unit := range []arrow.TimeUnit{arrow.Second, arrow.Nanosecond} {
		b, err := wire.EncodeRows(sent(f, q.rows, unit))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-30])
	}
	asked, _ := wire.EncodeRows(q.rows)
	f.Add(asked)
	var packed bytes.Buffer
	w := ipc.NewWriter(&packed, ipc.WithSchema(schema), ipc.WithLZ4())
	w.Write(q.rows)
	w.Close()
	f.Add(packed.Bytes())
	f.Fuzz(func(t *testing.T, body []byte) {
		scores, err := q.Scores(Answer{Result: ResultAnswered, Body: body})
		if err != nil {
			return
		}
		if len(scores) != len(q.Asked) {
			t.Errorf("scores of %d windows, %d were asked", len(scores), len(q.Asked))
		}
		for _, of := range scores {
			names := map[string]bool{}
			for _, s := range of {
				if names[s.Name] || !scoreName.MatchString(s.Name) {
					t.Errorf("score %q stands twice, or is none", s.Name)
				}
				names[s.Name] = true
			}
		}
	})
}

// TestLengthsAreNotBelieved: what the stream says of its own lengths costs nothing.
func TestLengthsAreNotBelieved(t *testing.T) {
	s, _ := scorer(t, config("http://127.0.0.1:1"))
	q := request(t, s, cutOfThree(t))
	good, _ := wire.EncodeRows(sent(t, q.rows, arrow.Millisecond))
	var before, after runtime.MemStats
	for at := 0; at+8 <= len(good); at += 4 {
		for _, lie := range []uint64{math.MaxInt64, math.MaxInt32, 1 << 30, math.MaxUint64} {
			bad := bytes.Clone(good)
			for i := range 8 {
				bad[at+i] = byte(lie >> (8 * i))
			}
			runtime.ReadMemStats(&before)
			q.Scores(Answer{Result: ResultAnswered, Body: bad})
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
				t.Errorf("%d at byte %d of %d takes %d bytes of memory", lie, at, len(good), after.TotalAlloc-before.TotalAlloc)
			}
		}
	}
	var packed bytes.Buffer
	w := ipc.NewWriter(&packed, ipc.WithSchema(schema), ipc.WithZstd())
	w.Write(q.rows)
	w.Close()
	if _, err := q.Scores(Answer{Result: ResultAnswered, Body: packed.Bytes()}); err == nil || !strings.Contains(err.Error(), "compress") {
		t.Errorf("compressed rows: %v", err)
	}
}

// TestColumns: what an answer's columns may not be, said so that it can be mended.
func TestColumns(t *testing.T) {
	s, _ := scorer(t, config("http://127.0.0.1:1"))
	q := request(t, s, cutOfThree(t))
	named := []arrow.Field{{Name: "sensor", Type: arrow.BinaryTypes.String}, {Name: "window_start", Type: arrow.FixedWidthTypes.Timestamp_ms}, {Name: "length_s", Type: arrow.PrimitiveTypes.Uint32}}
	word := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	for says, fields := range map[string][]arrow.Field{
		"needs the columns":            named[:2],
		`"class" is a dictionary`:      append(named[:3:3], arrow.Field{Name: "class", Type: word}),
		`"list" is none of`:            append(named[:3:3], arrow.Field{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64)}),
		`"when" has a type`:            append(named[:3:3], arrow.Field{Name: "when", Type: arrow.FixedWidthTypes.Timestamp_ns}),
		`"half" is none of`:            append(named[:3:3], arrow.Field{Name: "half", Type: arrow.FixedWidthTypes.Float16}),
		`column name "p active"`:       append(named[:3:3], arrow.Field{Name: "p active", Type: arrow.PrimitiveTypes.Float64}),
		`column name "sensor"`:         append(named[:3:3], named[0]),
		`"length_s" has a type`:        append(named[:2:2], arrow.Field{Name: "length_s", Type: arrow.PrimitiveTypes.Float64}),
		"no columns, or more than 256": make([]arrow.Field, 257),
		"window_start is NULL":         named,
	} {
		for i := range fields {
			if fields[i].Type == nil {
				fields[i] = arrow.Field{Name: fmt.Sprint("c", i), Type: arrow.PrimitiveTypes.Int8}
			}
			fields[i].Nullable = true
		}
		b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema(fields, nil))
		for i := range fields {
			if text, ok := b.Field(i).(*array.StringBuilder); ok && i == 0 {
				text.Append("a")
			} else {
				b.Field(i).AppendNull()
			}
		}
		body, err := wire.EncodeRows(b.NewRecord())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Scores(Answer{Result: ResultAnswered, Body: body}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}

// TestIntegers: a score is the number that was sent, or none is made of the answer.
func TestIntegers(t *testing.T) {
	s, _ := scorer(t, config("http://127.0.0.1:1"))
	q := request(t, s, cutOfThree(t))
	const most = 1 << 53
	for _, c := range []struct {
		of    arrow.DataType
		value any
		want  float64 // NaN: refused
	}{
		{arrow.PrimitiveTypes.Int64, int64(most), most},
		{arrow.PrimitiveTypes.Int64, int64(-most), -most},
		{arrow.PrimitiveTypes.Int64, int64(most + 1), math.NaN()},
		{arrow.PrimitiveTypes.Int64, int64(-most - 1), math.NaN()},
		{arrow.PrimitiveTypes.Int64, int64(math.MinInt64), math.NaN()},
		{arrow.PrimitiveTypes.Uint64, uint64(most), most},
		{arrow.PrimitiveTypes.Uint64, uint64(most + 1), math.NaN()},
		{arrow.PrimitiveTypes.Uint64, uint64(math.MaxUint64), math.NaN()},
		{arrow.PrimitiveTypes.Uint32, uint32(math.MaxUint32), math.MaxUint32},
	} {
		b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
			{Name: "sensor", Type: arrow.BinaryTypes.String}, {Name: "window_start", Type: arrow.FixedWidthTypes.Timestamp_ms},
			{Name: "length_s", Type: arrow.PrimitiveTypes.Uint32}, {Name: "cluster", Type: c.of},
		}, nil))
		w := q.Asked[0]
		b.Field(0).(*array.StringBuilder).Append(w.Sensor)
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(w.StartMS))
		b.Field(2).(*array.Uint32Builder).Append(w.LengthS)
		switch f := b.Field(3).(type) {
		case *array.Int64Builder:
			f.Append(c.value.(int64))
		case *array.Uint64Builder:
			f.Append(c.value.(uint64))
		case *array.Uint32Builder:
			f.Append(c.value.(uint32))
		}
		body, err := wire.EncodeRows(b.NewRecord())
		if err != nil {
			t.Fatal(err)
		}
		said, err := q.Scores(Answer{Result: ResultAnswered, Body: body})
		switch {
		case math.IsNaN(c.want):
			if err == nil || !strings.Contains(err.Error(), "row 0: cluster: ") || !strings.Contains(err.Error(), "as text") {
				t.Errorf("%d: got %v, %v", c.value, said, err)
			}
		case err != nil || said[0][0].Value != c.want:
			t.Errorf("%d: got %v, %v", c.value, said, err)
		}
	}
}

// unended is the stream without the mark of its end, 8 bytes.
func unended(t testing.TB, whole []byte) []byte {
	t.Helper()
	rest, ended := bytes.CutSuffix(whole, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	if !ended {
		t.Fatal("the stream has no mark of its end")
	}
	return rest
}

// doubled is the stream with its rows twice.
func doubled(t testing.TB, one []byte) []byte {
	recs, err := wire.DecodeRows(one)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(recs[0].Schema()))
	for range 2 {
		w.Write(recs[0])
	}
	w.Close()
	return buf.Bytes()
}

// counted is how many requests had the result.
func counted(t testing.TB, reg *prometheus.Registry, result string) (n float64) {
	t.Helper()
	each(t, reg, "wearstream_score_requests_total", func(m *dto.Metric) {
		if m.GetLabel()[0].GetValue() == result {
			n = m.GetCounter().GetValue()
		}
	})
	return n
}

func each(t testing.TB, reg *prometheus.Registry, name string, f func(*dto.Metric)) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				f(m)
			}
		}
	}
}
