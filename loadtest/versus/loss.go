package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loss is what was acknowledged to devices and is not in Kafka after kills.
type loss struct {
	killed  string
	kills   int
	acked   int64
	lost    int64
	repeats int64
}

// lose runs a load, kills processes of a side with SIGKILL at equal intervals and
// starts them again at once; the devices come back and go on.
func lose(ctx context.Context, r *reader, s side, processes []string, l load, kills int, every time.Duration) (*loss, error) {
	f, zero, end, err := begin(ctx, r, s, l)
	if err != nil {
		return nil, err
	}
	defer end()
	killing := make(chan error, 1)
	go func() { killing <- killEvery(ctx, s, processes, kills, every) }()
	// After the last kill there is time for all to come back and go on.
	_, _, err = f.run(ctx, time.Duration(kills+2)*every, true)
	if err = errors.Join(<-killing, err); err != nil {
		return nil, fmt.Errorf("kills of %s: %w", processes, err)
	}
	for _, d := range f.devices {
		if d.changes == 0 && processes[0] != "telegraf" {
			return nil, fmt.Errorf("device %s has not noticed a kill of %s", d.name, processes)
		}
	}
	// What is in Kafka twice or not yet at all cannot be told apart by offsets: wait
	// until nothing more comes.
	after, err := observe(ctx, r, s, zero, 1<<62)
	if err != nil {
		return nil, err
	}
	found, err := r.read(ctx, s, zero, after.ends)
	if err != nil {
		return nil, err
	}
	out := &loss{kills: kills, acked: f.acked(), repeats: found.repeats}
	for _, d := range f.devices {
		for seq := range d.acked - firstSeq {
			if !found.has(d.name, seq) {
				out.lost++
			}
		}
	}
	return out, nil
}

func killEvery(ctx context.Context, s side, processes []string, kills int, every time.Duration) error {
	for range kills {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := s.revive(ctx, processes...); err != nil {
			return fmt.Errorf("kill and start %s: %w", processes, err)
		}
	}
	return nil
}
