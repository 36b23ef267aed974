package features

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Feature is one number of a window.
type Feature struct {
	ID      string          // the column's name, for ever
	Unit    string          // "1" for a pure number
	Doc     string          // one line for people
	Windows []time.Duration // lengths at which it is defined
	Samples bool            // Value reads Window.Samples
	Value   func(w *Window) float64
}

// Set is a versioned list of features. Any change of a number is a new version.
type Set struct {
	Name, Version string
	Features      []Feature
	Parameters    map[string]any // what the numbers depend on beside the samples

	// Samples that a value depends on beyond its window, for which Block computes it:
	// before its block of 15 min, and after the window.
	Lead, Trail time.Duration
	looks       looks
}

// LooksAround reports whether a value depends on samples beyond its window.
func (s *Set) LooksAround() bool { return s.Lead > 0 || s.Trail > 0 }

// Algo names the set and its exact definition: name@version+digest, the digest
// being 8 hex digits of SHA-256 over the canonical JSON of the feature ids and
// the parameters.
func (s *Set) Algo() string {
	canonical, err := json.Marshal(map[string]any{"features": s.Columns(), "parameters": s.Parameters}) // sorts keys
	if err != nil {
		panic(fmt.Sprintf("parameters of %s: %v", s.Name, err)) // a fault in the source, found by any test
	}
	sum := sha256.Sum256(canonical)
	return fmt.Sprintf("%s@%s+%x", s.Name, s.Version, sum[:4])
}

// Columns are the ids of all features in registration order, which is the order
// of the columns of rows.
func (s *Set) Columns() []string {
	ids := make([]string, len(s.Features))
	for i := range s.Features {
		ids[i] = s.Features[i].ID
	}
	return ids
}

// Value computes a feature of the set.
func (s *Set) Value(id string) func(*Window) float64 {
	return s.Features[slices.Index(s.Columns(), id)].Value
}

// Columns are the ids of the features of several sets, each once.
func Columns(sets ...*Set) (ids []string) {
	for _, s := range sets {
		for _, id := range s.Columns() {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// ColumnsAt are the ids of the features that are defined at a window length.
func (s *Set) ColumnsAt(w time.Duration) []string {
	var ids []string
	for i := range s.Features {
		if slices.Contains(s.Features[i].Windows, w) {
			ids = append(ids, s.Features[i].ID)
		}
	}
	return ids
}

// At reports whether a feature is defined at a window length.
func (s *Set) At(w time.Duration) bool {
	return slices.ContainsFunc(s.Features, func(f Feature) bool { return slices.Contains(f.Windows, w) })
}

// SampleLengths are the window lengths at which a feature reads the samples
// themselves.
func (s *Set) SampleLengths() []time.Duration {
	var lengths []time.Duration
	for i := range s.Features {
		if s.Features[i].Samples {
			lengths = append(lengths, s.Features[i].Windows...)
		}
	}
	slices.Sort(lengths)
	return slices.Compact(lengths)
}

// Values fills out, of the length of Features, with the values of a window; NaN
// where a feature is not defined.
func (s *Set) Values(w *Window, out []float64) {
	for i := range s.Features {
		out[i] = math.NaN()
		if f := &s.Features[i]; slices.Contains(f.Windows, w.Length) {
			out[i] = f.Value(w)
		}
	}
}
