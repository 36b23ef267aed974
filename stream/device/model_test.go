package device

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/window"
	"github.com/wearstream/wearstream/stream/wire"
)

// model is the definitions written down naively: everything accepted so far, and
// what follows from all of it, computed anew.
type model struct {
	got      map[name]*entry
	ends     map[uint64]uint64 // boot: one past its last sequence, as anybody said
	lost     map[uint64]uint64
	before   map[uint64]uint64
	given    map[name]bool
	tail     map[uint64]bool // boots whose rest was given up
	assigned []wire.Assignment
	clock    int64
	evidence int64 // clock of the last
	final    map[window.Key]bool
	windows  map[window.Key][]*entry
}

func newModel() *model {
	return &model{
		got: map[name]*entry{}, ends: map[uint64]uint64{}, lost: map[uint64]uint64{}, before: map[uint64]uint64{},
		given: map[name]bool{}, tail: map[uint64]bool{}, final: map[window.Key]bool{}, windows: map[window.Key][]*entry{},
	}
}

func (m *model) apply(r stream.Record) {
	switch string(r.Header(wire.HeaderKind)) {
	case wire.KindSamples:
		e, err := decode(r)
		if err != nil || m.got[e.name] != nil {
			return
		}
		m.evidence = m.clock
		m.got[e.name] = e
		b := e.raw
		if _, ok := m.ends[b.Boot]; !ok {
			m.ends[b.Boot] = 0
		}
		if b.OldestSeqHeld.OK {
			m.lost[b.Boot] = max(m.lost[b.Boot], min(b.OldestSeqHeld.Value, b.Seq+1))
		}
		if b.PrevBootLastSeq.OK {
			m.before[b.Boot] = max(m.before[b.Boot], b.PrevBootLastSeq.Value+1)
		}
		if e.timed() {
			for _, length := range features.Lengths {
				window.Touching(length, e.From, e.To, func(k window.Key) { m.windows[k] = append(m.windows[k], e) })
			}
			window.Touching(15*time.Minute, e.From-310e9, e.To+310e9, func(q window.Key) {
				k := window.Key{Length: 1520 * time.Second, Start: q.Start - 310e9}
				m.windows[k] = append(m.windows[k], e)
			})
		}
	case wire.KindStatus:
		m.evidence = m.clock
		st, _ := wire.DecodeStatus(r.Value)
		next := uint64(0)
		if st.LastSeq != nil {
			next = *st.LastSeq + 1
		}
		m.ends[st.Boot] = max(m.ends[st.Boot], next+1<<32) // closed
	case wire.KindAssignment:
		a, _ := wire.DecodeAssignment(r.Value)
		m.assigned = append(m.assigned, a)
	case wire.KindTick:
		var t wire.Tick
		_ = json.Unmarshal(r.Value, &t)
		m.clock = max(m.clock, t.Time(r.AppendTime).UnixNano())
		if m.evidence == 0 {
			m.evidence = m.clock // of before the first tick
		}
	}
	for len(m.ends) > 0 && m.clock-m.evidence > int64(DefaultMemory+2*time.Hour) && m.assume() {
	}
	m.settle()
}

// boots are those that are heard of or named by a successor that is not the
// lowest, with one past their last sequence, -1 where it is open.
func (m *model) boots() (numbers []uint64, ends map[uint64]int64) {
	ends = map[uint64]int64{}
	for b, end := range m.ends {
		ends[b] = -1
		if end >= 1<<32 {
			ends[b] = int64(end - 1<<32)
		}
	}
	lowest := slices.Min(slices.Collect(maps.Keys(ends)))
	for b, end := range m.before {
		if b > lowest {
			was, ok := ends[b-1]
			if !ok {
				was = -1
			}
			ends[b-1] = max(was, int64(end))
		}
	}
	for n := range m.got {
		if ends[n.boot] >= 0 {
			ends[n.boot] = max(ends[n.boot], int64(n.seq)+1)
		}
	}
	return slices.Sorted(maps.Keys(ends)), ends
}

