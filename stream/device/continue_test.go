package device

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// rough is a way in which the work of a transaction goes wrong and is done again.
func (b *bench) rough(how int, work func()) {
	b.Commit()
	rows, wear, sides, log, state, appended := len(b.rows), len(b.wear), len(b.sides), len(b.Records), maps.Clone(b.State), b.appended
	work()
	switch how {
	case 1:
		b.Flush()
		b.Op.Rollback()
	case 2:
		b.Op.Rollback()
	case 3:
		b.State = state
		b.Restart()
	default:
		return
	}
	b.State, b.rows, b.Records, b.appended = state, b.rows[:rows], b.Records[:log], appended
	b.wear, b.sides = b.wear[:wear], b.sides[:sides]
	work()
}

// A long history is assigned, in parts, while its transactions fail, its process
// is killed, late data comes and it is assigned again.
func TestRestatementGoesOn(t *testing.T) {
	const days = 2
	b := newBench(t)
	batches := light(days * 24 * 360)
	for i, s := range batches {
		if i != 5000 && i != 5001 {
			b.say(wire.KindSamples, "w1", s.Append(nil))
		}
		if i%500 == 0 {
			b.Commit()
		}
	}
	b.say(wire.KindStatus, "w1", fmt.Appendf(nil, `{"kind":"end","boot":1,"last_seq":%d}`, len(batches)-1))
	now := b.appended
	b.tick(now)
	now = now.Add(DefaultMemory + 2*time.Hour)
	b.tick(now) // the hole is assumed
	for range 10 {
		now = now.Add(10 * time.Second)
		b.tick(now)
	}
	before := latest(t, b.take())
	if len(before) < 36_000 {
		t.Fatalf("%d windows", len(before))
	}
	rows := allOf(before)
	at := func(i int) time.Time { return origin.Add(time.Duration(i) * 10 * time.Second) }
	say := func(participant string, from, to time.Time) []byte {
		v, _ := json.Marshal(wire.Assignment{Sensor: "w1", Study: "ST", Participant: participant, Side: "left", From: from, To: to})
		return v
	}
	steps := []func(){
		func() { b.say(wire.KindAssignment, "w1", say("P1", time.Time{}, time.Time{})) },
		func() { b.say(wire.KindSamples, "w1", batches[5000].Append(nil)) },
		func() { b.say(wire.KindAssignment, "w1", say("P2", at(9000), time.Time{})) },
		func() { b.say(wire.KindAssignment, "w1", say("P1", at(12000), time.Time{})) },
		func() { b.say(wire.KindSamples, "w1", batches[5001].Append(nil)) },
	}
	for range 12 {
		steps = append(steps, func() { b.tick(b.appended.Add(10 * time.Second)) })
	}
	parts := 0
	for i, step := range steps {
		had := len(b.rows)
		b.rough(i%4, step)
		b.Commit()
		if len(b.rows)-had > 9000 {
			parts++
		}
	}
	if parts < 2 {
		t.Errorf("%d records handed out 9,000 rows or more: nothing was continued", parts)
	}
	all := sorted(b.take())
	for i := 1; i < len(all); i++ {
		a, c := all[i-1], all[i]
		if a.id() == c.id() && a.participant == c.participant && a.digest == c.digest {
			t.Fatalf("the same twice: %+v, %+v", a, c)
		}
	}
	got := latest(t, append(rows, all...))
	for id, r := range got {
		want := "P1"
		if !r.start.Before(at(9000)) && r.start.Before(at(12000)) {
			want = "P2"
		}
		if r.participant != want {
			t.Fatalf("window %s is of %s, want %s", id, r.participant, want)
		}
		if was, ok := before[id]; ok && r.start.Before(at(9000)) && r.n == was.n && r.revision != was.revision+1 {
			t.Fatalf("window %s: revision %d after %d, want one row", id, r.revision, was.revision)
		}
	}
	if op := b.Op.(*operator).sensors["w1"]; len(op.head.Restated) > 0 || len(op.pending.Rows()) > 0 {
		t.Errorf("still to do at %d: %v, %v", b.Op.(*operator).time.Clock, op.head.Restated, op.pending.Rows())
	}
}

// A hole that is filled makes days of windows final, in parts.
func TestFinalityGoesOn(t *testing.T) {
	b := newBench(t)
	batches := light(24 * 360)
	for _, s := range batches[1:] {
		b.say(wire.KindSamples, "w1", s.Append(nil))
	}
	b.Commit()
	b.rows = nil
	for i := range 4 {
		b.rough(3-i, func() {
			if i == 0 {
				b.say(wire.KindSamples, "w1", batches[0].Append(nil))
			} else {
				b.tick(b.appended.Add(time.Second))
			}
		})
	}
	n := map[string]int{}
	for _, r := range b.take() {
		if n[r.id()]++; r.status != wire.StatusFinal || n[r.id()] > 1 {
			t.Fatalf("%d rows, %+v", n[r.id()], r)
		}
	}
	if want := 24*720 + 24*60 + 96 - 0; len(n) != want {
		t.Errorf("%d windows are final, want %d", len(n), want)
	}
}

