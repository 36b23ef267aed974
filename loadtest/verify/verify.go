package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// Config says what is compared.
type Config struct {
	Cell       string
	Kafka      []kgo.Opt   // how to reach the log
	Objects    string      // folder of the object store
	ClickHouse driver.Conn // nil: batches and windows are not looked at
	Acked      string      // file of acknowledged batches, one JSON line each; empty: none
	Now        time.Time   // what is younger than Due is not missing yet
	Due        Due
	Progress   func(step string, done, total int)
}

// Due says after which age a record must have arrived.
type Due struct {
	Landing time.Duration // the object sink's cut of a partition with data
	Idle    time.Duration // its cut of a partition with ticks only
	Tables  time.Duration // ClickHouse and windows
}

// Classes of what is explained (definitions, section 5).
const (
	ClassControl        = "control record or aborted transaction"
	ClassRepeat         = "exact repeat"
	ClassEmbeddedRepeat = "repeat made by the embedded log"
	ClassQuarantined    = "quarantined"
	ClassConflict       = "conflict"
	ClassImpossible     = "impossible time"
	ClassNotDue         = "not yet due"
)

// Report is the verdict. Lost, duplicated and unexplained must be zero.
type Report struct {
	Records     int            `json:"records"` // readable records of device.v1 and quarantine.v1
	Batches     int            `json:"batches"` // distinct (sensor, boot, seq)
	Acked       int            `json:"acked"`   // lines of the acked file
	Landed      int            `json:"landed"`  // rows in landing
	Objects     int            `json:"objects"` // objects in landing
	Windows     int            `json:"windows"` // windows of 5 s compared
	Lost        int            `json:"lost"`
	Duplicated  int            `json:"duplicated"`
	Unexplained int            `json:"unexplained"`
	Explained   map[string]int `json:"explained"`
	Findings    []string       `json:"findings"` // the first of what is wrong, for people
}

// Clean reports whether nothing is wrong.
func (r *Report) Clean() bool { return r.Lost+r.Duplicated+r.Unexplained == 0 }

const maxFindings = 50

func (r *Report) find(counter *int, format string, args ...any) {
	*counter++
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

func (r *Report) lost(format string, args ...any) { r.find(&r.Lost, "lost: "+format, args...) }
func (r *Report) doubled(format string, args ...any) {
	r.find(&r.Duplicated, "duplicated: "+format, args...)
}
func (r *Report) unexplained(format string, args ...any) {
	r.find(&r.Unexplained, "unexplained: "+format, args...)
}
func (r *Report) explain(class string, n int) {
	if n > 0 {
		r.Explained[class] += n
	}
}

// Run compares everything and returns the verdict. An error means that the
// comparison could not be made, not that something is wrong with the data.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string, int, int) {}
	}
	r := &Report{Explained: map[string]int{}}
	// Landing before the log: what a sink lands meanwhile is in the log still.
	landed, err := readLanding(ctx, cfg, r)
	if err != nil {
		return nil, err
	}
	log, err := readLog(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.compareLanding(cfg, landed, log)
	truth := newTruth(cfg.Cell, landed, log)
	r.judgeBatches(truth)
	if cfg.ClickHouse != nil {
		if err := r.compareTables(ctx, cfg, truth); err != nil {
			return nil, err
		}
		if err := r.compareWindows(ctx, cfg, truth); err != nil {
			return nil, err
		}
	}
	if cfg.Acked != "" {
		if err := r.compareAcked(cfg, truth); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// place is where a record is in a log.
type place struct {
	topic     string // short name
	log       string
	partition int32
}

func (p place) String() string { return fmt.Sprintf("%s/%d (log %.8s)", p.topic, p.partition, p.log) }

// record is what is kept of a record.
type record struct {
	place
	offset   int64
	appended time.Time
	kind     string
	sum      [32]byte // of the payload
	sensor   string
	boot     uint64
	seq      uint64
	received string // gateway's receipt, as in the header
	reason   string // quarantine
	source   string // quarantine
	flags    string
	batch    *wire.SampleBatch // samples of device.v1 only
	last     uint64            // status end: last_seq + 1
}

// topics are those whose offsets must all be in landing.
var topics = []string{wire.TopicDevice, wire.TopicQuarantine}
