package recording

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
)

// cwa is a file with a header and blocks.
func cwa(blocks ...[]byte) []byte {
	head := make([]byte, cwaHeader)
	copy(head, "MD\xfc\x03")
	head[4] = 0x64
	binary.LittleEndian.PutUint16(head[5:], 17)
	copy(head[64:], "_c=centre&_p=left%20wrist   ")
	for _, b := range blocks {
		head = append(head, b...)
	}
	return head
}

// cwaBytes is a block whose samples are 16-bit numbers or packed words.
func cwaBytes(seq uint32, at time.Time, fraction uint16, index int16, code, layout, scale byte, samples []byte, n int) []byte {
	p := make([]byte, cwaSector)
	copy(p, "AX\xfc\x01")
	binary.LittleEndian.PutUint16(p[4:], fraction)
	binary.LittleEndian.PutUint32(p[10:], seq)
	stamp := uint32(at.Year()-2000)<<26 | uint32(at.Month())<<22 | uint32(at.Day())<<17 | uint32(at.Hour())<<12 | uint32(at.Minute())<<6 | uint32(at.Second())
	binary.LittleEndian.PutUint32(p[14:], stamp)
	p[19], p[20], p[21], p[23] = scale<<5, 256&0xff, 256>>8, 200
	p[24], p[25] = code, layout
	binary.LittleEndian.PutUint16(p[26:], uint16(index))
	binary.LittleEndian.PutUint16(p[28:], uint16(n))
	copy(p[30:], samples)
	return checked(p)
}

// checked makes the checksum of a block right.
func checked(p []byte) []byte {
	sum := uint16(0)
	for i := 0; i+1 < 510; i += 2 {
		sum += binary.LittleEndian.Uint16(p[i:])
	}
	binary.LittleEndian.PutUint16(p[510:], -sum)
	return p
}

func words(v ...int16) (p []byte) {
	for _, v := range v {
		p = binary.LittleEndian.AppendUint16(p, uint16(v))
	}
	return p
}

// TestAxivityLayouts: what the sample files do not have: 16-bit samples of three
// and nine axes, exponents, firmware without fractions, a block of other settings.
func TestAxivityLayouts(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	const us = int64(1000)
	for _, c := range []struct {
		name string
		file []byte
		want []sample
		lsb  uint32
		rng  uint32
	}{
		{"3 x 16 bits at ±2 g", cwa(cwaBytes(0, at, 9, 1, 0xca, 0x32, 6, words(16384, -16384, 1, -2, 3, 0), 2)), []sample{
			{t: at.UnixNano() - 10_000*us, x: 1_000_000, y: -1_000_000, z: 61, temp: 25_000},
			{t: at.UnixNano(), x: -122, y: 183, z: 0, temp: noTemp},
		}, 16384, 2000},
		{"9 axes", cwa(cwaBytes(0, at, 9, 0, 0x8a, 0x92, 5, words(1, 2, 3, 8192, 0, -8192, 4, 5, 6), 1)), []sample{
			{t: at.UnixNano(), x: 1_000_000, y: 0, z: -1_000_000, temp: 25_000},
		}, 8192, 4000},
		{"packed with exponents", cwa(cwaBytes(0, at, 9, 0, 0x0a, 0x30, 0, binary.LittleEndian.AppendUint32(nil, 3<<30|1<<20|0x3ff<<10|0x200), 1)), []sample{
			{t: at.UnixNano(), x: -16_000_000, y: -31_250, z: 31_250, temp: 25_000},
		}, 256, 16000},
		{"interpolated, half a second after", cwa(
			cwaBytes(0, at, 0x8000, 0, 0x4a, 0x32, 0, words(0, 0, 256, 0, 0, 256), 2),
			cwaBytes(1, at, 0x8000|1<<14, 50-48, 0x4a, 0x32, 0, words(0, 0, 256), 1), // sample 52 at 0.5 s: starts at -20 ms
		), []sample{
			{t: at.UnixNano(), z: 1_000_000, temp: 25_000},
			{t: at.UnixNano() + 10_000*us, z: 1_000_000, temp: noTemp},
			{t: at.UnixNano() - 20_000*us, z: 1_000_000, temp: 25_000},
		}, 256, 8000},
	} {
		src, err := findIn("a.cwa", memory("a.cwa", c.file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := scan("a.cwa", src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.LSBPerG != c.lsb || r.RangeMG != c.rng || r.Device != (Device{"Axivity AX6", "17", "left"}) || r.BatteryMV != [2]int{4171, 4171} {
			t.Errorf("%s: opened as %+v", c.name, r)
		}
		got := samples(t, src)
		if len(got) != len(c.want) {
			t.Fatalf("%s: %d samples", c.name, len(got))
		}
		for i, w := range c.want {
			if w.tempT = w.t; got[i] != w {
				t.Errorf("%s: sample %d is %+v, want %+v", c.name, i, got[i], w)
			}
		}
		valid(t, r)
	}

	src, err := findIn("a.cwa", memory("a.cwa", cwa(
		cwaBytes(0, at, 9, 0, 0x4a, 0x32, 0, words(0, 0, 256), 1),
		cwaBytes(1, at, 9, 0, 0x4b, 0x32, 0, words(0, 0, 256), 1),
	)))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := scan("a.cwa", src, Options{}); err != nil || r.Samples != 1 || r.Damage.Where != "a.cwa blocks 1" {
		t.Errorf("a block of another rate: %+v, %v", r, err)
	}
}

// TestAxivityClock: the sample that a block's time belongs to was moved back by the
// samples of the fraction of the second, at a rate of whole Hz.
func TestAxivityClock(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		code     byte
		rateMHz  int64
		fraction int64 // of 1<<15
		back     int64 // whole samples
	}{
		{0x45, 3_125, 31_500, 2}, // 3.004 of 3.125 Hz
		{0x46, 6_250, 21_900, 4},
		{0x47, 12_500, 32_000, 11},
		{0x47, 12_500, 5_300, 1},
		{0x48, 25_000, 32_000, 24},
		{0x4a, 100_000, 32_000, 97},
	} {
		// The first sample of the block is that of the fraction.
		p := cwaBytes(0, at, uint16(0x8000|c.fraction), int16(-c.back), c.code, 0x32, 0, words(0, 0, 256), 1)
		src, err := findIn("a.cwa", memory("a.cwa", cwa(p)))
		if err != nil {
			t.Fatal(err)
		}
		want := at.UnixNano() + divEven(c.fraction*1_000_000_000, 1<<15)
		if got := samples(t, src)[0].t; got != want {
			t.Errorf("%d mHz: sample is %d ns off", c.rateMHz, got-want)
		}
	}
}

// TestDeviceRate: what a device's blocks say of their rate is not to be overruled.
func TestDeviceRate(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		code byte
		rate float64
		says string
	}{
		{0x4a, 0, ""},
		{0x4a, 95, ""},
		{0x4a, 110, ""},
		{0x4a, 50, "--rate: 50 Hz is not what the file says, 100 Hz"},
		{0x4a, 111, "--rate: 111 Hz is not what the file says, 100 Hz"},
		{0x4e, 0, "its device's rate of 1600 Hz is above 1000 Hz, which is not supported"},
		{0x4e, 1000, "its device's rate of 1600 Hz is above 1000 Hz, which is not supported"},
	} {
		src, err := findIn("a.cwa", memory("a.cwa", cwa(cwaBytes(0, at, 9, 0, c.code, 0x32, 0, words(0, 0, 256, 0, 0, 256), 2))))
		if err != nil {
			t.Fatal(err)
		}
		_, err = scan("a.cwa", src, Options{RateHz: c.rate})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("block %#x, --rate %v: %v, want %q", c.code, c.rate, err, c.says)
		}
	}
}

