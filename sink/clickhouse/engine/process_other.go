//go:build !linux

package engine

import (
	"context"
	"errors"
	"os"
)

// The library exists for Linux only; elsewhere the package builds and says so.

const confined = "WEARSTREAM_ENGINE_CONFINED"

var errNotHere = errors.New("the embedded ClickHouse runs on Linux only: use a server with clickhouse.dsn")

func confine(dir, lib, passwordFile string) error { return errNotHere }

func nullStdin() error { return errNotHere }

func lock(ctx context.Context, path string) (func(), error) { return nil, errNotHere }

func socketPair() (a, b *os.File, err error) { return nil, nil, errNotHere }
