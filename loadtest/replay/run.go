package replay

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/stream/recording"
)

// run is what the devices of one Run share.
type run struct {
	cfg     Config
	deps    Deps
	pki     *authority.Authority // nil: the certificate was given
	acked   *ackedFile
	turn    turnstile
	speed   float64
	devices int
	began   time.Time

	mu    sync.Mutex
	files map[string]*played

	devicesDone, recordings, skipped, damaged atomic.Int64
	batches, acknowledged, samples, recovered atomic.Int64
	totalSamples                              atomic.Int64
}

// played is a recording that several devices play.
type played struct {
	once   sync.Once
	rec    *recording.Recording
	source source
	err    error
}

// open looks through a recording once per run.
func (r *run) open(path string, o recording.Options) (*recording.Recording, source, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, source{}, err
	}
	src := source{Path: path, Options: o}
	key, err := json.Marshal(src)
	if err != nil {
		return nil, source{}, err
	}
	r.mu.Lock()
	p := r.files[string(key)]
	if p == nil {
		p = &played{source: src}
		r.files[string(key)] = p
	}
	r.mu.Unlock()
	p.once.Do(func() {
		if p.rec, p.err = recording.Open(path, o); p.err == nil {
			p.source.SHA256, p.err = p.rec.Digest()
		}
	})
	return p.rec, p.source, p.err
}

// device plays the recordings of one device.
func (r *run) device(ctx context.Context, d Device) error {
	mem, err := remember(r.cfg.memory(), d)
	if err != nil {
		return err
	}
	defer mem.close()
	if r.pki != nil {
		if err := r.pki.KeepDevice(d.Thing, filepath.Join(r.cfg.memory(), d.Thing)); err != nil {
			return err
		}
	}
	if mem.unfinished() {
		if err := r.finish(ctx, d, mem); err != nil {
			return err
		}
	}
	for _, f := range d.Files {
		rec, src, err := r.open(f, r.cfg.options())
		if err != nil {
			return err
		}
		if r.cfg.New && mem.knows(src) {
			r.skipped.Add(1)
			continue
		}
		if err := r.play(ctx, d, mem, rec, src); err != nil {
			return err
		}
	}
	return nil
}

// play makes a new boot of a recording.
func (r *run) play(ctx context.Context, d Device, mem *memory, rec *recording.Recording, src source) error {
	began := time.Now()
	r.recordings.Add(1)
	r.damaged.Add(rec.Damage.Rows)
	r.totalSamples.Add(rec.Samples)
	if rec.Damage.Rows > 0 || rec.Damage.End != nil {
		r.deps.Log.Warn("recording is damaged", "device", d.Thing, "rows", rec.Damage.Rows, "first", rec.Damage.First, "err", rec.Damage.End)
	}
	if err := mem.begin(src); err != nil {
		return err
	}
	p := &playing{run: r, dev: d, mem: mem, rec: rec, to: math.MaxUint64, fresh: true}
	if err := p.deliver(ctx); err != nil {
		return errors.Join(err, mem.stop(p.sent, p.acks))
	}
	r.deps.Log.Info("recording replayed", "device", d.Thing, "boot", mem.Boot, "batches", p.last+1, "elapsed", time.Since(began))
	return mem.end(p.last, p.whole)
}

// finish publishes what an interrupted boot owes, as fast as it can.
func (r *run) finish(ctx context.Context, d Device, mem *memory) error {
	rec, src, err := r.open(mem.Source.Path, mem.Source.Options)
	if err != nil || src.SHA256 != mem.Source.SHA256 {
		r.deps.Log.Warn("recording of the interrupted boot is gone or changed, the boot is left as it is", "device", d.Thing, "boot", mem.Boot, "err", err)
		return mem.abandon()
	}
	p := &playing{run: r, dev: d, mem: mem, rec: rec, from: mem.Acked, to: *mem.LastSeq}
	if err := p.deliver(ctx); err != nil {
		return errors.Join(err, mem.stop(*mem.LastSeq+1, p.acks))
	}
	r.deps.Log.Info("interrupted boot finished", "device", d.Thing, "boot", mem.Boot, "batches", p.last+1-p.from)
	return mem.end(p.last, p.whole)
}

// watch reports progress until the answered function is called, and once then.
func (r *run) watch() (stop func()) {
	if r.deps.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(250 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.deps.Progress(r.progress())
			case <-done:
				r.deps.Progress(r.progress())
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (r *run) progress() Progress {
	return Progress{
		Devices: r.devices, DevicesDone: int(r.devicesDone.Load()),
		Batches: r.batches.Load(), Acked: r.acknowledged.Load(),
		Samples: r.samples.Load(), TotalSamples: r.totalSamples.Load(),
		Elapsed: time.Since(r.began),
	}
}

func (r *run) result() Result {
	return Result{
		Devices: r.devices, Recordings: int(r.recordings.Load()), Skipped: int(r.skipped.Load()),
		Batches: r.batches.Load(), Acknowledged: r.acknowledged.Load(), Samples: r.samples.Load(),
		Damaged: r.damaged.Load(), Recovered: r.recovered.Load(), Elapsed: time.Since(r.began).Seconds(),
	}
}
