package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Config says where the brokers are.
type Config struct {
	Brokers []string `name:"brokers" sep:"," help:"Kafka brokers to start from, host:port."`

	Log *slog.Logger `kong:"-"` // what the client says about connections; nil: nothing
}

// Validate joins all faults.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka.brokers: give at least one host:port")
	}
	var errs []error
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafka.brokers: %q is not host:port: %w", b, err))
		}
	}
	return errors.Join(errs...)
}
