package wear

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/oracle"
)

// TestBlocksAgainstReference holds minutes, and the hours that begin every 15
// minutes, against the standard deviations and ranges of numpy: as thresholds one
// micro-g apart, which is how they are used.
func TestBlocksAgainstReference(t *testing.T) {
	d, recordings := sessions(t)
	for name, rec := range recordings {
		minutes, hours := table(t, d, name, "block_60s"), table(t, d, name, "block_3600s_900s")
		var b blocks
		var p Partial
		h := 0
		for m := range minutes["sd_x"] {
			s, r := minuteOf(rec, m)
			p.Set(rec.Samples.T[0]+int64(m)*minuteNS, s, r, oracle.Rate)
			minute := p.halves[0]
			minute.merge(&p.halves[1])
			check(t, fmt.Sprint(name, " minute ", m), &minute, minutes, m)
			temperature := p.readings()
			if got := float64(temperature.sum) / float64(temperature.n) / 1000; math.Abs(got-minutes["temp_mean"][m]) > 1e-9 {
				t.Errorf("%s minute %d: temperature %v, want %v", name, m, got, minutes["temp_mean"][m])
			}
			b.push(int64(m), &p, false)
			if m%blockMinutes == 59%blockMinutes && m >= 59 && h < len(hours["sd_x"]) {
				hour := b.hour(int64(2 * h))
				check(t, fmt.Sprint(name, " hour ", h), &hour, hours, h)
				h++
			}
		}
		if h != len(hours["sd_x"]) {
			t.Errorf("%s: %d hours, want %d", name, h, len(hours["sd_x"]))
		}
		t.Logf("%s: %d minutes and %d hours", name, len(minutes["sd_x"]), h)
	}
}

var readSessions = sync.OnceValues(func() (map[string]*oracle.Recording, error) {
	d, err := oracle.Find()
	if err != nil {
		return nil, err
	}
	names, err := d.Sessions()
	if err != nil {
		return nil, err
	}
	all := make(map[string]*oracle.Recording)
	for _, name := range names {
		if all[name], err = d.Session(name); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// sessions are the recordings that have references of wear.
func sessions(t *testing.T) (oracle.Data, map[string]*oracle.Recording) {
	t.Helper()
	d, err := oracle.Find()
	if err != nil {
		t.Skipf("the references are not here: %v", err)
	}
	all, err := readSessions()
	if err != nil {
		t.Fatal(err)
	}
	return d, all
}

func table(t *testing.T, d oracle.Data, name, kind string) map[string][]float64 {
	t.Helper()
	columns, err := d.Wear(name, kind)
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// minuteOf is the m-th minute of a recording of 32 and 4 Hz.
func minuteOf(rec *oracle.Recording, m int) (features.Samples, features.Readings) {
	i, j := m*1920, min((m+1)*1920, len(rec.Samples.T))
	s, r := rec.Samples, rec.Readings
	s.T, s.X, s.Y, s.Z = s.T[i:j], s.X[i:j], s.Y[i:j], s.Z[i:j]
	i, j = m*240, min((m+1)*240, len(r.T))
	r.T, r.MilliC = r.T[i:j], r.MilliC[i:j]
	return s, r
}

func check(t *testing.T, what string, s *spread, want map[string][]float64, i int) {
	t.Helper()
	for a, axis := range []string{"x", "y", "z"} {
		if got := float64(s.most[a]-s.least[a]) / 1e6; got != want["range_"+axis][i] {
			t.Errorf("%s: range along %s is %v, want %v", what, axis, got, want["range_"+axis][i])
		}
		sd := int64(want["sd_"+axis][i] * 1e6)
		if s.below(a, sd) || !s.below(a, sd+1) {
			t.Errorf("%s: the SD along %s is not between %d and %d micro-g", what, axis, sd, sd+1)
		}
	}
}
