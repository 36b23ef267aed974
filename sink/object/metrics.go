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
// object is the topic that it lands, or features.
func Instrument(s Store, cell string, reg prometheus.Registerer) Store {
	return &instrumented{s, wire.TopicName(cell, ""),
		sink.NewTables(reg, "object", wire.TopicDevice, wire.TopicQuarantine, wire.TopicFeatures)}
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
		i.tables.Stored(strings.TrimPrefix(meta["topic"], i.prefix), rows, len(body))
	}
	return err
}
