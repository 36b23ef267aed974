package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream"
)

// script is a sink that answers as told, and then nil.
type script struct {
	answers []error
	calls   int
}

func (s *script) Write(context.Context, stream.Cut) error {
	s.calls++
	if s.calls <= len(s.answers) {
		return s.answers[s.calls-1]
	}
	return nil
}

var (
	errDown = errors.New("connection refused")
	cut     = stream.Cut{
		Range:   stream.Range{Topic: "wear.main.device.v1", Partition: 2, First: 7, Next: 9},
		Records: []stream.Record{{Offset: 7, Value: []byte("abc")}, {Offset: 8, Value: []byte("de")}},
	}
)

func logTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestRetry(t *testing.T) {
	adopt, permanent := &stream.AdoptError{Next: 8}, Permanent(errDown)
	for _, c := range []struct {
		name    string
		answers []error
		want    error
		calls   int
		lines   int // of the log
	}{
		{"stored at once", nil, nil, 1, 0},
		{"stored at last", []error{errDown, errDown, errDown}, nil, 4, 2},
		{"adopt", []error{fmt.Errorf("store: %w", adopt)}, adopt, 1, 0},
		{"adopt after a failure", []error{errDown, adopt}, adopt, 2, 1},
		{"permanent", []error{fmt.Errorf("store: %w", permanent)}, permanent, 1, 0},
		{"permanent after a failure", []error{errDown, permanent}, permanent, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &script{answers: c.answers}
				err := Retry(s, logTo(&log)).Write(t.Context(), cut)
				if !errors.Is(err, c.want) || s.calls != c.calls {
					t.Errorf("%v after %d calls", err, s.calls)
				}
				if got := strings.Count(log.String(), "\n"); got != c.lines {
					t.Errorf("%d lines:\n%s", got, &log)
				}
				if c.want != nil && len(c.answers) > 0 && err.Error() != c.answers[len(c.answers)-1].Error() {
					t.Errorf("the error became %q", err)
				}
			})
		})
	}
}

// An outage of an hour is waited out, with ever longer waits of which none is
// longer than 45 s, and is two lines in the log.
func TestRetryOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		start, last := time.Now(), time.Now()
		var longest time.Duration
		calls := 0
		s := Retry(writeFunc(func() error {
			calls++
			longest = max(longest, time.Since(last))
			last = time.Now()
			if time.Since(start) < time.Hour {
				return errDown
			}
			return nil
		}), logTo(&log))
		if err := s.Write(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		if longest > 45*time.Second || longest < 15*time.Second || calls < 80 || calls > 300 {
			t.Errorf("%d calls, longest wait %v", calls, longest)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `level=WARN msg="sink does not take a cut, trying again" topic=wear.main.device.v1 partition=2 offset=7 err="connection refused"`) ||
			!strings.Contains(lines[1], `level=INFO msg="sink takes cuts again"`) {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := Retry(writeFunc(func() error { return errDown }), slog.New(slog.DiscardHandler)).Write(ctx, cut)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

type writeFunc func() error

func (f writeFunc) Write(context.Context, stream.Cut) error { return f() }

func TestPermanent(t *testing.T) {
	err := fmt.Errorf("write: %w", Permanent(errDown))
	if !IsPermanent(err) || !errors.Is(err, errDown) || err.Error() != "write: connection refused" {
		t.Error(err)
	}
	if Permanent(nil) != nil || IsPermanent(nil) || IsPermanent(errDown) {
		t.Error("an unmarked error is permanent")
	}
}

func TestInstrument(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := Instrument(&script{answers: []error{errDown, &stream.AdoptError{Next: 8}, Permanent(errDown)}}, "object", reg)
	Instrument(&script{}, "clickhouse", reg) // another sink in the same registry
	for i, want := range []error{errDown, &stream.AdoptError{}, errDown, nil, nil} {
		if err := s.Write(t.Context(), cut); (err == nil) != (want == nil) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			value := m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			got[f.GetName()+" "+strings.Join(labels, " ")] = value
		}
	}
	want := map[string]float64{
		"wearstream_sink_writes_total stored clickhouse":    0,
		"wearstream_sink_writes_total stored object":        2,
		"wearstream_sink_writes_total adopted clickhouse":   0,
		"wearstream_sink_writes_total adopted object":       1,
		"wearstream_sink_writes_total retried clickhouse":   0,
		"wearstream_sink_writes_total retried object":       1,
		"wearstream_sink_writes_total failed clickhouse":    0,
		"wearstream_sink_writes_total failed object":        1,
		"wearstream_sink_write_duration_seconds clickhouse": 0,
		"wearstream_sink_write_duration_seconds object":     5,
		"wearstream_sink_records_total clickhouse":          0,
		"wearstream_sink_records_total object":              4,
	}
	if !maps.Equal(got, want) {
		t.Errorf("metrics: %v", got)
	}
}
