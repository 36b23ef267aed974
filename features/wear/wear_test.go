package wear

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/wearstream/wearstream/features"
)

const (
	testRate    = 10_000 // mHz
	testSpacing = int64(time.Second) / 10
	testStart   = int64(1_700_000_040) * int64(time.Second) // a whole minute
)

// recording is a day of a sensor: columns in order of time.
type recording struct {
	samples  features.Samples
	readings features.Readings
}

// made is a recording by a plan of minutes: 'w' worn and moving, 'r' worn at rest,
// 'n' off in a cool room, 'h' off in a hot one, 't' worn without temperature, '-'
// nothing, '.' less than half a minute.
func made(seed uint64, plan string) *recording {
	random := rand.New(rand.NewPCG(seed, 1))
	rec := new(recording)
	temperature := 33_000.0
	for m, what := range plan {
		start := testStart + int64(m)*minuteNS
		n := 600
		switch what {
		case '-':
			n = 0
		case '.':
			n = 200
		}
		for i := range n {
			t := start + int64(i)*testSpacing
			v := [3]int32{100_000, -200_000, 950_000}
			noise, target, pace := 2_000.0, 22_000.0, 480.0
			switch what {
			case 'w', 't', '.':
				noise, target, pace = 60_000, 33_000, 360
			case 'r':
				noise, target, pace = 9_000, 33_500, 360
			case 'h':
				target = 27_500
			}
			for a := range v {
				v[a] += int32(noise * random.NormFloat64())
			}
			s := &rec.samples
			s.T, s.X, s.Y, s.Z = append(s.T, t), append(s.X, v[0]), append(s.Y, v[1]), append(s.Z, v[2])
			temperature += (target - temperature) / pace / 10
			if i%10 == 0 && what != 't' {
				rec.readings.T = append(rec.readings.T, t+1)
				rec.readings.MilliC = append(rec.readings.MilliC, int32(temperature)+random.Int32N(50))
			}
		}
	}
	return rec
}

func plan(parts ...any) string {
	var s []byte
	for i := 0; i < len(parts); i += 2 {
		s = append(s, slices.Repeat([]byte(parts[i].(string)), parts[i+1].(int))...)
	}
	return string(s)
}

// day has everything: short and long bouts, holes, rest, a hot room, ties.
var day = plan("n", 20, "w", 50, "n", 95, "w", 40, "-", 3, "w", 20, ".", 2, "r", 60, "w", 30, "-", 180,
	"w", 35, "h", 130, "w", 12, "n", 6, "w", 33, "t", 20, "n", 100, "w", 2, "n", 60, "r", 80, "-", 20, "n", 40, "w", 25)

// partials are those of the minutes that have samples, in order of time.
func (r *recording) partials() []*Partial {
	byMinute := make(map[int64]*recording)
	of := func(t int64) *recording {
		start := t - (t-testStart)%minuteNS
		if byMinute[start] == nil {
			byMinute[start] = new(recording)
		}
		return byMinute[start]
	}
	for i, t := range r.samples.T {
		m := of(t)
		m.samples.T = append(m.samples.T, t)
		m.samples.X = append(m.samples.X, r.samples.X[i])
		m.samples.Y = append(m.samples.Y, r.samples.Y[i])
		m.samples.Z = append(m.samples.Z, r.samples.Z[i])
	}
	for i, t := range r.readings.T {
		m := of(t)
		m.readings.T = append(m.readings.T, t)
		m.readings.MilliC = append(m.readings.MilliC, r.readings.MilliC[i])
	}
	var all []*Partial
	for _, start := range slices.Sorted(maps.Keys(byMinute)) {
		m, p := byMinute[start], new(Partial)
		p.Set(start, m.samples, m.readings, testRate)
		p.Counts = 0
		if v := p.moments(); v.axes(20_000) == 0 {
			p.Counts = 100
		}
		all = append(all, p)
	}
	return all
}

func config(order ...string) Config {
	return Config{Order: order, Params: Default, Origin: testStart}
}

// orders are every algorithm alone, and all that a study gets.
func orders() [][]string {
	all := [][]string{DefaultOrder}
	for _, name := range Algorithms() {
		all = append(all, []string{name})
	}
	return all
}

func drive(t testing.TB, c Config, partials []*Partial) []Minute {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []Minute
	keep := func(m Minute) { all = append(all, m) }
	for _, p := range partials {
		if err := d.Push(p, keep); err != nil {
			t.Fatal(err)
		}
	}
	d.End(keep)
	return all
}

func finals(minutes []Minute) []Minute {
	return slices.DeleteFunc(slices.Clone(minutes), func(m Minute) bool { return !m.Final })
}

