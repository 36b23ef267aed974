package pair_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features/oracle"
	"github.com/wearstream/wearstream/features/pair"
)

// recordings reads sides from the shared data, whole windows only, as they become
// when something is done to the samples first.
func recordings(t *testing.T) func(name string, do ...func(*oracle.Recording)) []pair.Side {
	d, err := oracle.Find()
	if err != nil {
		t.Skipf("the recordings are not here: %v", err)
	}
	return func(name string, do ...func(*oracle.Recording)) []pair.Side {
		from := d
		if len(name) > 3 {
			from = oracle.Data{Recordings: filepath.Join(d.Oracle, "inputs")}
		}
		rec, err := from.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range do {
			f(rec)
		}
		return oracle.Sides(rec)[:3]
	}
}

// retimed gives every sample another time.
func retimed(rec *oracle.Recording) {
	for i := range rec.Samples.T {
		rec.Samples.T[i] += 7_000_000
	}
}

// early begins 4 s after the recording, and says that this is its beginning.
func early(rec *oracle.Recording) {
	s := &rec.Samples
	const n = 4 * oracle.Rate / 1000
	s.T, s.X, s.Y, s.Z = s.T[n:], s.X[n:], s.Y[n:], s.Z[n:]
}

// beside is what another device on the same limb would see: the same, with noise
// (2.3 mg) and a scale of its own.
func beside(rec *oracle.Recording) {
	rng := rand.New(rand.NewPCG(9, 9))
	for _, axis := range [][]int32{rec.Samples.X, rec.Samples.Y, rec.Samples.Z} {
		for i := range axis {
			axis[i] += axis[i]/50 + int32(rng.IntN(8_000)) - 4_000
		}
	}
}

// day lays windows out over a day, again and again, from 8 to 20 h.
func day(date string, left, right []pair.Side) pair.Daily {
	var d pair.Day
	known := make(map[[2]int]pair.Quarter)
	for i := range 48 {
		k := [2]int{i % len(left), i % len(right)}
		if _, ok := known[k]; !ok {
			known[k] = quarter(&left[k[0]], &right[k[1]])
		}
		put(&d, i, known[k])
	}
	return d.Close(date)
}

func quarter(left, right *pair.Side) pair.Quarter {
	if row, ok := pair.Compute(left, right, pair.Right); ok {
		return pair.NewQuarter(0, left, right, &row)
	}
	return pair.NewQuarter(0, left, right, nil)
}

func put(d *pair.Day, i int, q pair.Quarter) {
	q.Start = int64(8*time.Hour) + int64(i)*int64(pair.Length)
	d.Put(q)
}

func codes(found []pair.Finding) []pair.Code {
	var codes []pair.Code
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	return codes
}

// TestFindings: each rule finds what was done to real recordings, and what was not
// done is not found.
func TestFindings(t *testing.T) {
	read := recordings(t)
	left, right := read("pairP_left"), read("pairP_right")
	late, lateRight := read("pairP_lag3s_left"), read("pairP_lag3s_right")
	stranger := slices.Concat(read("S02"), read("S12"))
	during := func(worn func(hour int) bool, sides []pair.Side) (out []pair.Side) { // 8 to 20 h
		for i := range 48 {
			s := sides[i%len(sides)]
			if !worn(8 + i/4) {
				s.Worn = 0
			}
			out = append(out, s)
		}
		return out
	}
	earlier, later := func(h int) bool { return h < 16 }, func(h int) bool { return h >= 11 }
	for _, c := range []struct {
		name        string
		left, right []pair.Side
		want        []pair.Code
	}{
		{"a pair", left, right, nil},
		{"another pair, its clocks 3 s apart", late, lateRight, []pair.Code{pair.ClockSkew}},
		{"and exchanged", lateRight, late, []pair.Code{pair.ClockSkew}},
		{"one file twice", left, left, []pair.Code{pair.Duplicate, pair.SameLimb}},
		{"one file twice, its times changed", left, read("pairP_left", retimed), []pair.Code{pair.Duplicate, pair.SameLimb}},
		{"one file twice, 4 s apart", read("pairP_left", early), left, []pair.Code{pair.Duplicate, pair.ClockSkew}},
		{"both on one limb", left, read("pairP_left", beside), []pair.Code{pair.SameLimb}},
		{"two people, in part at other hours", during(earlier, left), during(func(h int) bool { return h >= 12 }, stranger), []pair.Code{pair.OtherPerson}},
		{"two people at the same hours", left, stranger, nil},
		{"a pair, in part at other hours", during(earlier, left), during(later, right), nil},
		{"worn together for three hours only", during(func(h int) bool { return h < 14 }, left), during(later, left)[:48:48], []pair.Code{pair.Duplicate}},
		{"not worn", during(func(int) bool { return false }, left), during(func(int) bool { return false }, right), nil},
	} {
		d := day("2026-11-01", c.left, c.right)
		found := d.Findings()
		if !slices.Equal(codes(found), c.want) {
			t.Errorf("%s: %v, want %v\n%+v\n%+v", c.name, codes(found), c.want, found, d)
		}
		for _, f := range found {
			if f.Date != "2026-11-01" || !(f.Score > 0.5 && f.Score <= 1) || len(f.Numbers) == 0 || f.Hard != (f.Code == pair.Duplicate) {
				t.Errorf("%s: %+v", c.name, f)
			}
			t.Logf("%s: %s %.2f %v", c.name, f.Code, f.Score, f.Numbers)
		}
	}
}

