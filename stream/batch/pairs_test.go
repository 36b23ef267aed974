package batch

import (
	"slices"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/recording"
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

// TestTold: a file that names another device, or the other side, than it is given as is
// found; where either does not say, nothing is.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		side, serial string // the file's
		in           Input
		found        []pair.Code
		says         string
	}{
		{side: "left", in: Input{Side: "right"}, found: []pair.Code{pair.SideHeader}, says: "left, and is given as right"},
		{side: "right", in: Input{Side: "left"}, found: []pair.Code{pair.SideHeader}, says: "right, and is given as left"},
		{side: "left", in: Input{Side: "left"}}, {in: Input{Side: "left"}}, {side: "left", in: Input{Side: "none"}},
		{serial: "012967", in: Input{Serial: "012968"}, found: []pair.Code{pair.SerialMismatch}, says: "012967, and is given as 012968"},
		{serial: "012967", side: "left", in: Input{Serial: "1", Side: "right"}, found: []pair.Code{pair.SerialMismatch, pair.SideHeader}, says: "another device"},
		{serial: "012967", in: Input{Serial: "012967"}}, {serial: "012967"}, {in: Input{Serial: "012967"}},
	} {
		got := told(recording.Device{Side: c.side, Serial: c.serial}, c.in)
		var codes []pair.Code
		for _, f := range got {
			codes = append(codes, f.Code)
		}
		if !slices.Equal(codes, c.found) {
			t.Errorf("%+v: %v, want %v", c, codes, c.found)
		}
		if len(got) > 0 && !strings.Contains(Say(got[0]), c.says) {
			t.Errorf("said as %q", Say(got[0]))
		}
	}
}

// TestDominant: the hand that either recording names; two that differ are none.
func TestDominant(t *testing.T) {
	for _, c := range []struct {
		left, right string
		want        pair.Wrist
	}{
		{"", "", pair.Unknown}, {"left", "", pair.Left}, {"", "right", pair.Right}, {"right", "right", pair.Right}, {"left", "right", pair.Unknown},
	} {
		if got := dominantOf(Input{Dominant: c.left}, Input{Dominant: c.right}); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.left, c.right, got, c.want)
		}
	}
}
