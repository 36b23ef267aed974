package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/cenkalti/backoff/v5"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// stall is how long a connection may owe an acknowledgement.
const stall = 30 * time.Second

// message is one publish.
type message struct {
	topic   string
	payload []byte
	batch   bool // else the status "end"
	seq     uint64
	samples int64
	due     time.Duration // after the playing began
	token   mqtt.Token    // of the last publish
	acked   bool
}

// playing is one boot on its way to the gateway, in one goroutine.
type playing struct {
	*run
	dev   Device
	mem   *memory
	rec   *recording.Recording
	from  uint64 // first sequence to publish
	to    uint64 // last sequence that exists, if the recording goes so far
	fresh bool   // a new boot; else one that is finished, as fast as it goes

	next   func() (*message, error, bool)
	ahead  *message   // taken from next, not due or no room yet
	over   bool       // next has no more
	flight []*message // published and not acknowledged, in order
	sent   uint64     // sequences below may have been published
	acks   uint64     // sequences below are acknowledged
	last   uint64     // last sequence of the boot, once next has no more
	whole  bool       // and it is the last of the recording
	began  time.Time
	alive  time.Time // when something last went well
	try    *backoff.ExponentialBackOff
}

// deliver publishes until everything is acknowledged.
func (p *playing) deliver(ctx context.Context) error {
	next, stop := iter.Pull2(p.messages())
	defer stop()
	p.next = next
	p.sent, p.acks = p.from, p.from
	p.began = time.Now()
	p.alive = p.began
	p.try = backoff.NewExponentialBackOff()
	p.try.InitialInterval, p.try.MaxInterval = 100*time.Millisecond, 10*time.Second
	for {
		complete, err := p.session(ctx)
		switch fatal, isFatal := errors.AsType[*fatalError](err); {
		case complete:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isFatal:
			return fatal.error
		case hopeless(err):
			return fmt.Errorf("connect %q: %w", p.dev.Thing, err)
		case time.Since(p.alive) > p.cfg.Patience:
			return fmt.Errorf("connect %q: %w for %s: %w", p.dev.Thing, ErrUnreachable, p.cfg.Patience, err)
		}
		p.deps.Log.Debug("connection lost", "device", p.dev.Thing, "err", err)
		if err := sleep(ctx, p.try.NextBackOff()); err != nil {
			return err
		}
	}
}

// fatalError ends a playing: another connection does not help.
type fatalError struct{ error }

