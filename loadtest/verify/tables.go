package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// compareTables holds batches against the truth: each name exactly once, with
// the bytes of a copy that was acknowledged.
func (r *Report) compareTables(ctx context.Context, cfg Config, t *truth) error {
	rows, err := cfg.ClickHouse.Query(ctx, `SELECT sensor, boot, seq, lower(toString(sha256)) FROM batches`)
	if err != nil {
		return fmt.Errorf("read batches: %w", err)
	}
	defer rows.Close()
	seen := map[name]int{}
	for rows.Next() {
		var n name
		var sum string
		if err := rows.Scan(&n.sensor, &n.boot, &n.seq, &sum); err != nil {
			return fmt.Errorf("read batches: %w", err)
		}
		seen[n]++
		copies := t.batches[n]
		switch {
		case len(copies) == 0:
			r.unexplained("%s is in batches and was never acknowledged", n)
		case !slices.ContainsFunc(copies, func(c *record) bool { return hex.EncodeToString(c.sum[:]) == sum }):
			r.unexplained("%s in batches has SHA-256 %.12s…, which no record has", n, sum)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read batches: %w", err)
	}
	for n, copies := range t.batches {
		switch age := cfg.Now.Sub(copies[0].appended); {
		case seen[n] > 1:
			r.doubled("%s is %d times in batches", n, seen[n])
		case seen[n] == 0 && age < cfg.Due.Tables:
			r.explain(ClassNotDue, 1)
		case seen[n] == 0:
			r.lost("%s is not in batches after %s", n, age.Round(time.Second))
		}
	}
	return nil
}

// slot is a window of 5 s of a sensor.
type slot struct {
	sensor string
	start  int64 // ns
}

func (s slot) String() string {
	return fmt.Sprintf("window %s of %s", time.Unix(0, s.start).UTC().Format(time.RFC3339), s.sensor)
}

// expected is what a window must hold.
type expected struct {
	n      uint32
	newest time.Time // append time of the newest batch in it
	boot   uint64    // highest boot in it
}

const slotLength = int64(5 * time.Second)

// expectedWindows counts the distinct sample times of every sensor by window of
// 5 s. A sample of exactly (0, 0, 0) is a missing one.
func (t *truth) expectedWindows() (map[slot]*expected, map[name]int64) {
	times := map[string]map[int64]bool{}
	want := map[slot]*expected{}
	seen := map[name]int64{} // largest time by (sensor, boot)
	for n, copies := range t.batches {
		first := copies[0]
		for _, c := range copies {
			if c.log == copies[len(copies)-1].log { // the newest log's lowest offset
				first = c
				break
			}
		}
		b := first.batch
		if first.flags != "" || b.N == 0 {
			continue
		}
		if times[n.sensor] == nil {
			times[n.sensor] = map[int64]bool{}
		}
		boot := name{n.sensor, n.boot, 0}
		seen[boot] = max(seen[boot], b.End())
		x, y, z := b.AppendMicroG(nil, nil, nil)
		for i := range x {
			at := b.SampleTime(i)
			if x[i] == 0 && y[i] == 0 && z[i] == 0 {
				continue
			}
			s := slot{n.sensor, at - at%slotLength}
			e := want[s]
			if e == nil {
				e = new(expected)
				want[s] = e
			}
			if !times[n.sensor][at] {
				times[n.sensor][at] = true
				e.n++
			}
			e.boot = max(e.boot, n.boot)
			if first.appended.After(e.newest) {
				e.newest = first.appended
			}
		}
	}
	return want, seen
}

// due reports whether a row of the window must be there: its boot has ended, or
// has shown a minute of event time beyond it, or a quarter of an hour has passed.
func (t *truth) due(cfg Config, s slot, e *expected, seen map[name]int64) bool {
	boot := name{s.sensor, e.boot, 0}
	age := cfg.Now.Sub(e.newest)
	switch ended, ok := t.ends[boot]; {
	case ok && cfg.Now.Sub(ended) > cfg.Due.Tables:
		return true
	case seen[boot] >= s.start+slotLength+int64(time.Minute):
		return age > cfg.Due.Tables
	}
	return age > 15*time.Minute+cfg.Due.Tables
}

// restatedWithin is how long a window that was handed out may wait until later
// data in it is handed out too.
func restatedWithin(status string) time.Duration {
	if status == wire.StatusProvisional {
		return 15 * time.Minute
	}
	return 10 * time.Second
}

// compareWindows holds the windows of 5 s against the samples.
func (r *Report) compareWindows(ctx context.Context, cfg Config, t *truth) error {
	want, seen := t.expectedWindows()
	rows, err := cfg.ClickHouse.Query(ctx, `SELECT sensor, toUnixTimestamp64Milli(window_start), n, toString(status) FROM features_5s`)
	if err != nil {
		return fmt.Errorf("read windows: %w", err)
	}
	defer rows.Close()
	got := map[slot]int{}
	for rows.Next() {
		var s slot
		var n uint32
		var status string
		if err := rows.Scan(&s.sensor, &s.start, &n, &status); err != nil {
			return fmt.Errorf("read windows: %w", err)
		}
		s.start *= int64(time.Millisecond)
		r.Windows++
		got[s]++
		e := want[s]
		switch {
		case e == nil:
			r.unexplained("%s is in features_5s and has no acknowledged sample", s)
		case got[s] > 1:
			r.doubled("%s is in features_5s %d times", s, got[s])
		case n != e.n && cfg.Now.Sub(e.newest) < restatedWithin(status)+cfg.Due.Tables:
			r.explain(ClassNotDue, 1)
		case n > e.n:
			r.doubled("%s has %d samples, %d are acknowledged", s, n, e.n)
		case n < e.n:
			r.lost("%s has %d samples, %d are acknowledged", s, n, e.n)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read windows: %w", err)
	}
	for s, e := range want {
		if got[s] > 0 {
			continue
		}
		if t.due(cfg, s, e, seen) {
			r.lost("%s has %d acknowledged samples and no row", s, e.n)
		} else {
			r.explain(ClassNotDue, 1)
		}
	}
	return nil
}
