package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// device is one simulated device: an MQTT 3.1.1 client over TLS that publishes at
// QoS 1 and does nothing else, so that it takes little of the CPU that it shares
// with what it measures. What it has in flight when its connection breaks it sends
// again on the next.
type device struct {
	name   string
	addr   string
	tls    *tls.Config
	batch  *batch
	packet []byte // PUBLISH; its end is the batch
	id     int    // where the packet id stands in it

	conn    *tls.Conn
	br      *bufio.Reader
	out     []byte
	at      []time.Time // when what is in flight was sent, by packet id
	sent    uint64      // sequence number of the next message to send
	acked   uint64      // and of the next to be acknowledged
	changes int         // connections after the first
}

// patience is how long a device waits for an answer, and for its server to come back.
const patience = 30 * time.Second

func newDevice(name, addr string, config *tls.Config, size, window int, rng *rand.Rand) (*device, error) {
	b, err := newBatch(name, samplesIn(name, size), rng)
	if err != nil {
		return nil, err
	}
	topic := "dt/wear/v1/" + name + "/samples"
	p := appendLength([]byte{0x32}, 2+len(topic)+2+len(b.payload))
	p = appendText(p, topic)
	d := &device{name: name, addr: addr, tls: config, batch: b, id: len(p), at: make([]time.Time, window), sent: firstSeq, acked: firstSeq}
	d.packet = append(append(p, 0, 0), b.payload...)
	b.payload = d.packet[d.id+2:]
	return d, nil
}

// connect connects, and tries again while the server refuses.
func (d *device) connect(ctx context.Context) error {
	until := time.Now().Add(patience)
	for {
		err := d.dial(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(50*time.Millisecond + rand.N(100*time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

func (d *device) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, d.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return fmt.Errorf("handshake: %w", err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	body := append(appendText(nil, "MQTT"), 4, 2, 600>>8, 600&0xff) // clean session, keep-alive
	body = appendText(body, d.name)
	br := bufio.NewReaderSize(conn, 512)
	var answer []byte
	if _, err = conn.Write(append(appendLength([]byte{0x10}, len(body)), body...)); err == nil {
		answer, err = br.Peek(4)
	}
	if err == nil && string(answer) != "\x20\x02\x00\x00" {
		err = fmt.Errorf("CONNECT was answered with % x", answer)
	}
	if err != nil {
		raw.Close()
		return err
	}
	br.Discard(4)
	d.conn, d.br = conn, br
	return nil
}

// load is what devices do.
type load struct {
	name    string
	devices int
	window  int           // messages in flight of a device
	every   time.Duration // from message to message of a device; 0: as fast as answers come
	size    int           // of a payload
	bar     string        // what the design wants of ours, as a share of the peer's
}

var loads = []load{
	{"device-like", 1000, 1, 0, 256, "1/2"},
	{"pipelined", 100, 32, 0, 3 << 10, "1/8"},
	{"pipelined", 100, 32, 0, 256, "1/15"},
	{"paced", 1000, 1, time.Second / 3, 256, "1/1.5"},
}

// run publishes until the time is over and everything is acknowledged. Where
// reconnects is set it outlives its connection.
func (d *device) run(ctx context.Context, l load, until time.Time, reconnects bool, times *latencies, total *atomic.Int64) error {
	due := time.Now().Add(rand.N(l.every + 1))
	for {
		err := d.publish(ctx, l, until, &due, times, total)
		if err == nil || !reconnects || ctx.Err() != nil {
			return err
		}
		d.conn.Close()
		if err := d.connect(ctx); err != nil {
			return fmt.Errorf("device %s: come back: %w", d.name, err)
		}
		d.changes++
		d.sent = d.acked
	}
}

func (d *device) publish(ctx context.Context, l load, until time.Time, due *time.Time, times *latencies, total *atomic.Int64) error {
	for {
		now := time.Now()
		open := now.Before(until) && ctx.Err() == nil
		d.out = d.out[:0]
		for open && d.sent-d.acked < uint64(l.window) && (l.every == 0 || !now.Before(*due)) {
			d.add(now)
			*due = due.Add(l.every)
		}
		if len(d.out) > 0 {
			d.conn.SetDeadline(now.Add(patience))
			if _, err := d.conn.Write(d.out); err != nil {
				return err
			}
		}
		if d.sent == d.acked {
			if !open {
				return nil
			}
			time.Sleep(min(due.Sub(now), until.Sub(now)))
			continue
		}
		n, err := d.read(times)
		total.Add(int64(n))
		if err != nil {
			return err
		}
	}
}

// add puts the next message behind what is to be written.
func (d *device) add(now time.Time) {
	id := packetID(d.sent)
	binary.BigEndian.PutUint16(d.packet[d.id:], id)
	d.batch.name(d.sent)
	d.at[d.sent%uint64(len(d.at))] = now
	d.out = append(d.out, d.packet...)
	d.sent++
}

func packetID(seq uint64) uint16 { return uint16(seq%65535) + 1 }

var errOrder = errors.New("not the PUBACK of the oldest message in flight")

// read waits for an acknowledgement and takes those that came with it.
func (d *device) read(times *latencies) (n int, err error) {
	if _, err := d.br.Peek(4); err != nil {
		return 0, err
	}
	now := time.Now()
	for ; d.br.Buffered() >= 4; n++ {
		p, _ := d.br.Peek(4)
		if p[0] != 0x40 || p[1] != 2 || binary.BigEndian.Uint16(p[2:]) != packetID(d.acked) || d.acked == d.sent {
			return n, fmt.Errorf("device %s: % x: %w", d.name, p, errOrder)
		}
		times.add(now.Sub(d.at[d.acked%uint64(len(d.at))]))
		d.acked++
		d.br.Discard(4)
	}
	return n, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// appendLength appends a remaining length.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
