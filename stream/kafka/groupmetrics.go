package kafka

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// groupMetrics are a group's; package sink counts what its writes come to.
type groupMetrics struct{ cuts *prometheus.CounterVec }

func newGroupMetrics(reg prometheus.Registerer, g *Group, topics []string) *groupMetrics {
	label := prometheus.Labels{"sink": g.cfg.Sink}
	m := &groupMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "wearstream_sink_cuts_total",
		Help:        "Cuts stored, their ends committed.",
		ConstLabels: label,
	}, []string{"topic"})}
	for _, topic := range topics {
		m.cuts.WithLabelValues(topic) // a rate needs the zero before the first
	}
	reg.MustRegister(m.cuts,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "wearstream_sink_unstored_records",
			Help:        "Records in the log and not yet stored, in partitions held here, ticks aside as far as they were read. NaN: not known, out of the group.",
			ConstLabels: label,
		}, g.unstored),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "wearstream_sink_oldest_unstored_seconds",
			Help:        "Age of the oldest record, ticks aside, that is in the log and not yet stored, in partitions held here; 0: there is none. While the log cannot be asked, or out of the group: at least for how long.",
			ConstLabels: label,
		}, g.oldestUnstored))
	ExportLag(reg, g.cfg.Group, topics, g.positions)
	g.kafka.Metrics.Member(g.cfg.Group)
	return m
}

// positions serves ExportLag: how far this process is with what it holds.
func (g *Group) positions() ([]Position, time.Time) {
	g.mu.Lock()
	m, since := g.member, g.since
	g.mu.Unlock()
	if m == nil {
		return nil, since
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Out of the group nobody knows what waits; it may be as old as that.
	for _, unknown := range []time.Time{m.since, Stale(m.asked)} {
		if since.IsZero() || !unknown.IsZero() && unknown.Before(since) {
			since = unknown
		}
	}
	var all []Position
	for at, s := range m.shares {
		p := s.position()
		p.Topic, p.Partition = m.g.topics[at.topic], at.partition
		all = append(all, p)
	}
	return all, since
}

func (g *Group) oldestUnstored() float64 {
	positions, since := g.positions()
	oldest := age(since)
	for _, p := range positions {
		oldest = max(oldest, age(p.Oldest))
	}
	return oldest
}

func (g *Group) unstored() float64 {
	g.mu.Lock()
	m, out := g.member, !g.since.IsZero()
	g.mu.Unlock()
	if m == nil || out {
		return math.NaN()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.since.IsZero() {
		return math.NaN()
	}
	n := int64(0)
	for _, s := range m.shares {
		n += s.unstored()
	}
	return float64(n)
}

// position is how far the share is, without its name.
func (p *share) position() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.first
	if oldest.IsZero() && p.next < p.end {
		oldest = p.caught // what waits is not here yet, so that its age is not known
	}
	return Position{Behind: max(0, p.end-p.committed), Oldest: oldest}
}

func (p *share) unstored() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.data) + max(0, p.end-p.next)
}

// told takes where the log ends.
func (p *share) told(end int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end = end; p.next >= end {
		p.caught = now
	}
}
