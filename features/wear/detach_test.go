package wear

import (
	"math"
	"testing"

	"github.com/wearstream/wearstream/features/oracle"
)

// TestBoutsAgainstReference holds the seconds where bouts begin and end against
// nimbaldetach, which looks at the temperature four times a second and not at its
// means of 4 s.
func TestBoutsAgainstReference(t *testing.T) {
	d, recordings := sessions(t)
	for name, rec := range recordings {
		want := table(t, d, name, "nimbaldetach_nonwear")
		start := rec.Samples.T[0]
		minutes := int64((len(rec.Samples.T) + 1919) / 1920)
		det := newDETACH(Default.DETACH)
		var edges []float64
		var b bout
		var p Partial
		for m := int64(0); m < minutes+detachLag; m++ {
			if m < minutes {
				s, r := minuteOf(rec, int(m))
				p.Set(start+m*minuteNS, s, r, oracle.Rate)
				det.push(m, &p)
			} else {
				det.push(m, nil)
			}
			f := m - detachLag
			if f < 0 {
				continue
			}
			for s := range int64(60) { // one second after the other
				found, was := det.kept[f%memory], b.off
				b.minute(f, marks{found.begins & (1 << s), found.ends & (1 << s)}, false)
				if b.off != was {
					edges = append(edges, float64(start)/1e9+float64(f*60+s))
				}
			}
		}
		if b.off { // the reference ends what is open with the recording
			edges = append(edges, float64(start)/1e9+float64(minutes*60))
		}
		if len(edges) != 2*len(want["nonwear_start_unix"]) {
			t.Fatalf("%s: edges %v, want %v", name, edges, want)
		}
		for i := range want["nonwear_start_unix"] {
			for k, w := range []float64{want["nonwear_start_unix"][i], want["nonwear_end_unix"][i]} {
				if got := edges[2*i+k]; math.Abs(got-w) > float64(binNS)/2e9 {
					t.Errorf("%s: edge %d of bout %d is at %.2f, want %.2f", name, k, i, got, w)
				}
				t.Logf("%s: edge %d of bout %d is at %.2f, nimbaldetach %.2f", name, k, i, edges[2*i+k], w)
			}
		}
	}
}

// TestLowpass holds the filter against what it must do to a constant, and the
// fixed lag against the whole: 1e-9 degC, as the design says of 15 minutes.
func TestLowpass(t *testing.T) {
	rec := made(10, plan("w", 40, "n", 30, "w", 50))
	var all smooth
	var short smooth
	var recent temperatures
	recent.clear()
	var values []float64
	partials := rec.partials()
	for m, p := range partials {
		for k := range p.temperature {
			values = append(values, float64(p.temperature[k].sum*1000/int64(p.temperature[k].n))/1000)
		}
		recent.push(int64(m), p)
		if m == 59 {
			recent.smooth(&short, 24, 59, 40)
		}
	}
	// The whole, by the same recursion on a slice of its own.
	forward := make([]float64, len(values))
	z0, z1 := lowpassStart(values[0])
	for i, v := range values {
		forward[i], z0, z1 = lowpass(v, z0, z1)
	}
	z0, z1 = lowpassStart(forward[len(forward)-1])
	for i := len(forward) - 1; i >= 0; i-- {
		forward[i], z0, z1 = lowpass(forward[i], z0, z1)
	}
	largest := 0.0
	for k := int64(40 * binsPerMinute); k < 45*binsPerMinute; k++ {
		got, is := short.at(k)
		if !is {
			t.Fatalf("bin %d is not known", k)
		}
		largest = max(largest, math.Abs(got-forward[k])/1000)
	}
	t.Logf("fixed lag of %d minutes differs by %.1e degC", warmup, largest)
	if largest > 1e-8 {
		t.Error("too far")
	}
	all.n = 100
	for i := range all.n {
		all.t[i] = 30_000
	}
	all.filter()
	for i := range all.n {
		if math.Abs(all.t[i]-30_000) > 1e-8 {
			t.Fatalf("a constant becomes %v", all.t[i])
		}
	}
}
