package verify

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// name is the name of a batch for ever.
type name struct {
	sensor    string
	boot, seq uint64
}

func (n name) String() string { return fmt.Sprintf("batch %s %d/%d", n.sensor, n.boot, n.seq) }

// truth is everything that was ever acknowledged, as the records say it.
type truth struct {
	batches    map[name][]*record // copies of a name: logs in the order of time, then offsets
	cell       string
	quarantine map[string]string  // reason by source, for what the processor refused
	ends       map[name]time.Time // status end by (sensor, boot)
	landed     map[name]bool
	refused    int // quarantine records
}

func newTruth(cell string, landed map[place]*landedPartition, log map[place]*present) *truth {
	t := &truth{cell: cell, batches: map[name][]*record{}, quarantine: map[string]string{}, ends: map[name]time.Time{}, landed: map[name]bool{}}
	first := map[string]time.Time{}
	take := func(rec *record) {
		if at, ok := first[rec.log]; !ok || rec.appended.Before(at) {
			first[rec.log] = rec.appended
		}
		switch {
		case rec.kind == wire.KindTick:
		case rec.topic == wire.TopicQuarantine:
			t.refused++
			if rec.source != "" {
				t.quarantine[rec.source] = rec.reason
			}
		case rec.batch != nil:
			n := name{rec.sensor, rec.boot, rec.seq}
			t.batches[n] = append(t.batches[n], rec)
		case rec.kind == wire.StatusEnd:
			t.ends[name{rec.sensor, rec.boot, 0}] = rec.appended
		}
	}
	for p, l := range landed {
		for offset, rows := range l.rows {
			take(rows[0])
			if rows[0].batch != nil {
				t.landed[name{rows[0].sensor, rows[0].boot, rows[0].seq}] = true
			}
			if now := log[p]; now != nil {
				delete(now.readable, offset) // taken
			}
		}
	}
	for _, now := range log {
		for _, rec := range now.readable {
			take(rec)
		}
	}
	for _, copies := range t.batches {
		slices.SortFunc(copies, func(a, b *record) int {
			return cmp.Or(first[a.log].Compare(first[b.log]), cmp.Compare(a.log, b.log), cmp.Compare(a.offset, b.offset))
		})
	}
	return t
}

// judgeBatches explains the copies of a name beyond the first of each log.
func (r *Report) judgeBatches(t *truth) {
	r.Batches = len(t.batches)
	r.explain(ClassQuarantined, t.refused)
	for n, copies := range t.batches {
		if copies[0].flags != "" {
			r.explain(ClassImpossible, 1)
		}
		for i, c := range copies[1:] {
			was := copies[i] // in the same log the lowest offset counts
			for _, earlier := range copies[:i+1] {
				if earlier.log == c.log {
					was = earlier
					break
				}
			}
			switch {
			case c.sum == was.sum && c.log == was.log && c.received == was.received:
				r.explain(ClassEmbeddedRepeat, 1)
			case c.sum == was.sum:
				r.explain(ClassRepeat, 1)
			case c.log != was.log || t.quarantine[t.source(c)] == wire.ReasonConflict:
				r.explain(ClassConflict, 1)
			default:
				r.unexplained("%s has other bytes at offset %d of %s and is not in quarantine", n, c.offset, c.place)
			}
		}
	}
}

// source is how a quarantine record names where its bytes came from.
func (t *truth) source(c *record) string {
	return fmt.Sprintf("%s/%d/%d", wire.TopicName(t.cell, c.topic), c.partition, c.offset)
}

// ack is a line of the file of acknowledged batches.
type ack struct {
	Sensor string `json:"sensor"`
	Boot   uint64 `json:"boot"`
	Seq    uint64 `json:"seq"`
	SHA256 string `json:"sha256"`
}

// compareAcked holds what devices saw acknowledged against the truth.
func (r *Report) compareAcked(cfg Config, t *truth) error {
	f, err := os.Open(cfg.Acked)
	if err != nil {
		return fmt.Errorf("read acknowledged batches: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var a ack
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			// A replay that was killed may leave half a line: that batch was not
			// counted as acknowledged by it.
			r.Findings = append(r.Findings, fmt.Sprintf("note: line %d of %s is not whole", r.Acked+1, cfg.Acked))
			continue
		}
		r.Acked++
		n := name{a.Sensor, a.Boot, a.Seq}
		copies := t.batches[n]
		same := slices.IndexFunc(copies, func(c *record) bool { return hex.EncodeToString(c.sum[:]) == a.SHA256 })
		switch {
		case len(copies) == 0:
			r.lost("%s was acknowledged and is neither in landing nor in the log", n)
		case same < 0:
			r.lost("%s was acknowledged with SHA-256 %.12s…, which is nowhere", n, a.SHA256)
		case !t.landed[n] && cfg.Now.Sub(copies[0].appended) > cfg.Due.Landing:
			r.lost("%s was acknowledged and is not in landing", n)
		}
	}
	return lines.Err()
}
