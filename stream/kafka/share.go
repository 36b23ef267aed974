package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wearstream/wearstream/stream"
)

const (
	// maxQueue bounds the bytes that wait in front of a share. Beyond it its
	// partition is no longer fetched.
	maxQueue = 4 << 20

	// commitTimeout bounds a commit, which is not cancelled with its share: a
	// request that is cut off may still be carried out, later.
	commitTimeout = 5 * time.Second
)

// share is one assigned partition: the goroutine that collects, cuts, stores and
// commits, and the only one that does so for it here.
type share struct {
	m      *member
	at     place
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	token   string // the member id under which the partition was assigned
	cutter  *Cutter
	epoch   int32 // leader epoch of the last record before the cutter's range
	intent  mark  // Next != 0: what the cut that comes next must be, already committed
	adopted bool  // the sink has said where that cut ends

	mu     sync.Mutex
	queue  []stream.Record
	bytes  int
	paused bool
	wake   chan struct{} // 1 slot: there is something in the queue

	// What the metrics say.
	first     time.Time // append time of the oldest record that is no tick and not stored
	data      int       // records that came, are no ticks, and are not stored
	next      int64     // offset after the last one that came
	committed int64
	end       int64     // of what readers may read, as last told
	caught    time.Time // when next was the end, for the last time
}

func newShare(m *member, at place, token string, s start, caught time.Time) *share {
	p := &share{
		m: m, at: at, token: token,
		done:   make(chan struct{}),
		wake:   make(chan struct{}, 1),
		epoch:  s.Epoch,
		intent: s.mark,
		next:   s.Offset, committed: s.Offset, end: s.end, caught: caught,
		cutter: NewCutter(stream.Range{Log: s.Log, Topic: at.topic, Partition: at.partition, First: s.Offset}, m.g.cfg.Topics[m.g.topics[at.topic]]),
	}
	if s.Next != 0 {
		p.cutter.Until(s.Next)
	}
	p.ctx, p.cancel = context.WithCancel(m.ctx)
	go func() {
		defer close(p.done)
		defer p.cancel()
		if err := p.run(); p.ctx.Err() == nil {
			m.end(err)
		}
	}()
	return p
}

// push queues records for the share and never blocks.
func (p *share) push(records []*kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range records {
		p.next = k.Offset + 1
		if k.Attrs.IsControl() {
			continue // it only says that the log goes on
		}
		r := record(k)
		p.bytes += len(r.Key) + len(r.Value)
		p.queue = append(p.queue, r)
		if isTick(&r) {
			continue
		}
		if p.data++; p.first.IsZero() {
			p.first = r.AppendTime
		}
	}
	if p.bytes > maxQueue && !p.paused {
		p.paused = true
		p.m.cl.PauseFetchPartitions(map[string][]int32{p.at.topic: {p.at.partition}})
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// pop takes the next record from the queue.
func (p *share) pop() (r stream.Record, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return r, false
	}
	r, p.queue[0] = p.queue[0], stream.Record{}
	p.queue = p.queue[1:]
	if p.bytes -= len(r.Key) + len(r.Value); p.bytes < maxQueue/2 {
		p.resumeLocked()
	}
	return r, true
}

func (p *share) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resumeLocked()
}

func (p *share) resumeLocked() {
	if p.paused {
		p.paused = false
		p.m.cl.ResumeFetchPartitions(map[string][]int32{p.at.topic: {p.at.partition}})
	}
}

// stored says what is left beside a cut.
func (p *share) stored(next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed, p.data, p.first = next, 0, time.Time{}
	for _, rs := range [][]stream.Record{p.cutter.buf, p.queue} {
		for i := range rs {
			if isTick(&rs[i]) {
				continue
			}
			if p.data++; p.data == 1 {
				p.first = rs[i].AppendTime
			}
		}
	}
}

func (p *share) run() error {
	for {
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
		for r, ok := p.pop(); ok; r, ok = p.pop() {
			p.cutter.Push(r)
			for cut, ok := p.cutter.Next(); ok; cut, ok = p.cutter.Next() {
				if err := p.store(cut); err != nil {
					return err
				}
			}
		}
	}
}

// store takes a cut through its durable steps.
func (p *share) store(cut stream.Cut) error {
	if p.intent.Next == cut.Next {
		if err := p.intent.check(cut); err != nil {
			return final{err}
		}
	} else {
		// A crash before this commit: nothing was written; who comes next cuts from
		// the same start by the limits that hold then.
		p.intent = mark{cut.Log, cut.Next, len(cut.Records), digest(cut.Records)}
		if err := p.commit(cut.First, p.epoch, p.intent); err != nil {
			return err
		}
	}

	// A crash before, in or after Write: nobody knows whether the cut is stored;
	// who comes next reads the intent, makes the same cut and writes it again.
	err := p.m.g.sink.Write(p.ctx, cut)
	if a, ok := errors.AsType[*stream.AdoptError](err); ok && !p.adopted && a.Next > cut.First {
		p.adopted = true
		p.cutter.Again(cut, a.Next)
		return nil
	}
	if err != nil {
		return final{err}
	}

	// A crash in front of this commit is a crash after Write; behind it, who comes
	// next begins with the next cut.
	if n := len(cut.Records); n > 0 {
		p.epoch = cut.Records[n-1].LeaderEpoch
	}
	p.intent, p.adopted = mark{Log: cut.Log}, false
	if err := p.commit(cut.Next, p.epoch, p.intent); err != nil {
		return err
	}
	p.stored(cut.Next)
	p.m.g.stored(p.at.topic)
	return nil
}

// commit commits an offset and its mark by the member's id and generation. Any
// refusal (another generation holds the partition, the member is unknown) and any
// unknown outcome ends the member: the next one reads what holds.
//
// A client that finds itself thrown out while it rejoins takes a new member id
// and keeps its partitions without a word, although others may have held them in
// between. So the request must carry the id of the assignment; the broker checks
// the rest.
func (p *share) commit(offset int64, epoch int32, m mark) error {
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	metadata, err := m.encode()
	if err != nil {
		return final{err}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), commitTimeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		if req.MemberID != p.token {
			return kerr.UnknownMemberID
		}
		for t := range req.Topics {
			for i := range req.Topics[t].Partitions {
				req.Topics[t].Partitions[i].Metadata = &metadata
			}
		}
		return nil
	})
	offsets := map[string]map[int32]kgo.EpochOffset{p.at.topic: {p.at.partition: {Epoch: epoch, Offset: offset}}}
	p.m.cl.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, e error) {
		err = e
		if err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, r := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(r.ErrorCode))
			}
		}
	})
	switch {
	case errors.Is(err, kerr.FencedInstanceID):
		return fenced(err)
	case err != nil:
		return fmt.Errorf("commit offset %d of %s/%d: %w", offset, p.at.topic, p.at.partition, err)
	}
	return nil
}

func record(k *kgo.Record) stream.Record {
	r := stream.Record{
		Topic: k.Topic, Partition: k.Partition, Offset: k.Offset, LeaderEpoch: k.LeaderEpoch,
		AppendTime: k.Timestamp.UTC(), Key: k.Key, Value: k.Value,
	}
	if len(k.Headers) > 0 {
		r.Headers = make([]stream.Header, len(k.Headers))
		for i, h := range k.Headers {
			r.Headers[i] = stream.Header{Key: h.Key, Value: h.Value}
		}
	}
	return r
}
