package kafka

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// pulse is a hook of a client that notes when a broker last answered. A member of
// a group asks several times within its session's timeout, whether or not there is
// something to read.
type pulse struct{ last atomic.Int64 }

func (p *pulse) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err == nil {
		p.beat()
	}
}

func (p *pulse) beat() { p.last.Store(time.Now().UnixNano()) }

func (p *pulse) silence() time.Duration { return time.Since(time.Unix(0, p.last.Load())) }
