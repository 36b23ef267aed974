package verify

import (
	"context"
	"fmt"
	"time"
	"unique"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says what is compared.
type Config struct {
	Cell       string
	Kafka      []kgo.Opt     // how to reach the log
	Objects    string        // the object store: a folder, or s3://BUCKET/PREFIX
	ClickHouse driver.Conn   // nil: tables, windows and feature rows are not looked at
	Acked      string        // file of acknowledged batches, one JSON line each; empty: none
	Now        time.Time     // what is younger than Due is not missing yet
	Due        Due           //
	Patience   time.Duration // how long an open transaction may keep the log from being read; 0: 30 s
	Progress   func(step string, done, total int)
}

// Due says at which age something must have arrived.
type Due struct {
	Landing time.Duration // in an object, of a partition with data
	Idle    time.Duration // in an object, of a partition with ticks only
	Tables  time.Duration // in ClickHouse; a window, once it is to be handed out
}

// Run compares everything and returns the verdict. An error means that the
// comparison could not be made, not that something is wrong with the data.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string, int, int) {}
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	v := &verifier{
		Config: cfg, r: &Report{Explained: map[string]int{}, Findings: []string{}},
		partitions: map[place]*partition{}, tables: newTables(), rows: map[rowKey]*row{},
	}
	var err error
	if v.store, err = openStore(ctx, cfg.Objects); err != nil {
		return nil, err
	}
	// The order matters: see the package's documentation.
	acked, err := v.readAcked()
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{v.readColumns, v.readLanding, v.readRows, v.readLog} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	v.compareLanding()
	t := v.newTruth()
	v.judgeBatches(t)
	v.compareAcked(acked, t)
	if cfg.ClickHouse == nil {
		return v.r, nil
	}
	for _, step := range []func(context.Context, *truth) error{v.compareBatches, v.compareQuarantine, v.compareRows} {
		if err := step(ctx, t); err != nil {
			return nil, err
		}
	}
	return v.r, v.judgeAhead(ctx)
}

// verifier is one comparison.
type verifier struct {
	Config
	r          *Report
	store      store
	partitions map[place]*partition // device, quarantine, features and participants, of all logs
	tables     []*table             // of rows
	rows       map[rowKey]*row      // of all tables
	embedded   bool                 // the log is the embedded one
	stalled    bool                 // a note says that the log stands still
}

// place is a partition of a log.
type place struct {
	topic     string // short name
	log       string // id, hex
	partition int32
}

func (p place) String() string { return fmt.Sprintf("%s/%d (log %.8s)", p.topic, p.partition, p.log) }

// partition is what is known of a place.
type partition struct {
	place
	records map[int64]*record // of landing and of the present log
	spans   []span            // ranges of its objects

	present    bool   // it is of the present log,
	start, end int64  // which keeps these offsets
	lacking    []span // except these
	ahead      int64  // largest offset beyond them that a table speaks of
}

// span is a range of offsets.
type span struct {
	object      string
	first, next int64
}

func (v *verifier) at(p place) *partition {
	if v.partitions[p] == nil {
		v.partitions[p] = &partition{place: p, records: map[int64]*record{}}
	}
	return v.partitions[p]
}

// beyond reports whether an offset was not yet written when the log was read.
func (v *verifier) beyond(p place, offset int64) bool {
	at := v.partitions[p]
	if at == nil || !at.present || offset < at.end {
		return false
	}
	at.ahead = max(at.ahead, offset)
	return true
}

// word is a text that many records repeat, once in memory.
type word = unique.Handle[string]
