package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/score"
	"github.com/wearstream/wearstream/stream/wire"
)

// moody is a model that says something else each time: how often it was asked.
type moody struct {
	t testing.TB
	*score.Scorer
	digest string

	mu    sync.Mutex
	asked int
	fails error            // of every question
	after func()           // between the answer and its being kept
	says  *score.Answer    // instead of scores
	skips func(int64) bool // windows that it leaves out, by their start
}

func newMoody(t testing.TB, study ...string) *moody {
	t.Helper()
	s, err := score.New(score.Config{URL: "http://127.0.0.1:1", Window: []time.Duration{5 * time.Second}, Algo: "core.v1@", Study: study, OnRefusal: "halt", Timeout: 1, AnswerBytes: 1 << 20}, cell, "m", testSchema.Windows, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return &moody{t: t, Scorer: s, digest: "0123abcd"}
}

func (m *moody) Ask(_ context.Context, q *score.Request) (score.Answer, error) {
	m.mu.Lock()
	m.asked++
	mood := m.asked
	m.mu.Unlock()
	if m.fails != nil {
		return score.Answer{}, m.fails
	}
	if m.after != nil {
		m.after()
	}
	if m.says != nil {
		return *m.says, nil
	}
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "sensor", Type: arrow.BinaryTypes.String}, {Name: "window_start", Type: &arrow.TimestampType{Unit: arrow.Millisecond}}, {Name: "length_s", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "mood", Type: arrow.PrimitiveTypes.Float64}, {Name: "word", Type: arrow.BinaryTypes.String},
	}, nil))
	for _, w := range q.Asked {
		if m.skips != nil && m.skips(w.StartMS) {
			continue
		}
		b.Field(0).(*array.StringBuilder).Append(w.Sensor)
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(w.StartMS))
		b.Field(2).(*array.Uint32Builder).Append(w.LengthS)
		v := float64(mood)
		if w.Revision == 9 {
			v = math.NaN()
		}
		b.Field(3).(*array.Float64Builder).Append(v)
		b.Field(4).(*array.StringBuilder).Append(fmt.Sprintf("it's \\%d\n", w.Revision))
	}
	body, err := wire.EncodeRows(b.NewRecord())
	if err != nil {
		m.t.Error(err)
	}
	return score.Answer{Result: score.ResultAnswered, Code: 200, Model: "moody", Digest: m.digest, Body: body}, nil
}

// sink is a sink that remembers nothing, as after a start.
func (m *moody) sink(t testing.TB, cfg Config, name string) stream.Sink {
	return NewScores(connect(t, cfg), cell, name, m, prometheus.NewRegistry())
}

func execute(t testing.TB, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func scoredCut(t testing.TB, first int64, rows ...wire.WindowRow) stream.Cut {
	return cutOf(wire.TopicFeatures, log1, first, tick, windowRecord(t, rows...), tick)
}

// TestScores: a cut is asked about once, whoever writes it and however often; its
// scores are those of the first answer that was kept, each once.
func TestScores(t *testing.T) {
	cfg, conn := database(t)
	m := newMoody(t)
	cut := scoredCut(t, 0, window("a", at("2026-03-31T23:59:55Z"), 1, wire.StatusFinal), window("a", at("2026-04-01T00:00:00Z"), 1, wire.StatusFinal), window("b", at("2026-04-01T00:00:00Z"), 1, wire.StatusProvisional))
	for range 3 {
		write(t, m.sink(t, cfg, "m"), cut)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { write(t, m.sink(t, cfg, "m"), cut) })
	}
	wg.Wait()
	if m.asked != 1 {
		t.Errorf("asked %d times", m.asked)
	}
	expect(t, conn, "SELECT sensor, toString(window_start), name, value, replaceAll(text, '\\n', '~'), model, digest, algo, revision, input_digest, study, participant, status FROM scores ORDER BY sensor, window_start, name",
		"a,2026-03-31 23:59:55.000,mood,1,,moody,0123abcd,"+algo+",1,0123456789abcdef,st,p1,final\n"+
			"a,2026-03-31 23:59:55.000,word,NULL,it's \\1~,moody,0123abcd,"+algo+",1,0123456789abcdef,st,p1,final\n"+
			"a,2026-04-01 00:00:00.000,mood,1,,moody,0123abcd,"+algo+",1,0123456789abcdef,st,p1,final\n"+
			"a,2026-04-01 00:00:00.000,word,NULL,it's \\1~,moody,0123abcd,"+algo+",1,0123456789abcdef,st,p1,final")
	expect(t, conn, "SELECT count() FROM scored_windows", "2")
	expect(t, conn, "SELECT scorer, partition, first, next, windows, result, code, model, digest, length(question_sha256), lower(hex(SHA256(answer))) = answer_sha256 FROM score_calls",
		"m,3,0,3,2,answered,200,moody,0123abcd,64,1")

	// Another name asks for itself, and its model is another one.
	other := newMoody(t)
	other.digest = "ffffffff"
	write(t, other.sink(t, cfg, "n"), cut)
	expect(t, conn, "SELECT digest, count() FROM scores GROUP BY digest ORDER BY digest", "0123abcd,4\nffffffff,4")
	// Nothing is asked about nothing, nor kept.
	write(t, m.sink(t, cfg, "m"), scoredCut(t, 3, window("a", at("2026-04-01T00:00:05Z"), 1, wire.StatusProvisional)))
	if m.asked != 1 {
		t.Errorf("asked %d times", m.asked)
	}
	expect(t, conn, "SELECT count() FROM score_calls", "2")
}

