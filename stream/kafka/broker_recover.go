package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// gate is a listener that lets nobody in but us until it is opened.
type gate struct {
	net.Listener
	ours   chan net.Conn
	opened chan struct{}
	open   func()
}

func newGate(ln net.Listener) *gate {
	opened := make(chan struct{})
	return &gate{ln, make(chan net.Conn), opened, sync.OnceFunc(func() { close(opened) })}
}

func (g *gate) Close() error {
	err := g.Listener.Close()
	g.open() // whoever waits for somebody to accept gets the error
	return err
}

func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.ours:
		return c, nil
	case <-g.opened:
		return g.Listener.Accept()
	}
}

func (g *gate) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case g.ours <- far:
		return near, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// abortLeftOpen ends the transactions that a kill has left open, before anybody
// writes. The broker takes them for aborted but writes no marker, and a producer
// keeps its id for ever. So a reader would take what its next transactions commit
// for aborted as well, up to the next marker that aborts; and the broker, after
// the next kill, would take what was aborted for committed with them.
//
// Which partitions are concerned cannot be asked for, so all get a marker; where
// nothing was open it says nothing.
func abortLeftOpen(ctx context.Context, addrs []string, dial func(context.Context, string, string) (net.Conn, error)) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.Dialer(dial))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	transactions, err := adm.DescribeTransactions(ctx)
	if err != nil || len(transactions) == 0 {
		return err
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	var markers []kadm.TxnMarkers
	for _, t := range transactions {
		markers = append(markers, kadm.TxnMarkers{ProducerID: t.ProducerID, ProducerEpoch: t.ProducerEpoch, Topics: topics.TopicsSet()})
	}
	written, err := adm.WriteTxnMarkers(ctx, markers...)
	written.EachPartition(func(p kadm.TxnMarkersPartitionResponse) {
		if p.Err != nil {
			err = errors.Join(err, fmt.Errorf("write marker to %s/%d: %w", p.Topic, p.Partition, p.Err))
		}
	})
	return err
}
