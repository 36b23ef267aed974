package participant

import (
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// A pair is provisional when all is there, and final once all of it is; in whatever
// order it comes.
func TestFromProvisionalToFinal(t *testing.T) {
	for _, c := range []struct{ first, second sensor }{{left, right}, {right, left}} {
		b := newBench(t)
		b.sides(c.first.quarter(0, 1, provisional))
		b.minutes(c.first.worn(0, provisional, allWorn)...)
		b.said("one side")
		b.minutes(c.second.worn(0, provisional, "wwwwwwwwwwwwww")...)
		b.sides(c.second.quarter(0, 1, provisional))
		b.said("a minute is not known")
		b.minutes(c.second.worn(0, provisional, "              w")...)
		said := b.said("all is there", "l~r 1 provisional")
		b.minutes(c.second.worn(0, provisional, "oo             ")...)
		b.minutes(c.first.worn(0, final, allWorn)...)
		b.said("minutes that change nothing")
		b.minutes(c.second.worn(0, final, "ooowwwwwwwwwwww")...)
		b.sides(c.first.quarter(0, 1, final))
		b.said("one side is provisional")
		b.sides(c.second.quarter(0, 1, final))
		if now := b.said("all is final", "l~r 2 final"); now[0].bytes != said[0].bytes {
			t.Error("final has other numbers")
		}
		b.sides(c.first.quarter(0, 1, final), c.second.quarter(0, 1, corrected))
		b.minutes(c.first.worn(0, corrected, allWorn)...)
		b.said("the same again")
	}
}

// What is final before it is known is final at once, and minutes that nobody speaks of
// keep nothing back.
func TestFinalAtOnce(t *testing.T) {
	b := newBench(t)
	b.minutes(append(right.worn(0, final, "   wwwwwwwwwwww"), left.worn(0, final, allWorn)...)...)
	b.sides(left.quarter(0, 1, final), right.quarter(0, 1, final))
	b.said("the end of a quarter", "l~r 1 final")
	b.minutes(right.worn(0, final, "www")...)
	b.said("the rest, which changes nothing")
}

// Whatever is final last of sides and minutes, a pair is final with it and not before.
func TestFinalWithTheLast(t *testing.T) {
	for last := range 4 {
		b := newBench(t)
		b.sides(left.quarter(0, 1, provisional), right.quarter(0, 1, provisional))
		b.minutes(append(left.worn(0, provisional, allWorn), right.worn(0, provisional, allWorn)...)...)
		b.said("all is there", "l~r 1 provisional")
		words := []func(){
			func() { b.sides(left.quarter(0, 1, final)) },
			func() { b.sides(right.quarter(0, 1, final)) },
			func() { b.minutes(left.worn(0, final, allWorn)...) },
			func() { b.minutes(right.worn(0, final, allWorn)...) },
		}
		for i, say := range words {
			if i != last {
				say()
			}
		}
		b.said("all but one is final")
		words[last]()
		b.said("all is final", "l~r 2 final")
	}
}

// Late data makes a pair another, and what takes away its ground takes it back.
func TestCorrected(t *testing.T) {
	b := newBench(t)
	b.sides(left.quarter(0, 1, final), right.quarter(0, 1, final))
	b.minutes(append(left.worn(0, final, allWorn), right.worn(0, final, "wwwwwwwwwwwwnnn")...)...)
	first := b.said("final", "l~r 1 final")
	b.sides(right.quarter(0, 2, corrected))
	if now := b.said("late samples", "l~r 2 corrected"); now[0].bytes == first[0].bytes {
		t.Error("the numbers are the same")
	}
	b.minutes(right.worn(0, corrected, "             ww")...)
	b.said("more was worn than enough")
	b.minutes(right.worn(0, corrected, "ooo")...)
	b.said("it was not worn enough", "l~r 3 retracted")
	b.sides(right.quarter(0, 1, corrected))
	b.said("late samples of what is not compared")
	b.minutes(right.worn(0, corrected, " ww           n")...)
	if now := b.said("it was worn", "l~r 4 corrected"); now[0].bytes != first[0].bytes {
		t.Error("the numbers are not those of the first samples")
	}
	little := right.quarter(0, 3, corrected)
	little.Coverage = 0.79
	b.sides(little)
	b.said("a part was another's", "l~r 5 retracted")
}

// A provisional pair can be taken back too, and is provisional again.
func TestProvisionalAgain(t *testing.T) {
	b := newBench(t)
	b.sides(left.quarter(0, 1, provisional), right.quarter(0, 1, provisional))
	b.minutes(append(left.worn(0, provisional, allWorn), right.worn(0, provisional, "wwwwwwwwwwwwooo")...)...)
	b.sides(left.quarter(0, 2, provisional))
	b.minutes(right.worn(0, provisional, "o")...)
	b.minutes(right.worn(0, provisional, "w")...)
	b.minutes(append(left.worn(0, final, allWorn), right.worn(0, final, "wwwwwwwwwwwwooo")...)...)
	b.sides(left.quarter(0, 2, final), right.quarter(0, 1, final))
	b.said("all", "l~r 1 provisional", "l~r 2 provisional", "l~r 3 retracted", "l~r 4 provisional", "l~r 5 final")
}

// A sensor that was somebody else's, or on the other wrist, takes its pairs along.
func TestReassigned(t *testing.T) {
	b := newBench(t)
	b.sides(left.quarter(0, 1, final), right.quarter(0, 1, final))
	b.minutes(append(left.worn(0, final, allWorn), right.worn(0, final, allWorn)...)...)
	b.said("final", "l~r 1 final")
	other := sensor{"l", "P2", "left"}
	b.sides(other.quarter(0, 1, corrected), left.quarter(0, 1, retracted))
	b.minutes(other.worn(0, corrected, allWorn)...)
	b.said("it is of P2", "l~r 2 retracted")
	b.sides(left.quarter(0, 1, retracted))
	b.said("the same word again")
	b.sides(other.quarter(0, 1, retracted), left.quarter(0, 1, corrected))
	b.said("it is of P1", "l~r 3 corrected")

	swapped := sensor{"l", "P1", "right"}
	for range 2 {
		b.sides(swapped.quarter(0, 1, corrected), left.quarter(0, 1, retracted))
	}
	b.said("both are on the right wrist", "l~r 4 retracted")
	b.sides(right.quarter(0, 1, retracted), sensor{"r", "P1", "left"}.quarter(0, 1, corrected))
	b.said("sides were exchanged", "r~l 1 final")
}

// Where devices were exchanged within a quarter, each pair is said.
func TestExchanged(t *testing.T) {
	b := newBench(t)
	second := sensor{"k", "P1", "left"}
	for _, s := range []sensor{left, right, second} {
		b.sides(s.quarter(0, 1, final))
		b.minutes(s.worn(0, final, allWorn)...)
	}
	b.said("two on the left", "l~r 1 final", "k~r 1 final")
	b.sides(right.quarter(0, 2, corrected))
	b.said("the right one changes", "k~r 2 corrected", "l~r 2 corrected")
}

// Nobody's rows, rows of no wrist and what else is in the topic say nothing.
func TestOthers(t *testing.T) {
	b := newBench(t)
	for _, s := range []sensor{{"l", "", "left"}, {"r", "P1", "none"}, {"r", "P1", ""}} {
		b.sides(s.quarter(0, 1, final))
		b.minutes(s.worn(0, final, allWorn)...)
	}
	b.sides(left.quarter(0, 0, retracted)) // of what was never said
	b.say([]byte("rows of features"), wire.HeaderKind, wire.KindRows, wire.HeaderSchema, wire.RowsWindows)
	b.say([]byte("a protocol"), wire.HeaderKind, "study")
	b.Commit()
	if len(b.State) != 0 || len(b.rows) != 0 {
		t.Errorf("state %v, rows %v", b.State, b.rows)
	}
	for _, broken := range []stream.Record{
		{Value: []byte("x"), Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindRows)}, {Key: wire.HeaderSchema, Value: []byte(wire.RowsSides)}}},
		{Value: []byte(`{"utc_us":1}`), Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}, {Key: wire.HeaderSource, Value: []byte("wear.main.device.v1/2")}}},
		{Value: []byte(`1`), Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(wire.KindTick)}}},
	} {
		if err := b.Op.Apply(t.Context(), broken, b); err == nil {
			t.Errorf("%q is taken", broken.Value)
		}
	}
	newer := left.quarter(0, 1, final)
	newer.Epochs[0]++
	rows := wire.NewSideRows()
	rows.Append(&newer)
	value, _ := rows.Encode()
	err := b.Op.Apply(t.Context(), stream.Record{Value: value, Headers: []stream.Header{
		{Key: wire.HeaderKind, Value: []byte(wire.KindRows)}, {Key: wire.HeaderSchema, Value: []byte(wire.RowsSides)}}}, b)
	if err == nil || !strings.Contains(err.Error(), `sensor "l"`) {
		t.Errorf("a side of a newer version: %v", err)
	}
}

