package recording

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// Generate writes a recording that nobody wore, as canonical CSV, gzipped: a
// wrist device of 32 Hz with 1/64 g steps within ±2 g and a thermometer of 4 Hz,
// that sleeps, sits, walks and lies on a table in turns. It serves where no real
// recording is at hand. Seed, start (to the second) and length decide every byte
// but those of the compressor. The file appears when it is whole.
func Generate(path string, seed uint64, start time.Time, length time.Duration) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("generate recording: %w", err)
	}
	defer os.Remove(f.Name()) // gone after the rename
	z := gzip.NewWriter(f)
	w := bufio.NewWriter(z)
	writeGenerated(w, seed, start.Unix(), int64(length*generatedRate/time.Second))
	err = w.Flush()
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	if cerr := f.Chmod(0o644); err == nil {
		err = cerr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("generate recording %s: %w", path, err)
	}
	return nil
}

const (
	generatedRate = 32 // Hz
	generatedHold = 8  // rows per reading
)

func writeGenerated(w *bufio.Writer, seed uint64, start, rows int64) {
	fmt.Fprintln(w, csvHeader)
	g := wearer{rng: rand.New(rand.NewPCG(seed, 0)), temp: 30_00}
	for i := range rows {
		a := g.next(i)
		fmt.Fprintf(w, "%d.%05d", start+i/generatedRate, i%generatedRate*(100_000/generatedRate))
		for _, c := range a {
			v := microG(int64(c), e4LSB)
			sign := ""
			if v < 0 {
				sign, v = "-", -v
			}
			fmt.Fprintf(w, ",%s%d.%06d", sign, v/1_000_000, v%1_000_000)
		}
		fmt.Fprintf(w, ",%d.%02d\n", g.temp/100, g.temp%100)
	}
}

// act is what the wearer does.
type act struct {
	noise  int // largest, counts
	swing  int // of a step, counts
	target int // temperature, 1/100 degrees Celsius
	least  int // minutes
}

var acts = []act{
	{noise: 1, target: 34_50, least: 20},           // sleep
	{noise: 3, target: 32_50, least: 5},            // sit
	{noise: 9, swing: 45, target: 31_50, least: 3}, // walk
	{noise: 0, target: 23_00, least: 15},           // on the table
}

// wearer moves in integers only, so that every machine writes the same file.
type wearer struct {
	rng   *rand.Rand
	act   act
	until int64 // row at which the act ends
	down  [3]int
	phase int // of a step, of 1<<16
	temp  int // 1/100 degrees Celsius
	slow  int // the same, times 1<<10
}

func (g *wearer) next(i int64) (counts [3]int) {
	if i == g.until {
		g.act = acts[g.rng.IntN(len(acts))]
		g.until += int64((g.act.least + g.rng.IntN(3*g.act.least)) * 60 * generatedRate)
		g.turn()
	}
	if i%generatedHold == 0 {
		if i == 0 {
			g.slow = g.temp << 10
		}
		g.slow += (g.act.target<<10 - g.slow) / 2400 // ten minutes
		g.temp = (g.slow>>10 + g.rng.IntN(3) - 1) &^ 1
	}
	g.phase = (g.phase + 1<<16*19/10/generatedRate) % (1 << 16) // 1.9 steps a second
	for k := range counts {
		v := g.down[k] + g.act.swing*wave(g.phase+k<<14)/(1<<12)
		if n := g.act.noise; n > 0 {
			v += g.rng.IntN(2*n+1) - n
		}
		counts[k] = min(max(v, -128), 127)
	}
	return counts
}

// turn lays the wrist another way: a vector of about 64 counts.
func (g *wearer) turn() {
	ways := [][3]int{{0, 0, 64}, {0, 45, 45}, {-64, 0, 0}, {-40, 30, 40}, {10, -60, 20}, {0, 0, -64}}
	g.down = ways[g.rng.IntN(len(ways))]
}

// wave is a sine drawn as two parabolas: -4096 to 4096 over 1<<16.
func wave(phase int) int {
	p := phase & (1<<16 - 1)
	half := p & (1<<15 - 1)
	v := half * (1<<15 - half) >> 16
	if p >= 1<<15 {
		return -v
	}
	return v
}
