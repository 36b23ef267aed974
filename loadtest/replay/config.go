package replay

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wearstream/wearstream/stream/recording"
)

// Config is what `wearstream replay` takes beside its files.
type Config struct {
	Data string `name:"data" type:"path" help:"Folder of a running 'wearstream up': address, authority and the devices' memory are found there."`
	MQTT string `name:"mqtt" help:"Address of the gateway, host:port, instead of --data."`
	CA   string `name:"ca" type:"path" help:"With --mqtt: certificate of the gateway's authority, PEM."`
	Cert string `name:"cert" type:"path" help:"With --mqtt: the device's certificate, PEM."`
	Key  string `name:"key" type:"path" help:"With --mqtt: the device's key, PEM."`

	Thing   string `name:"thing" help:"Name of the device. Default: the file's base name without extensions."`
	Sensor  string `name:"sensor" help:"Name of the sensor, NAME or THING/NAME. Default: the thing itself."`
	Devices int    `name:"devices" help:"Cycle the files over so many devices; the second of a name is NAME-0002, and so on."`

	Start     string        `name:"start" help:"Move the first sample to this instant, RFC 3339 with its zone."`
	Speed     string        `name:"speed" default:"max" help:"Times as fast as it was recorded, or max."`
	Batch     time.Duration `name:"batch" default:"10s" help:"Time that one batch holds."`
	Rate      float64       `name:"rate" help:"Nominal rate in Hz. Default: from the file."`
	LSB       uint32        `name:"lsb" help:"Counts per g. Default: from the file."`
	TempEvery int           `name:"temp-every" help:"Rows of a CSV from one temperature reading to the next. Default: a quarter of the rate."`

	Acked string `name:"acked" type:"path" help:"Append a JSON line (sensor, boot, seq, sha256) per acknowledged batch to this file."`
	New   bool   `name:"new" help:"Skip recordings that this device has replayed to the end before."`

	Window      int           `name:"window" default:"32" help:"Batches in flight per device."`
	ConnectRate float64       `name:"connect-rate" default:"100" help:"New connections per second, all devices together."`
	Patience    time.Duration `name:"patience" default:"2m" help:"Give a device up after so long without a connection or an acknowledgement."`
}

// Validate joins all faults, each with its flag. The zero value of a number is
// its default.
func (c Config) Validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault((c.Data == "") == (c.MQTT == ""), "--data, --mqtt: give one of them")
	if c.MQTT != "" {
		_, _, err := net.SplitHostPort(c.MQTT)
		fault(err != nil, "--mqtt: %q is not host:port", c.MQTT)
		fault(c.CA == "" || c.Cert == "" || c.Key == "", "--mqtt: needs --ca, --cert and --key")
	} else {
		fault(c.CA+c.Cert+c.Key != "", "--ca, --cert, --key: only with --mqtt")
	}
	if _, err := c.start(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.speed(); err != nil {
		errs = append(errs, err)
	}
	fault(c.Devices < 0 || c.Devices > 100_000, "--devices: %d is not in 1..100000", c.Devices)
	fault(c.Window < 0 || c.Window > 10_000, "--window: %d is not in 1..10000", c.Window)
	fault(c.ConnectRate < 0, "--connect-rate: %v is negative", c.ConnectRate)
	fault(c.Patience < 0, "--patience: %v is negative", c.Patience)
	if err := c.options().Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Window == 0 {
		c.Window = 32
	}
	if c.ConnectRate == 0 {
		c.ConnectRate = 100
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Minute
	}
	return c
}

// start is the instant of --start, or nil.
func (c Config) start() (*time.Time, error) {
	if c.Start == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.Start)
	if err != nil {
		return nil, fmt.Errorf("--start: %q is no RFC 3339 instant with a zone, such as 2026-03-01T08:00:00Z or 2026-03-01T09:00:00+01:00", c.Start)
	}
	return &t, nil
}

// speed is the factor of --speed; 0 is max.
func (c Config) speed() (float64, error) {
	if c.Speed == "" || c.Speed == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(c.Speed, 64)
	if err != nil || !(v > 0 && v <= 1e9) {
		return 0, fmt.Errorf("--speed: %q is neither a positive number nor max", c.Speed)
	}
	return v, nil
}

// options is how the files are read.
func (c Config) options() recording.Options {
	start, _ := c.start()
	return recording.Options{RateHz: c.Rate, LSBPerG: c.LSB, TempEvery: c.TempEvery, Start: start, BatchLength: c.Batch}
}

// memory is the folder of the devices' state: DATA/replay, or a folder beside
// the certificate, since boot counter and certificate are of the same device.
func (c Config) memory() string {
	if c.Data != "" {
		return filepath.Join(c.Data, "replay")
	}
	return filepath.Join(filepath.Dir(c.Cert), "replay")
}

// pki is the folder of the authority.
func (c Config) pki() string { return filepath.Join(c.Data, "pki") }
