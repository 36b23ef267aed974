package mqtt

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Acknowledgements come from the log in any order; the device gets them in the
// order of its publishes, and only for QoS 1.
func TestAcksGoOutInPublishOrder(t *testing.T) {
	for seed := range uint64(50) {
		inBubble(t, Config{Window: 32}, func(b *bubble) {
			rng := rand.New(rand.NewPCG(seed, 1))
			d := b.device("a")
			var want []uint16
			for i := range 32 {
				id := uint16(0)
				if rng.IntN(3) > 0 {
					id = uint16(1 + i*2001%65_535)
					want = append(want, id)
				}
				d.publish("t/a", id, "x")
			}
			messages := b.messages()
			if len(messages) != 32 {
				t.Fatalf("handler got %d messages, want 32", len(messages))
			}
			var got []uint16
			head := map[uint64]bool{}
			for _, i := range rng.Perm(32) {
				messages[i].Ack()
				messages[i].Ack() // a second answer changes nothing
				head[messages[i].seq] = true
				got = append(got, d.acks()...)
				// Exactly what the acknowledged head allows, at once.
				n := 0
				for seq := uint64(0); head[seq]; seq++ {
					if messages[seq].QoS == 1 {
						n++
					}
				}
				if len(got) != n {
					t.Fatalf("seed %d: %d acknowledgements, want %d", seed, len(got), n)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: acknowledged %v, want %v", seed, got, want)
			}
			if n := b.s.InFlight(); n != 0 {
				t.Errorf("%d bytes in flight after all is answered", n)
			}
		})
	}
}

func TestWindowStopsReading(t *testing.T) {
	inBubble(t, Config{Window: 4}, func(b *bubble) {
		d := b.device("a")
		for id := range uint16(6) {
			d.publish("t/a", id+1, "x")
		}
		if n := len(b.messages()); n != 4 {
			t.Fatalf("handler got %d messages, want the window's 4", n)
		}
		b.messages()[1].Ack() // not the head: nothing moves
		if got := d.acks(); len(got) != 0 || len(b.messages()) != 4 {
			t.Fatalf("acks %v, %d messages; want none, 4", got, len(b.messages()))
		}
		b.messages()[0].Ack()
		if got := d.acks(); !slices.Equal(got, []uint16{1, 2}) || len(b.messages()) != 6 {
			t.Fatalf("acks %v, %d messages; want [1 2], 6", got, len(b.messages()))
		}
	})
}

func TestBudgetStopsReading(t *testing.T) {
	const payload = 1 << 18
	inBubble(t, Config{Window: 64, Budget: 5 * (payload + perMessage)}, func(b *bubble) {
		x, y := b.device("x"), b.device("y")
		big := string(make([]byte, payload))
		for id := range uint16(4) {
			x.publish("t/x", id+1, big)
			y.publish("t/y", id+1, big)
		}
		if n := len(b.messages()); n != 5 {
			t.Fatalf("handler got %d messages, want the budget's 5", n)
		}
		if n := b.s.InFlight(); n != 5*(payload+perMessage) {
			t.Errorf("%d bytes in flight", n)
		}
		for range 8 {
			for _, m := range b.messages() {
				m.Ack()
			}
			synctest.Wait()
		}
		if x, y := x.acks(), y.acks(); len(x) != 4 || len(y) != 4 {
			t.Errorf("acks %v and %v, want 4 each", x, y)
		}
	})
}

// A socket that takes no acknowledgement is closed after the write deadline and
// holds back nobody, even with hundreds of acknowledgements behind it.
func TestSlowSocketStallsNoOther(t *testing.T) {
	inBubble(t, Config{Flushers: 4, WriteTimeout: 2 * time.Second}, func(b *bubble) {
		slow := b.device("slow")
		deaf := b.dial("deaf", true)
		connected := make(chan struct{})
		go func() { // takes its CONNACK and nothing more
			deaf.nc.Write([]byte{connect << 4, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0})
			deaf.nc.Read(make([]byte, 4))
			close(connected)
		}()
		<-connected
		for id := range uint16(3) {
			deaf.publish("t/deaf", id+1, "x")
		}
		for _, m := range b.messages() {
			m.Ack()
		}
		begun := time.Now()
		for id := range uint16(60) {
			slow.publish("t/slow", id+1, "x")
			messages := b.messages()
			messages[len(messages)-1].Ack()
			if got := slow.acks(); !slices.Equal(got, []uint16{id + 1}) {
				t.Fatalf("acks %v, want [%d]", got, id+1)
			}
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("the other socket waited %s", d)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		synctest.Wait()
		if n := b.s.Connections(); n != 1 {
			t.Errorf("%d connections, want the deaf one closed", n)
		}
		deaf.nc.Close()
	})
}

func TestAnswersAfterTheConnectionDied(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		d := b.device("a")
		for id := range uint16(3) {
			d.publish("t/a", id+1, "xyz")
		}
		d.nc.Close()
		synctest.Wait()
		if n := b.s.InFlight(); n != 3*(small+perMessage) {
			t.Errorf("%d bytes in flight; what the log's client holds must count", n)
		}
		m := b.messages()
		m[2].Ack()
		m[0].Close()
		m[0].Ack()
		m[1].Ack()
		synctest.Wait()
		if n := b.s.InFlight(); n != 0 {
			t.Errorf("%d bytes in flight after all is answered", n)
		}
	})
}

func TestCloseIsNeverAcknowledged(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		d := b.device("a")
		for id := range uint16(3) {
			d.publish("t/a", id+1, "x")
		}
		m := b.messages()
		m[2].Ack()
		m[1].Close()
		m[0].Ack()
		for _, id := range d.acks() {
			if id != 1 {
				t.Errorf("message %d is acknowledged", id)
			}
		}
		d.wantClosed("")
	})
}

// At shutdown what is in flight is acknowledged before the socket is closed, and
// no will is sent.
func TestShutdownAcknowledgesWhatIsInFlight(t *testing.T) {
	inBubble(t, Config{Grace: 5 * time.Second}, func(b *bubble) {
		d := b.dial("a", false).connect(withWill("t/a", "gone"), codeAccepted)
		d.publish("t/a", 1, "x")
		d.publish("t/a", 2, "y")
		b.stop(errShutdown)
		time.Sleep(time.Second)
		d.publish("t/a", 3, "z") // not read any more
		for _, m := range b.messages() {
			m.Ack()
		}
		if got := d.acks(); !slices.Equal(got, []uint16{1, 2}) {
			t.Errorf("acks %v, want [1 2]", got)
		}
		if !d.closed() || len(b.messages()) != 2 {
			t.Errorf("closed %v, messages %d; want true, 2", d.closed(), len(b.messages()))
		}
	})
}

func TestShutdownWaitsNoLongerThanGrace(t *testing.T) {
	inBubble(t, Config{Grace: 5 * time.Second}, func(b *bubble) {
		d := b.device("a")
		d.publish("t/a", 1, "x")
		begun := time.Now()
		b.stop(errShutdown)
		b.s.conns.Wait()
		if got := time.Since(begun); got != 5*time.Second {
			t.Errorf("shutdown took %s, want the grace", got)
		}
		b.messages()[0].Ack()
	})
}
