package batch

import (
	"slices"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/pair"
)

// TestPeople: whose recordings may pair, and that a person's are computed one after the
// other.
func TestPeople(t *testing.T) {
	for _, c := range []struct {
		name   string
		inputs string // study/participant/side
		groups []int  // of the inputs; 0: none
		order  []int
	}{
		{"apart", "S/P/left S/Q/left S/P/right S/Q/right", []int{1, 2, 1, 2}, []int{0, 2, 1, 3}},
		{"another study", "S/P/left T/P/right", []int{0, 0}, []int{0, 1}},
		{"alone", "S/P/left S/Q/right S/Q/", []int{0, 1, 1}, []int{0, 1, 2}},
		{"nobody's", "//left //right //", []int{1, 1, 0}, []int{0, 1, 2}},
		{"nobody's, of who knows how many", "//left //right //left", []int{0, 0, 0}, []int{0, 1, 2}},
		{"nobody's of a study", "S//right T//left S//left", []int{1, 0, 1}, []int{0, 2, 1}},
	} {
		var inputs []Input
		for _, f := range strings.Fields(c.inputs) {
			v := strings.Split(f, "/")
			inputs = append(inputs, Input{Study: v[0], Participant: v[1], Side: v[2]})
		}
		all := people(inputs)
		groups := map[*person]int{nil: 0}
		for i, p := range all {
			if groups[p] == 0 && p != nil {
				groups[p] = len(groups)
			}
			if groups[p] != c.groups[i] {
				t.Errorf("%s: recording %d is in group %d, want %d", c.name, i, groups[p], c.groups[i])
			}
		}
		if got := together(all); !slices.Equal(got, c.order) {
			t.Errorf("%s: order %v, want %v", c.name, got, c.order)
		}
	}
}

// TestHeaded: a file that names the other side than it is given as is found.
func TestHeaded(t *testing.T) {
	for _, c := range []struct {
		told, given string
		found       bool
	}{{"left", "right", true}, {"right", "left", true}, {"left", "left", false}, {"", "left", false}, {"left", "none", false}} {
		got := headed(c.told, c.given)
		if len(got) == 1 != c.found {
			t.Errorf("%q, given as %q: %v", c.told, c.given, got)
		}
		if c.found {
			if s := Say(got[0]); got[0].Code != pair.SideHeader || !strings.Contains(s, c.told+", and is given as "+c.given) {
				t.Errorf("said as %q", s)
			}
		}
	}
}
