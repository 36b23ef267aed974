package state

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type pairOf struct{ k, v int }

// TestTable: whatever is done, Changed and Rollback tell the difference to the last
// Commit.
func TestTable(t *testing.T) {
	table := Table[int, pairOf]{Key: func(p pairOf) int { return p.k }, Compare: cmp.Compare[int]}
	is, was := map[int]int{}, map[int]int{}
	r := rand.New(rand.NewPCG(1, 1))
	for step := range 5000 {
		k := r.IntN(40)
		switch r.IntN(12) {
		case 0:
			told := maps.Clone(was)
			last := -1
			err := table.Changed(func(k int, p pairOf, there bool) error {
				if last >= k {
					t.Fatalf("step %d: key %d after %d", step, k, last)
				}
				if last = k; there {
					told[k] = p.v
				} else {
					delete(told, k)
				}
				return nil
			})
			if err != nil || !maps.Equal(told, is) {
				t.Fatalf("step %d: told of %v, is %v (%v)", step, told, is, err)
			}
			table.Commit()
			was = maps.Clone(is)
		case 1:
			table.Rollback()
			is = maps.Clone(was)
		case 2, 3:
			table.Remove(k)
			delete(is, k)
		case 4:
			i := table.From(k)
			j := min(i+2, len(table.Rows()))
			for _, p := range table.Rows()[i:j] {
				delete(is, p.k)
			}
			table.RemoveRange(i, j)
		default:
			table.Set(pairOf{k, step})
			is[k] = step
		}
		if !slices.EqualFunc(table.Rows(), slices.Sorted(maps.Keys(is)), func(p pairOf, k int) bool { return p.k == k && p.v == is[k] }) {
			t.Fatalf("step %d: %v, want %v", step, table.Rows(), is)
		}
		if p, ok := table.Get(k); ok != (is[k] != 0) || p.v != is[k] {
			t.Fatalf("step %d: key %d is %v", step, k, p)
		}
	}
	stop := errors.New("stop")
	table.Set(pairOf{99, 1})
	if err := table.Changed(func(int, pairOf, bool) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Changed went on: %v", err)
	}
}

func TestKey(t *testing.T) {
	for _, want := range []string{Key('x', ""), Key('x', "S/P", 0), Key('y', "a", 1, 1<<63)} {
		kind, owner, n, err := SplitKey(want)
		if err != nil || Key(kind, owner, n...) != want {
			t.Errorf("%q: %q %q %v %v", want, kind, owner, n, err)
		}
	}
	for _, broken := range []string{"", "x", "\x00", "xowner\x001234567"} {
		if _, _, _, err := SplitKey(broken); err == nil {
			t.Errorf("%q is taken", broken)
		}
	}
}

// TestMarks: what came within the time is above the floor, and the floor follows.
func TestMarks(t *testing.T) {
	const readable = 48 * time.Hour
	var m Marks
	came := []time.Duration{} // by offset
	for hour := range 200 {
		now := time.Duration(hour) * time.Hour
		was := m
		older := m.Pass(int64(now), int64(hour), readable)
		came = append(came, now)
		if older != (m.Floor > was.Floor) {
			t.Errorf("hour %d: older is %t, floor %d after %d", hour, older, m.Floor, was.Floor)
		}
		if older && m.Same(&was) {
			t.Errorf("hour %d: same", hour)
		}
		if m.Floor > 0 && came[m.Floor-1] > now-readable {
			t.Errorf("hour %d: offset %d is not read again after %s", hour, m.Floor-1, now-came[m.Floor-1])
		}
		if oldest := now - came[m.Floor]; oldest > readable+MarkEvery {
			t.Errorf("hour %d: offset %d is read again after %s", hour, m.Floor, oldest)
		}
	}
	if len(m.Marks) > 9 {
		t.Error(fmt.Sprint(len(m.Marks), " marks"))
	}
}
