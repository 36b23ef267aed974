package participant

import (
	"reflect"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features/pair"
)

func somePage() *opened {
	o := &opened{last: 1 << 40}
	o.quarters[0] = quarter{
		sides: []side{
			{sensor: "hub/left", wrist: pair.Left, covered: true, final: true, offset: 1 << 33, row: 999, has: everyMinute, worn: everyMinute, settled: everyMinute},
			{sensor: "k", has: everyMinute, worn: 5},
			{sensor: "w", wrist: pair.Right, offset: 7, has: 1, settled: 1},
		},
		said: []said{{"hub/left", "w", 3, true, false, 1 << 63}, {"k", "w", 1, false, true, 5}},
	}
	o.quarters[7].sides = []side{{sensor: "w"}}
	return o
}

// TestPage: a page that went through its code is the same; nothing takes no more than
// that there is nothing.
func TestPage(t *testing.T) {
	for name, o := range map[string]*opened{"empty": {}, "some": somePage()} {
		code := o.encode()
		got, err := decode(code)
		if err != nil || !same(got, o) || lastOf(code) != o.last {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, o)
		}
	}
}

func same(a, b *opened) bool {
	for i := range a.quarters {
		p, q := &a.quarters[i], &b.quarters[i]
		if len(p.sides)+len(q.sides) > 0 && !reflect.DeepEqual(p.sides, q.sides) || len(p.said)+len(q.said) > 0 && !reflect.DeepEqual(p.said, q.said) {
			return false
		}
	}
	return a.last == b.last
}

// FuzzPage: what can be read says the same when it is written again.
func FuzzPage(f *testing.F) {
	f.Add("")
	f.Add(new(opened).encode())
	f.Add(somePage().encode())
	f.Add(somePage().encode()[:30])
	f.Fuzz(func(t *testing.T, code string) {
		o, err := decode(code)
		if err != nil {
			return
		}
		if again, err := decode(o.encode()); err != nil || !same(again, o) {
			t.Errorf("%q is %+v, and again %+v (%v)", code, o, again, err)
		}
	})
}

func TestFloor(t *testing.T) {
	for _, c := range [][2]int64{{0, 0}, {1, 0}, {899e9, 0}, {900e9, 900e9}, {-1, -900e9}, {-900e9, -900e9}, {-901e9, -1800e9}} {
		if got := floor(c[0], int64(pair.Length)); got != c[1] {
			t.Errorf("%d: %d, want %d", c[0], got, c[1])
		}
	}
	if time.Duration(quartersAPage)*pair.Length != pageLength {
		t.Error("a page is no number of quarters")
	}
}
