package features

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// wrist is a deterministic signal: gravity turning slowly, bursts of movement,
// and a temperature reading a second.
func wrist(seconds, rate int) (Samples, Readings) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := seconds * rate
	s := Samples{T: make([]int64, n), X: make([]int32, n), Y: make([]int32, n), Z: make([]int32, n)}
	var r Readings
	const start = 1_700_000_000_000_000_000
	for i := range n {
		at := start + int64(i)*1_000_000_000/int64(rate)
		noise := func() int32 { return int32(rng.IntN(1 << (10 + i/rate/7%10))) }
		turn := int32(i * 613 % 600_000)
		s.T[i] = at
		s.X[i], s.Y[i], s.Z[i] = turn+noise(), 400_000-turn-noise(), 800_000+noise()-noise()
		if i%rate == 0 {
			r.T = append(r.T, at+137)
			r.MilliC = append(r.MilliC, 31_000+int32(rng.IntN(90))+int32(i/rate))
		}
	}
	return s, r
}

func (s Samples) slice(i, j int) Samples { return Samples{s.T[i:j], s.X[i:j], s.Y[i:j], s.Z[i:j]} }
func (r Readings) slice(i, j int) Readings {
	return Readings{r.T[i:j], r.MilliC[i:j]}
}

// newTestEpoch is an epoch that begins with its first sample.
func newTestEpoch(s Samples, r Readings, rate uint32) Epoch {
	start := int64(0)
	if len(s.T) > 0 {
		start = s.T[0]
	}
	return NewEpoch(start, s, r, rate)
}

func milli(rate int) uint32 { return uint32(rate * 1000) }

// epochs cuts a wrist of whole epochs.
func epochs(seconds, rate int) []Epoch {
	s, r := wrist(seconds, rate)
	var es []Epoch
	for i := 0; i < seconds; i += 5 {
		es = append(es, newTestEpoch(s.slice(i*rate, (i+5)*rate), r.slice(i, i+5), milli(rate)))
	}
	return es
}

// values are those of core.v1.
func values(e Epoch, s Samples, length time.Duration, rate int) []float64 {
	var w Window
	w.Reset(length, milli(rate))
	w.Epoch, w.Samples = e, s
	out := make([]float64, len(Core.Features))
	Core.Values(&w, out)
	return out
}

func merged(es []Epoch) Epoch {
	var sum Epoch
	for i := range es {
		sum.Merge(&es[i])
	}
	return sum
}