// TestScoresKilled dies at each durable step, with a model that answers otherwise
// each time, and goes on as a new process would.
func TestScoresKilled(t *testing.T) {
	cfg, conn := database(t)
	first := window("a", at("2026-04-01T00:00:00Z"), 1, wire.StatusFinal)
	for i, c := range []struct {
		name  string
		table string // that cannot be written the first time
		asked int    // in the end
		mood  int    // that holds
	}{
		{"before the answer is kept", tableCalls, 2, 2},
		{"before the rows are stored", tableScores, 1, 1},
		{"before the commit", "", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMoody(t)
			m.digest = fmt.Sprintf("%08d", i)
			name := fmt.Sprint("killed", i)
			cut := scoredCut(t, int64(10*i), first)
			if c.table != "" {
				m.after = func() { execute(t, conn, "RENAME TABLE "+c.table+" TO away") }
			}
			err := m.sink(t, cfg, name).Write(t.Context(), cut)
			if (err != nil) != (c.table != "") {
				t.Fatal(err)
			}
			if c.table != "" {
				execute(t, conn, "RENAME TABLE away TO "+c.table)
			}
			m.after = nil
			write(t, m.sink(t, cfg, name), cut)
			write(t, m.sink(t, cfg, name), cut)
			if m.asked != c.asked {
				t.Errorf("asked %d times, want %d", m.asked, c.asked)
			}
			expect(t, conn, fmt.Sprintf("SELECT count(), min(values[1]), max(values[1]) FROM scored_windows WHERE digest = '%s'", m.digest), fmt.Sprintf("1,%d,%[1]d", c.mood))
		})
	}
}

// TestScoresAtOnce: two processes ask at the same time, as where one was thought
// dead; one answer holds, for both.
func TestScoresAtOnce(t *testing.T) {
	cfg, conn := database(t)
	cut := scoredCut(t, 0, window("a", at("2026-04-01T00:00:00Z"), 1, wire.StatusFinal), window("a", at("2026-04-01T00:00:05Z"), 1, wire.StatusFinal))
	m := newMoody(t)
	var both sync.WaitGroup // each goes on when the other has its answer, too
	both.Add(2)
	m.after = func() { both.Done(); both.Wait() }
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { write(t, m.sink(t, cfg, "m"), cut) })
	}
	wg.Wait()
	if m.asked != 2 {
		t.Errorf("asked %d times", m.asked)
	}
	expect(t, conn, "SELECT count(), uniqExact(values[1]) FROM scored_windows", "2,1")
	expect(t, conn, "SELECT count() FROM score_calls", "1")
}

