package sink

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wearstream/wearstream/stream"
)

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that trying again cannot cure.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether err, or an error that it wraps, is marked so.
func IsPermanent(err error) bool {
	_, ok := errors.AsType[permanentError](err)
	return ok
}

// Retry writes each cut until it is stored or ctx ends, waiting 100 ms at first
// and up to 30 s, each time half as much more or less by chance. A
// *stream.AdoptError and a Permanent error are answered at once. It logs once
// when writing begins to fail and once when it works again.
func Retry(s stream.Sink, log *slog.Logger) stream.Sink { return &retry{s, log} }

type retry struct {
	sink stream.Sink
	log  *slog.Logger
}

func (r *retry) Write(ctx context.Context, cut stream.Cut) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	wait.Multiplier = 2
	wait.MaxInterval = 30 * time.Second

	log := r.log.With("topic", cut.Topic, "partition", cut.Partition, "offset", cut.First)
	var failing time.Time
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := r.sink.Write(ctx, cut)
		if _, adopt := errors.AsType[*stream.AdoptError](err); adopt || IsPermanent(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	},
		backoff.WithBackOff(wait),
		backoff.WithMaxElapsedTime(0), // the log keeps; giving up would only be a restart
		backoff.WithNotify(func(err error, _ time.Duration) {
			if failing.IsZero() {
				failing = time.Now()
				log.Warn("sink does not take a cut, trying again", "err", err)
			}
		}))
	if err == nil && !failing.IsZero() {
		log.Info("sink takes cuts again", "elapsed", time.Since(failing))
	}
	return err
}
