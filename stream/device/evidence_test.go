package device

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// newest is the latest row of a window in rows, which must be there.
func newest(t *testing.T, rows []row, id string) row {
	t.Helper()
	for _, r := range slices.Backward(rows) {
		if r.id() == id {
			return r
		}
	}
	t.Fatalf("no row of window %s in %d rows", id, len(rows))
	return row{}
}

func (b *bench) assign(participant string, from time.Time) {
	a := map[string]any{"sensor": "w1", "study": "ST", "participant": participant, "side": "left"}
	if !from.IsZero() {
		a["from"] = from.Format(time.RFC3339)
	}
	v, _ := json.Marshal(a)
	b.say(wire.KindAssignment, "w1", v)
}

// Every hole waits for its own 14 days, not for those of the hole before it.
func TestHolesOfOneDayAreAssumedOnOneDay(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 300, 320)
	b.tick(origin)
	b.send(batches[:3]...)
	b.send(batches[4:9]...)
	b.send(batches[10:]...)
	b.end(1, 29)
	b.take()
	b.tick(origin.Add(DefaultMemory + 2*time.Hour))
	rows := b.take()
	for _, id := range []string{"005 12:00:40", "005 12:01:40", "060 12:04:00"} {
		if r := newest(t, rows, id); r.status != wire.StatusFinal {
			t.Errorf("both holes are older than the device's memory: %+v", r)
		}
	}
}

func TestAssumedTailSaysSo(t *testing.T) {
	b := newBench(t)
	b.tick(origin)
	b.send(recording(1, origin, 13, 320)...)
	b.send(recording(2, origin.Add(time.Hour), 60, 320)...) // says nothing of boot 1
	b.take()
	b.tick(origin.Add(DefaultMemory + 2*time.Hour))
	if r := newest(t, b.take(), "005 12:00:10"); r.status != wire.StatusFinal || r.reason != wire.FinalAssumed {
		t.Errorf("the tail of boot 1 was given up: %+v", r)
	}
}

func TestSameAssignmentAgainChangesNothing(t *testing.T) {
	b := newBench(t)
	b.send(recording(1, origin, 120, 320)...)
	b.end(1, 11)
	b.assign("P1", origin)
	b.take()
	b.assign("P1", origin)
	b.assign("P1", origin.Add(time.Minute))
	if rows := b.take(); len(rows) != 0 {
		t.Errorf("the present state written again made %d rows: %+v", len(rows), rows[0])
	}
	b.assign("P2", origin.Add(time.Minute))
	if rows := b.take(); len(rows) != 13 {
		t.Errorf("%d rows, want the 13 windows that start in the second minute", len(rows))
	}
}

// What boot 3 says of boot 2 counts whenever boot 1 arrives.
func TestBootThatOnlyItsSuccessorNames(t *testing.T) {
	one, three := recording(1, origin, 60, 320), recording(3, origin.Add(10*time.Minute), 60, 320)
	three[0].PrevBootLastSeq = wire.Some(uint64(4))
	two := recording(2, origin.Add(5*time.Minute), 50, 320)
	two[0].PrevBootLastSeq = wire.Some(uint64(5))
	b := newBench(t)
	b.send(one...)
	b.send(three...)
	b.tick(origin.Add(time.Hour))
	b.tick(origin.Add(2 * time.Hour))
	if r := newest(t, b.take(), "005 12:10:10"); r.status != wire.StatusProvisional {
		t.Errorf("boot 2 is missing: %+v", r)
	}
	b.send(two...)
	b.end(3, 5)
	if r := newest(t, b.take(), "060 12:10:00"); r.status != wire.StatusFinal {
		t.Errorf("nothing is missing: %+v", r)
	}
	// 3 before 1: windows of boot 3 that are not final yet wait for boot 2.
	b = newBench(t)
	b.send(three[:3]...)
	b.send(one...)
	b.send(three[3:]...)
	b.tick(origin.Add(time.Hour))
	b.tick(origin.Add(2 * time.Hour))
	if r := newest(t, b.take(), "005 12:10:45"); r.status != wire.StatusProvisional {
		t.Errorf("boot 2 is missing: %+v", r)
	}
	b.send(two...)
	if r := newest(t, b.take(), "005 12:10:45"); r.status != wire.StatusFinal {
		t.Errorf("nothing is missing: %+v", r)
	}
}

// A boot whose clock was behind: its windows are not complete because an older
// boot got further.
func TestFrontierIsOfTheBootsOwnTime(t *testing.T) {
	b := newBench(t)
	b.send(recording(1, origin.Add(5*time.Hour), 60, 320)...)
	b.end(1, 5)
	second := recording(2, origin, 300, 320)
	b.send(second[1:]...)
	if r := newest(t, b.take(), "005 12:00:15"); r.status != wire.StatusProvisional {
		t.Errorf("the first batch of boot 2 is missing: %+v", r)
	}
	b.send(second[0])
	if r := newest(t, b.take(), "005 12:00:15"); r.status != wire.StatusFinal {
		t.Errorf("boot 2 is complete so far: %+v", r)
	}
}

