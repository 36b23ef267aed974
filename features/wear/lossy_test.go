package wear

import (
	"slices"
	"testing"
	"time"
)

// without is a recording that loses the first seconds of every so many.
func (r *recording) without(lost, every int64) *recording {
	got := new(recording)
	kept := func(t int64) bool { return t/int64(time.Second)%every >= lost }
	s, a := &r.samples, &got.samples
	for i, t := range s.T {
		if kept(t) {
			a.T, a.X, a.Y, a.Z = append(a.T, t), append(a.X, s.X[i]), append(a.Y, s.Y[i]), append(a.Z, s.Z[i])
		}
	}
	for i, t := range r.readings.T {
		if kept(t) {
			got.readings.T = append(got.readings.T, t)
			got.readings.MilliC = append(got.readings.MilliC, r.readings.MilliC[i])
		}
	}
	return got
}

// taken is taken off and put on, for long and short, and is at rest between.
var taken = plan("n", 60, "w", 120, "n", 400, "w", 60, "r", 90, "w", 200, "n", 25, "w", 40, "h", 60, "w", 40)

// TestLostSeconds: bouts begin and end where they do without holes, give or take 2 minutes.
func TestLostSeconds(t *testing.T) {
	rec := made(11, taken)
	want := finals(drive(t, config("detach"), rec.partials()))
	for _, lost := range []int64{5, 8, 10, 20} {
		for _, every := range []int64{60, 75, 90, 120, 240, 290, 330} {
			got := finals(drive(t, config("detach"), rec.without(lost, every).partials()))
			for i := range want {
				around := want[max(0, i-2):min(len(want), i+3)]
				if !slices.ContainsFunc(around, func(m Minute) bool { return m.State == got[i].State }) {
					t.Fatalf("%d s of %d lost: minute %d is %v, want %v", lost, every, i, got[i], want[i])
				}
			}
		}
	}
}

// TestBlind: where too little is known to see a bout begin or end, nothing that was
// before is said for longer than 20 minutes, and what comes after is seen again.
func TestBlind(t *testing.T) {
	const from, to, margin = 90, 300, forward + 1
	rec := made(12, plan("w", 120, "n", 100, "w", 180))
	partials := slices.Concat(rec.partials()[:from], rec.without(28, 75).partials()[from:to], rec.partials()[to:])
	for i, m := range finals(drive(t, config("detach"), partials)) {
		switch {
		case m.State == NonWear,
			m.State != Wear && (i < from || i >= to+margin),
			m.State != Unknown && i >= from+blind && i < to-margin:
			t.Errorf("minute %d is %v", i, m)
		}
	}
}

func TestJudged(t *testing.T) {
	for _, c := range []struct {
		name string
		lost [2]int // seconds [from, to) of the window
		want bool
	}{
		{"whole", [2]int{0, 0}, true},
		{"a recording begins, 54 s ago", [2]int{0, 6}, true},
		{"a recording begins, 53 s ago", [2]int{0, 7}, false},
		{"a recording ended 6 s ago", [2]int{54, 60}, true},
		{"a recording ended 7 s ago", [2]int{53, 60}, false},
		{"a hole of half", [2]int{10, 40}, true},
		{"a hole of more than half", [2]int{10, 41}, false},
	} {
		present := uint64(wholeMinute)
		for s := c.lost[0]; s < c.lost[1]; s++ {
			present &^= 1 << s
		}
		if judged(present) != c.want {
			t.Errorf("%s: judged is %v", c.name, !c.want)
		}
	}
}

// TestLostBounded: minutes with holes are a function of the partials around them too, and
// of what was said before them as a snapshot holds it.
func TestLostBounded(t *testing.T) {
	for _, lost := range []int64{8, 28} {
		partials := made(13, taken).without(lost, 75).partials()
		c := config("detach")
		want := finals(drive(t, c, partials))
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		for m := int(d.before); m < len(want); m += 37 {
			end := min(m+int(d.lag)+1, len(partials))
			for _, got := range finals(drive(t, c, partials[m-int(d.before):end])) {
				if got.Start == want[m].Start && got != want[m] {
					t.Errorf("%d s lost: minute %d is %v, alone %v", lost, m, want[m], got)
				}
			}
		}
		var got []Minute
		keep := func(m Minute) {
			if m.Final {
				got = append(got, m)
			}
		}
		for _, p := range partials {
			if err := d.Restore(d.Append(nil)); err != nil {
				t.Fatal(err)
			}
			if err := d.Push(p, keep); err != nil {
				t.Fatal(err)
			}
		}
		d.End(keep)
		if !slices.Equal(got, want) {
			t.Errorf("%d s lost: from snapshots other minutes", lost)
		}
	}
}

// TestHoursTooShort: GGIR says of a block what the hours say that can be judged, and
// nothing where none can, so the next algorithm decides.
func TestHoursTooShort(t *testing.T) {
	for _, c := range []struct {
		name string
		plan string // of each hour
		want State
	}{
		{"10 minutes of still hours", plan("n", 10, "-", 50), Unknown},
		{"10 minutes of moving hours", plan("w", 10, "-", 50), Unknown},
		{"20 minutes of still hours", plan("n", 20, "-", 40), NonWear},
		{"20 minutes of moving hours", plan("w", 20, "-", 40), Wear},
		{"still", plan("n", 60), NonWear},
		{"moving", plan("w", 60), Wear},
	} {
		partials := made(14, plan(c.plan, 8)).partials()
		for _, name := range []string{"ggir2013", "ggir2023"} {
			for _, m := range drive(t, config(name), partials) {
				if m.State != NoData && m.State != c.want && m.Final {
					t.Errorf("%s, %s: %v, want %v", c.name, name, m, c.want)
					break
				}
			}
			for _, m := range finals(drive(t, config(name, "actipy"), partials)) {
				if c.want == Unknown && m.State != NoData && m.By != "actipy" {
					t.Errorf("%s, %s: %v, actipy was not asked", c.name, name, m)
					break
				}
			}
		}
	}
}
