package mqtt

import "time"

// ring holds the messages of a connection that are handed over and not yet
// acknowledged to the device, in the order of their PUBLISHes. It grows by
// doubling: most connections have one message in flight.
type ring struct {
	slots      []slot // length is zero or a power of two
	head, tail uint64 // sequence numbers: slots[head], ..., slots[tail-1] are in use
}

type slot struct {
	cost int32  // bytes of the budget
	id   uint16 // packet id; 0: QoS 0, nothing to send
	done bool
	gone bool // completed one way or the other: the budget has its bytes back
	read time.Time
}

func (r *ring) len() int { return int(r.tail - r.head) }

func (r *ring) at(seq uint64) *slot { return &r.slots[seq&uint64(len(r.slots)-1)] }

// push adds a message and gives it its sequence number.
func (r *ring) push(s slot) uint64 {
	if r.len() == len(r.slots) {
		grown := ring{make([]slot, max(4, 2*len(r.slots))), r.head, r.tail}
		for i := r.head; i != r.tail; i++ {
			*grown.at(i) = *r.at(i)
		}
		*r = grown
	}
	*r.at(r.tail) = s
	r.tail++
	return r.tail - 1
}

// complete ends a message and gives back what it cost, once.
func (r *ring) complete(seq uint64, read time.Time, ok bool) int32 {
	if seq-r.head >= r.tail-r.head {
		return 0
	}
	s := r.at(seq)
	if s.gone {
		return 0
	}
	s.gone, s.done, s.read = true, ok, read
	return s.cost
}

// ready appends the PUBACKs of the acknowledged head, with the times at which their
// messages were read, and counts its messages.
func (r *ring) ready(acks []byte, read []time.Time) ([]byte, []time.Time, int) {
	seq := r.head
	for ; seq != r.tail && r.at(seq).done; seq++ {
		if s := r.at(seq); s.id != 0 {
			acks = append(acks, puback<<4, 2, byte(s.id>>8), byte(s.id))
			read = append(read, s.read)
		}
	}
	return acks, read, int(seq - r.head)
}

// pop drops n messages from the head.
func (r *ring) pop(n int) { r.head += uint64(n) }

// headDone reports whether the oldest message is acknowledged.
func (r *ring) headDone() bool { return r.head != r.tail && r.at(r.head).done }

// popSilent drops the acknowledged messages at the head that get no PUBACK.
func (r *ring) popSilent() bool {
	before := r.head
	for r.headDone() && r.at(r.head).id == 0 {
		r.head++
	}
	return r.head != before
}