// TestSequence checks that every minute is final once, in order of time, and
// provisional at most once and before.
func TestSequence(t *testing.T) {
	partials := made(1, day).partials()
	for _, order := range orders() {
		said := make(map[int64]int)
		next, provisionals, changed := testStart, 0, 0
		before := make(map[int64]State)
		for _, m := range drive(t, config(order...), partials) {
			switch said[m.Start]++; {
			case m.Final && m.Start != next:
				t.Fatalf("%v: %v is final, due was minute %d", order, m, (next-testStart)/minuteNS)
			case m.Final:
				next += minuteNS
				if s, was := before[m.Start]; was && s != m.State {
					changed++
				}
			case m.Start < next || said[m.Start] > 1:
				t.Fatalf("%v: %v is provisional, too late", order, m)
			default:
				before[m.Start] = m.State
				provisionals++
			}
			if (m.By == "") != (m.State == Unknown || m.State == NoData || m.State == Charging) {
				t.Fatalf("%v: %v", order, m)
			}
		}
		if got := int((next - testStart) / minuteNS); got != len(day) {
			t.Errorf("%v: %d minutes are final, want %d", order, got, len(day))
		}
		t.Logf("%v: %d minutes final, %d provisional before, %d of them changed", order, len(day), provisionals, changed)
	}
}

// TestBatches gives the recording in batches cut anywhere, in any order, some of
// them twice, to something that files samples by time as the product does.
func TestBatches(t *testing.T) {
	rec := made(2, day)
	want := make(map[string][]Minute)
	partials := rec.partials()
	for _, order := range orders() {
		want[fmt.Sprint(order)] = drive(t, config(order...), partials)
	}
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 2))
		partials := rec.rebatched(random).partials()
		for _, order := range orders() {
			if !slices.Equal(drive(t, config(order...), partials), want[fmt.Sprint(order)]) {
				t.Errorf("%v: batches of seed %d give other minutes", order, seed)
			}
		}
	}
}

func (r *recording) rebatched(random *rand.Rand) *recording {
	type span struct{ from, to int }
	var batches []span
	for from := 0; from < len(r.samples.T); {
		to := min(from+1+random.IntN(3_000), len(r.samples.T))
		batches = append(batches, span{from, to})
		if random.IntN(5) == 0 {
			batches = append(batches, span{from, to})
		}
		from = to
	}
	random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	at := make(map[int64]int) // index by time, the first that came
	for _, b := range batches {
		for i := b.from; i < b.to; i++ {
			if _, is := at[r.samples.T[i]]; !is {
				at[r.samples.T[i]] = i
			}
		}
	}
	got := &recording{readings: r.readings}
	s := &got.samples
	for _, t := range slices.Sorted(maps.Keys(at)) {
		i := at[t]
		s.T, s.X, s.Y, s.Z = append(s.T, t), append(s.X, r.samples.X[i]), append(s.Y, r.samples.Y[i]), append(s.Z, r.samples.Z[i])
	}
	return got
}

// TestBounded decides minutes anew from the partials of [minute - Before, minute +
// Lag] alone: what a restart and late data need.
func TestBounded(t *testing.T) {
	long := day + plan("n", 500, "w", 30, "h", 500) + day
	partials := made(3, long).partials()
	for _, order := range orders() {
		want := finals(drive(t, config(order...), partials))
		c := config(order...)
		c.FinalOnly = true
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		for m := int(d.before) % 13; m < len(want); m += 67 {
			from, to := want[m].Start-int64(d.Before()), want[m].Start+int64(d.Lag())
			i, _ := slices.BinarySearchFunc(partials, from, func(p *Partial, at int64) int { return int(p.Start - at) })
			j, _ := slices.BinarySearchFunc(partials, to+1, func(p *Partial, at int64) int { return int(p.Start - at) })
			got := drive(t, c, partials[i:j])
			k := slices.IndexFunc(got, func(g Minute) bool { return g.Start == want[m].Start })
			if k < 0 && want[m].State == NoData {
				continue // in a hole at the end of what was given
			}
			if k < 0 || got[k] != want[m] {
				t.Fatalf("%v: minute %d is %v, alone %v", order, m, want[m], got[max(k, 0)])
			}
		}
	}
}

// TestLate changes one minute: others change within the bounds only.
func TestLate(t *testing.T) {
	rec := made(4, day)
	partials := rec.partials()
	for _, order := range orders() {
		d, _ := New(config(order...))
		want := finals(drive(t, config(order...), partials))
		for _, at := range []int{30, 100, 300, 560, 700} {
			changed := slices.Clone(partials)
			i, is := slices.BinarySearchFunc(changed, testStart+int64(at)*minuteNS, func(p *Partial, at int64) int { return int(p.Start - at) })
			if is { // gone
				changed = slices.Delete(changed, i, i+1)
			} else { // found
				late := *partials[i]
				late.Start = testStart + int64(at)*minuteNS
				changed = slices.Insert(changed, i, &late)
			}
			for k, m := range finals(drive(t, config(order...), changed)) {
				if m != want[k] && (int64(k-at) > d.before || int64(at-k) > d.lag) {
					t.Errorf("%v: minute %d changed with minute %d", order, k, at)
				}
			}
		}
	}
}

