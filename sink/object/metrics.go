package object

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream/wire"
)

// Instrument counts what is put into a store by the sink of a cell. The table of an
// object of landing is its topic, of windows features.v1, and else that of its rows.
func Instrument(s Store, cell string, reg prometheus.Registerer) Store {
	return &instrumented{s, wire.TopicName(cell, ""),
		sink.NewTables(reg, "object", wire.TopicDevice, wire.TopicQuarantine, wire.TopicFeatures, tableWear, tablePairs)}
}

type instrumented struct {
	Store
	prefix string
	tables *sink.Tables
}

func (i *instrumented) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	err := i.Store.Put(ctx, key, body, sum, meta)
	if err == nil {
		rows, _ := strconv.Atoi(meta["rows"])
		table := strings.TrimPrefix(meta["topic"], i.prefix)
		switch meta["schema"] {
		case wire.RowsWear:
			table = tableWear
		case wire.RowsPairs:
			table = tablePairs
		}
		i.tables.Stored(table, rows, len(body))
	}
	return err
}