// run follows the sequences from the beginning.
func (m *model) run() (boot, seq uint64, frontier int64, ended bool) {
	numbers, ends := m.boots()
	for i, b := range numbers {
		boot, seq, frontier, ended = b, 0, math.MinInt64, false
		for ; ; seq++ {
			if e := m.got[name{b, seq}]; e != nil {
				if e.End != window.MinTime {
					frontier = e.End
				}
				continue
			}
			if ended = ends[b] >= 0 && int64(seq) >= ends[b] || m.tail[b] && !m.more(b, seq); ended {
				break
			}
			if seq < m.lost[b] || m.given[name{b, seq}] || m.tail[b] {
				continue
			}
			return
		}
		if i+1 == len(numbers) {
			return
		}
	}
	return
}

func (m *model) more(boot, seq uint64) bool {
	for n := range m.got {
		if n.boot == boot && n.seq > seq {
			return true
		}
	}
	return false
}

// assume gives up the hole before which the run stands, if there is one.
func (m *model) assume() bool {
	boot, seq, _, ended := m.run()
	numbers, ends := m.boots()
	switch {
	case ended:
		return false
	case m.more(boot, seq) || ends[boot] > int64(seq):
		for ; m.got[name{boot, seq}] == nil && (ends[boot] < 0 || int64(seq) < ends[boot]); seq++ {
			m.given[name{boot, seq}] = true
		}
		return true
	case boot < numbers[len(numbers)-1]:
		m.tail[boot] = true
		return true
	}
	return false
}

// settle notes the windows that are final now: they were, whatever comes later.
func (m *model) settle() {
	if len(m.ends) == 0 {
		return
	}
	boot, _, frontier, ended := m.run()
	for k, entries := range m.windows {
		if m.final[k] {
			continue
		}
		highest, samples, own := uint64(0), false, k
		if k.Length == 1520*time.Second { // what a quarter of an hour depends on
			own = window.Key{Length: 15 * time.Minute, Start: k.Start + 310e9}
		}
		for _, e := range entries {
			highest = max(highest, e.name.boot)
			for i := 0; i < int(e.raw.N) && !samples; i++ {
				at := e.raw.SampleTime(i)
				samples = own.Start <= at && at < own.End()
			}
		}
		m.final[k] = samples && (highest < boot || highest == boot && (ended || k.End() <= frontier))
	}
}

// rows are what must be known of every window at last.
func (m *model) rows() map[string]row {
	rows := map[string]row{}
	for k, entries := range m.windows {
		if k.Length == 1520*time.Second {
			m.around(k, entries, rows)
			continue
		}
		r, ok := m.row(k, entries)
		if ok {
			r.bytes += strings.Repeat("-", len(features.Ref.Features))
			rows[r.id()] = r
		}
	}
	return rows
}

// around are the rows of ref.v1 of a quarter of an hour.
func (m *model) around(k window.Key, entries []*entry, rows map[string]row) {
	var s features.Samples
	for _, v := range samplesOf(k, entries) {
		s.T, s.X, s.Y, s.Z = append(s.T, v.t), append(s.X, v.x), append(s.Y, v.y), append(s.Z, v.z)
	}
	b := features.NewBlock(features.Ref, 4000)
	b.Begin(k.Start + 310e9)
	b.Extend(s, features.Readings{}, k.End(), func(w *features.Result) {
		own := window.Key{Start: w.Start, Length: w.Window.Length}
		if !slices.Contains(features.Lengths, own.Length) {
			return
		}
		r, _ := m.row(own, m.windows[own])
		if r.ref = true; w.Warmup {
			r.flags |= wire.FlagWarmup
		}
		r.status = map[bool]string{true: wire.StatusFinal, false: wire.StatusProvisional}[m.final[k]]
		r.bytes = strings.Repeat("-", len(features.Core.Features))
		for _, v := range w.Values {
			if r.flags&wire.FlagTooFew != 0 || v != v {
				r.bytes += "-"
			} else {
				r.bytes += fmt.Sprintf("%08x", math.Float32bits(float32(v)))
			}
		}
		rows[r.id()] = r
	})
}

