package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const dialTimeout = 5 * time.Second

// Options are what every client of ours starts from.
func (c Config) Options() []kgo.Opt {
	opts := append(c.Security.options(),
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("wearstream"),
		// A produce that meets CONCURRENT_TRANSACTIONS is retried only after the
		// next load of metadata; the default of 5 s would stall transactions.
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.DialTimeout(dialTimeout),
		kgo.RequestTimeoutOverhead(10*time.Second),
		kgo.RetryTimeout(20*time.Second),
	)
	if c.Log != nil {
		opts = append(opts, kgo.WithLogger(clientLog{c.Log}))
	}
	if c.Metrics != nil {
		opts = append(opts, kgo.WithHooks(c.Metrics))
	}
	return opts
}

// Reach asks for an answer of any broker, and says what to do where none lets us in.
func (c Config) Reach(ctx context.Context) error {
	cl, err := kgo.NewClient(c.Options()...)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.Ping(ctx); err != nil {
		return fmt.Errorf("reach the log at %v: %w", c.Brokers, c.Explain(err))
	}
	return nil
}

// clientLog passes on what the client complains of, below the level of what our
// own packages say about the same.
type clientLog struct{ log *slog.Logger }

func (l clientLog) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelError
}

func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	if level == kgo.LogLevelError {
		to = slog.LevelInfo
	}
	l.log.Log(context.Background(), to, "kafka client", append([]any{"event", msg}, keyvals...)...)
}
