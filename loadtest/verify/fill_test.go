package verify_test

import (
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// fill puts into the log a minute of one sensor, and of another one everything
// that is explained, and has it processed and stored.
func (w *world) fill() {
	w.t.Helper()
	w.produce()
	w.process()
	w.sink()
}

// Offsets of what produce puts into device.v1.
const (
	atFirst    = 0 // of w1: six batches
	atEnd      = 6
	atRepeat   = 9
	atConflict = 10
	atMissing  = 13
)

func (w *world) produce() {
	w.t.Helper()
	for seq := range 6 {
		w.put(wire.TopicDevice, w.samples("w1", payload("", 1, seq, recorded.Add(time.Duration(seq)*10*time.Second))))
	}
	w.put(wire.TopicDevice, w.end("w1", 1, 5), w.tick())
	first := payload("w2/left", 1, 0, recorded)
	other := batchOf("w2/left", 1, 0, recorded)
	other.XYZ[0]++
	w.put(wire.TopicDevice,
		w.samples("w2/left", first))
	w.put(wire.TopicDevice, w.samples("w2/left", first)) // received again
	w.put(wire.TopicDevice,
		w.samples("w2/left", other.Append(nil)),
		w.samples("w2/left", payload("w2/left", 1, 1, recorded.AddDate(50, 0, 0)), wire.HeaderFlags, "64"),
		w.samples("w2/left", []byte("garbage")))
	missing := batchOf("w2/left", 1, 2, recorded.Add(5*time.Second)) // half of it is of seq 0, ten samples are none
	clear(missing.XYZ[200*6 : 210*6])
	w.put(wire.TopicDevice, w.samples("w2/left", missing.Append(nil)), w.end("w2/left", 1, 2))
	w.put(wire.TopicQuarantine, w.refused("too much"))
	w.ticks(3)
}

// ticks lets the log run on.
func (w *world) ticks(n int) {
	w.t.Helper()
	for range n {
		w.put(wire.TopicDevice, w.tick())
		w.clock = w.clock.Add(9 * time.Second)
	}
}
