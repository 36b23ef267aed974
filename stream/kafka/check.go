package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// Verify compares the topics with what they should be and creates nothing.
func Verify(ctx context.Context, cl *kgo.Client, cell string, topics []wire.Topic, replication int16) error {
	return verify(ctx, kadm.NewClient(cl), cell, topics, replication, map[string]stream.LogID{})
}

// Ready answers since when this process has not been in its group, so that
// nothing is stored by it.
func (g *Group) Ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.since.IsZero() && g.member != nil:
		return nil
	case g.since.IsZero():
		return fmt.Errorf("has not joined its group yet")
	}
	out := time.Since(g.since).Round(time.Second)
	if g.why == nil {
		return fmt.Errorf("has not joined its group for %s: are the Kafka brokers of --kafka.brokers up and in reach?", out)
	}
	return fmt.Errorf("has not been in its group for %s: are the Kafka brokers of --kafka.brokers up and in reach? It goes on by itself: %w", out, g.why)
}