// The clock is the least of all sources', never goes back, and is told when it moves.
func TestClock(t *testing.T) {
	b := newBench(t)
	at := func(s int) time.Time { return origin.Add(time.Duration(s) * time.Second) }
	for i, c := range []struct {
		source, tick int
		told         int // 0: nothing
	}{{0, 10, 0}, {0, 20, 0}, {1, 5, 5}, {1, 15, 15}, {1, 30, 20}, {1, 25, 0}, {0, 60, 30}} {
		b.ticks = nil
		b.tick(c.source, at(c.tick))
		if i%2 == 0 {
			b.Flush()
			b.Op.Rollback()
			b.ticks, b.Records = nil, b.Records[:len(b.Records)-1]
			b.tick(c.source, at(c.tick))
		}
		b.Commit()
		if i%3 == 0 {
			b.Restart()
		}
		if c.told == 0 && len(b.ticks) > 0 || c.told > 0 && (len(b.ticks) != 1 || !b.ticks[0].Equal(at(c.told))) {
			t.Errorf("tick %d: told %v, want %d s", i, b.ticks, c.told)
		}
	}
}

// Old pages go, and with them all that is known of a participant; what the log may no
// longer hold is not read.
func TestForget(t *testing.T) {
	b := newBench(t)
	b.sides(left.quarter(0, 1, final))
	b.minutes(left.worn(0, final, allWorn)...)
	for day := range 50 {
		now := origin.Add(time.Duration(day) * 24 * time.Hour)
		b.tick(0, now)
		b.tick(1, now)
		switch day {
		case 10: // keeps the page, and not the left side in the log
			b.minutes(left.worn(0, final, "o")...)
		case 18:
			b.Restart()
		case 19:
			b.sides(right.quarter(0, 1, final))
			b.minutes(right.worn(0, final, allWorn)...)
			b.said("after 19 days", "l~r 1 final")
		case 25:
			b.First = 1 // the log has let go
			b.Restart()
			b.sides(right.quarter(0, 2, corrected))
			if b.said("the left side is gone"); b.Op.(*operator).time.marks.Floor == 0 {
				t.Error("and it was not known")
			}
			b.minutes(right.worn(0, final, "oooo")...)
			b.said("a pair is taken back unread", "l~r 2 retracted")
			b.minutes(append(left.worn(1, final, allWorn), right.worn(1, final, allWorn)...)...)
			b.sides(left.quarter(1, 1, final), right.quarter(1, 1, final))
			b.said("what is new is read", "l~r 1 final")
		}
		b.Commit()
		if day == 25 && len(b.Op.(*operator).people) != 1 {
			t.Error("the page is gone")
		}
	}
	if n := len(b.Op.(*operator).people); n != 0 {
		t.Errorf("%d participants", n)
	}
	for key := range b.State {
		if key[0] == kindPage {
			t.Errorf("the changelog still holds %q", key)
		}
	}
}
