package calibrate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Reason says why an attempt was not accepted.
type Reason string

const (
	NoStill     Reason = "no_still"      // fewer than ten still epochs
	Sphere      Reason = "sphere"        // they are not on all sides of the sphere
	Diverged    Reason = "diverged"      // the fit came to no numbers
	NotBetter   Reason = "not_better"    // the mean error did not fall
	StillTooFar Reason = "still_too_far" // it fell, and is not below the limit
)

// minEpochs is how many epochs a fit of three numbers an axis needs at the least.
const minEpochs = 10

// Record is the outcome of an attempt: the correction and what it rests on. It
// never changes; another attempt makes another record.
type Record struct {
	ID        string `json:"cal_id"` // 16 hex digits of SHA-256 over epochs, span and parameters
	Algorithm string `json:"algorithm"`
	Accepted  bool   `json:"accepted"`
	Reason    Reason `json:"reason,omitempty"` // why not

	Offset    [3]float64 `json:"offset_g"`
	Scale     [3]float64 `json:"scale"`
	TempScale [3]float64 `json:"temp_scale_g_per_degc"`
	MeanTemp  float64    `json:"mean_temp_degc"` // 0 where temperature was not used

	ErrorBefore float64    `json:"error_before_g"` // mean of | |a| - 1 |
	ErrorAfter  float64    `json:"error_after_g"`
	Min         [3]float64 `json:"min_g"` // of the means of still epochs
	Max         [3]float64 `json:"max_g"`

	Epochs      int           `json:"epochs"` // that the fit is over
	Iterations  int           `json:"iterations"`
	Temperature bool          `json:"temperature"` // whether it was used
	From        int64         `json:"from_ns"`     // what was looked at, ns since 1970
	To          int64         `json:"to_ns"`
	Span        time.Duration `json:"span_ns"`
	Parameters  Parameters    `json:"parameters"`
}

// Algorithm is the name and version of the fit. Any change of a number is a new
// version.
const Algorithm = "calibrate.v1@1.0.0"

// Attempt fits the still epochs of [from, to), in whatever order they are given.
// Exact repeats of the means of the one before in time (a stuck sensor) count once.
func Attempt(epochs []Still, from, to int64, p Parameters) Record {
	epochs = between(epochs, from, to)
	r := Record{Algorithm: Algorithm, Scale: [3]float64{1, 1, 1}, From: from, To: to, Span: time.Duration(to - from), Parameters: p}
	r.ID = r.digest(epochs)
	r.Reason = r.attempt(epochs)
	r.Accepted = r.Reason == ""
	return r
}

func (r *Record) attempt(epochs []Still) Reason {
	p := &r.Parameters
	warm := withTemperature(epochs, p)
	if warm != nil {
		epochs, r.Temperature = warm, true
	}
	r.Epochs = len(epochs)
	if len(epochs) < minEpochs {
		return NoStill
	}
	r.Min, r.Max = epochs[0].Mean, epochs[0].Mean
	var before, temperature float64
	for i := range epochs {
		e := &epochs[i]
		for k := range 3 {
			r.Min[k], r.Max[k] = min(r.Min[k], e.Mean[k]), max(r.Max[k], e.Mean[k])
		}
		before += e.Error()
		temperature += e.Temperature
	}
	n := float64(len(epochs))
	r.ErrorBefore = before / n
	r.ErrorAfter = r.ErrorBefore
	for k := range 3 {
		if !(r.Min[k] < -p.Sphere && r.Max[k] > p.Sphere) {
			return Sphere
		}
	}
	var warmer []float64
	if r.Temperature {
		r.MeanTemp = temperature / n
		for i := range epochs {
			warmer = append(warmer, epochs[i].Temperature-r.MeanTemp)
		}
	}
	c, iterations, ok := fit(epochs, warmer, p)
	r.Iterations = iterations
	if !ok {
		return Diverged
	}
	r.Offset, r.Scale, r.TempScale = c.offset, c.scale, c.tempScale
	var after float64
	for i := range epochs {
		var a [3]float64
		for k := range 3 {
			warmth := 0.0
			if warmer != nil {
				warmth = warmer[i]
			}
			a[k] = c.apply(k, epochs[i].Mean[k], warmth)
		}
		after += math.Abs(norm(a) - 1)
	}
	r.ErrorAfter = after / n
	switch {
	case !(r.ErrorAfter < r.ErrorBefore):
		return NotBetter
	case !(r.ErrorAfter < p.MaxError):
		return StillTooFar
	}
	return ""
}

// withTemperature are the epochs that have one, or nil if there are too few of
// them or the temperature hardly changed.
func withTemperature(epochs []Still, p *Parameters) []Still {
	if !p.Temperature {
		return nil
	}
	warm := make([]Still, 0, len(epochs))
	low, high := math.Inf(1), math.Inf(-1)
	for _, e := range epochs {
		if e.Temperature == e.Temperature {
			warm = append(warm, e)
			low, high = min(low, e.Temperature), max(high, e.Temperature)
		}
	}
	if float64(len(warm)) < float64(p.MinReadings*float64(len(epochs))) || !(high-low >= p.MinTempSpread) {
		return nil
	}
	return warm
}

// between are the epochs that begin in [from, to), in order, without repeats.
func between(epochs []Still, from, to int64) []Still {
	var out []Still
	for _, e := range epochs {
		if e.Start >= from && e.Start < to {
			out = append(out, e)
		}
	}
	sortByStart(out)
	return slices.CompactFunc(out, func(a, b Still) bool { return a.Start == b.Start || a.Mean == b.Mean })
}

// sortByStart orders by time; were two to begin together, by what they say, so
// that the order in which they are given never matters.
func sortByStart(epochs []Still) {
	slices.SortFunc(epochs, func(a, b Still) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), slices.Compare(a.Mean[:], b.Mean[:]), cmp.Compare(a.Temperature, b.Temperature))
	})
}

func (r *Record) digest(epochs []Still) string {
	parameters, err := json.Marshal(r.Parameters)
	if err != nil {
		panic(fmt.Sprintf("parameters of a calibration: %v", err)) // numbers that are none
	}
	buf := append([]byte(Algorithm), parameters...)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(r.From))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(r.To))
	for i := range epochs {
		e := &epochs[i]
		buf = binary.LittleEndian.AppendUint64(buf, uint64(e.Start))
		for _, v := range []float64{e.Mean[0], e.Mean[1], e.Mean[2], e.Temperature} {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
	}
	sum := sha256.Sum256(buf)
	return fmt.Sprintf("%x", sum[:8])
}

// ValidFrom is when rows begin to carry the record: the first local midnight
// after what it rests on was sealed. Earlier rows keep what they had.
func (r *Record) ValidFrom(zone *time.Location) time.Time {
	t := time.Unix(0, r.To).In(zone)
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, zone)
}
