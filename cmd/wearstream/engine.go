package main

import (
	"context"

	"github.com/wearstream/wearstream/sink/clickhouse/engine"
)

// engineCmd runs the embedded ClickHouse in this process.
type engineCmd struct {
	engine.Daemon
}

func (engineCmd) Help() string {
	return "Example:\n  wearstream engine --dir ch --password_file secret --clickhouse.listen 127.0.0.1:0"
}

// Run serves until it is told to stop.
func (c *engineCmd) Run(ctx context.Context, e *env) error {
	return clean(ctx, c.Daemon.Run(ctx, e.log))
}
