package verify

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/wearstream/wearstream/stream/wire"
)

// record is what is kept of a record.
type record struct {
	at       *partition
	offset   int64
	appended time.Time
	age      time.Duration // for which the log ran since
	digest   digest        // of all that landing must hold of it
	landed   int           // rows in landing
	logged   bool          // it is in the present log
	loaded   bool          // its row is in ClickHouse

	tick    bool
	batch   *batch   // samples of device.v1
	end     *ended   // status "end" of device.v1
	refusal *refusal // of quarantine.v1
}

// digest is the first half of a SHA-256.
type digest [16]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

// batch is what a record of samples says.
type batch struct {
	name
	sum      [32]byte // of the payload
	received string   // gateway's receipt, as in the header
	broken   bool     // it cannot be decoded, and has no name
	flags    uint64
	run      run
	reads    [2]int64 // first and last temperature reading, ns
	previous uint64   // one past the last sequence of the boot before; 0: not said
	row      digest   // of its row in batches_all
}

// ended is a status that ends a boot.
type ended struct {
	name          // without sequence
	last   uint64 // sequence
	silent bool   // the boot had none
}

// refusal is what a record of quarantine says.
type refusal struct {
	thing, reason, source, sum string
	received                   int64
	size                       uint64
}

// message is a record as it was found, in landing or in the log.
type message struct {
	offset   int64
	appended time.Time
	key      string
	headers  map[string]string // of a repeated one the first
	payload  []byte
}

// record reads what a message says of itself, unless that is known.
func (m *message) record(p *partition, known *record) *record {
	sum := sha256.Sum256(m.payload)
	digest := m.digest(sum)
	if known != nil && known.digest == digest {
		return known
	}
	r := &record{at: p, offset: m.offset, appended: m.appended, digest: digest, tick: m.headers[wire.HeaderKind] == wire.KindTick}
	switch {
	case r.tick:
	case p.topic == wire.TopicQuarantine:
		r.refusal = m.refusal(sum)
	case p.topic == wire.TopicDevice && m.headers[wire.HeaderKind] == wire.KindSamples:
		r.batch = m.batch(sum)
	case p.topic == wire.TopicDevice && m.headers[wire.HeaderKind] == wire.KindStatus:
		if s, err := wire.DecodeStatus(m.payload); err == nil && s.Kind == wire.StatusEnd {
			r.end = &ended{name: name{unique.Make(m.key), s.Boot, 0}, silent: s.LastSeq == nil}
			if !r.end.silent {
				r.end.last = *s.LastSeq
			}
		}
	}
	return r
}

// digest covers what landing keeps of a record, payload included.
func (m *message) digest(sum [32]byte) digest {
	b := binary.LittleEndian.AppendUint64(nil, uint64(m.appended.UnixMicro()))
	b = appendText(b, m.key)
	for _, k := range slices.Sorted(maps.Keys(m.headers)) {
		b = appendText(appendText(b, k), m.headers[k])
	}
	return digestOf(append(b, sum[:]...))
}

// received is the gateway's receipt in microseconds, or the append time.
func (m *message) received() int64 {
	if us, err := strconv.ParseInt(m.headers[wire.HeaderReceived], 10, 64); err == nil {
		return us
	}
	return m.appended.UnixMicro()
}

func (m *message) refusal(sum [32]byte) *refusal {
	size, err := strconv.ParseUint(m.headers[wire.HeaderSize], 10, 64)
	if err != nil {
		size = uint64(len(m.payload))
	}
	return &refusal{
		thing: m.headers[wire.HeaderThing], reason: m.headers[wire.HeaderReason], source: m.headers[wire.HeaderSource],
		sum: cmp.Or(m.headers[wire.HeaderSHA256], hexOf(sum)), received: m.received(), size: size,
	}
}

func (m *message) batch(sum [32]byte) *batch {
	b := &batch{sum: sum, received: m.headers[wire.HeaderReceived]}
	s, err := wire.DecodeRecord(m.headers[wire.HeaderContentType], m.payload)
	if err != nil {
		b.broken = true
		return b
	}
	b.name = name{unique.Make(m.key), s.Boot, s.Seq}
	b.flags, _ = strconv.ParseUint(m.headers[wire.HeaderFlags], 10, 32)
	b.run = newRun(s)
	if n := len(s.TempMdegC); n > 0 {
		b.reads = [2]int64{s.ReadingTime(0), s.ReadingTime(n - 1)}
	}
	if s.PrevBootLastSeq.OK {
		b.previous = s.PrevBootLastSeq.Value + 1
	}
	b.row = digestOf(m.batchRow(b, s))
	return b
}

// batchColumns is the row that batchRow writes, as ClickHouse writes it.
const batchColumns = `thing, sensor, boot, seq, t0_us, rate_mhz, n, lsb_per_g, x, y, z,
	temp_t0_us, temp_rate_mhz, temp, flags, sha256, toUnixTimestamp64Micro(received_at), via`

// batchRow is the row of a batch in batches_all, in the format RowBinary.
func (m *message) batchRow(b *batch, s *wire.SampleBatch) []byte {
	thing := m.headers[wire.HeaderThing]
	if thing == "" {
		thing, _, _ = strings.Cut(m.key, "/")
	}
	le := binary.LittleEndian
	row := appendText(appendText(nil, thing), b.sensor.Value())
	row = le.AppendUint64(le.AppendUint64(row, s.Boot), s.Seq)
	row = le.AppendUint64(row, uint64(s.T0us))
	row = le.AppendUint32(le.AppendUint32(row, s.RateMHz), s.N)
	row = appendAxes(row, s)
	row = le.AppendUint64(row, uint64(s.TempT0us))
	row = appendInts(le.AppendUint32(row, s.TempRateMHz), s.TempMdegC)
	row = appendText(le.AppendUint32(row, uint32(b.flags)), cmp.Or(m.headers[wire.HeaderSHA256], hexOf(b.sum)))
	return appendText(le.AppendUint64(row, uint64(m.received())), m.headers[wire.HeaderVia])
}

// appendAxes appends the scale and the samples: counts as sent, or micro-g with
// scale 0.
func appendAxes(row []byte, s *wire.SampleBatch) []byte {
	width, scale := 12, uint32(0)
	if s.Encoding == wire.Int16Counts {
		width, scale = 6, s.LSBPerG
	}
	row = binary.LittleEndian.AppendUint32(row, scale)
	for axis := range 3 {
		row = binary.AppendUvarint(row, uint64(s.N))
		for at := axis * width / 3; at < len(s.XYZ); at += width {
			if width == 6 {
				count := int16(binary.LittleEndian.Uint16(s.XYZ[at:]))
				row = binary.LittleEndian.AppendUint32(row, uint32(int32(count)))
			} else {
				row = append(row, s.XYZ[at:at+4]...)
			}
		}
	}
	return row
}

func appendInts(row []byte, values []int32) []byte {
	row = binary.AppendUvarint(row, uint64(len(values)))
	for _, v := range values {
		row = binary.LittleEndian.AppendUint32(row, uint32(v))
	}
	return row
}

func appendText(row []byte, s string) []byte {
	return append(binary.AppendUvarint(row, uint64(len(s))), s...)
}
