package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// Config says what is computed. The zero value is core.v1 on the grid.
type Config struct {
	Sets      []*features.Set   // default: core.v1
	Wear      []string          // algorithms of wear by precedence; default: wear.DefaultOrder
	WearClean bool              // then the rules about islands of the one algorithm of Wear
	Calibrate bool              // say what calibration recordings ask for; on the grid only
	Apply     bool              // calibrate those that ask for an accepted one, from their first sample on
	FromFirst bool              // windows are counted from the first sample instead of 1970
	Reader    recording.Options // how files are read
	Workers   int               // default: one per processor
}

// Input is a recording and whose it is.
type Input struct {
	Path                     string `json:"path"`
	Sensor                   string `json:"sensor"` // a valid sensor's name
	Study, Participant, Side string `json:"-"`
	Serial                   string `json:"-"` // of the device that was assigned; empty: not known
	Dominant                 string `json:"-"` // hand of the participant, left or right; empty: not known
}

// Table is what rows say.
type Table string

const (
	Features Table = "features" // of windows, by a set
	Wear     Table = "wear"     // of minutes, whether the device was worn
	Pairs    Table = "pairs"    // of windows of a left and a right recording
)

// Store takes rows. Begin is called concurrently, once for what a set makes of a
// recording, or of two that pair, by name.
type Store interface {
	Begin(table Table, set string, of ...Input) (Recording, error)
}

// Recording takes the rows of one recording by one set, from one goroutine. Nothing
// may be seen of it before Commit; Abort after either of them does nothing.
type Recording interface {
	Write(rows []arrow.Record) error
	Commit() error
	Abort() error
}

// Progress is how far a run is. The total grows as files are opened; until a file was read
// to its end its part of it is what the part that was read lets expect.
type Progress struct {
	Files, FilesDone   int
	Samples, SamplesOf int64
	Open               string // the file opened last
}

// Batch computes features.
type Batch struct {
	cfg   Config
	store Store
	show  func(Progress)
	jobs  chan *job
	open  func(string, recording.Options) (*recording.Recording, error) // recording.Begin, or Open, of which a test says that rows are the same

	mu       sync.Mutex
	progress Progress
}

// New checks and keeps; show may be nil and is called from one goroutine at a time.
func New(cfg Config, store Store, show func(Progress)) (*Batch, error) {
	if len(cfg.Sets) == 0 {
		cfg.Sets = []*features.Set{features.Core}
	}
	if len(cfg.Wear) == 0 {
		cfg.Wear = wear.DefaultOrder
	}
	if _, err := wear.New(wear.Config{Order: cfg.Wear, Clean: cfg.WearClean}); err != nil {
		return nil, fmt.Errorf("--wear: %w", err)
	}
	if slices.Contains(cfg.Wear, "choi") && !slices.ContainsFunc(cfg.Sets, func(s *features.Set) bool { return countsIn(s) >= 0 }) {
		return nil, errors.New("--wear: choi needs activity counts: add --set ref.v1")
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if show == nil {
		show = func(Progress) {}
	}
	return &Batch{cfg: cfg, store: store, show: show, jobs: make(chan *job), open: recording.Begin}, cfg.Reader.Validate()
}

// Run computes all inputs and reports on each, in their order. A file's failure is
// in its report; the error is that of a run that was cut short.
func (b *Batch) Run(ctx context.Context, inputs []Input) ([]Report, error) {
	if err := checkNames(inputs); err != nil {
		return nil, err
	}
	b.progress.Files = len(inputs)
	var workers, files sync.WaitGroup
	for range b.cfg.Workers {
		workers.Go(newWorker(b.cfg).run(b.jobs))
	}
	reports, people := make([]Report, len(inputs)), people(inputs)
	next := make(chan int)
	for range min(b.cfg.Workers, len(inputs)) {
		files.Go(func() {
			for i := range next {
				var w *wrist
				if reports[i], w = b.file(ctx, inputs[i], people[i] != nil); people[i] != nil {
					b.computed(people[i], w, i, reports)
				}
				b.advance(func(p *Progress) { p.FilesDone++ })
			}
		})
	}
	for _, i := range together(people) {
		next <- i
	}
	close(next)
	files.Wait()
	close(b.jobs)
	workers.Wait()
	return reports, context.Cause(ctx)
}

func checkNames(inputs []Input) error {
	var errs []error
	seen := map[string]string{}
	for _, in := range inputs {
		if !wire.ValidSensor(in.Sensor) {
			errs = append(errs, fmt.Errorf("%s: %q is no name of a sensor, which is 1 to %d of A-Z a-z 0-9 . _ : -: give it one in a manifest (column sensor)", in.Path, in.Sensor, wire.MaxName))
		}
		if other, twice := seen[in.Sensor]; twice {
			errs = append(errs, fmt.Errorf("%s and %s are both called %q: give them names in a manifest (column sensor)", other, in.Path, in.Sensor))
		}
		seen[in.Sensor] = in.Path
	}
	return errors.Join(errs...)
}

// advance changes the progress and shows it.
func (b *Batch) advance(change func(*Progress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.progress)
	b.show(b.progress)
}