func TestHoles(t *testing.T) {
	count := func(minutes []Minute, s State) (n int) {
		for _, m := range finals(minutes) {
			if m.State == s {
				n++
			}
		}
		return n
	}
	got := drive(t, config(DefaultOrder...), made(5, plan("w", 60, "-", 180, ".", 5, "w", 60)).partials())
	if n := count(got, NoData); n != 185 {
		t.Errorf("%d minutes without data, want 185", n)
	}
	if n := count(got, Wear); n != 120 {
		t.Errorf("%d minutes worn, want 120", n)
	}
	long := drive(t, config(DefaultOrder...), made(5, plan("w", 60, "-", longestHole+1, "w", 60)).partials())
	if n := len(finals(long)); n != 120 {
		t.Errorf("%d minutes around a hole of more than a day, want 120", n)
	}
}

// TestDevice checks what the device says, and that charging is a fact.
func TestDevice(t *testing.T) {
	partials := made(6, plan("w", 30, "n", 90, "w", 30)).partials()
	for i, p := range partials {
		switch {
		case i < 5:
			p.Reported = NonWear
		case i >= 60 && i < 70:
			p.Reported = Charging
		}
	}
	got := finals(drive(t, config(DefaultOrder...), partials))
	for i, m := range got {
		switch {
		case i < 5 && (m.State != NonWear || m.By != "device"),
			i >= 5 && i < 29 && (m.State != Wear || m.By != "detach"),
			i >= 36 && i < 60 && // 30 degC is reached after 3 minutes
				(m.State != NonWear || m.By != "detach"),
			i >= 60 && i < 70 && m.State != Charging:
			t.Errorf("minute %d is %v", i, m)
		}
	}
}

// TestHotRoom: a bout that neither began nor ended in the last 6 h is not known,
// and the next algorithm decides.
func TestHotRoom(t *testing.T) {
	partials := made(7, plan("w", 60, "h", 600)).partials()
	alone := finals(drive(t, config("detach"), partials))
	both := finals(drive(t, config("detach", "ggir2023"), partials))
	const begins = 67 // 30 degC is reached
	for i := begins; i < 640; i++ {
		want := NonWear
		if i >= begins+memory {
			want = Unknown
		}
		if alone[i].State != want {
			t.Errorf("minute %d is %v, want %v", i, alone[i], want)
		}
		if both[i].State != NonWear {
			t.Errorf("minute %d is %v", i, both[i])
		}
	}
}

func TestPushRefuses(t *testing.T) {
	d, err := New(config("cta"))
	if err != nil {
		t.Fatal(err)
	}
	none := func(Minute) {}
	var p Partial
	for _, c := range []struct {
		start int64
		ok    bool
	}{
		{testStart + minuteNS, true}, {testStart + minuteNS, false}, {testStart, false},
		{testStart + 2*minuteNS + 1, false}, {testStart - minuteNS, false}, {testStart + 2*minuteNS, true},
	} {
		p.Start = c.start
		if err := d.Push(&p, none); (err == nil) != c.ok {
			t.Errorf("minute %d: %v", (c.start-testStart)/minuteNS, err)
		}
	}
	for _, order := range [][]string{nil, {"detect"}, {"cta", "cta"}} {
		if _, err := New(config(order...)); err == nil {
			t.Errorf("%v is taken", order)
		}
	}
	c := config("choi")
	c.Params.Choi.Zeros = 1_000
	if _, err := New(c); err == nil {
		t.Error("a lag of 1,000 minutes is taken")
	}
}

// TestGolden: every algorithm says the same of every minute on every processor.
func TestGolden(t *testing.T) {
	partials := made(1, day).partials()
	digest := sha256.New()
	for _, order := range orders() {
		for _, m := range drive(t, config(order...), partials) {
			fmt.Fprintln(digest, m)
		}
	}
	const golden = "1f661850d208bfa3"
	if got := fmt.Sprintf("%x", digest.Sum(nil)[:8]); got != golden {
		t.Errorf("other minutes: %s, want %s", got, golden)
	}
}