// What the log no longer holds is forgotten, and what is told of it is a repeat.
func TestOldStateIsForgotten(t *testing.T) {
	b := newBench(t)
	batches := light(3000)
	for _, s := range batches[:2000] {
		b.say(wire.KindSamples, "w1", s.Append(nil))
	}
	b.take()
	now := b.appended
	for d := range 30 {
		b.rough(d%4, func() { b.tick(now.Add(time.Duration(d) * 24 * time.Hour)) })
	}
	b.take()
	b.First = 2000
	s := b.Op.(*operator).sensors["w1"]
	if len(s.entries.Rows()) > 0 || len(s.blocks.Rows()) > 0 || s.head.Gone == 0 {
		t.Errorf("%d entries, %d blocks, gone %d", len(s.entries.Rows()), len(s.blocks.Rows()), s.head.Gone)
	}
	for key := range b.State {
		if key[0] == kindEntry || key[0] == kindBlock {
			t.Errorf("the changelog still holds %q", key)
		}
	}
	b.Restart()
	b.say(wire.KindSamples, "w1", batches[7].Append(nil))
	other := *batches[8]
	other.RangeMG = 9
	b.say(wire.KindSamples, "w1", other.Append(nil))
	if rows := b.take(); len(rows)+len(b.refused) > 0 {
		t.Errorf("%d rows and %v of what was forgotten", len(rows), b.refused)
	}
	for _, s := range batches[2000:] {
		b.say(wire.KindSamples, "w1", s.Append(nil))
	}
	for _, r := range b.take() {
		if r.status == wire.StatusFinal && r.length == 5 && r.n != 5 {
			t.Errorf("%+v", r)
		}
	}
}

// A sensor that a transaction made is gone with it.
func TestRollbackOfANewSensor(t *testing.T) {
	b := newBench(t)
	b.tick(origin)
	b.Commit()
	b.send(recording(1, origin, 60, 320)...)
	b.Op.Rollback()
	if n := len(b.Op.(*operator).sensors); n != 0 {
		t.Errorf("%d sensors", n)
	}
	b.rows, b.Records = nil, b.Records[:1]
	b.send(recording(1, origin, 60, 320)...)
	b.end(1, 5)
	if got := latest(t, b.take()); len(got) != 14 {
		t.Errorf("%d windows, want 14", len(got))
	}
}

func TestLane(t *testing.T) {
	b := newBench(t)
	b.appended = origin.Add(10*time.Minute + 3*time.Second) // its record is appended a second later
	b.send(recording(1, origin, 10, 320)...)
	b.end(1, 0)
	rows := b.take()
	if r := newest(t, rows, "005 12:00:00"); r.lane != wire.LaneLive {
		t.Errorf("%+v", r)
	}
	b = newBench(t)
	b.appended = origin.Add(10*time.Minute + 5*time.Second)
	b.send(recording(1, origin, 10, 320)...)
	b.end(1, 0)
	rows = b.take()
	if a, c := newest(t, rows, "005 12:00:00"), newest(t, rows, "005 12:00:05"); a.lane != wire.LaneBacklog || c.lane != wire.LaneLive {
		t.Errorf("%+v %+v", a, c)
	}
}

// A batch may last for hours.
func TestLongBatch(t *testing.T) {
	b := newBench(t)
	s := &wire.SampleBatch{Boot: 1, T0us: origin.UnixMicro(), RateMHz: 1000, Encoding: wire.Int16Counts, LSBPerG: 64, N: wire.MaxSamples}
	for i := range 6 * wire.MaxSamples {
		s.XYZ = append(s.XYZ, byte(i))
	}
	second := light(1)[0]
	second.Seq, second.T0us = 1, origin.UnixMicro()+wire.MaxSamples*1e6
	b.say(wire.KindSamples, "w1", s.Append(nil))
	b.say(wire.KindSamples, "w1", second.Append(nil))
	b.end(1, 1)
	got := latest(t, b.take())
	if len(got) != 6556+547+37 {
		t.Errorf("%d windows", len(got))
	}
	n := uint32(0)
	for id, r := range got {
		if r.status == wire.StatusProvisional || r.revision != 1 {
			t.Errorf("window %s: %+v", id, r)
		}
		if r.length == 900 {
			n += r.n
		}
	}
	if want := uint32(wire.MaxSamples + 10); n != want {
		t.Errorf("%d samples, want %d", n, want)
	}
}

// Ticks of the device's monotonic clock tell a gap from a clock that was set.
func TestClockSetForwards(t *testing.T) {
	for _, c := range []struct {
		ticks uint64
		flag  uint32
	}{{20e6, wire.FlagClock}, {24_500_000, 0}} {
		b := newBench(t)
		batches := recording(1, origin, 30, 320)
		batches[2].T0us += 5e6
		batches[2].TempT0us += 5e6
		for i, ticks := range []uint64{0, 10e6, c.ticks} {
			batches[i].TicksUS = wire.Some(ticks)
		}
		b.send(batches...)
		b.end(1, 2)
		if r := newest(t, b.take(), "060 12:00:00"); r.flags&wire.FlagClock != c.flag {
			t.Errorf("ticks %d: %+v", c.ticks, r)
		}
	}
}

// The same word of an end, in any order with its batches.
func TestEndBeforeItsBatches(t *testing.T) {
	b := newBench(t)
	batches := recording(1, origin, 63, 320)
	b.end(1, uint64(len(batches)-1))
	b.end(9, 0) // of a boot of which nothing ever comes
	b.send(batches...)
	if r := newest(t, b.take(), "005 12:01:00"); r.status != wire.StatusFinal || r.reason != wire.FinalEnd {
		t.Errorf("%+v", r)
	}
}

var _ stream.Output = (*bench)(nil)
