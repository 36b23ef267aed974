package engine

import (
	"context"
	"errors"
)

// Serve owns the engine in this process and answers HTTP until ctx is done.
func Serve(ctx context.Context, cfg Config, dir, user, password string, ready func(addr string)) error {
	return errors.ErrUnsupported
}
