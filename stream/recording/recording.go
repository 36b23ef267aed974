package recording

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"runtime"
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

// Recording is a file that was looked through: what it holds is known, and Batches
// reads it again. It keeps no file open and may be used concurrently. Where Begin
// answered it, what it says of the length (Samples, Earliest, Latest), BatteryMV and
// Damage is of the beginning alone.
type Recording struct {
	Path      string
	Format    string // as "canonical CSV"
	Device    Device
	Notes     []string // what a reader should know of how the file was read
	Samples   int64
	First     time.Time // of the first sample in the file, as shifted by Options.Start
	Earliest  time.Time // sample; another one than the first where the clock was set back
	Latest    time.Time // sample
	RateMHz   uint32    // nominal
	Encoding  wire.Encoding
	LSBPerG   uint32 // 0: micro-g
	RangeMG   uint32 // 0: unknown
	TempEvery int    // canonical CSV
	BatteryMV [2]int // first and last told, millivolts; 0: not told
	Damage    Damage

	src     source
	shift   int64  // ns
	tol     int64  // ns
	coarse  int64  // last digit of times, ns, where it is more than half a sample; else 0
	tempMHz uint32 // nominal rate of the readings
	size    int    // samples per batch
	first   *first // nil: all of it is known
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

// Begin is Open by what the first 65,536 samples say, for who reads a file only once:
// Batches finds whether the others say so too. If they do not it ends with ErrAgain, and
// nothing of it counts; in both cases Whole is then the recording as Open has it. Where
// Open would be an error, Begin is the same one, or Batches ends with it.
func Begin(path string, o Options) (*Recording, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	src, err := find(path)
	if err != nil {
		return nil, err
	}
	r, err := begin(path, src, o, maxSpacings)
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
	for _, ext := range []string{".csv", ".zip", ".cwa", ".bin"} {
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
// are left to the caller, to whom the batches belong. It reads as it is asked, in
// the caller's goroutine.
func (r *Recording) Batches() iter.Seq2[*wire.SampleBatch, error] { return r.batches(1) }

// BatchesAhead is Batches, read ahead in goroutines of its own, one of which
// unzips and the others, as many as there are processors, parse: for a caller who
// waits for nothing else. It holds about 250 KB for each. They have ended when
// the loop has.
func (r *Recording) BatchesAhead() iter.Seq2[*wire.SampleBatch, error] {
	return r.batches(max(2, runtime.GOMAXPROCS(0)))
}

func (r *Recording) batches(workers int) iter.Seq2[*wire.SampleBatch, error] {
	return func(yield func(*wire.SampleBatch, error) bool) {
		if r.first != nil {
			r.firstBatches(workers, yield)
			return
		}
		b := newBatcher(r)
		more := true
		var fault error
		_, err := r.src.rows(workers, func(rows *rows) bool {
			more, fault = b.add(rows, func(full *wire.SampleBatch) bool { return yield(full, nil) })
			return more && fault == nil
		})
		switch {
		case !more && fault == nil:
		case err != nil || fault != nil:
			yield(nil, fmt.Errorf("read %s: %w", r.Path, cmp.Or(fault, err)))
		default:
			if last := b.flush(); last != nil {
				yield(last, nil)
			}
		}
	}
}

// perBatch is the number of samples of a batch.
func perBatch(length time.Duration, rateMHz uint32) int {
	if length == 0 {
		length = DefaultBatch
	}
	n := math.Round(length.Seconds() * float64(rateMHz) / 1000)
	return int(min(max(n, 1), maxBatch))
}
