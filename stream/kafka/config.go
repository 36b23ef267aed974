package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Config says where the brokers are and how to be let in.
type Config struct {
	Brokers []string `name:"brokers" sep:"," help:"Kafka brokers to start from, host:port."`
	Security

	Log     *slog.Logger `kong:"-"` // what the client says about connections; nil: nothing
	Metrics *Metrics     `kong:"-"` // of all clients; nil: none
}

// Validate joins all faults.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("kafka.brokers: give at least one host:port"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafka.brokers: %q is not host:port: %w", b, err))
		}
	}
	return errors.Join(append(errs, c.Security.validate(c.Brokers))...)
}
