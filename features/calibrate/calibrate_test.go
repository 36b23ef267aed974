package calibrate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wearstream/wearstream/features"
)

const (
	begin = int64(1_700_000_003) * int64(time.Second) // not where an epoch begins
	rate  = 2000                                      // 2 Hz
)

// device is a recording of a device that is off by `off`: it lies still in one
// place for half an hour, is moved for a minute, and gets warmer and colder.
func device(hours int, off correction, meanTemp float64) (features.Samples, features.Readings) {
	rng := rand.New(rand.NewPCG(3, 5))
	var s features.Samples
	var r features.Readings
	var place [3]float64
	for i := range hours * 7200 {
		at := begin + int64(i)*int64(time.Second)/2
		temp := 28 + 5*float64(i%43_200)/43_200
		if i%3600 == 0 {
			for norm(place) < 0.1 || norm(place) > 1 {
				place = [3]float64{rng.Float64()*2 - 1, rng.Float64()*2 - 1, rng.Float64()*2 - 1}
			}
			size := norm(place)
			for k := range place {
				place[k] /= size
			}
		}
		if i%3600 == 3599 {
			place = [3]float64{}
		}
		noise := 0.002
		if i%3600 > 3480 {
			noise = 0.3
		}
		var v [3]int32
		for k := range v {
			y := (place[k]-(temp-meanTemp)*off.tempScale[k])/off.scale[k] - off.offset[k] // undoes apply
			v[k] = microG(y + (rng.Float64()*2-1)*noise)
		}
		s.T, s.X, s.Y, s.Z = append(s.T, at), append(s.X, v[0]), append(s.Y, v[1]), append(s.Z, v[2])
		if i%4 == 0 {
			r.T, r.MilliC = append(r.T, at), append(r.MilliC, int32(math.Round(temp*1000)))
		}
	}
	return s, r
}

var off = correction{[3]float64{0.03, -0.02, 0.01}, [3]float64{1.02, 0.985, 1.01}, [3]float64{0.001, -0.0007, 0.0005}}

func assembled(s features.Samples, r features.Readings) []Still {
	a := NewAssembler(Default, rate)
	a.Add(s, r)
	return a.Seal(math.MaxInt64)
}

// TestAttempt: what a device is off by is found, and undone.
func TestAttempt(t *testing.T) {
	s, readings := device(75, off, 30)
	still := assembled(s, readings)
	if r := Attempt(still, begin, begin+int64(75*time.Hour), Default); !r.Accepted || !(r.ErrorBefore > 0.02 && r.ErrorAfter < 0.002) {
		t.Fatalf("%+v", r)
	}
	patient := Default // where GGIR stops, its slow loop is not at its end
	patient.Tolerance = 1e-16
	r := Attempt(still, begin, begin+int64(75*time.Hour), patient)
	if !r.Accepted || !r.Temperature || r.Epochs < 20_000 || r.ErrorAfter > 3e-4 {
		t.Fatalf("%+v", r)
	}
	for k := range 3 {
		// Offset is at r.MeanTemp, not at 30 degrees.
		offset := off.offset[k] + (r.MeanTemp-30)*off.tempScale[k]/off.scale[k]
		if math.Abs(r.Offset[k]-offset) > 2e-4 || math.Abs(r.Scale[k]-off.scale[k]) > 2e-4 || math.Abs(r.TempScale[k]-off.tempScale[k]) > 2e-5 {
			t.Errorf("axis %d: %v %v %v, want %v %v %v", k, r.Offset[k], r.Scale[k], r.TempScale[k], offset, off.scale[k], off.tempScale[k])
		}
	}
	fixed := Axes{slices.Clone(s.X), slices.Clone(s.Y), slices.Clone(s.Z)}
	r.Apply(fixed, fixed, s.T, 1_000_000, readings)
	var before, after, corrected Drift
	for _, e := range still {
		before.Add(&e)
		c := r.Correct(e)
		corrected.Add(&c)
	}
	for _, e := range assembled(features.Samples{T: s.T, X: fixed.X, Y: fixed.Y, Z: fixed.Z}, readings) {
		after.Add(&e)
	}
	if !(before.Error() > 0.02 && after.Error() < 3e-4 && math.Abs(after.Error()-corrected.Error()) < 1e-6) {
		t.Errorf("still epochs are off by %v, then %v, by their own correction %v", before.Error(), after.Error(), corrected.Error())
	}
}