// TestScoreRevisions: scores are of the latest revision that was asked about, also
// where the model has nothing to say of it; merges change nothing.
func TestScoreRevisions(t *testing.T) {
	cfg, conn := database(t)
	m := newMoody(t)
	a, b, c := at("2026-04-01T00:00:00Z"), at("2026-04-01T00:00:05Z"), at("2026-04-01T00:00:10Z")
	rows := func(revision uint32, status string) []wire.WindowRow {
		return []wire.WindowRow{window("s", a, revision, status), window("s", b, revision, status), window("s", c, revision, status)}
	}
	s := m.sink(t, cfg, "m")
	write(t, s, scoredCut(t, 0, rows(1, wire.StatusFinal)...))
	m.skips = func(ms int64) bool { return ms == b.UnixMilli() }
	write(t, s, scoredCut(t, 3, rows(2, wire.StatusCorrected)...))
	write(t, s, scoredCut(t, 6, window("s", c, 9, wire.StatusCorrected)))
	for range 2 {
		expect(t, conn, "SELECT toSecond(window_start), revision, value FROM scores WHERE name = 'mood' ORDER BY window_start", "0,2,2\n10,9,NULL")
		expect(t, conn, "SELECT count() FROM scores_all", "12")
		expect(t, conn, "SELECT count(), countIf(empty(names)) FROM scored_windows", "7,1")
		execute(t, conn, "OPTIMIZE TABLE scored_windows FINAL")
	}
	// 204: what was said before does not outlive it.
	m.says = &score.Answer{Result: score.ResultNothing, Code: 204, Model: "moody", Digest: m.digest}
	write(t, s, scoredCut(t, 9, window("s", a, 3, wire.StatusCorrected)))
	expect(t, conn, "SELECT toSecond(window_start) FROM scores WHERE name = 'mood' ORDER BY window_start", "10")
	// A refusal that is skipped is recorded, and says nothing of a score.
	m.says = &score.Answer{Result: score.ResultRefused, Code: 422, Reason: "it's too cold"}
	write(t, s, scoredCut(t, 12, window("s", c, 10, wire.StatusCorrected)))
	write(t, s, scoredCut(t, 12, window("s", c, 10, wire.StatusCorrected)))
	expect(t, conn, "SELECT toSecond(window_start), revision FROM scores WHERE name = 'mood' ORDER BY window_start", "10,9")
	expect(t, conn, "SELECT first, next, code, model, reason, windows FROM score_calls WHERE result = 'refused'", "12,15,422,,it's too cold,1")
	if m.asked != 5 {
		t.Errorf("asked %d times", m.asked)
	}
	// A topic that was made again overrules its predecessor.
	m.says, m.skips = nil, nil
	again := scoredCut(t, 0, window("s", c, 1, wire.StatusFinal))
	again.Log = log2
	write(t, s, again)
	expect(t, conn, "SELECT toSecond(window_start), revision, value FROM scores WHERE name = 'mood'", "10,1,6")
}

