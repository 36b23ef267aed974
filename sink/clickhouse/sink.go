package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Tables that the sink writes.
const (
	tableBatches    = "batches_all"
	tableStatus     = "device_status_all"
	tableQuarantine = "quarantine_all"
	tableWindows    = "windows"
	tableWear       = "wear"
	tablePairs      = "pairs"
)

// New returns the sink that stores the cuts of one cell's device, features,
// participants and quarantine topics. The connection is one of Open, and the schema
// the one that the database was migrated to.
// Cuts of different partitions may be written at once.
func New(conn driver.Conn, cell string, schema Schema, reg prometheus.Registerer) stream.Sink {
	return &clickhouse{
		conn: conn, cell: cell, tables: schema.tables(), m: newMetrics(reg),
		generations: make(map[logKey]uint32),
	}
}

type clickhouse struct {
	conn   driver.Conn
	cell   string
	tables []rowTable
	m      *metrics

	mu          sync.Mutex
	generations map[logKey]uint32 // rows of the table logs, which never change
}

func (c *clickhouse) Write(ctx context.Context, cut stream.Cut) error {
	topic, ours := strings.CutPrefix(cut.Topic, wire.TopicName(c.cell, ""))
	var build func(stream.Cut, uint32) ([]*block, error)
	switch {
	case ours && topic == wire.TopicDevice:
		build = c.device
	case ours && (topic == wire.TopicFeatures || topic == wire.TopicParticipants):
		build = c.rows
	case ours && topic == wire.TopicQuarantine:
		build = c.quarantine
	default:
		return sink.Permanent(fmt.Errorf("store cut of topic %q: ClickHouse holds device, features, participants and quarantine of cell %q", cut.Topic, c.cell))
	}
	if err := c.write(ctx, cut, build); err != nil {
		return fmt.Errorf("store offsets %d to %d of %s/%d: %w", cut.First, cut.Next, cut.Topic, cut.Partition, err)
	}
	return nil
}

func (c *clickhouse) write(ctx context.Context, cut stream.Cut, build func(stream.Cut, uint32) ([]*block, error)) error {
	generation, err := c.generation(ctx, cut.Topic, cut.Log)
	if err != nil {
		return err
	}
	blocks, err := build(cut, generation)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		// A crash between two of them leaves the first ones, whose tokens are known
		// when the cut is written again.
		if err := c.insert(ctx, cut.Range, b); err != nil {
			return err
		}
	}
	return nil
}