// samplesOf are those of a window, each time once.
func samplesOf(k window.Key, entries []*entry) (samples []sample) {
	slices.SortFunc(entries, func(a, b *entry) int { return compareNames(a.name, b.name) })
	for _, e := range entries {
		b := e.raw.SampleBatch
		x, y, z := b.AppendMicroG(nil, nil, nil)
		for i := range x {
			if t := b.SampleTime(i); k.Start <= t && t < k.End() && (x[i] != 0 || y[i] != 0 || z[i] != 0) {
				samples = append(samples, sample{t, x[i], y[i], z[i], b})
			}
		}
	}
	slices.SortStableFunc(samples, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	return slices.CompactFunc(samples, func(a, b sample) bool { return a.t == b.t })
}

type sample struct {
	t       int64
	x, y, z int32
	b       *wire.SampleBatch
}

func (m *model) row(k window.Key, entries []*entry) (row, bool) {
	samples := samplesOf(k, entries)
	readings := map[int64]int32{}
	r := row{length: int(k.Length / time.Second), start: time.Unix(0, k.Start).UTC()}
	var before []*wire.SampleBatch
	var last int64
	var took, want float64 // between samples that follow each other without a gap
	for _, e := range entries {
		b := e.raw.SampleBatch
		inside := false
		step := 1e12 / float64(b.Nominal())
		for i := range int(b.N) {
			t := b.SampleTime(i)
			if t < k.Start || t >= k.End() {
				continue
			}
			if d := float64(t - last); inside || last > 0 && d > 0 && d <= 1.5*step {
				took, want = took+d, want+step
			}
			inside, last = true, t
		}
		for i, v := range b.TempMdegC {
			t := b.ReadingTime(i)
			if _, there := readings[t]; !there && k.Start <= t && t < k.End() {
				readings[t] = v
			}
		}
		if inside {
			for _, a := range before {
				if a.Boot == b.Boot && a.End()-b.SampleTime(0) > 1_500_000_000_000/int64(before[len(before)-1].Nominal()) {
					r.flags |= wire.FlagClock
				}
			}
			before = append(before, b)
		}
	}
	if r.n = uint32(len(samples)); r.n == 0 {
		return r, false
	}
	if math.Abs(want/took-1) > 0.02+1e-6 {
		r.flags |= wire.FlagRateOff
	}
	m.describe(&r, k, samples, readings)
	for _, a := range m.assigned {
		if !r.start.Before(a.From) && (a.To.IsZero() || r.start.Before(a.To)) {
			r.participant = a.Participant
		}
	}
	r.status = map[bool]string{true: wire.StatusFinal, false: wire.StatusProvisional}[m.final[k]]
	return r, true
}

func (m *model) describe(r *row, k window.Key, samples []sample, readings map[int64]int32) {
	h := sha256.New()
	for _, s := range samples {
		_ = binary.Write(h, binary.LittleEndian, s.t)
		_ = binary.Write(h, binary.LittleEndian, []int32{s.x, s.y, s.z})
	}
	times := slices.Sorted(maps.Keys(readings))
	for _, t := range times {
		_ = binary.Write(h, binary.LittleEndian, t)
		_ = binary.Write(h, binary.LittleEndian, readings[t])
	}
	r.digest = fmt.Sprintf("%x", h.Sum(nil)[:8])
	for _, s := range samples {
		for _, v := range []int32{s.x, s.y, s.z} {
			if end := int64(s.b.RangeMG)*1000 - 1_000_000/int64(s.b.LSBPerG); int64(v) >= end || int64(v) <= -end {
				r.flags |= wire.FlagClipped
			}
		}
	}
	most := 1_500_000_000_000 / int64(samples[0].b.Nominal())
	covered := min(samples[0].t-k.Start, most) + min(k.End()-samples[len(samples)-1].t, most)
	for i := 1; i < len(samples); i++ {
		covered += min(samples[i].t-samples[i-1].t, most)
	}
	coverage := min(1, float64(covered)/float64(k.Length))
	if r.coverage = float32(coverage); coverage < 0.5 {
		r.flags |= wire.FlagTooFew
	} else if coverage < 0.8 {
		r.flags |= wire.FlagPartial
	}
	rate := samples[0].b.Nominal()
	var whole features.Window
	whole.Reset(k.Length, rate)
	for _, v := range samples {
		w := &whole.Samples
		w.T, w.X, w.Y, w.Z = append(w.T, v.t), append(w.X, v.x), append(w.Y, v.y), append(w.Z, v.z)
	}
	for at := k.Start; at < k.End(); at += 5e9 {
		var s features.Samples
		var t features.Readings
		for _, v := range samples {
			if at <= v.t && v.t < at+5e9 {
				s.T, s.X, s.Y, s.Z = append(s.T, v.t), append(s.X, v.x), append(s.Y, v.y), append(s.Z, v.z)
			}
		}
		for _, v := range times {
			if at <= v && v < at+5e9 {
				t.T, t.MilliC = append(t.T, v), append(t.MilliC, readings[v])
			}
		}
		e := features.NewEpoch(at, s, t, rate)
		whole.Merge(&e)
	}
	out := make([]float64, len(features.Core.Features))
	features.Core.Values(&whole, out)
	for _, v := range out {
		if coverage < 0.5 || v != v {
			r.bytes += "-"
		} else {
			r.bytes += fmt.Sprintf("%08x", math.Float32bits(float32(v)))
		}
	}
}

// plain is a row without what depends on the order in which things came.
func plain(r row) row {
	if r.status == wire.StatusCorrected {
		r.status = wire.StatusFinal
	}
	r.revision, r.reason, r.lane, r.dup = 0, "", "", 0
	return r
}

// history is a random log of one sensor, without ticks that make holes assumed in
// its first part, and with in its second.
type history struct {
	rng *rand.Rand
	log []stream.Record
	at  time.Time
}

func (h *history) add(kind string, value []byte, flags int) {
	h.log = append(h.log, stream.Record{
		Topic: "wear.main.device.v1", Offset: int64(len(h.log)), AppendTime: h.at, Key: []byte("w1"), Value: value,
		Headers: []stream.Header{
			{Key: wire.HeaderKind, Value: []byte(kind)}, {Key: wire.HeaderThing, Value: []byte("w1")},
			{Key: wire.HeaderFlags, Value: []byte(strconv.Itoa(flags))},
		},
	})
}

func (h *history) tick(after time.Duration) {
	h.at = h.at.Add(max(after, 0))
	v, _ := json.Marshal(wire.Tick{UTC: h.at.Add(min(after, 0)).UnixMicro()})
	h.add(wire.KindTick, v, 0)
}

// boot is one boot of a device that is set up as the numbers want.
func (h *history) boot(number uint64, from time.Time, batches int) []*wire.SampleBatch {
	rng, at := h.rng, from
	var all []*wire.SampleBatch
	for seq := range batches {
		rate := []uint32{4000, 4000, 4000, 4100, 5000}[rng.IntN(5)]
		b := &wire.SampleBatch{
			Boot: number, Seq: uint64(seq), RateMHz: rate, NominalRateMHz: 4000, Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000,
		}
		if rng.IntN(20) > 0 {
			b.T0us, b.N = at.UnixMicro(), uint32(1+rng.IntN(24))
			for range b.N * 3 {
				b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(rng.IntN(3)*(rng.IntN(200)-100)))
			}
		}
		if b.N == 0 || rng.IntN(3) == 0 {
			b.TempT0us, b.TempRateMHz = at.UnixMicro(), 500
			for range 1 + rng.IntN(3) {
				b.TempMdegC = append(b.TempMdegC, 30_000+rng.Int32N(999))
			}
		}
		if b.N > 0 {
			at = time.UnixMicro(b.End() / 1000)
		}
		switch rng.IntN(60) {
		case 0:
			at = at.Add(-time.Duration(rng.IntN(90)) * time.Second) // the clock is set
		case 1:
			at = at.Add(time.Duration(rng.IntN(300)) * time.Second)
		case 2:
			b.OldestSeqHeld = wire.Some(rng.Uint64N(uint64(seq) + 2))
		}
		all = append(all, b)
	}
	return all
}

