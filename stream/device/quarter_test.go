package device

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream/wire"
)

var coreAndRef = []*features.Set{features.Core, features.Ref}

// refs are the rows of ref.v1.
func refs(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !r.ref })
}

func TestNoSetLooksFurther(t *testing.T) {
	for _, name := range features.Names() {
		if set := features.ByName(name); set.Lead > lead || set.Trail > trail {
			t.Errorf("%s looks %v before and %v behind", name, set.Lead, set.Trail)
		}
	}
	if slices.Contains(features.Lengths, reach) {
		t.Errorf("windows of %v", reach)
	}
}

// TestQuarterIsHandedOutOnce: as a whole, when its last evidence is here; where there
// is a hole provisional 60 s later, and final when that is filled.
func TestQuarterIsHandedOutOnce(t *testing.T) {
	batches := recording(1, origin, 3600, 320)
	b := newBench(t, coreAndRef...)
	b.send(batches[:121]...) // to 12:20:10
	if got := refs(b.take()); len(got) != inQuarter {
		t.Fatalf("%d rows when the quarter's evidence is here, want %d", len(got), inQuarter)
	} else {
		for id, r := range latest(t, got) {
			if r.revision != 1 || r.status != wire.StatusFinal || r.reason != wire.FinalComplete || r.lane != wire.LaneLive {
				t.Errorf("%s: %+v", id, r)
			}
		}
	}
	b.send(batches[122:216]...) // without 12:20:10 to 12:20:20, and to 12:36:00
	if got := refs(b.take()); len(got) != 0 {
		t.Errorf("%d rows before 60 s have passed behind the second quarter's evidence", len(got))
	}
	b.send(batches[216:]...)
	got := refs(b.take())
	if len(got) != 2*inQuarter-2 {
		t.Errorf("%d provisional rows, want %d", len(got), 2*inQuarter-2)
	}
	for _, r := range got {
		if r.status != wire.StatusProvisional || r.reason != wire.FinalNone {
			t.Errorf("%+v", r)
		}
	}
	b.send(batches[121])
	got = append(got, refs(b.take())...)
	for id, r := range latest(t, got) {
		if r.status != wire.StatusFinal {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if len(got) != 2*inQuarter-2+2*inQuarter {
		t.Errorf("%d rows", len(got))
	}
	b.tick(origin.Add(2 * time.Hour))
	b.end(1, uint64(len(batches)-1))
	got = append(got, refs(b.take())...)
	want := refs(rowsOf(t, batches))
	if all := latest(t, got); len(all)+inQuarter != len(latest(t, want)) {
		t.Errorf("%d windows, want %d", len(all)+inQuarter, len(latest(t, want)))
	}
}

// rowsOf are the rows of a recording that came in order.
func rowsOf(t *testing.T, batches []*wire.SampleBatch) []row {
	b := newBench(t, coreAndRef...)
	b.send(batches...)
	b.end(1, uint64(len(batches)-1))
	return b.take()
}

// TestLateBatchCorrectsItsQuarters: what changed, in the quarters that depend on it, and
// one revision for an upload of several batches.
func TestLateBatchCorrectsItsQuarters(t *testing.T) {
	batches := recording(1, origin, 3600, 320)
	b := newBench(t, coreAndRef...)
	b.end(1, uint64(len(batches)-1))
	batches[122].OldestSeqHeld = wire.Some(uint64(122))
	b.send(batches[:120]...)
	b.send(batches[122:]...) // without 12:20:00 to 12:20:20, which is lost
	before := refs(b.take())
	b.tick(origin.Add(2 * time.Hour))
	b.send(batches[120:122]...)
	b.tick(origin.Add(2*time.Hour + 9*time.Second))
	if got := refs(b.take()); len(got) != 0 {
		t.Errorf("%d rows before 10 s of ticks", len(got))
	}
	b.tick(origin.Add(2*time.Hour + 20*time.Second))
	after := refs(b.take())
	for _, r := range after {
		if r.status != wire.StatusCorrected || r.revision != 2 || r.lane != wire.LaneBacklog {
			t.Errorf("%+v", r)
		}
		if at := r.start.Sub(origin); at < 15*time.Minute-trail || at > 35*time.Minute {
			t.Errorf("changed: %s", r.id())
		}
	}
	if len(after) < 10 || len(after) > 2*inQuarter {
		t.Errorf("%d rows were corrected", len(after))
	}
	got, want := latest(t, append(before, after...)), latest(t, refs(rowsOf(t, batches)))
	for id, w := range want {
		if g := plain(got[id]); g != plain(w) {
			t.Errorf("%s:\n got %+v\nwant %+v", id, g, plain(w))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d windows, want %d", len(got), len(want))
	}
}

// TestRateIsChanged: features are those of one configured rate; windows of another have
// rows and no features until the next quarter, and there the first rate counts for
// nothing.
func TestRateIsChanged(t *testing.T) {
	batches := recording(1, origin, 1800, 320)
	for i, b := range batches {
		if b.NominalRateMHz = 32_000; i >= 60 { // from 12:10:00 on
			b.NominalRateMHz = 64_000
		}
	}
	got, plainly := latest(t, refs(rowsOf(t, batches))), latest(t, refs(rowsOf(t, recording(1, origin, 600, 320))))
	if len(got) != 2*inQuarter {
		t.Errorf("%d windows, want %d", len(got), 2*inQuarter)
	}
	none, with := 0, 0
	for id, r := range got {
		at := r.start.Sub(origin)
		null := strings.Count(r.bytes, "-") == len(r.bytes)
		switch {
		case at+time.Duration(r.length)*time.Second <= 10*time.Minute:
			with++
			if w := plainly[id]; w.bytes != r.bytes {
				t.Errorf("%s is not as if there were no other rate", id)
			}
		case at < 15*time.Minute:
			if none++; !null || r.n == 0 {
				t.Errorf("%s: %+v", id, r)
			}
		case null && r.flags&wire.FlagTooFew == 0:
			t.Errorf("%s of the second rate alone has no features", id)
		}
	}
	if with != 120+10 || none != 60+5+1 {
		t.Errorf("%d windows with features and %d without", with, none)
	}
}

// TestSetIsLeftOut: an operator that no longer computes ref.v1 goes on where one that
// did was, and one that does again after it.
func TestSetIsLeftOut(t *testing.T) {
	batches := recording(1, origin, 3600, 320)
	both, core := newBench(t, coreAndRef...), newBench(t)
	both.send(batches[:130]...)
	both.Commit()
	core.Records, core.State = both.Records, maps.Clone(both.State)
	core.Restart()
	core.send(batches[130:250]...)
	rows := core.take()
	if len(rows) == 0 || len(refs(rows)) != 0 {
		t.Errorf("%d rows, %d of them of ref.v1", len(rows), len(refs(rows)))
	}
	both.rows, both.Records, both.State = nil, core.Records, maps.Clone(core.State)
	both.Restart()
	both.send(batches[250:]...)
	both.end(1, uint64(len(batches)-1))
	got := latest(t, refs(both.take()))
	if len(got) < 2*inQuarter {
		t.Errorf("%d windows of ref.v1", len(got))
	}
	for id, w := range latest(t, refs(rowsOf(t, batches))) {
		if g, ok := got[id]; ok && plain(g) != plain(w) {
			t.Errorf("%s:\n got %+v\nwant %+v", id, plain(g), plain(w))
		}
	}
}
