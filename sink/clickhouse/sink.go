package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Tables that the sink writes.
const (
	tableBatches    = "batches_all"
	tableQuarantine = "quarantine_all"
	tableWindows    = "windows"
)

// New returns the sink that stores the cuts of one cell's device, features and
// quarantine topics. The schema is the one that the database was migrated to.
// Cuts of different partitions may be written at once.
func New(conn driver.Conn, cell string, schema *arrow.Schema, reg prometheus.Registerer) stream.Sink {
	return &clickhouse{
		conn: conn, cell: cell, schema: schema, m: newMetrics(reg),
		generations: make(map[logKey]uint32),
		written:     make(map[partitionKey]int64),
	}
}

type clickhouse struct {
	conn   driver.Conn
	cell   string
	schema *arrow.Schema
	m      *metrics

	mu          sync.Mutex
	generations map[logKey]uint32      // as in the table logs, which never changes a row
	written     map[partitionKey]int64 // where the last cut that was surely stored ends
}

type partitionKey struct {
	log       stream.LogID
	partition int32
}

func (c *clickhouse) Write(ctx context.Context, cut stream.Cut) error {
	topic, ours := strings.CutPrefix(cut.Topic, wire.TopicName(c.cell, ""))
	var build func(stream.Cut, uint32) ([]*block, error)
	switch {
	case ours && topic == wire.TopicDevice:
		build = c.batches
	case ours && topic == wire.TopicFeatures:
		build = c.windows
	case ours && topic == wire.TopicQuarantine:
		build = c.quarantine
	default:
		return sink.Permanent(fmt.Errorf("store cut of topic %q: it is none of the topics of cell %q that ClickHouse holds", cut.Topic, c.cell))
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
	first := c.begin(cut.Range)
	for _, b := range blocks {
		// A crash between two of them leaves the first ones, whose tokens make the
		// next attempt skip them.
		if err := c.insert(ctx, b, first); err != nil {
			return err
		}
		c.m.rows.WithLabelValues(b.table).Add(float64(b.rows))
	}
	c.done(cut.Range)
	return nil
}

// begin reports whether this is surely the first attempt to store the range: it
// follows on a stored one, so nobody can have sent it. Until done, it is not.
func (c *clickhouse) begin(r stream.Range) bool {
	key := partitionKey{r.Log, r.Partition}
	c.mu.Lock()
	defer c.mu.Unlock()
	next, ok := c.written[key]
	delete(c.written, key)
	return ok && next == r.First
}

func (c *clickhouse) done(r stream.Range) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written[partitionKey{r.Log, r.Partition}] = r.Next
}