func randomHistory(seed uint64) []stream.Record {
	h := &history{rng: rand.New(rand.NewPCG(seed, 11)), at: origin}
	rng := h.rng
	var pool []*wire.SampleBatch
	var statuses [][]byte
	from, last := origin, -1
	for number := uint64(1 + rng.IntN(2)); number < 5; number += uint64(1 + rng.IntN(5)/4) {
		batches := h.boot(number, from, 1+rng.IntN(400))
		if last >= 0 && rng.IntN(3) > 0 {
			for _, b := range batches[:min(len(batches), 3)] {
				b.PrevBootLastSeq = wire.Some(uint64(max(0, last-rng.IntN(3)/2)))
			}
		}
		if last = len(batches) - 1; rng.IntN(2) == 0 {
			statuses = append(statuses, fmt.Appendf(nil, `{"kind":"end","boot":%d,"last_seq":%d}`, number, max(0, last+rng.IntN(5)/4*(rng.IntN(9)-4))))
		}
		pool = append(pool, batches...)
		from = origin.Add(time.Duration(rng.IntN(3600)-600) * time.Second)
		if rng.IntN(5) == 0 {
			break
		}
	}
	h.shuffle(pool)
	var later []*wire.SampleBatch
	for i, b := range pool {
		switch n := rng.IntN(100); {
		case n < 2: // never, or much later
			later = append(later, b)
			continue
		case n < 4:
			other := *b
			other.RangeMG += 1000
			h.add(wire.KindSamples, other.Append(nil), 0)
		case n < 6:
			h.add(wire.KindSamples, pool[rng.IntN(i+1)].Append(nil), 0)
		case n < 7:
			h.add(wire.KindSamples, b.Append(nil), wire.FlagImpossibleTime)
		case n < 8:
			participant := []string{"P1", "P2"}[rng.IntN(2)]
			a := wire.Assignment{Sensor: "w1", Study: "ST", Participant: participant, Side: "left"}
			if rng.IntN(3) > 0 {
				a.From = origin.Add(time.Duration(rng.IntN(3600)) * time.Second)
			}
			if rng.IntN(3) == 0 {
				a.To = origin.Add(time.Duration(3600+rng.IntN(3600)) * time.Second)
			}
			v, _ := json.Marshal(a)
			h.add(wire.KindAssignment, v, 0)
		case n < 14:
			h.tick(time.Duration(rng.IntN(40)-10) * time.Second)
		case n < 15 && len(statuses) > 0:
			h.add(wire.KindStatus, statuses[0], 0)
			statuses = statuses[1:]
		}
		h.add(wire.KindSamples, b.Append(nil), 0)
	}
	for _, s := range statuses {
		h.add(wire.KindStatus, s, 0)
	}
	if rng.IntN(2) == 0 {
		h.tick(time.Minute)
		h.tick(DefaultMemory + 24*time.Hour)
	}
	if rng.IntN(2) == 0 {
		for _, b := range later {
			h.add(wire.KindSamples, b.Append(nil), 0)
			if rng.IntN(3) == 0 {
				h.tick(time.Duration(rng.IntN(20)) * time.Second)
			}
		}
	}
	for range 3 { // what is still pending is told
		h.tick(16 * time.Minute)
	}
	return h.log
}