func TestAlgo(t *testing.T) {
	c := config("detach")
	alone := c.Algo()
	c.Params.CTA.SD++
	if c.Algo() != alone {
		t.Error("a parameter that is not used changes the name")
	}
	c.Params.DETACH.SD++
	if c.Algo() == alone {
		t.Error("a parameter that is used does not change the name")
	}
	c = config("cta")
	alone = c.Algo()
	if c.Params = ForModel("E4"); c.Algo() == alone {
		t.Error("the E4 has no thresholds of its own")
	}
	if ForModel("?") != Default {
		t.Error("an unknown model does not get the default")
	}
	c = config(DefaultOrder...)
	t.Log(alone, c.Algo())
}

func TestSize(t *testing.T) {
	size := unsafe.Sizeof(Driver{}) + uintptr(len(DefaultOrder))*unsafe.Sizeof(placed{}) +
		unsafe.Sizeof(device{}) + unsafe.Sizeof(detach{}) + unsafe.Sizeof(ggir2023{}) + unsafe.Sizeof(actipy{})
	t.Logf("a driver of %v is %d bytes; a partial, used again, %d", DefaultOrder, size, unsafe.Sizeof(Partial{}))
	if size > 16<<10 {
		t.Error("more than 16 KB")
	}
}

func TestAllocations(t *testing.T) {
	rec := made(8, plan("w", 1))
	d, err := New(config(DefaultOrder...))
	if err != nil {
		t.Fatal(err)
	}
	var p Partial
	none := func(Minute) {}
	m := int64(0)
	if n := testing.AllocsPerRun(200, func() {
		p.Set(testStart, rec.samples, rec.readings, testRate)
		p.Start += m * minuteNS
		m++
		if err := d.Push(&p, none); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a minute", n)
	}
}

func BenchmarkMinute(b *testing.B) {
	b.Run("live", func(b *testing.B) { benchmark(b, false) })
	b.Run("final only", func(b *testing.B) { benchmark(b, true) })
}

func benchmark(b *testing.B, finalOnly bool) {
	rec := made(8, plan("w", 1))
	c := config(DefaultOrder...)
	c.FinalOnly = finalOnly
	d, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	var p Partial
	m := int64(0)
	for b.Loop() {
		p.Set(testStart, rec.samples, rec.readings, testRate)
		p.Start += m * minuteNS
		m++
		if err := d.Push(&p, func(Minute) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSnapshot: a Driver that goes on from a snapshot says what the one that it was
// taken of says, whatever the algorithms and wherever it was taken.
func TestSnapshot(t *testing.T) {
	partials := made(5, day).partials()
	for _, order := range orders() {
		c := config(order...)
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := New(c)
		largest := 0
		for i, p := range partials {
			snapshot := d.Append(nil)
			largest = max(largest, len(snapshot))
			if err := again.Restore(snapshot); err != nil {
				t.Fatalf("%v, minute %d: %v", order, i, err)
			}
			if !slices.Equal(again.Append(nil), snapshot) {
				t.Fatalf("%v, minute %d: what was restored is another state", order, i)
			}
			var want, got []Minute
			if err := errors.Join(d.Push(p, func(m Minute) { want = append(want, m) }), again.Push(p, func(m Minute) { got = append(got, m) })); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v, minute %d: %v, want %v", order, i, got, want)
			}
		}
		t.Logf("%v: at most %d bytes", order, largest)
		if largest > 6<<10 {
			t.Errorf("%v: a snapshot of %d bytes", order, largest)
		}
		other := config("device", "cta", "choi")
		stranger, _ := New(other)
		if err := stranger.Restore(d.Append(nil)); err == nil {
			t.Errorf("%v: a Driver of %v took the snapshot", order, other.Order)
		}
	}
}

// FuzzSnapshot: bytes that are no snapshot are an error, and what is taken for one
// goes on without a panic.
func FuzzSnapshot(f *testing.F) {
	c := config("device", "detach", "ggir2023", "ggir2013", "accelthreshold", "cta", "choi", "actipy")
	d, err := New(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.Append(nil))
	partials := made(5, plan("w", 3, "-", 2, "n", 2)).partials()
	for _, p := range partials {
		d.Push(p, func(Minute) {})
	}
	f.Add(d.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _ := New(c)
		if d.Restore(b) != nil {
			if err := d.Push(partials[0], func(Minute) {}); err != nil {
				t.Fatalf("after a refusal it is not as new: %v", err)
			}
			return
		}
		d.Push(partials[len(partials)-1], func(Minute) {})
		d.End(func(Minute) {})
	})
}

func BenchmarkSnapshot(b *testing.B) {
	d, err := New(config(DefaultOrder...))
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range made(5, day).partials() {
		d.Push(p, func(Minute) {})
	}
	var snapshot []byte
	for b.Loop() {
		snapshot = d.Append(snapshot[:0])
		if err := d.Restore(snapshot); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(snapshot)), "bytes")
}
