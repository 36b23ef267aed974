package replay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
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

// Run plays everything and returns when every batch is acknowledged, or with
// why not.
func (r *Replay) Run(ctx context.Context) (Result, error) {
	return Result{}, errors.ErrUnsupported
}