// shuffle orders an upload as devices do: in order, newest first, in runs, or at
// random.
func (h *history) shuffle(pool []*wire.SampleBatch) {
	rng := h.rng
	switch rng.IntN(5) {
	case 0:
		slices.Reverse(pool)
	case 1:
		rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	case 2:
		for range 20 {
			i := rng.IntN(len(pool))
			j := i + rng.IntN(len(pool)-i)
			slices.Reverse(pool[i:j])
		}
	default:
		for range len(pool) / 20 {
			i := rng.IntN(len(pool))
			j := min(len(pool)-1, i+rng.IntN(30))
			pool[i], pool[j] = pool[j], pool[i]
		}
	}
}

// run applies a log with commits, rollbacks and restarts as the numbers want; nil:
// one transaction a record and nothing goes wrong.
func (b *bench) run(log []stream.Record, rng *rand.Rand) {
	b.Records = log
	done := 0
	for i := 0; i < len(log); i++ {
		if err := b.Op.Apply(b.T.Context(), log[i], b); err != nil {
			b.T.Fatal(err)
		}
		switch {
		case rng == nil || rng.IntN(20) == 0 || i == len(log)-1:
			b.Commit()
			b.kept, b.refusedKept, done = len(b.rows), len(b.refused), i+1
		case rng.IntN(40) == 0:
			if rng.IntN(2) == 0 { // the transaction was written and not taken
				state := maps.Clone(b.State)
				b.Flush()
				b.State = state
			}
			b.Op.Rollback()
			b.rows, b.refused = b.rows[:b.kept], b.refused[:b.refusedKept]
			i = done - 1
		case rng.IntN(100) == 0:
			b.Restart()
			b.rows, b.refused = b.rows[:b.kept], b.refused[:b.refusedKept]
			i = done - 1
		}
	}
}