// TestSwapped: devices exchanged on the fifth day are found on the sixth, and not
// before; and neither on plain days, nor on one such day, nor when they come back.
func TestSwapped(t *testing.T) {
	read := recordings(t)
	left, right := read("pairP_left"), read("pairP_right")
	rng := rand.New(rand.NewPCG(6, 6))
	plain, swapped, short := day("", left, right), day("", right, left), day("", left[:1], right[:1])
	short.BothWorn = pair.MinBothWorn - 1
	for _, c := range []struct {
		name string
		days string
		when []int
	}{
		{"plain", "pppppppp", nil},
		{"swapped", "ppppsss", []int{5, 6}},
		{"a day too short to count between", "ppp-ps-s", []int{7}},
		{"for one day", "pppppsppp", nil},
		{"and back", "pppssspp", []int{4, 5}},
		{"from the beginning", "ssssss", nil},
		{"only so long", "pps", nil},
	} {
		var h pair.History
		var when []int
		for i, kind := range c.days {
			d := map[rune]pair.Daily{'p': plain, 's': swapped, '-': short}[kind]
			d.Date = fmt.Sprintf("2026-11-%02d", i+1)
			h.Put(d)
			if f, yes := h.Swapped(); yes {
				if f.Code != pair.Swap || f.Hard || f.Score != 1 || len(f.Numbers) != 2 || f.Date > d.Date {
					t.Errorf("%+v", f)
				}
				t.Logf("%s: day %d: %v", c.name, i, f.Numbers)
				when = append(when, i)
			}
		}
		if !slices.Equal(when, c.when) || len(h) > pair.SwapFirstDays+pair.SwapDays {
			t.Errorf("%s: found on %v, want %v; %d days kept", c.name, when, c.when, len(h))
		}
		// In any order, and each day twice.
		var again pair.History
		for _, i := range append(rng.Perm(len(c.days)), rng.Perm(len(c.days))...) {
			d := map[byte]pair.Daily{'p': plain, 's': swapped, '-': short}[c.days[i]]
			d.Date = fmt.Sprintf("2026-11-%02d", i+1)
			again.Put(d)
		}
		if !reflect.DeepEqual(h, again) {
			t.Errorf("%s: another history in another order", c.name)
		}
	}
}

// TestDayOrder: a day is the same however its windows come, and a window that
// comes again, changed, replaces what it was.
func TestDayOrder(t *testing.T) {
	left, right := made(1, 2, 0.5, 0), made(3, 2, 0.5, 1)
	other := made(4, 2, 0.2, 3)
	quarters := []pair.Quarter{quarter(&left, &right), quarter(&right, &other), quarter(&other, &left)}
	rng := rand.New(rand.NewPCG(7, 7))
	var want pair.Day
	for i := range 48 {
		put(&want, i, quarters[i%2])
	}
	for range 5 {
		var got pair.Day
		for _, i := range append(rng.Perm(48), rng.Perm(48)...) {
			put(&got, i, quarters[rng.IntN(3)])
			put(&got, i, quarters[i%2])
		}
		if a, b := got.Close("2026-11-01"), want.Close("2026-11-01"); a != b {
			t.Fatalf("%+v\nwant %+v", a, b)
		}
	}
}

func TestSerialAndHeader(t *testing.T) {
	if f, yes := pair.Serial("012968", "012967"); !yes || !f.Hard || f.Seen != "012968" || f.Wanted != "012967" {
		t.Errorf("%+v", f)
	}
	if _, yes := pair.Serial("012967", "012967"); yes {
		t.Error("the assigned device is found")
	}
	for _, c := range []struct {
		text     string
		assigned pair.Wrist
		want     bool
	}{
		{"right wrist", pair.Left, true},
		{"Left Wrist", pair.Right, true},
		{"right wrist", pair.Right, false},
		{"left wrist", pair.Left, false},
		{"right wrist", pair.Unknown, false},
		{"", pair.Left, false},
		{"waist", pair.Left, false},
		{"left or right", pair.Left, false},
	} {
		if f, yes := pair.Header(c.text, c.assigned); yes != c.want || yes && (f.Seen != c.text || !f.Hard) {
			t.Errorf("%q, assigned %d: %t %+v", c.text, c.assigned, yes, f)
		}
	}
}