// TestMergeIsExact: the integer parts of merged epochs are those of the whole,
// in whatever order they were merged.
func TestMergeIsExact(t *testing.T) {
	s, r := wrist(60, 50)
	whole := newTestEpoch(s, r, milli(50))
	es := epochs(60, 50)
	inOrder := merged(es)
	integers := func(e Epoch) []any {
		return []any{e.x, e.y, e.z, e.vm.n, e.vm.least, e.vm.most, e.vm.area, e.temp.moments}
	}
	if !reflect.DeepEqual(integers(inOrder), integers(whole)) || inOrder.temp != whole.temp || inOrder.jerk != whole.jerk {
		t.Errorf("merged in order %+v\nwhole %+v", inOrder, whole)
	}
	for range 20 {
		shuffled := slices.Clone(es)
		rand.Shuffle(len(es), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got := merged(shuffled)
		if !reflect.DeepEqual(integers(got), integers(whole)) {
			t.Fatalf("shuffled %+v\nwhole %+v", got, whole)
		}
		// The origin of the slope moves with the order; the slope does not.
		if got.temp.slope() != whole.temp.slope() {
			t.Fatalf("slope %v shuffled, %v whole", got.temp.slope(), whole.temp.slope())
		}
	}
}

// TestMergeOfNothing: epochs without samples or readings change no bit.
func TestMergeOfNothing(t *testing.T) {
	es := epochs(30, 50)
	want := merged(es)
	for range 20 {
		at := rand.IntN(len(es) + 1)
		if got := merged(slices.Insert(slices.Clone(es), at, Epoch{}, newTestEpoch(Samples{}, Readings{}, milli(50)))); got != want {
			t.Fatalf("with nothing at %d: %+v\nwithout %+v", at, got, want)
		}
	}
	s, r := wrist(5, 50)
	apart := newTestEpoch(s, Readings{}, milli(50))
	warm := newTestEpoch(Samples{}, r, milli(50))
	apart.Merge(&warm)
	if together := newTestEpoch(s, r, milli(50)); apart != together {
		t.Errorf("samples and readings merged %+v\ntogether %+v", apart, together)
	}
}

// TestAgainstBig computes every feature of a minute and of a quarter of an hour in
// 200-bit arithmetic from the samples.
func TestAgainstBig(t *testing.T) {
	for _, length := range Lengths[1:] {
		t.Run(length.String(), func(t *testing.T) { againstBig(t, length, 20) })
	}
}

func againstBig(t *testing.T, length time.Duration, rate int) {
	seconds := int(length / time.Second)
	s, r := wrist(seconds, rate)
	got := values(merged(epochs(seconds, rate)), s, length, rate)
	want := exact(s, r, rate)
	for i, f := range Core.Features {
		if !slices.Contains(f.Windows, length) {
			if !math.IsNaN(got[i]) {
				t.Errorf("%s is %v where it is not defined", f.ID, got[i])
			}
			continue
		}
		w, ok := want[f.ID]
		if !ok {
			t.Errorf("%s has no model here", f.ID)
		}
		limit := 4e-15
		if strings.HasPrefix(f.ID, "arm_") {
			limit = 1e-13 // the model adds up shares
		}
		if f.ID == "enmo" || f.ID == "enmoa" || f.ID == "mad5_mean" {
			limit = 1e-13 // small differences of sums around 1 g
		}
		if d := math.Abs(got[i] - w); !(d <= limit*math.Abs(w)) {
			t.Errorf("%s = %v, want %v, relative difference %.1e", f.ID, got[i], w, d/math.Abs(w))
		}
	}
}

type number = *big.Float

func num(v float64) number     { return new(big.Float).SetPrec(200).SetFloat64(v) }
func add(a, b number) number   { return num(0).Add(a, b) }
func sub(a, b number) number   { return num(0).Sub(a, b) }
func times(a, b number) number { return num(0).Mul(a, b) }
func over(a, b number) number  { return num(0).Quo(a, b) }
func root(a number) number     { return num(0).Sqrt(a) }
func value(a number) float64   { v, _ := a.Float64(); return v }

func mean(v []number) number {
	sum := num(0)
	for _, x := range v {
		sum = add(sum, x)
	}
	return over(sum, num(float64(len(v))))
}

func percentile(v []number, percent int) number {
	sorted := slices.SortedFunc(slices.Values(v), func(a, b number) int { return a.Cmp(b) })
	h := over(num(float64(percent*(len(v)-1))), num(100))
	i, _ := h.Int64()
	if int(i) == len(v)-1 {
		return sorted[i]
	}
	return add(sorted[i], times(sub(h, num(float64(i))), sub(sorted[i+1], sorted[i])))
}

func column(v []int32, scale float64) []number {
	var out []number
	for _, x := range v {
		out = append(out, over(num(float64(x)), num(scale)))
	}
	return out
}

// exact is core.v1 by the formulas.
func exact(s Samples, r Readings, rate int) map[string]float64 {
	out := make(map[string]float64)
	axes := [][]number{column(s.X, 1e6), column(s.Y, 1e6), column(s.Z, 1e6)}
	var vm, over1, apart, area, mads []number
	for i := range s.X {
		vm = append(vm, root(add(add(times(axes[0][i], axes[0][i]), times(axes[1][i], axes[1][i])), times(axes[2][i], axes[2][i]))))
		apart = append(apart, num(0).Abs(sub(vm[i], num(1))))
		area = append(area, add(add(num(0).Abs(axes[0][i]), num(0).Abs(axes[1][i])), num(0).Abs(axes[2][i])))
		over1 = append(over1, num(max(0, value(sub(vm[i], num(1))))))
	}
	for i := 0; i < len(vm); i += 5 * rate {
		m, deviations := mean(vm[i:i+5*rate]), []number(nil)
		for _, v := range vm[i : i+5*rate] {
			deviations = append(deviations, num(0).Abs(sub(v, m)))
		}
		mads = append(mads, mean(deviations))
		var way [3]float64
		for k := range way {
			way[k] = value(mean(axes[k][i : i+5*rate]))
		}
		for k, axis := range []string{"x", "y", "z"} {
			angle := math.Atan2(way[k], math.Hypot(way[(k+1)%3], way[(k+2)%3])) * 180 / math.Pi
			for id, is := range map[string]bool{"arm_up_": angle > 30, "arm_down_": angle < -30} {
				if out[id+axis] += 0; is {
					out[id+axis] += 5 * float64(rate) / float64(len(vm))
				}
			}
		}
	}
	temp := column(r.MilliC, 1e3)
	for id, v := range map[string][]number{"x": axes[0], "y": axes[1], "z": axes[2], "vm": vm, "temp": temp} {
		m, squares := mean(v), num(0)
		least, most := v[0], v[0]
		for _, x := range v {
			squares = add(squares, times(sub(x, m), sub(x, m)))
			if x.Cmp(least) < 0 {
				least = x
			}
			if x.Cmp(most) > 0 {
				most = x
			}
		}
		out[id+"_mean"], out[id+"_min"], out[id+"_max"], out[id+"_range"] = value(m), value(least), value(most), value(sub(most, least))
		out[id+"_sd"] = value(root(over(squares, num(float64(len(v)-1)))))
		for _, percent := range []int{5, 25, 50, 75, 95} {
			out[fmt.Sprintf("%s_p%02d", id, percent)] = value(percentile(v, percent))
		}
	}
	out["en"], out["enmo"], out["enmoa"], out["mad5_mean"] = out["vm_mean"], value(mean(over1)), value(mean(apart)), value(mean(mads))
	out["sma"] = value(mean(area))
	for k, id := range []string{"x", "y", "z"} {
		i, j := mean(axes[(k+1)%3]), mean(axes[(k+2)%3])
		across := root(add(times(i, i), times(j, j)))
		out["angle"+id+"_of_mean"] = math.Atan(value(over(mean(axes[k]), across))) * 180 / math.Pi
	}
	squares := num(0)
	for i := 1; i < len(vm); i++ {
		for _, a := range axes {
			jerk := times(sub(a[i], a[i-1]), num(float64(rate)))
			squares = add(squares, times(jerk, jerk))
		}
	}
	out["jerk_rms"] = value(root(over(squares, num(float64(len(vm)-1)))))
	out["temp_n"] = float64(len(temp))
	var u []number
	for _, at := range r.T {
		u = append(u, over(num(float64(at-r.T[0])), num(60e9)))
	}
	um, tm, rise, run := mean(u), mean(temp), num(0), num(0)
	for i := range u {
		du := sub(u[i], um)
		rise, run = add(rise, times(du, sub(temp[i], tm))), add(run, times(du, du))
	}
	out["temp_slope_per_min"] = value(over(rise, run))
	return out
}

// TestFullScale: nothing overflows at the ends of int32.
func TestFullScale(t *testing.T) {
	const n = 5000 // 1 kHz
	s := Samples{T: make([]int64, n)}
	r := Readings{T: make([]int64, n)}
	for i := range n {
		s.T[i], r.T[i] = int64(i)*1e6, int64(i)*1e6
		v := int32(math.MinInt32)
		if i%2 == 1 {
			v = math.MaxInt32
		}
		s.X, s.Y, s.Z, r.MilliC = append(s.X, v), append(s.Y, v), append(s.Z, v), append(r.MilliC, v)
	}
	quarter := merged(slices.Repeat([]Epoch{newTestEpoch(s, r, milli(1000))}, 180))
	got := values(quarter, Samples{}, 15*time.Minute, 1000)
	total := 180.0 * n
	half := (math.Exp2(32) - 1) / 2
	sd := half * math.Sqrt(total/(total-1))
	for id, want := range map[string]float64{
		"x_mean": -0.5e-6, "x_sd": sd / 1e6, "x_min": -2147.483648, "x_max": 2147.483647, "x_range": 4294.967295,
		"vm_max": math.Sqrt(3) * 2147.483648, "vm_min": math.Sqrt(3) * 2147.483647, "temp_sd": sd / 1e3, "temp_n": total,
		"enmo": math.Sqrt(3)*2147.4836475 - 1, "sma": 3 * 2147.4836475,
	} {
		if v := got[slices.Index(Core.Columns(), id)]; !(math.Abs(v-want) <= 1e-12*math.Abs(want)) {
			t.Errorf("%s = %.17g, want %.17g", id, v, want)
		}
	}
	minute := merged(slices.Repeat([]Epoch{newTestEpoch(s, r, milli(1000))}, 12))
	got = values(minute, s, time.Minute, 1000)
	for id, want := range map[string]float64{
		"x_p05": -2147.483648, "y_p25": -2147.483648, "z_p95": 2147.483647,
		"vm_p25": math.Sqrt(3) * 2147.483647, "vm_p75": math.Sqrt(3) * 2147.483648,
		"jerk_rms": math.Sqrt(3) * 4294.967295 * 1000,
	} {
		if v := got[slices.Index(Core.Columns(), id)]; !(math.Abs(v-want) <= 1e-12*math.Abs(want)) {
			t.Errorf("%s = %.17g, want %.17g", id, v, want)
		}
	}
}

func TestUndefined(t *testing.T) {
	nothing := Samples{T: []int64{1}, X: []int32{0}, Y: []int32{0}, Z: []int32{0}}
	one := newTestEpoch(nothing, Readings{T: []int64{5}, MilliC: []int32{36_600}}, milli(50))
	for _, c := range []struct {
		name      string
		e         Epoch
		s         Samples
		length    time.Duration
		undefined string // ids, at lengths where they are defined else
	}{
		{"empty", Epoch{}, Samples{}, EpochLength, "^temp_n$"},
		{"empty", Epoch{}, Samples{}, time.Minute, "^temp_n$"},
		{"one sample of nothing", one, nothing, EpochLength, "^(.*_of_mean|.*_sd|.*_slope.*|mad)$"},
		{"one sample of nothing", one, nothing, time.Minute, "^(.*_of_mean|.*_sd|.*_slope.*|jerk_rms|mad5_mean|arm_.*)$"},
	} {
		pattern, empty := regexp.MustCompile(c.undefined), c.e.N() == 0
		out := values(c.e, c.s, c.length, 50)
		for i, f := range Core.Features {
			want := pattern.MatchString(f.ID) != empty
			if !slices.Contains(f.Windows, c.length) {
				want = true
			}
			if undefined := math.IsNaN(out[i]); undefined != want {
				t.Errorf("%s at %s: %s is %v", c.name, c.length, f.ID, out[i])
			}
		}
	}
}

// TestThinEpoch: an epoch of which less than half is covered, and which so has no values
// of its own, is none in means and shares of epochs; its samples count.
func TestThinEpoch(t *testing.T) {
	s, _ := wrist(10, 50)
	const start = 250 // of the second epoch
	for _, c := range []struct {
		name     string
		from, to int // samples of it
		every    int
		covered  bool
	}{
		{"none", 0, 0, 1, false},
		{"one", 100, 101, 1, false},
		{"half but a sample", 0, 124, 1, false},
		{"half", 0, 125, 1, true}, // 124 spacings, and one and a half after the last
		{"half in the middle", 60, 184, 1, true},
		{"all", 0, 250, 1, true},
		{"every third", 0, 250, 3, true},
		{"every fourth", 0, 250, 4, false},
	} {
		var own Samples
		for i := start + c.from; i < start+c.to; i += c.every {
			own.T, own.X, own.Y, own.Z = append(own.T, s.T[i]), append(own.X, s.X[i]), append(own.Y, s.Y[i]), append(own.Z, s.Z[i])
		}
		e := NewEpoch(s.T[start], own, Readings{}, milli(50))
		if covered := e.vm.epochs == 1; covered != c.covered {
			t.Errorf("%s: covered is %v", c.name, covered)
		}
		var tr trace
		if tr.inactive(&e); tr.epochs != e.vm.epochs {
			t.Errorf("%s: %d epochs to be inactive in", c.name, tr.epochs)
		}
		whole := NewEpoch(s.T[0], s.slice(0, start), Readings{}, milli(50))
		mad, up := whole.vm.mads, whole.raised
		whole.Merge(&e)
		if whole.N() != start+len(own.T) {
			t.Errorf("%s: %d samples", c.name, whole.N())
		}
		if same := whole.vm.mads == mad && whole.raised == up && whole.vm.epochs == 1; same == c.covered {
			t.Errorf("%s: the mean of MADs and the shares of the first epoch alone: %v", c.name, same)
		}
	}
}

func TestNewEpochAllocatesNothing(t *testing.T) {
	s, r := wrist(5, 100)
	var e Epoch
	if n := testing.AllocsPerRun(20, func() { e = newTestEpoch(s, r, milli(100)) }); n != 0 {
		t.Errorf("%v allocations for %d samples", n, e.N())
	}
}

// TestWindowAllocatesNothing: the memory of a window is used again.
func TestWindowAllocatesNothing(t *testing.T) {
	s, r := wrist(5, 100)
	e := newTestEpoch(s, r, milli(100))
	out := make([]float64, len(Core.Features))
	var w Window
	run := func() {
		w.Reset(time.Minute, milli(100))
		w.Epoch, w.Samples = e, s
		Core.Values(&w, out)
	}
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations a window", n)
	}
}

// TestWindowForgets: a window has nothing of the one before.
func TestWindowForgets(t *testing.T) {
	s, r := wrist(60, 50)
	var w Window
	out := make([]float64, len(Core.Features))
	for i := range 12 {
		part, e := s.slice(i*250, i*250+250), newTestEpoch(s.slice(i*250, i*250+250), r.slice(i*5, i*5+5), milli(50))
		w.Reset(time.Minute, milli(50))
		w.Merge(&e)
		w.Samples = part
		Core.Values(&w, out)
		if want := values(e, part, time.Minute, 50); !slices.EqualFunc(out, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
			t.Fatalf("window %d: %v\nalone: %v", i, out, want)
		}
	}
}
