package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/stream/kafka"
)

// endpoints is DIR/endpoints.json: where the parts of a running `up` are.
type endpoints struct {
	Version                int            `json:"version"`
	PID                    int            `json:"pid"`
	Data                   string         `json:"data"`
	Cell                   string         `json:"cell"`
	MQTT                   string         `json:"mqtt"`
	ServerName             string         `json:"server_name"`
	CA                     string         `json:"ca"`
	Admin                  string         `json:"admin"`
	Kafka                  []string       `json:"kafka"`
	KafkaSecurity          kafka.Security `json:"kafka_security,omitzero"`
	Objects                string         `json:"objects"`
	ClickHouse             string         `json:"clickhouse"`
	ClickHouseUser         string         `json:"clickhouse_user"`
	ClickHousePasswordFile string         `json:"clickhouse_password_file"`
	Database               string         `json:"database"`
}

func endpointsPath(data string) string { return filepath.Join(data, "endpoints.json") }

// readEndpoints finds a running `up` by its data folder.
func readEndpoints(data string) (*endpoints, error) {
	b, err := os.ReadFile(endpointsPath(data))
	if errors.Is(err, os.ErrNotExist) {
		return nil, unreachable(fmt.Errorf("no `wearstream up` is running on %s: start one with `wearstream up --data %s`", data, data))
	}
	if err != nil {
		return nil, err
	}
	e := new(endpoints)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("read %s: %w", endpointsPath(data), err)
	}
	return e, nil
}

// write puts the file in place at once: a reader sees the old one, none, or this.
func (e *endpoints) write() error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	path := endpointsPath(e.Data)
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// lockData makes this process the only `up` of the folder. The lock goes with the
// process, however it ends; what a killed one left behind does not matter.
func lockData(data string) (release func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		f.Close()
		return nil, fmt.Errorf("%s is in use by another `wearstream up`, process %s", data, holder[:n])
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(fmt.Append(nil, os.Getpid()), 0); err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// clickhouse is how to reach the ClickHouse of a running up.
func (e *endpoints) clickhouse() clickhouse.Config {
	return clickhouse.Config{
		DSN: strings.Replace(e.ClickHouse, "://", "://"+e.ClickHouseUser+"@", 1), PasswordFile: e.ClickHousePasswordFile,
	}
}
