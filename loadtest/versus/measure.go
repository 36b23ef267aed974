package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// figure is what one run has shown.
type figure struct {
	cpu      time.Duration            // per message that arrived in Kafka
	by       map[string]time.Duration // the same by process
	acked    float64                  // messages a second that devices saw acknowledged
	arrived  float64                  // messages a second in Kafka
	p50, p99 time.Duration            // from PUBLISH to PUBACK
	lost     int64                    // acknowledged and never read back
	cipher   string
}

// settle is how long Kafka must have shown nothing new before what is missing
// counts as lost.
const settle = 5 * time.Second

// begin starts a side and connects a fleet to it; zero is how much is in Kafka then. end
// takes it all back.
func begin(ctx context.Context, r *reader, s side, l load) (f *fleet, zero map[int32]int64, end func(), err error) {
	var undo []func()
	end = func() {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	if err := s.start(ctx); err != nil {
		return nil, nil, end, fmt.Errorf("start %s: %w", s.title(), err)
	}
	undo = append(undo, func() { s.forget(ctx, r) }, s.stop)
	ca, err := s.devices()
	if err != nil {
		return nil, nil, end, err
	}
	if f, err = connect(ctx, s.addr(), ca, l); err != nil {
		return nil, nil, end, err
	}
	undo = append(undo, f.close)
	zero, err = r.ends(ctx, s.topic())
	return f, zero, end, err
}

// measure runs a load against a side that is started for it.
func measure(ctx context.Context, r *reader, s side, l load, warm, long time.Duration) (*figure, error) {
	f, zero, end, err := begin(ctx, r, s, l)
	if err != nil {
		return nil, err
	}
	defer end()
	if _, _, err := f.run(ctx, warm, false); err != nil {
		return nil, fmt.Errorf("%s, warming up: %w", l.name, err)
	}
	before, err := observe(ctx, r, s, zero, f.acked())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	times, acked, err := f.run(ctx, long, false)
	took := time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	after, err := observe(ctx, r, s, zero, f.acked())
	if err != nil {
		return nil, err
	}
	found, err := r.read(ctx, s, before.ends, after.ends)
	if err != nil {
		return nil, err
	}
	if found.messages == 0 {
		return nil, fmt.Errorf("%s: nothing arrived in Kafka", l.name)
	}
	out := &figure{
		by: map[string]time.Duration{}, acked: float64(acked) / took.Seconds(), arrived: float64(found.messages) / after.at.Sub(began).Seconds(),
		p50: times.quantile(0.5), p99: times.quantile(0.99), lost: acked - found.messages, cipher: f.cipher(),
	}
	for name := range after.cpu {
		out.by[name] = (after.cpu[name] - before.cpu[name]) / time.Duration(found.messages)
		out.cpu += out.by[name]
	}
	return out, nil
}

// observation is what Kafka and /proc show once all is there that was acknowledged.
type observation struct {
	at   time.Time // when the last of it was there
	cpu  map[string]time.Duration
	ends map[int32]int64
}

// observe waits until Kafka has at least so many records more than in from, or shows
// nothing new. Ticks count here, so a few messages may be missing yet; the gateway's
// are in Kafka when they are acknowledged.
func observe(ctx context.Context, r *reader, s side, from map[int32]int64, acked int64) (*observation, error) {
	o := &observation{at: time.Now(), cpu: map[string]time.Duration{}}
	last := int64(-1)
	for {
		ends, err := r.ends(ctx, s.topic())
		if err != nil {
			return nil, err
		}
		if n := total(ends) - total(from); n != last {
			last, o.at, o.ends = n, time.Now(), ends
		}
		if last >= acked || time.Since(o.at) > settle {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	pids, err := s.processes()
	if err != nil {
		return nil, err
	}
	for name, pid := range pids {
		if o.cpu[name], err = cpu(pid); err != nil {
			return nil, err
		}
	}
	return o, nil
}
