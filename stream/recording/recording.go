package recording

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// DefaultBatch is the time that a batch holds unless said otherwise.
const DefaultBatch = 10 * time.Second

// maxBatch is the number of samples that always fits into a payload: as micro-g,
// with a reading at every sample.
const maxBatch = 16_384

// Options say how a file is read. The zero value takes everything from the file.
type Options struct {
	RateHz      float64       `json:"rate_hz,omitempty"`    // nominal rate
	LSBPerG     uint32        `json:"lsb_per_g,omitempty"`  // counts per g; the values must fit it exactly
	RangeMG     uint32        `json:"range_mg,omitempty"`   // dynamic range
	TempEvery   int           `json:"temp_every,omitempty"` // canonical CSV: rows from reading to reading; default a quarter of the rate
	Start       *time.Time    `json:"start,omitempty"`      // when the first sample is to be; nil: as recorded
	BatchLength time.Duration `json:"batch_ns,omitempty"`   // default DefaultBatch
}

// Validate joins all faults, each named by its flag.
func (o Options) Validate() error {
	var errs []error
	if o.RateHz != 0 && !(o.RateHz >= wire.MinRateMHz/1000. && o.RateHz <= wire.MaxRateMHz/1000.) {
		errs = append(errs, fmt.Errorf("--rate: %v is not in %d..%d Hz", o.RateHz, wire.MinRateMHz/1000, wire.MaxRateMHz/1000))
	}
	if o.LSBPerG > wire.MaxLSBPerG {
		errs = append(errs, fmt.Errorf("--lsb: %d is not in 1..%d", o.LSBPerG, wire.MaxLSBPerG))
	}
	if o.TempEvery < 0 {
		errs = append(errs, fmt.Errorf("--temp-every: %d is negative", o.TempEvery))
	}
	if o.BatchLength < 0 || o.BatchLength > 24*time.Hour {
		errs = append(errs, fmt.Errorf("--batch: %v is not a time up to 24h", o.BatchLength))
	}
	if o.Start != nil && (o.Start.Before(minTime) || o.Start.After(maxTime)) {
		errs = append(errs, fmt.Errorf("--start: %s is not between %d and %d", o.Start.Format(time.RFC3339), minTime.Year(), maxTime.Year()))
	}
	return errors.Join(errs...)
}

// Times that a recording may have; nanoseconds since 1970 then fit with room.
var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Recording is a file that was looked through once: what it holds is known, and
// Batches reads it again. It keeps no file open and may be used concurrently.
type Recording struct {
	Path        string
	Format      string // "canonical CSV" or "Empatica E4"
	Samples     int64
	First, Last time.Time // of the samples, as shifted by Options.Start
	RateMHz     uint32    // nominal
	Encoding    wire.Encoding
	LSBPerG     uint32 // 0: micro-g
	RangeMG     uint32 // 0: unknown
	TempEvery   int    // canonical CSV
	Damage      Damage

	src     source
	shift   int64  // ns
	tol     int64  // ns
	tempMHz uint32 // nominal rate of the readings
	size    int    // samples per batch
}

// Damage is what of a file could not be read and was left out.
type Damage struct {
	Rows  int64  // rows
	First string // the first of them, and why
	End   error  // why the file ends early; nil: it does not
}

// Open looks through a file.
func Open(path string, o Options) (*Recording, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	src, err := find(path)
	if err != nil {
		return nil, err
	}
	r, err := scan(path, src, o)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// Name is the base name of a path without its extensions: what a recording is
// called where nobody says otherwise.
func Name(path string) string {
	name := filepath.Base(path)
	if cut, gz := cutSuffixFold(name, ".gz"); gz {
		name = cut
	}
	for _, ext := range []string{".csv", ".zip"} {
		if cut, ok := cutSuffixFold(name, ext); ok {
			return cut
		}
	}
	return name
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if n := len(s) - len(suffix); n > 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// Batches yields the recording as batches in order, seq from 0; sensor and boot
// are left to the caller, to whom the batches belong.
func (r *Recording) Batches() iter.Seq2[*wire.SampleBatch, error] {
	return func(yield func(*wire.SampleBatch, error) bool) {
		b := newBatcher(r)
		stopped := false
		_, err := r.src.rows(func(row *row) bool {
			full, err := b.add(row)
			if err != nil || full != nil {
				stopped = !yield(full, wrap(r.Path, err)) || err != nil
			}
			return !stopped
		})
		if stopped {
			return
		}
		if err != nil {
			yield(nil, wrap(r.Path, err))
			return
		}
		if last := b.flush(); last != nil {
			yield(last, nil)
		}
	}
}

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// perBatch is the number of samples of a batch.
func perBatch(length time.Duration, rateMHz uint32) int {
	if length == 0 {
		length = DefaultBatch
	}
	n := math.Round(length.Seconds() * float64(rateMHz) / 1000)
	return int(min(max(n, 1), maxBatch))
}
