package replay

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/wearstream/wearstream/provisioning/authority"
)

// Deps is what a Replay is given. The zero value works.
type Deps struct {
	Log      *slog.Logger   // nil: silent
	Progress func(Progress) // called about four times a second and at the end; nil: not
	// Dial opens the connection below TLS; nil: TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Progress is how far a run is.
type Progress struct {
	Devices, DevicesDone int
	Batches, Acked       int64 // published for the first time; acknowledged
	Samples              int64 // in the acknowledged batches
	TotalSamples         int64 // of the recordings opened so far
	Elapsed              time.Duration
}

// Result is what a run did.
type Result struct {
	Devices      int     `json:"devices"`
	Recordings   int     `json:"recordings"`
	Skipped      int     `json:"skipped"` // known already (--new)
	Batches      int64   `json:"batches"`
	Acknowledged int64   `json:"acknowledged"`
	Samples      int64   `json:"samples"`
	Damaged      int64   `json:"damaged_rows"`
	Recovered    int64   `json:"recovered"` // batches of an interrupted run, sent again under their old names
	Elapsed      float64 `json:"elapsed_s"`
}

// Replay plays recordings as devices.
type Replay struct {
	cfg     Config
	devices []Device
	deps    Deps
}

// New checks configuration and names; every error of it is one of wrong use.
func New(cfg Config, files []string, deps Deps) (*Replay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	devices, err := Plan(cfg, files)
	if err != nil {
		return nil, err
	}
	return &Replay{cfg.withDefaults(), devices, deps}, nil
}

// Run plays everything, all devices at once, and returns when every batch is
// acknowledged, or with why not. The Result says what was done in either case.
func (r *Replay) Run(ctx context.Context) (Result, error) {
	u, err := r.prepare()
	if err != nil {
		return Result{Devices: len(r.devices)}, err
	}
	watched := u.watch()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, d := range r.devices {
		wg.Go(func() {
			if err := u.device(ctx, d); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				return
			}
			u.devicesDone.Add(1)
		})
	}
	wg.Wait()
	watched()
	if err := u.acked.close(); err != nil {
		errs = append(errs, err)
	}
	res := u.result()
	switch {
	case ctx.Err() != nil:
		return res, fmt.Errorf("replay cut off, %d of %d batches without an acknowledgement: %w", res.Batches-res.Acknowledged, res.Batches, context.Cause(ctx))
	case len(errs) > 1:
		return res, fmt.Errorf("%d of %d devices did not finish, the first: %w", len(errs), len(r.devices), errs[0])
	case len(errs) == 1:
		return res, errs[0]
	case res.Batches != res.Acknowledged:
		return res, fmt.Errorf("%d of %d batches without an acknowledgement", res.Batches-res.Acknowledged, res.Batches)
	}
	return res, nil
}

// prepare opens what all devices share, and checks that there is a gateway to
// be looked for.
func (r *Replay) prepare() (*run, error) {
	u := &run{cfg: r.cfg, deps: r.deps, devices: len(r.devices), began: time.Now(), files: map[string]*played{}}
	if u.deps.Log == nil {
		u.deps.Log = slog.New(slog.DiscardHandler)
	}
	if u.deps.Dial == nil {
		u.deps.Dial = new(net.Dialer).DialContext
	}
	u.turn.every = time.Duration(float64(time.Second) / r.cfg.ConnectRate)
	u.speed, _ = r.cfg.speed()
	if _, err := r.cfg.find(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var err error
	if r.cfg.Data != "" {
		if u.pki, err = authority.Open(r.cfg.pki()); err != nil {
			return nil, err
		}
	}
	if u.acked, err = openAcked(r.cfg.Acked); err != nil {
		return nil, err
	}
	return u, nil
}
