package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// Speaks answers how many brokers there are and which versions of Kafka they speak.
func Speaks(ctx context.Context, cl *kgo.Client) (brokers int, versions []string, err error) {
	answers, err := kadm.NewClient(cl).ApiVersions(ctx)
	if err != nil {
		return 0, nil, err
	}
	kinds := map[string]bool{}
	for _, v := range answers {
		kinds[v.VersionGuess()] = true
	}
	return len(answers), slices.Sorted(maps.Keys(kinds)), nil
}

// Tears reports whether brokers of this version may complete a transaction without
// writing its end to partitions that have no leader at that moment, as when all that
// keep them restart (KAFKA-20734): some of it is then never there. So are 4.3.0, 4.3.1
// and 4.4.0.
func Tears(version string) bool { return version == "v4.3" || version == "v4.4" }

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