// TestEveryHistoryEqualsTheModel is the promise: whatever came in whatever order,
// and whatever crashed, the last row of every window is what the definitions say
// of all that was accepted, and an interrupted operator writes the same rows and
// the same state as one that never was.
func TestEveryHistoryEqualsTheModel(t *testing.T) {
	histories := uint64(40)
	if testing.Short() {
		histories = 20
	}
	for seed := range histories {
		log := randomHistory(seed)
		m := newModel()
		for _, r := range log {
			m.apply(r)
		}
		both := []*features.Set{features.Core, features.Ref}
		calm := newBench(t, both...)
		calm.run(log, nil)
		got, want := latest(t, calm.rows), m.rows()
		for id, w := range want {
			if g := plain(got[id]); g != w {
				if g.bytes == w.bytes {
					g.bytes, w.bytes = "", ""
				}
				t.Errorf("seed %d, window %s:\n got %+v\nwant %+v", seed, id, g, w)
			}
		}
		if len(got) != len(want) {
			t.Errorf("seed %d: %d windows, want %d", seed, len(got), len(want))
		}
		for _, r := range calm.rows {
			if (r.status == wire.StatusProvisional) != (r.reason == wire.FinalNone) {
				t.Errorf("seed %d: %+v", seed, r)
			}
		}
		rough := newBench(t, both...)
		rough.run(log, rand.New(rand.NewPCG(seed, 12)))
		if !slices.Equal(sorted(calm.rows), sorted(rough.rows)) {
			t.Errorf("seed %d: the interrupted operator handed out other rows: %d, %d", seed, len(rough.rows), len(calm.rows))
		}
		if !slices.Equal(calm.refused, rough.refused) {
			t.Errorf("seed %d: the interrupted operator refused %v, the other %v", seed, rough.refused, calm.refused)
		}
		if !maps.EqualFunc(calm.State, rough.State, bytes.Equal) {
			t.Errorf("seed %d: the interrupted operator has another state", seed)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// sorted orders rows by window and revision: a transaction orders them by
// partition.
func sorted(rows []row) []row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.id(), b.id()), cmp.Compare(a.revision, b.revision))
	})
	return rows
}