func TestSide(t *testing.T) {
	for text, want := range map[string]string{
		"right wrist": "right", "Left": "left", "P01_left_2.cwa": "left", "brightly": "", "left or right": "", "": "", "LEFT-wrist": "left",
	} {
		if got := side(text); got != want {
			t.Errorf("side(%q) = %q, want %q", text, got, want)
		}
	}
	if d := (Device{}).named("a/b/P01-right.csv"); d.Side != "right" {
		t.Errorf("by name: %+v", d)
	}
	if d := (Device{Side: "left"}).named("P01-right.csv"); d.Side != "left" {
		t.Errorf("the file knows better than its name: %+v", d)
	}
}

func TestE4Serial(t *testing.T) {
	for name, want := range map[string]string{"1495437325_A00204": "A00204", "S02": "", "S_02": "", "1495437325": "", "1495437325_": ""} {
		if got := e4Serial(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r := open(t, shared(t, "e4-stress-predict/native/S02"), Options{}); r.Device != (Device{Model: "Empatica E4"}) {
		t.Errorf("%+v", r.Device)
	}
}

// FuzzAxivity: blocks of any content, with checksums that are right, or not.
func FuzzAxivity(f *testing.F) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	f.Add(cwa(cwaBytes(0, at, 9, 1, 0xca, 0x32, 6, words(1, 2, 3, 4, 5, 6), 2), cwaBytes(1, at.Add(time.Second), 0x8005, 1, 0xca, 0x32, 6, words(1, 2, 3), 1)), true)
	f.Add(cwa(cwaBytes(0, at, 9, 0, 0x0a, 0x30, 0, []byte("12345678"), 2))[:1400], false)
	for _, name := range []string{"axivity-ax3-skdh-sample", "axivity-ax6-ggirread-testfile"} {
		if b := seed("device-samples/" + name + ".cwa"); len(b) > 0 {
			f.Add(b[:cwaHeader+4*cwaSector+100], true)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, right bool) {
		for i := cwaHeader; right && i+cwaSector <= len(file); i += cwaSector {
			checked(file[i : i+cwaSector])
		}
		whatever(t, "a.cwa", file)
	})
}

// seed is a shared file where it is at hand.
func seed(name string) []byte {
	b, _ := os.ReadFile("../../../shared/data/real/" + name)
	return b
}

// whatever reads a file of any content; if it is one, what is read is valid.
func whatever(t *testing.T, name string, file []byte) {
	t.Helper()
	src, err := findIn(name, memory(name, file))
	if err != nil {
		return
	}
	r, err := scan(name, src, Options{})
	if err != nil {
		return
	}
	valid(t, r)
}
