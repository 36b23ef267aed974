package wear

import (
	"strings"
	"testing"
)

// TestIslands gives blocks of 15 minutes, 1 being not worn.
func TestIslands(t *testing.T) {
	ggir, skdh := CleanGGIR, CleanAccelThreshold
	rep := strings.Repeat
	for name, c := range map[string]struct {
		clean    func([]Minute, int64) []Minute
		in, want string
	}{
		"nothing":                      {ggir, rep("0", 40), rep("0", 40)},
		"2 h between 3 h":              {ggir, rep("0", 20) + rep("1", 12) + rep("0", 8) + rep("1", 12) + rep("0", 20), rep("0", 20) + rep("1", 32) + rep("0", 20)},
		"4 h between 5 h":              {ggir, rep("0", 20) + rep("1", 20) + rep("0", 16) + rep("1", 20) + rep("0", 100), rep("0", 20) + rep("1", 20) + rep("0", 16) + rep("1", 20) + rep("0", 100)},
		"4 h between 7 h":              {ggir, rep("0", 20) + rep("1", 28) + rep("0", 16) + rep("1", 28) + rep("0", 20), rep("0", 20) + rep("1", 72) + rep("0", 20)},
		"last day":                     {ggir, rep("0", 20) + rep("1", 5) + rep("0", 11) + rep("1", 1) + rep("0", 20), rep("0", 20) + rep("1", 17) + rep("0", 20)},
		"a day before":                 {ggir, rep("0", 20) + rep("1", 5) + rep("0", 11) + rep("1", 1) + rep("0", 120), rep("0", 20) + rep("1", 5) + rep("0", 11) + rep("1", 1) + rep("0", 120)},
		"edges":                        {ggir, rep("0", 9) + "1" + rep("0", 100) + "1" + rep("0", 11), rep("1", 10) + rep("0", 100) + rep("1", 12)},
		"not edges":                    {ggir, rep("0", 10) + "1" + rep("0", 100) + "1" + rep("0", 12), rep("0", 10) + "1" + rep("0", 100) + "1" + rep("0", 12)},
		"a hole keeps stretches apart": {ggir, rep("0", 20) + rep("1", 12) + "-" + rep("0", 20) + rep("1", 12) + rep("0", 20), rep("0", 20) + rep("1", 12) + "-" + rep("0", 20) + rep("1", 12) + rep("0", 20)},
		"threshold: 2 h between 3 h":   {skdh, rep("0", 20) + rep("1", 12) + rep("0", 8) + rep("1", 12) + rep("0", 20), rep("0", 20) + rep("1", 32) + rep("0", 20)},
		"threshold: setup":             {skdh, rep("0", 12) + "1" + rep("0", 30), rep("1", 13) + rep("0", 30)},
		"threshold: no setup":          {skdh, rep("0", 13) + "1" + rep("0", 30), rep("0", 13) + "1" + rep("0", 30)},
		"threshold: 2 h at the end":    {skdh, rep("0", 20) + rep("1", 12) + rep("0", 8), rep("0", 20) + rep("1", 20)},
		"threshold: pass after a pass": {skdh, rep("0", 20) + rep("1", 4) + rep("0", 4) + rep("1", 4) + rep("0", 8) + rep("1", 4) + rep("0", 40), rep("0", 20) + rep("1", 24) + rep("0", 40)},
	} {
		var minutes []Minute
		for _, block := range c.in {
			for range blockMinutes {
				minutes = append(minutes, Minute{Start: int64(len(minutes)) * minuteNS, State: map[rune]State{'0': Wear, '1': NonWear, '-': NoData}[block]})
			}
		}
		var got strings.Builder
		for i, m := range c.clean(minutes, 0) {
			if i%blockMinutes == 0 {
				got.WriteByte(map[State]byte{Wear: '0', NonWear: '1', NoData: '-'}[m.State])
			}
		}
		if got.String() != c.want {
			t.Errorf("%s:\n%s becomes\n%s, want\n%s", name, c.in, got.String(), c.want)
		}
	}
}

// TestRuns are the rules about runs of minutes, which have no reference in
// minutes: '0' no counts (or still), '1' counts (or moving).
func TestRuns(t *testing.T) {
	rep := strings.Repeat
	for name, c := range map[string]struct {
		algorithm, in string
		off           int // minutes not worn
	}{
		"90 zeros":                  {"choi", "1" + rep("0", 90) + "1", 0},
		"91 zeros":                  {"choi", "1" + rep("0", 91) + "1", 91},
		"interrupted":               {"choi", "1" + rep("0", 45) + "11" + rep("0", 45) + "1", 92},
		"interrupted for 3 minutes": {"choi", "1" + rep("0", 45) + "111" + rep("0", 45) + "1", 0},
		"30 zeros on both sides":    {"choi", "1" + rep("0", 30) + "1" + rep("0", 31) + "1" + rep("0", 30) + "1", 93},
		"29 zeros on one side":      {"choi", "1" + rep("0", 29) + "1" + rep("0", 62) + "1", 0},
		"a hole is not zero":        {"choi", "1" + rep("0", 60) + "-" + rep("0", 60) + "1", 0},
		"still for 89 minutes":      {"actipy", "1" + rep("0", 89) + "1", 0},
		"still for 90 minutes":      {"actipy", "1" + rep("0", 90) + "1", 90},
		"still, moving, still":      {"actipy", "1" + rep("0", 60) + "1" + rep("0", 60) + "1", 0},
	} {
		moves, rests := made(9, "w").partials()[0], made(9, "n").partials()[0]
		rests.Counts, moves.Counts = 0, 1
		var partials []*Partial
		for i, what := range c.in {
			if what == '-' {
				continue
			}
			p := *moves
			if what == '0' {
				p = *rests
			}
			p.Start = testStart + int64(i)*minuteNS
			partials = append(partials, &p)
		}
		off := 0
		for _, m := range finals(drive(t, config(c.algorithm), partials)) {
			if m.State == NonWear {
				off++
			}
		}
		if off != c.off {
			t.Errorf("%s: %d minutes are not worn, want %d", name, off, c.off)
		}
	}
}
