package processor

import (
	"errors"
	"fmt"
	"time"
)

// Config is the part of the configuration that is named after the service. Another default
// of the interval is given by the variable commit_interval.
type Config struct {
	CommitInterval time.Duration `name:"commit_interval" default:"${commit_interval=300ms}" help:"Time from a transaction's first record to its commit."`
	Slots          int           `name:"slots" default:"1" help:"Group members of this process, each with its own transaction."`
	SessionTimeout time.Duration `name:"session_timeout" default:"10s" help:"Silence after which the group gives a member's partitions to others."`
	MaxRecords     int           `name:"max_records" default:"20000" help:"Records of a transaction; then it commits."`
	MaxBytes       int64         `name:"max_bytes" default:"33554432" help:"Bytes read and written in a transaction; then it commits."`
}

// Check reports all that is wrong, each with its flag of the service.
func (c Config) Check(service string) error {
	var faults []error
	fault := func(flag, format string, args ...any) {
		faults = append(faults, fmt.Errorf("--%s.%s: "+format, append([]any{service, flag}, args...)...))
	}
	if c.CommitInterval < 10*time.Millisecond || c.CommitInterval > c.SessionTimeout {
		fault("commit_interval", "%s is not in 10ms..%s (the session timeout)", c.CommitInterval, c.SessionTimeout)
	}
	if c.Slots < 1 || c.Slots > 64 {
		fault("slots", "%d is not in 1..64", c.Slots)
	}
	if c.SessionTimeout < time.Second || c.SessionTimeout > 5*time.Minute {
		fault("session_timeout", "%s is not in 1s..5m", c.SessionTimeout)
	}
	if c.MaxRecords < 1 {
		fault("max_records", "%d, at least 1", c.MaxRecords)
	}
	if c.MaxBytes < minBytes {
		fault("max_bytes", "%d, at least %d, the largest record", c.MaxBytes, minBytes)
	}
	return errors.Join(faults...)
}

const minBytes = 2 << 20
