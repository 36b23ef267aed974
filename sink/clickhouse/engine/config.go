package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// part is the folder of the pinned library in the parts cache. It names the same
// version as deploy/local/clickhouse, which brings it.
const part = "chdb-26.7.3-stable.1"

// Config is what an operator may choose. Its flags carry the prefix "clickhouse.".
type Config struct {
	Listen     string `name:"listen" default:"127.0.0.1:8123" help:"Address of the embedded ClickHouse (HTTP). Port 0 takes a free one."`
	Lib        string `name:"lib" type:"path" help:"Path of libchdb.so. Default: beside the program, else in the parts cache."`
	MemoryMiB  int    `name:"memory_mib" default:"2048" help:"Memory that the embedded ClickHouse may use, in MiB."`
	MaxQueries int    `name:"max_queries" default:"16" help:"Statements that run at once in the embedded ClickHouse; more wait."`
	Unconfined bool   `name:"unconfined" help:"Do not take files, programs and connections away from the embedded ClickHouse (Landlock)."`
}

// Validate joins all that is wrong with the configuration.
func (c Config) Validate() error {
	var faults []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		faults = append(faults, fmt.Errorf("clickhouse.listen: %w", err))
	}
	if c.MemoryMiB < 256 {
		faults = append(faults, fmt.Errorf("clickhouse.memory_mib: %d is less than 256, which the engine needs", c.MemoryMiB))
	}
	if c.MaxQueries < 1 || c.MaxQueries > 1000 {
		faults = append(faults, fmt.Errorf("clickhouse.max_queries: %d is not in 1..1000", c.MaxQueries))
	}
	return errors.Join(faults...)
}

// library finds libchdb.so, or says how to get it.
func (c Config) library() (string, error) {
	if c.Lib != "" {
		if _, err := os.Stat(c.Lib); err != nil {
			return "", fmt.Errorf("clickhouse.lib: %w", err)
		}
		return c.Lib, nil
	}
	var tried []string
	if exe, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(exe), "libchdb.so"))
	}
	parts := os.Getenv("WEARSTREAM_PARTS")
	if parts == "" {
		if cache, err := os.UserCacheDir(); err == nil {
			parts = filepath.Join(cache, "wearstream", "parts")
		}
	}
	tried = append(tried, filepath.Join(parts, part, "libchdb.so"))
	for _, path := range tried {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the ClickHouse engine libchdb.so is not there (looked for %s): run `deploy/local/clickhouse fetch`, set clickhouse.lib, or use a server with clickhouse.dsn",
		strings.Join(tried, ", "))
}

// Check reports what would keep the engine from starting: the configuration, or
// a library that is not there.
func (c Config) Check() error {
	if c.Listen != "" {
		if err := c.Validate(); err != nil {
			return err
		}
	}
	_, err := c.library()
	return err
}
