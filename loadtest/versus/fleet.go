package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// fleet is devices that are connected.
type fleet struct {
	load    load
	devices []*device
}

// connect makes the devices of a load and connects them.
func connect(ctx context.Context, addr string, ca *authority, l load) (*fleet, error) {
	f := &fleet{load: l}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range l.devices {
		name := fmt.Sprintf("wrist-%04d", i)
		config, err := ca.client(name)
		if err != nil {
			return nil, err
		}
		d, err := newDevice(name, addr, config, l.size, l.window, rng)
		if err != nil {
			return nil, err
		}
		f.devices = append(f.devices, d)
	}
	places := make(chan struct{}, 16)
	err := f.each(func(d *device) error {
		places <- struct{}{}
		defer func() { <-places }()
		return d.connect(ctx)
	})
	if err != nil {
		f.close()
		return nil, fmt.Errorf("connect %d devices to %s: %w", l.devices, addr, err)
	}
	return f, nil
}

// each does something with all devices at once; of many faults it says the first.
func (f *fleet) each(do func(*device) error) error {
	errs := make([]error, len(f.devices))
	var wg sync.WaitGroup
	for i, d := range f.devices {
		wg.Go(func() { errs[i] = do(d) })
	}
	wg.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d devices: %w", len(failed), len(f.devices), failed[0])
}

func (f *fleet) close() {
	for _, d := range f.devices {
		if d.conn != nil {
			d.conn.NetConn().Close()
		}
	}
}

// run publishes for a time; it ends when everything is acknowledged.
func (f *fleet) run(ctx context.Context, d time.Duration, reconnects bool) (times *latencies, acked int64, err error) {
	times = new(latencies)
	var total atomic.Int64
	until := time.Now().Add(d)
	err = f.each(func(d *device) error { return d.run(ctx, f.load, until, reconnects, times, &total) })
	return times, total.Load(), err
}

// acked is how many messages were acknowledged to all devices since they were made.
func (f *fleet) acked() (n int64) {
	for _, d := range f.devices {
		n += int64(d.acked - firstSeq)
	}
	return n
}

// cipher names what the first device's connection is encrypted with.
func (f *fleet) cipher() string {
	s := f.devices[0].conn.ConnectionState()
	return tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
}