// More of a boot than its `end` said: the run goes back to what is missing now.
func TestBootGoesOnBehindItsEnd(t *testing.T) {
	b := newBench(t)
	first, second := recording(1, origin, 100, 320), recording(2, origin.Add(time.Hour), 200, 320)
	b.send(first[:4]...)
	b.end(1, 3)
	b.send(second[:2]...)
	b.send(first[6]) // so 4 and 5 are missing
	b.send(second[2:]...)
	if r := newest(t, b.take(), "005 13:00:45"); r.status != wire.StatusProvisional {
		t.Errorf("sequences 4 and 5 of boot 1 are missing: %+v", r)
	}
	b.send(first[4], first[5])
	if r := newest(t, b.take(), "005 13:00:45"); r.status != wire.StatusFinal {
		t.Errorf("nothing is missing: %+v", r)
	}
}

func TestReasonKnowsEveryHole(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 5*60*60, 320)
	last := batches[len(batches)-1]
	last.OldestSeqHeld = wire.Some(last.Seq)
	for i, s := range batches[1:] {
		if i%10 != 5 {
			b.send(s) // and so 180 are missing
		}
	}
	b.send(batches[0])
	b.end(1, last.Seq)
	b.tick(origin.Add(6 * time.Hour))
	if r := newest(t, b.take(), "060 12:01:00"); r.reason != wire.FinalDeclared {
		t.Errorf("a batch of its minute was declared lost: %+v", r)
	}
}

func TestHoleThatWasFilledIsNoReason(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 300, 320)
	batches[20].OldestSeqHeld = wire.Some(uint64(10))
	b.send(batches[:5]...)
	b.send(batches[6:21]...)
	b.send(batches[5])
	b.send(batches[21])
	if r := newest(t, b.take(), "060 12:00:00"); r.status != wire.StatusCorrected || r.reason != wire.FinalComplete {
		t.Errorf("the declared hole was filled: %+v", r)
	}
}

// Readings far apart touch the windows that they are in, not those between.
func TestSparseReadings(t *testing.T) {
	b := newBench(t)
	s := &wire.SampleBatch{Boot: 1, RateMHz: 32_000, Encoding: wire.Int16Counts, LSBPerG: 64, TempT0us: origin.UnixMicro(), TempRateMHz: 1, TempMdegC: make([]int32, 500)}
	b.send(s)
	b.Commit()
	size := 0
	for _, v := range b.State {
		size += len(v)
	}
	if size > 100_000 {
		t.Errorf("500 readings make %d bytes of state", size)
	}
}

func TestLaterBootShowsThatTimeHasPassed(t *testing.T) {
	b := newBench(t)
	b.send(recording(1, origin, 13, 320)...)
	b.send(recording(2, origin.Add(5*time.Minute), 10, 320)...)
	if r := newest(t, b.take(), "005 12:00:10"); r.status != wire.StatusProvisional {
		t.Errorf("%+v", r)
	}
}

// What the log no longer holds cannot be computed again, and stops nobody.
func TestLateEvidenceOlderThanTheLog(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 7200, 320)
	b.tick(origin)
	batches[700].OldestSeqHeld = wire.Some(uint64(700))
	b.send(batches[:5]...)
	b.send(batches[6:701]...)
	before := latest(t, b.take())
	at0 := int64(len(b.Records))
	for d := range 60 {
		b.tick(origin.Add(time.Duration(d) * 24 * time.Hour))
		b.Commit()
	}
	b.First = at0
	b.Restart()
	b.send(batches[5])
	b.send(batches[701:]...)
	b.send(batches[100]) // a repeat of what is gone
	b.tick(origin.Add(61 * 24 * time.Hour))
	for _, r := range b.take() {
		if was, ok := before[r.id()]; ok && r.n < was.n {
			t.Errorf("was %+v, is %+v", was, r)
		}
	}
}

func TestClockJumpInsideAWindow(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 60, 320)
	for _, s := range batches[3:] {
		s.T0us -= 4_000_000 // set back by 4 s at 30 s
		s.TempT0us -= 4_000_000
	}
	b.send(batches...)
	b.end(1, 5)
	rows := b.take()
	if r := newest(t, rows, "060 12:00:00"); r.flags&wire.FlagClock == 0 {
		t.Errorf("the clock went back inside: %+v", r)
	}
	if r := newest(t, rows, "005 12:00:10"); r.flags&wire.FlagClock != 0 {
		t.Errorf("the clock went on evenly: %+v", r)
	}
}

// A late batch of an older boot does not hand out a provisional window again.
func TestOlderBootDoesNotHurryAProvisionalWindow(t *testing.T) {
	b := newBench(t)
	b.tick(origin)
	old := recording(2, origin, 20, 320)
	old[0].PrevBootLastSeq = wire.Optional[uint64]{}
	young := recording(3, origin.Add(25*time.Second), 300, 320)
	b.send(old[0])
	b.end(2, 1)
	b.send(young[1:]...) // 3/0 is missing, 2/1 too
	b.take()
	b.send(old[1])
	for _, r := range b.take() {
		if r.id() == "060 12:00:00" {
			t.Errorf("nothing was due: %+v", r)
		}
	}
}
