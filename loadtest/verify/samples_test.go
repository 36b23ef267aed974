package verify

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
	"unique"

	"github.com/wearstream/wearstream/stream/wire"
)

// TestCountSamples holds the counts against a set of times, for runs that overlap,
// repeat, touch and leave samples out, before 1970 too.
func TestCountSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 300 {
		base := rng.Int64N(40_000_000) - 20_000_000
		times, want := map[int64]bool{}, map[int64]uint32{}
		var runs []run
		for range 1 + rng.IntN(8) {
			b := &wire.SampleBatch{T0us: base + rng.Int64N(20_000_000), RateMHz: []uint32{1000, 32_000, 33_333, 100_000}[rng.IntN(4)], N: 1 + rng.Uint32N(400)}
			if len(runs) > 0 && rng.IntN(3) == 0 { // as it follows the one before
				last := runs[len(runs)-1]
				b.T0us, b.RateMHz = last.time(int(last.n))/1000, last.rate
			}
			width := 6
			if b.Encoding = wire.Int16Counts; rng.IntN(2) == 0 {
				b.Encoding, width = wire.Int32MicroG, 12
			}
			b.XYZ = make([]byte, int(b.N)*width)
			left := rng.IntN(3) == 0
			for i := range int(b.N) {
				if left && rng.IntN(10) == 0 {
					continue
				}
				b.XYZ[i*width+rng.IntN(width)] = 1
				times[b.SampleTime(i)] = true
			}
			runs = append(runs, newRun(b))
		}
		for at := range times {
			want[time.Unix(0, at).Truncate(5*time.Second).UnixNano()]++
		}
		got := map[int64]uint32{}
		countSamples(runs, func(start int64, n uint32) { got[start] += n })
		if !maps.Equal(got, want) {
			t.Fatalf("%+v: counted %v, want %v", runs, got, want)
		}
	}
}

// TestLacking: offsets that the log has neither as records nor as markers, which
// no log of ours can be made to have.
func TestLacking(t *testing.T) {
	v := &verifier{r: &Report{Explained: map[string]int{}}, partitions: map[place]*partition{}}
	v.Now = time.Now()
	v.Due = Due{Landing: time.Hour, Idle: time.Hour, Tables: time.Hour}
	p := v.at(place{wire.TopicDevice, "1", 0})
	p.present, p.end = true, 10
	p.lacking = []span{{"", 3, 6}}
	for _, at := range []int64{0, 1, 2, 4, 6} {
		p.records[at] = &record{at: p, offset: at, appended: v.Now, logged: at != 4, landed: 1}
	}
	p.spans = []span{{"a", 0, 7}}
	v.compareLanding()
	if v.r.Lost != 2 || v.r.Unexplained != 1 || v.r.Duplicated != 0 {
		t.Errorf("%+v", v.r)
	}
}

// TestHistory: when nothing more is expected of a sensor.
func TestHistory(t *testing.T) {
	p := &partition{place: place{wire.TopicDevice, "1", 0}}
	v := &verifier{r: &Report{}}
	at := func(boot, seq, previous uint64) *record {
		return &record{at: p, batch: &batch{name: name{unique.Make("w"), boot, seq}, previous: previous}}
	}
	end := func(boot, last uint64) *record {
		return &record{at: p, end: &ended{name: name{unique.Make("w"), boot, 0}, last: last}}
	}
	for _, tt := range []struct {
		what  string
		whole bool
		all   []*record
	}{
		{"one boot that goes on", false, []*record{at(1, 0, 0), at(1, 1, 0)}},
		{"one that ended", true, []*record{at(1, 0, 0), at(1, 1, 0), end(1, 1)}},
		{"one that ended with a hole", false, []*record{at(1, 0, 0), at(1, 2, 0), end(1, 2)}},
		{"one that ended later", false, []*record{at(1, 0, 0), end(1, 1)}},
		{"the next says where it ended", true, []*record{at(1, 0, 0), at(1, 1, 0), at(2, 0, 2), end(2, 0)}},
		{"the next says nothing", false, []*record{at(1, 0, 0), at(2, 0, 0), end(2, 0)}},
		{"a boot between is missing", false, []*record{at(1, 0, 0), end(1, 0), at(3, 0, 2), end(3, 0)}},
		{"the log begins with a later boot", true, []*record{at(3, 0, 2), end(3, 0)}},
	} {
		tr := &truth{copies: map[name][]*record{}, ends: map[word][]*record{}}
		for _, r := range tt.all {
			if r.end != nil {
				tr.ends[r.end.sensor] = append(tr.ends[r.end.sensor], r)
				continue
			}
			tr.names = append(tr.names, r.batch.name)
			tr.copies[r.batch.name] = []*record{r}
		}
		if got := v.history(tr, tr.names).whole(); got != tt.whole {
			t.Errorf("%s: whole is %v", tt.what, got)
		}
	}
}
