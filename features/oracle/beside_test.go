package oracle

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/features"
)

// TestBeside: numpy and scipy make the same of generated hours, and how long they and
// Go take, in processor time on one thread. TEST_HOURS: how many, 24 in
// make bench-numpy.
func TestBeside(t *testing.T) {
	const script, rate = "../../deploy/local/numpy", 50
	env, err := exec.Command(script, "env").Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace(string(failed.Stderr)))
		}
		parts.Missing(t, err)
	}
	parts.Used(t, "numpy and scipy")
	hours := 1
	if n := os.Getenv("TEST_HOURS"); n != "" {
		if hours, err = strconv.Atoi(n); err != nil {
			t.Fatalf("TEST_HOURS: %v", err)
		}
	}
	dir := t.TempDir()
	rec := generated(hours, rate)
	for name, column := range map[string][]int32{"x": rec.Samples.X, "y": rec.Samples.Y, "z": rec.Samples.Z, "celsius": rec.Readings.MilliC} {
		write(t, filepath.Join(dir, name+".i32"), column)
	}
	ours := map[string]float64{}
	for _, set := range []*features.Set{features.Core, features.Ref} {
		ours[set.Name] = timed(t, dir, set, rec, rate*1000)
	}
	cmd := exec.Command("python3", "beside.py", dir, strconv.Itoa(rate))
	cmd.Env = append(append(os.Environ(), strings.Fields(string(env))...), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	out, err := cmd.Output()
	if err != nil {
		failed, _ := errors.AsType[*exec.ExitError](err)
		t.Fatalf("beside.py: %v\n%s", err, failed.Stderr)
	}
	var theirs map[string]struct {
		NS      float64
		Columns map[string]struct {
			Windows, Other, At int
			Apart              string
		}
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	t.Logf("%-8s %12s %12s %6s   %d h at %d Hz", "set", "numpy", "Go", "ratio", hours, rate)
	for _, set := range []*features.Set{features.Core, features.Ref} {
		they := theirs[set.Name]
		t.Logf("%-8s %6.0f ns/sm %6.0f ns/sm %6.1f", set.Name, they.NS, ours[set.Name], they.NS/ours[set.Name])
		for _, f := range set.Features {
			for _, length := range f.Windows {
				key := fmt.Sprintf("%s@%.0f", f.ID, length.Seconds())
				c, ok := they.Columns[key]
				if !ok {
					t.Errorf("%s: %s is not in beside.py", set.Name, key)
				}
				if c.Other > 0 {
					t.Errorf("%s: %s differs in %d of %d windows, by %s in that of number %d", set.Name, key, c.Other, c.Windows, c.Apart, c.At)
				}
				delete(they.Columns, key)
			}
		}
		if len(they.Columns) > 0 {
			t.Errorf("%s has no %v", set.Name, slices.Sorted(maps.Keys(they.Columns)))
		}
	}
}

// timed writes the values of a set and answers the processor's nanoseconds a sample, the
// best of three.
func timed(t *testing.T, dir string, set *features.Set, rec *Recording, rate uint32) float64 {
	block := features.NewBlock(set, rate)
	rows := map[time.Duration][]float64{}
	all := func(keep func(*features.Result)) float64 {
		began := cpu()
		for start, last := rec.Samples.T[0], rec.Samples.T[len(rec.Samples.T)-1]; start <= last; start += int64(features.BlockLength) {
			if start == rec.Samples.T[0] {
				block.Begin(start)
			} else {
				block.Next()
			}
			block.Extend(rec.Samples, rec.Readings, math.MaxInt64, keep)
		}
		return float64((cpu() - began).Nanoseconds()) / float64(len(rec.Samples.T))
	}
	all(func(r *features.Result) { rows[r.Window.Length] = append(rows[r.Window.Length], r.Values...) })
	for length, values := range rows {
		write(t, filepath.Join(dir, fmt.Sprintf("%s-%.0f.f64", set.Name, length.Seconds())), values)
	}
	if err := os.WriteFile(filepath.Join(dir, set.Name+".txt"), []byte(strings.Join(set.Columns(), "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	best := math.Inf(1)
	for range 3 {
		best = min(best, all(func(*features.Result) {}))
	}
	return best
}

// cpu is what this process has used of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func write(t *testing.T, file string, data any) {
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// generated is a wrist as devices see it, in steps of 1/4096 g: still, at rest, walking
// or running, a few minutes each, with noise and a hand that turns.
func generated(hours, rate int) *Recording {
	const start = int64(1_760_000_400_000_000_000)
	rng := rand.New(rand.NewPCG(15, 16))
	n := hours * 3600 * rate
	rec := &Recording{Samples: features.Samples{T: make([]int64, n), X: make([]int32, n), Y: make([]int32, n), Z: make([]int32, n)}}
	s, r := &rec.Samples, &rec.Readings
	var up, around, upTo, aroundTo, swing, pace, noise float64
	left, celsius := 0, 32.0
	for i := range n {
		if left == 0 {
			left = rate * (20 + rng.IntN(900))
			kind := rng.IntN(4)
			swing = [...]float64{0, 0.02, 0.25, 0.9}[kind]
			pace = [...]float64{0, 0.4, 1.8, 2.7}[kind] * (0.9 + rng.Float64()/5)
			noise = [...]float64{0.002, 0.008, 0.05, 0.12}[kind]
			upTo, aroundTo = math.Asin(2*rng.Float64()-1), 2*math.Pi*rng.Float64()
		}
		left--
		up += (upTo - up) / float64(2*rate)
		around += (aroundTo - around) / float64(2*rate)
		phase := 2 * math.Pi * pace * float64(i) / float64(rate)
		g := [3]float64{math.Cos(up) * math.Cos(around), math.Cos(up) * math.Sin(around), math.Sin(up)}
		for axis := range g {
			g[axis] += swing*math.Sin(phase+float64(axis)) + swing/3*math.Sin(2*phase) + noise*rng.NormFloat64()
			g[axis] = math.Round(1e6 * math.Round(4096*max(min(g[axis], 8), -8)) / 4096)
		}
		s.T[i] = start + int64(i)*int64(time.Second)/int64(rate)
		s.X[i], s.Y[i], s.Z[i] = int32(g[0]), int32(g[1]), int32(g[2])
		if i%rate == 0 {
			celsius += (30 + 4*rng.Float64() - celsius) / 300
			r.T, r.MilliC = append(r.T, s.T[i]), append(r.MilliC, int32(math.Round(celsius*1000)))
		}
	}
	return rec
}
