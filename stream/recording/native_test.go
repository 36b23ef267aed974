package recording

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/stream/wire"
)

// csvRow is a row of a reference CSV, read without the package.
type csvRow struct {
	t    int64 // ns
	xyz  [3]int32
	temp float64
}

func reference(t *testing.T, name string) (list []csvRow) {
	t.Helper()
	for line := range strings.Lines(string(gunzip(t, shared(t, "device-samples/"+name+".csv.gz")))) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if f[0] == "timestamp" {
			continue
		}
		var r csvRow
		sec, frac, _ := strings.Cut(f[0], ".")
		s, err := strconv.ParseInt(sec, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r.t = s*1e9 + n
		for k := range r.xyz {
			g, err := strconv.ParseFloat(f[1+k], 64)
			if err != nil {
				t.Fatal(err)
			}
			r.xyz[k] = int32(math.RoundToEven(g * 1e6))
		}
		if r.temp, err = strconv.ParseFloat(f[4], 64); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// sameValues compares all accelerations with the reference, and answers how far
// times are from it.
func sameValues(t *testing.T, list []sample, want []csvRow) (least, most int64) {
	t.Helper()
	if len(list) != len(want) {
		t.Fatalf("%d samples, want %d", len(list), len(want))
	}
	least, most = math.MaxInt64, math.MinInt64
	for i, s := range list {
		if got := [3]int32{s.x, s.y, s.z}; got != want[i].xyz {
			t.Fatalf("sample %d: %v µg, want %v", i, got, want[i].xyz)
		}
		d := s.t - want[i].t
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

// TestAxivity compares the .cwa files with CSVs that another reader made of them.
// Accelerations are identical. That reader has another formula for temperature,
// (raw-171)/3.142, which gives back the same raw readings; and it looks at neither
// the fraction of the second nor its correction, so its times are up to three
// samples off.
func TestAxivity(t *testing.T) {
	for _, c := range []struct {
		file    string
		rate    uint32
		lsb     uint32
		rng     uint32
		block   int
		device  Device
		battery [2]int
		notes   int
	}{
		{"axivity-ax3-skdh-sample", 200_000, 256, 8000, 120, Device{"Axivity AX3", "51888", ""}, [2]int{4207, 4218}, 1},
		{"axivity-ax3-ggirread-testfile", 100_000, 256, 8000, 120, Device{"Axivity AX3", "39434", "right"}, [2]int{4113, 4113}, 1},
		{"axivity-ax6-skdh-sample", 100_000, 2048, 16000, 40, Device{"Axivity AX6", "6011802", ""}, [2]int{4119, 4107}, 2},
		{"axivity-ax6-ggirread-testfile", 100_000, 2048, 16000, 40, Device{"Axivity AX6", "6011834", ""}, [2]int{4013, 4007}, 2},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := open(t, shared(t, "device-samples/"+c.file+".cwa"), Options{})
			if r.RateMHz != c.rate || r.LSBPerG != c.lsb || r.RangeMG != c.rng || r.Device != c.device || r.BatteryMV != c.battery || len(r.Notes) != c.notes || r.Damage != (Damage{}) {
				t.Errorf("opened as %+v", r)
			}
			list, want := samples(t, r.src), reference(t, c.file)
			least, most := sameValues(t, list, want)
			if step := tera / int64(c.rate); least < -3*step || most > 3*step {
				t.Errorf("times are %d to %d ns off", least, most)
			}
			for i, s := range list {
				if (s.temp != noTemp) != (i%c.block == 0) {
					t.Fatalf("sample %d has the reading %d", i, s.temp)
				}
				if s.temp == noTemp {
					continue
				}
				raw := int64(math.Round(want[i].temp*3.142 + 171))
				if want := int32(divEven(raw*75_000, 256) - 50_000); s.temp != want {
					t.Fatalf("sample %d: %d m°C, want %d", i, s.temp, want)
				}
			}
			end := len(list) - 1
			hz, csv := 1e9*float64(end)/float64(list[end].t-list[0].t), 1e9*float64(end)/float64(want[end].t-want[0].t)
			if math.Abs(hz-csv) > 0.01 {
				t.Errorf("rate %.3f Hz, the CSV has %.3f", hz, csv)
			}
			valid(t, r)
			t.Logf("%d samples, %.3f Hz, times %+.1f to %+.1f ms off the CSV, batches within ±%d ns of the file's times", len(list), hz, float64(least)/1e6, float64(most)/1e6, r.tol)
		})
	}
}

// TestAxivityPublished: samples that another package publishes of this file (the
// tests of GGIRread), times to the millisecond.
func TestAxivityPublished(t *testing.T) {
	list := samples(t, open(t, shared(t, "device-samples/axivity-ax3-ggirread-testfile.cwa"), Options{}).src)
	for i, want := range map[int]int64{4: 1551178506_040, 124: 1551178507_255} {
		if d := list[i].t - want*1e6; max(d, -d) > 1_000_000 {
			t.Errorf("sample %d is %d ns off", i, d)
		}
	}
	if list[0].temp != 25_586 || list[120].temp != 26_465 {
		t.Errorf("readings %d and %d", list[0].temp, list[120].temp)
	}
	if list[120].x != 765_625 {
		t.Errorf("x of block 1 is %d", list[120].x)
	}
}

// TestAxivityDamagedBlocks: six blocks of a file were destroyed; the others are
// read as in the whole file.
func TestAxivityDamagedBlocks(t *testing.T) {
	r := open(t, shared(t, "device-samples/axivity-ax3-ggirread-corrupt-blocks.cwa"), Options{})
	if want := "axivity-ax3-ggirread-corrupt-blocks.cwa blocks 0, 13-14, 142-144"; r.Damage.Rows != 6 || r.Damage.Where != want || !strings.Contains(r.Damage.First, "block 0: checksum") || r.Damage.End != nil {
		t.Errorf("damage %+v", r.Damage)
	}
	got := samples(t, r.src)
	whole := samples(t, open(t, shared(t, "device-samples/axivity-ax3-ggirread-testfile.cwa"), Options{}).src)
	k := 0
	for i, s := range whole {
		switch i / 120 {
		case 0, 13, 14, 142, 143, 144:
			continue
		case 12, 141: // no block after them tells their rate
			if d := s.t - got[k].t; max(d, -d) > 20_000_000 {
				t.Fatalf("sample %d is %d ns off", i, d)
			}
			s.t, s.tempT = got[k].t, got[k].tempT
		}
		if got[k] != s {
			t.Fatalf("sample %d of the whole file is %+v, want %+v", i, got[k], s)
		}
		k++
	}
	if k != len(got) {
		t.Errorf("%d samples, want %d", len(got), k)
	}
	valid(t, r)
}

// TestGENEActivBin compares the .bin files with CSVs that another reader made of
// them: accelerations and temperatures are identical, times to the last digit of
// the CSV.
func TestGENEActivBin(t *testing.T) {
	for _, c := range []struct {
		file   string
		rate   uint32
		device Device
		end    string
	}{
		{"geneactiv-skdh-sample", 50_000, Device{"GENEActiv 1.1", "051386", ""}, "<nil>"},
		{"geneactiv-ggirread-testfile", 85_700, Device{"GENEActiv 1.1", "012967", ""}, "geneactiv-ggirread-testfile.bin: cut off within page 16 of 222048"},
	} {
		r := open(t, shared(t, "device-samples/"+c.file+".bin"), Options{})
		if r.RateMHz != c.rate || r.LSBPerG != 0 || r.RangeMG != 8000 || r.Device != c.device || r.BatteryMV[0] < 4100 || r.Damage.Rows != 0 || fmt.Sprint(r.Damage.End) != c.end {
			t.Errorf("opened as %+v", r)
		}
		list, want := samples(t, r.src), reference(t, c.file)
		if least, most := sameValues(t, list, want); least < -50_000 || most > 50_000 {
			t.Errorf("%s: times are %d to %d ns off", c.file, least, most)
		}
		for i, s := range list {
			if (s.temp != noTemp) != (i%300 == 0) || s.temp != noTemp && s.temp != int32(math.Round(want[i].temp*1000)) {
				t.Fatalf("%s: reading %d at sample %d, want %v", c.file, s.temp, i, want[i].temp)
			}
		}
		valid(t, r)
	}
}

// TestGENEActivCSV: the maker's CSV gives the same batches as the same samples in
// a canonical CSV, byte by byte.
func TestGENEActivCSV(t *testing.T) {
	native := open(t, shared(t, "device-samples/geneactiv-csv-export-right-wrist.csv.gz"), Options{})
	if native.Device != (Device{"GENEActiv 1.1", "11152", "right"}) || native.RateMHz != 100_000 || native.RangeMG != 8000 || native.Samples != 9900 || native.Damage != (Damage{}) {
		t.Errorf("opened as %+v", native)
	}
	canonical := open(t, shared(t, "device-samples/geneactiv-right-wrist-100hz.csv.gz"), Options{RangeMG: 8000})
	if a, b := payloads(t, native), payloads(t, canonical); fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("other batches than the canonical CSV")
	}
	if native.TempEvery != canonical.TempEvery {
		t.Errorf("a reading every %d rows, want %d", native.TempEvery, canonical.TempEvery)
	}
}

// TestAheadIsTheSame: batches read ahead are those read in one goroutine.
func TestAheadIsTheSame(t *testing.T) {
	for _, name := range []string{"e4-stress-predict/S01.csv.gz", "device-samples/axivity-ax3-skdh-sample.cwa", "device-samples/geneactiv-csv-export-right-wrist.csv.gz"} {
		r := open(t, shared(t, name), Options{})
		want, k := payloads(t, r), 0
		for b, err := range r.BatchesAhead() {
			if err != nil {
				t.Fatal(err)
			}
			if k == len(want) || string(b.Append(nil)) != want[k] {
				t.Fatalf("%s: batch %d differs", name, k)
			}
			k++
		}
		if k != len(want) {
			t.Errorf("%s: %d batches, want %d", name, k, len(want))
		}
	}
}

// TestCutFiles: a file that was cut off anywhere is read as far as it goes, says
// so, and gives what the whole file gives: the samples one by one, and the batches
// but for those with samples of its last block, which the block after it dates.
func TestCutFiles(t *testing.T) {
	for _, name := range []string{
		"axivity-ax3-skdh-sample.cwa", "axivity-ax6-ggirread-testfile.cwa", "axivity-ax3-ggirread-corrupt-blocks.cwa",
		"geneactiv-skdh-sample.bin", "geneactiv-ggirread-testfile.bin", "geneactiv-csv-export-right-wrist.csv.gz", "geneactiv-right-wrist-100hz.csv.gz",
	} {
		t.Run(name, func(t *testing.T) {
			path := shared(t, "device-samples/"+name)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			whole := open(t, path, Options{})
			list, want := samples(t, whole.src), payloads(t, whole)
			opened := 0
			for k := range 60 {
				n := len(file) * (k + 1) / 61
				if k%3 == 1 && strings.HasSuffix(name, ".cwa") {
					n -= n % cwaSector
				}
				src, err := findIn(name, memory(name, file[:n]))
				if err != nil {
					continue // within the header, or before the first whole block
				}
				r, err := scan(name, src, Options{RateHz: float64(whole.RateMHz) / 1000})
				if err != nil {
					continue
				}
				opened++
				if r.Damage.End == nil && n%cwaSector != 0 {
					t.Errorf("cut to %d bytes: no word of it", n)
				}
				prefix(t, r, list, want)
				valid(t, r)
			}
			if opened < 30 {
				t.Errorf("%d of 60 cut files were read", opened)
			}
		})
	}
}

func prefix(t *testing.T, r *Recording, list []sample, want []string) {
	t.Helper()
	got := samples(t, r.src)
	block, off := 1, int64(0)
	if s, ok := r.src.(*axivity); ok {
		block, off = s.first.count, 3*tera/int64(r.RateMHz)
	}
	for i, s := range got {
		if d := s.t - list[i].t; len(got)-i < block && max(d, -d) <= off {
			s.t, s.tempT = list[i].t, list[i].tempT
		}
		if s != list[i] {
			t.Fatalf("sample %d of %d is %+v, want %+v", i, len(got), s, list[i])
		}
	}
	end := 0
	for i, p := range payloads(t, r) {
		b, err := wire.Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		if end += int(b.N); end > len(got)-block {
			break
		}
		if p != want[i] {
			t.Fatalf("batch %d differs", i)
		}
	}
}
