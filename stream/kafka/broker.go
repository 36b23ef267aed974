package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// BrokerConfig is the embedded broker's.
type BrokerConfig struct {
	Dir    string // where its data lies; made if missing
	Listen string // host:port of this machine; port 0: a free one. It is also the advertised address
}

// Broker is the embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
}

// StartBroker starts the embedded broker on what lies in its directory.
func StartBroker(cfg BrokerConfig, log *slog.Logger) (*Broker, error) {
	return startBroker(cfg, log)
}

func startBroker(cfg BrokerConfig, log *slog.Logger, more ...kfake.Opt) (*Broker, error) {
	ln, err := listen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	gate := newGate(ln)
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return gate, nil }),
		kfake.DataDir(cfg.Dir),
		kfake.SyncWrites(),
		kfake.ClusterID("wearstream"),
		kfake.WithLogger(brokerLog{log}),
		kfake.BrokerConfigs(brokerConfigs),
	}
	cluster, err := kfake.NewCluster(append(opts, more...)...)
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("start embedded broker in %s: %w", cfg.Dir, err)
	}
	if err := abortLeftOpen(context.Background(), cluster.ListenAddrs(), gate.dial); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("abort open transactions of embedded broker in %s: %w", cfg.Dir, err)
	}
	gate.open()
	return &Broker{cluster, cluster.ListenAddrs()}, nil
}

// brokerConfigs are the settings whose defaults do not suit us.
var brokerConfigs = map[string]string{
	// The cleaner ticks once an hour by default.
	"log.cleaner.backoff.ms": "60000",
	// A group that slept through a study's pause must find its offsets: 90 days.
	"offsets.retention.minutes": "129600",
}

// listen binds the one address that clients are told to use.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("kafka.listen: %q is not host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return nil, fmt.Errorf("kafka.listen: %q names no host that clients could be told to use; give one, such as 127.0.0.1", addr)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("kafka.listen: listen on %s: %w", addr, err)
	}
	return ln, nil
}

// Addrs are the addresses to give to clients.
func (b *Broker) Addrs() []string { return b.addrs }

// Close stops the broker after writing down its state. Without it the next start
// reads the log to find out.
func (b *Broker) Close() { b.cluster.Close() }

// brokerLog passes on what the broker complains of. Its warnings are about
// milliseconds and say nothing to whoever runs it.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker", "err", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Debug("embedded broker", "err", fmt.Sprintf(format, args...))
	}
}