// TestScoreDigests: where a model became another one, what the old one said of a
// revision goes with that revision; of one that both saw, both are there.
func TestScoreDigests(t *testing.T) {
	cfg, conn := database(t)
	a, b := at("2026-04-01T00:00:00Z"), at("2026-04-01T00:00:05Z")
	old, late := newMoody(t), newMoody(t)
	old.digest, late.digest = "ffffffff", "00000000" // behind it in the table's order
	write(t, old.sink(t, cfg, "m"), scoredCut(t, 0, window("s", a, 1, wire.StatusFinal), window("s", b, 1, wire.StatusFinal)))
	const plain, all = "SELECT toSecond(window_start), revision, digest FROM scores WHERE name = 'mood' ORDER BY window_start, digest",
		"SELECT toSecond(window_start), revision, digest FROM scores_all WHERE name = 'mood' ORDER BY window_start, revision, digest"
	for _, c := range []struct {
		name, scorer string
		model        *moody
		first        int64
		rows         []wire.WindowRow
		plain, all   string
	}{
		{"a late upload corrects a window", "m", late, 3, []wire.WindowRow{window("s", a, 2, wire.StatusCorrected)},
			"0,2,00000000\n5,1,ffffffff", "0,1,ffffffff\n0,2,00000000\n5,1,ffffffff"},
		{"another scorer begins behind it", "n", late, 0, []wire.WindowRow{window("s", a, 1, wire.StatusFinal), window("s", b, 1, wire.StatusFinal)},
			"0,2,00000000\n5,1,00000000\n5,1,ffffffff", "0,1,00000000\n0,1,ffffffff\n0,2,00000000\n5,1,00000000\n5,1,ffffffff"},
		{"the old model comes back", "m", old, 6, []wire.WindowRow{window("s", b, 2, wire.StatusCorrected)},
			"0,2,00000000\n5,2,ffffffff", "0,1,00000000\n0,1,ffffffff\n0,2,00000000\n5,1,00000000\n5,1,ffffffff\n5,2,ffffffff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, c.model.sink(t, cfg, c.scorer), scoredCut(t, c.first, c.rows...))
			for range 2 {
				expect(t, conn, plain, c.plain)
				expect(t, conn, all, c.all)
				execute(t, conn, "OPTIMIZE TABLE scored_windows FINAL")
			}
		})
	}
	// A model that has nothing to say of the revision takes what was said before, too.
	late.says = &score.Answer{Result: score.ResultNothing, Code: 204, Model: "moody", Digest: late.digest}
	write(t, late.sink(t, cfg, "m"), scoredCut(t, 9, window("s", b, 3, wire.StatusCorrected)))
	expect(t, conn, plain, "0,2,00000000")
	// A topic that was made again overrules its predecessor, whatever its revisions.
	late.says = nil
	again := scoredCut(t, 0, window("s", a, 1, wire.StatusFinal))
	again.Log = log2
	write(t, old.sink(t, cfg, "m"), again)
	expect(t, conn, plain, "0,1,ffffffff")
}

// TestScoresErrors: what is tried again, what needs a person, where a range ends.
func TestScoresErrors(t *testing.T) {
	cfg, conn := database(t)
	m := newMoody(t)
	s := m.sink(t, cfg, "m")
	cut := scoredCut(t, 5, window("a", at("2026-04-01T00:00:00Z"), 1, wire.StatusFinal))
	m.fails = errors.New("the model refuses with 422")
	err := s.Write(t.Context(), cut)
	if err == nil || sink.IsPermanent(err) || !strings.Contains(err.Error(), "score offsets 5 to 8 of wear.test.features.v1/3: the model refuses") {
		t.Errorf("a refusal: %v", err)
	}
	m.fails = nil
	write(t, s, cut)
	longer := cut
	longer.Next = 10
	if adopt, ok := errors.AsType[*stream.AdoptError](s.Write(t.Context(), longer)); !ok || adopt.Next != 8 {
		t.Errorf("a range with another end: %v", adopt)
	}
	err = newMoody(t, "another study").sink(t, cfg, "m").Write(t.Context(), cut)
	if !sink.IsPermanent(err) || !strings.Contains(err.Error(), "another --name") {
		t.Errorf("other filters: %v", err)
	}
	if err := s.Write(t.Context(), cutOf(wire.TopicDevice, log1, 0, tick)); !sink.IsPermanent(err) {
		t.Errorf("another topic: %v", err)
	}
	expect(t, conn, "SELECT count() FROM scored_windows", "1")
}

// A block of scores that is larger than the limit is several.
func TestManyScores(t *testing.T) {
	cfg, conn := database(t)
	rows := make([]wire.WindowRow, maxScoreRows+7)
	for i := range rows {
		rows[i] = window(fmt.Sprint("s", i), at("2026-04-01T00:00:00Z"), 1, wire.StatusFinal)
	}
	m := newMoody(t)
	for range 2 {
		write(t, m.sink(t, cfg, "m"), scoredCut(t, 0, rows...))
	}
	expect(t, conn, "SELECT count(), uniqExact(sensor) FROM scored_windows", fmt.Sprintf("%d,%[1]d", len(rows)))
	expect(t, conn, "SELECT count() FROM scores", fmt.Sprint(2*len(rows)))
}