// TestGolden: the same bytes on every processor.
func TestGolden(t *testing.T) {
	s, readings := device(75, off, 30)
	patient := Default
	patient.Tolerance = 1e-16
	r := Attempt(assembled(s, readings), begin, begin+int64(75*time.Hour), patient)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var bits []string
	for k := range 3 {
		bits = append(bits, fmt.Sprintf("%016x %016x %016x", math.Float64bits(r.Offset[k]), math.Float64bits(r.Scale[k]), math.Float64bits(r.TempScale[k])))
	}
	if want := golden; r.ID != want.id || !slices.Equal(bits, want.bits) || r.Iterations != want.iterations {
		t.Errorf("%s\n%s %q %d", text, r.ID, bits, r.Iterations)
	}
}

var golden = struct {
	id         string
	bits       []string
	iterations int
}{
	"b580bda19d701c80",
	[]string{
		"3f9f29ed99e7247b 3ff051ec3283fcc4 3f505ed84c798a81",
		"bf94cd880870736f 3fef85190cac5423 bf46f4fef142586b",
		"3f84edd40136a22b 3ff028f75bcd440e 3f4081e91e2e7f6e",
	},
	37,
}

// TestOrderAndBatches: the same records, bit for bit, however samples came.
func TestOrderAndBatches(t *testing.T) {
	s, readings := device(73, off, 30)
	run := func(portion func(*Assembler, *Log) []Record) []Record {
		return portion(NewAssembler(Default, rate), NewLog(begin, Default))
	}
	end := s.T[len(s.T)-1] + 1
	whole := run(func(a *Assembler, l *Log) []Record {
		a.Add(s, readings)
		return l.Seal(a.Seal(end), end)
	})
	if len(whole) != 1 || !whole[0].Accepted {
		t.Fatalf("%+v", whole)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for range 3 {
		got := run(func(a *Assembler, l *Log) (out []Record) {
			type batch struct{ from, to int }
			for from := 0; from < len(s.T); {
				var late []batch // come in any order, and are sealed together
				for range 1 + rng.IntN(40) {
					to := min(from+1+rng.IntN(2000), len(s.T))
					late = append(late, batch{from, to})
					from = to
				}
				rng.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
				for _, b := range late {
					if b.from < b.to {
						q := []int{(b.from + 3) / 4, (b.to + 3) / 4}
						a.Add(features.Samples{T: s.T[b.from:b.to], X: s.X[b.from:b.to], Y: s.Y[b.from:b.to], Z: s.Z[b.from:b.to]},
							features.Readings{T: readings.T[q[0]:q[1]], MilliC: readings.MilliC[q[0]:q[1]]})
					}
				}
				until := s.T[from-1] + 1
				sealed := a.Seal(until)
				rng.Shuffle(len(sealed), func(i, j int) { sealed[i], sealed[j] = sealed[j], sealed[i] })
				out = append(out, l.Seal(sealed, until)...)
			}
			return out
		})
		if !reflect.DeepEqual(got, whole) {
			t.Fatalf("%+v\nwhole: %+v", got, whole)
		}
	}
}

// TestLog: when attempts are made.
func TestLog(t *testing.T) {
	hour := int64(time.Hour)
	flat := Still{Start: epochStart(begin) + hour, Mean: [3]float64{0, 0, 1.02}, Temperature: 30}
	l := NewLog(begin, Default)
	if r := l.Seal([]Still{flat}, begin+72*hour-int64(Length)); r != nil {
		t.Errorf("attempted before its time: %+v", r)
	}
	var spans []time.Duration
	for h := int64(72); h < 300; h += 5 {
		for _, r := range l.Seal(nil, begin+h*hour) {
			if r.Accepted || r.Reason != NoStill {
				t.Errorf("%+v", r)
			}
			spans = append(spans, r.Span+Length)
		}
	}
	var want []time.Duration
	for h := 72; h <= 168; h += 12 {
		want = append(want, time.Duration(h)*time.Hour)
	}
	if !slices.Equal(spans, want) || !l.Done || l.Epochs != nil {
		t.Errorf("attempts after %v, want %v; done %t", spans, want, l.Done)
	}

	good, readings := device(100, off, 30)
	still := assembled(good, readings)
	l = NewLog(begin, Default)
	r := l.Seal(still, begin+100*hour)
	if len(r) != 1 || !r[0].Accepted || !l.Done || l.Epochs != nil || l.Seal(still, begin+200*hour) != nil {
		t.Errorf("%d attempts, done %t", len(r), l.Done)
	}
	if from := epochStart(begin) + int64(Length); r[0].From != from || r[0].To != from-int64(Length)+72*hour {
		t.Errorf("from %d to %d: the epoch in which it begins counts, or what was sealed later", r[0].From, r[0].To)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r[0].ValidFrom(berlin).UTC().Format(time.RFC3339), "2023-11-17T23:00:00Z"; got != want {
		t.Errorf("valid from %s, want %s", got, want)
	}
}

func TestReasons(t *testing.T) {
	round := func(size float64, flat bool) (out []Still) {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 200 {
			v := [3]float64{rng.Float64()*2 - 1, rng.Float64()*2 - 1, rng.Float64()*2 - 1}
			if flat {
				v[2] = math.Abs(v[2])
			}
			n := norm(v)
			for k := range v {
				v[k] *= size / n
			}
			out = append(out, Still{Start: int64(i) * int64(Length), Mean: v, Temperature: math.NaN()})
		}
		return out
	}
	scattered := round(1, false)
	for i := range scattered {
		for k := range 3 {
			scattered[i].Mean[k] *= 1 + 0.2*float64(i%7-3)/3
		}
	}
	for _, c := range []struct {
		name   string
		epochs []Still
		reason Reason
	}{
		{"nothing", nil, NoStill},
		{"one place", slices.Repeat(round(1, false)[:1], 100), NoStill},
		{"half a sphere", round(1.02, true), Sphere},
		{"perfect", round(1, false), NotBetter},
		{"scattered", scattered, StillTooFar},
		{"too great", round(1.02, false), ""},
	} {
		for i := range c.epochs {
			c.epochs[i].Start = int64(i) * int64(Length)
		}
		r := Attempt(c.epochs, 0, int64(72*time.Hour), Default)
		if r.Reason != c.reason || r.Accepted != (c.reason == "") || r.Temperature {
			t.Errorf("%s: %+v", c.name, r)
		}
		if c.reason != "" {
			src := Axes{[]int32{1_234_567}, []int32{0}, []int32{-5}}
			if r.Apply(src, src, []int64{0}, 1_000_000, features.Readings{}); src.X[0] != 1_234_567 || src.Y[0] != 0 || src.Z[0] != -5 {
				t.Errorf("%s: not accepted, and yet it corrects: %v", c.name, src)
			}
		}
	}
}

// TestTemperature: it is used where there is enough of it, and else left out.
func TestTemperature(t *testing.T) {
	s, readings := device(75, off, 30)
	still := assembled(s, readings)
	for name, c := range map[string]struct {
		change func(i int, e *Still)
		params func(*Parameters)
		used   bool
	}{
		"all":            {func(int, *Still) {}, func(*Parameters) {}, true},
		"not wanted":     {func(int, *Still) {}, func(p *Parameters) { p.Temperature = false }, false},
		"a few missing":  {func(i int, e *Still) { drop(e, i%20 == 0) }, func(*Parameters) {}, true},
		"many missing":   {func(i int, e *Still) { drop(e, i%5 == 0) }, func(*Parameters) {}, false},
		"never changing": {func(i int, e *Still) { e.Temperature = 30 }, func(*Parameters) {}, false},
	} {
		epochs, p := slices.Clone(still), Default
		for i := range epochs {
			c.change(i, &epochs[i])
		}
		c.params(&p)
		r := Attempt(epochs, begin, math.MaxInt64, p)
		if r.Temperature != c.used || !r.Accepted || !c.used && (r.TempScale != [3]float64{} || r.MeanTemp != 0) {
			t.Errorf("%s: used %t, accepted %t, %v", name, r.Temperature, r.Accepted, r.TempScale)
		}
	}
}

func drop(e *Still, yes bool) {
	if yes {
		e.Temperature = math.NaN()
	}
}

func TestApply(t *testing.T) {
	r := Record{Accepted: true, Temperature: true, MeanTemp: 30, Offset: [3]float64{0.5, 0, 0}, Scale: [3]float64{1, 1, 2}, TempScale: [3]float64{0, 0.001, 0}}
	times := []int64{0, 10, 20, 30}
	src := Axes{[]int32{0, 1, -3, math.MaxInt32}, []int32{0, 0, 0, 0}, []int32{2, math.MinInt32, 7, 9}}
	readings := features.Readings{T: []int64{5, 20}, MilliC: []int32{31_000, 29_500}}
	dst := Axes{make([]int32, 4), make([]int32, 4), make([]int32, 4)}
	r.Apply(dst, src, times, 1_000_000, readings)
	want := Axes{[]int32{500_000, 500_001, 499_997, math.MaxInt32}, []int32{0, 1000, -500, -500}, []int32{4, math.MinInt32, 14, 18}}
	if !reflect.DeepEqual(dst, want) {
		t.Errorf("%v\nwant %v", dst, want)
	}
	// Half to even, from the device's own counts: 1/64 g is 15625 micro-g, 1/128 of
	// it no whole number.
	half := Record{Accepted: true, Scale: [3]float64{1.0 / 2, 1.0 / 2, 1.0 / 2}}
	counts := Axes{[]int32{1, 3, -1}, []int32{2, 5, 0}, []int32{127, -128, 64}}
	half.Apply(counts, counts, times[:3], 64, features.Readings{})
	want = Axes{[]int32{7812, 23438, -7812}, []int32{15625, 39062, 0}, []int32{992188, -1_000_000, 500_000}}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("%v\nwant %v", counts, want)
	}
}

// TestStill: exactly the epochs that are still, and complete.
func TestStill(t *testing.T) {
	epoch := func(n int, v func(i int) int32) []Still {
		var s features.Samples
		for i := range n {
			s.T = append(s.T, int64(i)*int64(Length)/20)
			s.X, s.Y, s.Z = append(s.X, v(i)), append(s.Y, 100), append(s.Z, 1_000_000)
		}
		return assembled(s, features.Readings{})
	}
	for _, c := range []struct {
		name  string
		n     int
		v     func(i int) int32
		still bool
	}{
		{"still", 20, func(i int) int32 { return int32(i % 2) }, true},
		{"enough", 18, func(i int) int32 { return 0 }, true},
		{"too few", 17, func(i int) int32 { return 0 }, false},
		{"below", 20, func(i int) int32 { return int32(i%2) * 25_341 }, true}, // SD is 0.51299 of the step
		{"above", 20, func(i int) int32 { return int32(i%2) * 25_342 }, false},
		{"one jump", 20, func(i int) int32 { return int32(i/19) * 60_000 }, false},
		{"clipped", 20, func(i int) int32 { return 2_000_000 }, false},
		{"greatest", 20, func(i int) int32 { return int32(i%2)*math.MaxInt32 + int32(i%2-1)*math.MaxInt32 }, false},
	} {
		if got := epoch(c.n, c.v); (len(got) == 1) != c.still {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	missing := features.Samples{T: []int64{1, 2}, X: []int32{0, 0}, Y: []int32{0, 0}, Z: []int32{0, 1}}
	a := NewAssembler(Default, rate)
	a.Add(missing, features.Readings{})
	if n := a.open[0].axes[0].n; n != 1 {
		t.Errorf("%d samples of which one is nothing at all", n)
	}
}

// FuzzVariance: against integers of any size.
func FuzzVariance(f *testing.F) {
	f.Add(uint64(1), int32(5), int32(-5), uint8(20))
	f.Add(uint64(2), int32(math.MaxInt32), int32(math.MinInt32), uint8(255))
	f.Add(uint64(3), int32(1_000_000), int32(1_000_001), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, low, high int32, n uint8) {
		if low > high {
			low, high = high, low
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		var values []int32
		sum, squares, count := new(big.Int), new(big.Int), int64(n)+2
		for range count {
			v := int32(int64(low) + rng.Int64N(int64(high)-int64(low)+1))
			values = append(values, v)
			w := big.NewInt(int64(v))
			sum.Add(sum, w)
			squares.Add(squares, new(big.Int).Mul(w, w))
		}
		var s sums
		s.add(values[:n/2])
		s.add(values[n/2:])
		top := new(big.Int).Mul(squares, big.NewInt(count))
		top.Sub(top, new(big.Int).Mul(sum, sum))
		want, _ := new(big.Rat).SetFrac(top, big.NewInt(count*(count-1))).Float64()
		if got := s.variance(); math.Abs(got-want) > 4e-16*want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestDriftMerges(t *testing.T) {
	var whole, left, right Drift
	if !math.IsNaN(whole.Error()) {
		t.Error("a day without still epochs has no error")
	}
	for i := range 100 {
		e := Still{Mean: [3]float64{0, 0.1 * float64(i%7), 1}}
		whole.Add(&e)
		if i%3 == 0 {
			left.Add(&e)
		} else {
			right.Add(&e)
		}
	}
	right.Merge(left)
	if right != whole || whole.Error() <= 0 {
		t.Errorf("%+v, want %+v", right, whole)
	}
}

// BenchmarkAttempt is over three days of still epochs, a device left in a drawer
// and turned now and then.
func BenchmarkAttempt(b *testing.B) {
	s, readings := device(73, off, 30)
	still := assembled(s, readings)
	for b.Loop() {
		Attempt(still, begin, begin+int64(73*time.Hour), Default)
	}
	b.ReportMetric(float64(len(still)), "epochs")
}