// session is the life of one connection.
func (p *playing) session(ctx context.Context) (complete bool, err error) {
	c, err := p.connect(ctx, p.dev.Thing)
	if err != nil {
		return false, err
	}
	defer c.close()
	for _, m := range p.flight {
		if m.acked {
			continue
		}
		if err := p.publish(c, m); err != nil {
			return false, err
		}
	}
	stalled := time.NewTimer(stall)
	defer stalled.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		wait, err := p.fill(c)
		if err != nil {
			return false, err
		}
		if p.over && len(p.flight) == 0 {
			return true, nil
		}
		var acked <-chan struct{}
		if len(p.flight) > 0 {
			acked = p.flight[0].token.Done()
		} else {
			stalled.Reset(stall) // nothing is owed
			p.alive = time.Now()
		}
		due.Reset(wait)
		select {
		case <-acked:
			lost := p.flight[0].token.Error()
			n, err := p.settle()
			if err != nil {
				return false, &fatalError{err}
			}
			if n == 0 {
				return false, lost
			}
			stalled.Reset(stall)
			p.alive = time.Now()
			p.try.Reset()
		case <-due.C:
		case err := <-c.lost:
			_, serr := p.settle() // what was acknowledged out of order
			if serr != nil {
				return false, &fatalError{serr}
			}
			return false, err
		case <-stalled.C:
			return false, fmt.Errorf("no acknowledgement within %s", stall)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// fill publishes what is due while there is room, and answers how long until the
// next is.
func (p *playing) fill(c *connection) (wait time.Duration, err error) {
	for len(p.flight) < p.cfg.Window && !p.over {
		if p.ahead == nil {
			m, err, more := p.next()
			if err != nil {
				return 0, &fatalError{err}
			}
			if !more {
				p.over = true
				break
			}
			p.ahead = m
		}
		if wait = p.ahead.due - time.Since(p.began); wait > 0 {
			return wait, nil
		}
		m := p.ahead
		if m.batch {
			// A crash from here on leaves m as one that may have been published.
			if err := p.mem.claim(m.seq, p.acks); err != nil {
				return 0, &fatalError{err}
			}
			p.sent = m.seq + 1
			if p.fresh {
				p.batches.Add(1)
			}
		}
		p.ahead = nil
		p.flight = append(p.flight, m)
		if err := p.publish(c, m); err != nil {
			return 0, err
		}
	}
	return math.MaxInt64, nil
}

// publish hands a message to the connection, behind those before it.
func (p *playing) publish(c *connection, m *message) error {
	m.token = c.client.Publish(m.topic, 1, false, m.payload)
	select {
	case <-m.token.Done():
		return m.token.Error() // nil: acknowledged already
	default:
		return nil
	}
}

// settle notes every acknowledgement that has come and answers how many.
func (p *playing) settle() (n int, err error) {
	for _, m := range p.flight {
		select {
		case <-m.token.Done():
			if m.token.Error() != nil || m.acked {
				continue
			}
		default:
			continue
		}
		if m.batch {
			sum := sha256.Sum256(m.payload)
			line := acknowledgement{p.dev.Sensor, p.mem.Boot, m.seq, hex.EncodeToString(sum[:])}
			if err := p.acked.write(line); err != nil {
				return n, err
			}
			p.countAcked(m)
		}
		m.acked = true
		n++
	}
	for len(p.flight) > 0 && p.flight[0].acked {
		if m := p.flight[0]; m.batch {
			p.acks = m.seq + 1
		}
		p.flight = p.flight[1:]
	}
	return n, nil
}

// messages yields the boot's batches from p.from to p.to, then its end.
func (p *playing) messages() iter.Seq2[*message, error] {
	topic := "dt/wear/v1/" + p.dev.Thing
	return func(yield func(*message, error) bool) {
		var end int64
		for b, err := range p.rec.Batches() {
			if err != nil {
				yield(nil, err)
				return
			}
			if p.whole = b.Seq <= p.to; !p.whole {
				break
			}
			p.last, end = b.Seq, b.End()
			if b.Seq < p.from {
				continue
			}
			m := &message{topic: topic + "/samples", payload: p.sign(b).Append(nil), batch: true, seq: b.Seq, samples: int64(b.N)}
			if p.fresh && p.speed > 0 {
				m.due = time.Duration(float64(end-p.rec.First.UnixNano()) / p.speed)
			}
			if !yield(m, nil) {
				return
			}
		}
		b, err := json.Marshal(wire.Status{Kind: wire.StatusEnd, Sensor: p.named(), Boot: p.mem.Boot, LastSeq: &p.last, AtUS: end / 1000})
		yield(&message{topic: topic + "/status", payload: b}, err)
	}
}

func (p *playing) countAcked(m *message) {
	if !p.fresh {
		p.recovered.Add(1)
		return
	}
	p.acknowledged.Add(1)
	p.samples.Add(m.samples)
}

// sign completes a batch with what only the device knows.
func (p *playing) sign(b *wire.SampleBatch) *wire.SampleBatch {
	b.Sensor, b.Boot = p.named(), p.mem.Boot
	if p.mem.Prev != nil {
		b.PrevBootLastSeq = wire.Some(*p.mem.Prev)
	}
	b.OldestSeqHeld = wire.Some(uint64(0))
	return b
}

// named is the sensor as payloads say it: empty where it is the thing.
func (p *playing) named() string {
	if p.dev.Sensor == p.dev.Thing {
		return ""
	}
	return p.dev.Sensor
}
