package wire

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
)

var update = flag.Bool("update", false, "rewrite testdata")

// vector is a payload that other implementations are checked with. A vector
// without a reason is accepted.
type vector struct {
	name, about string
	payload     []byte
	reason      string
}

// vectorFile is what is written down about a vector.
type vectorFile struct {
	About    string          `json:"about"`
	Payload  string          `json:"payload"`               // hex
	Refused  string          `json:"refused,omitempty"`     // the reason
	Message  json.RawMessage `json:"message,omitempty"`     // protobuf's own JSON
	MicroG   [][3]int32      `json:"micro_g,omitempty"`     // x, y, z of each sample
	Samples  []string        `json:"samples_ns,omitempty"`  // time of each sample since 1970
	Readings []string        `json:"readings_ns,omitempty"` // time of each temperature reading
}

const t0 = 1_760_000_000_000_000 // 2025-10-09 08:53:20 UTC

func int16s(counts ...int16) []byte {
	p, _ := binary.Append(nil, binary.LittleEndian, counts)
	return p
}

// minimal has only what every batch must have.
func minimal() *SampleBatch {
	return &SampleBatch{
		Boot: 1, T0us: t0, RateMHz: 50_000, Encoding: Int16Counts, LSBPerG: 4096,
		N: 2, XYZ: int16s(12, -4, 4101, 13, -5, 4099),
	}
}

// everything has every field.
func everything() *SampleBatch {
	return &SampleBatch{
		Sensor: "hub-7/left", Boot: 3, Seq: 300, T0us: t0 + 1, RateMHz: 31_999, NominalRateMHz: 32_000,
		Encoding: Int16Counts, LSBPerG: 64, RangeMG: 2000, N: 3, XYZ: int16s(0, 1, -64, 63, 127, -128, -1, 2, 62),
		TempT0us: t0 + 250_000, TempRateMHz: 4_000, TempMdegC: []int32{31_240, 0, -5_010},
		PrevBootLastSeq: Some[uint64](0), OldestSeqHeld: Some[uint64](290), BatteryPct: Some[uint32](0),
		Charging: Some(false), TicksUS: Some[uint64](1<<40 + 5), Backlog: Some[uint32](9),
	}
}

func with(b *SampleBatch, change func(*SampleBatch)) []byte {
	change(b)
	return b.Append(nil)
}

func vectors() []vector {
	return append(accepted(), refused()...)
}

func accepted() []vector {
	return []vector{
		{"minimal", "two samples of the publishing thing itself, only the fields that every batch has; seq 0 is the default and therefore absent", minimal().Append(nil), ""},
		{"everything", "every field, and optional fields that are present with value zero", everything().Append(nil), ""},
		{"template", "header of fixed length: varints padded to full width, samples last (README, section 3)", template(), ""},
		{"micro-g", "INT32_MICRO_G, both ends of int32; no scale", with(minimal(), func(b *SampleBatch) {
			b.Encoding, b.LSBPerG = Int32MicroG, 0
			b.XYZ, _ = binary.Append(nil, binary.LittleEndian, []int32{1, -1, 1_000_000, -1 << 31, 1<<31 - 1, 0})
		}), ""},
		{"half-to-even", "128 counts per g: odd counts lie half way between two micro-g and go to the even one", with(minimal(), func(b *SampleBatch) {
			b.LSBPerG, b.XYZ = 128, int16s(1, 3, 5, -1, -3, -5)
		}), ""},
		{"full-scale", "the ends of int16 at the smallest scale that holds them", with(minimal(), func(b *SampleBatch) {
			b.LSBPerG, b.XYZ = 16, int16s(-32768, 32767, 0, 32767, -32768, -1)
		}), ""},
		{"uneven-rate", "33.333 Hz: the spacing is no whole number of nanoseconds, times are rounded down, each from t0", with(minimal(), func(b *SampleBatch) {
			b.RateMHz, b.N, b.XYZ = 33_333, 4, int16s(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		}), ""},
		{"temperature-only", "no samples; rate, encoding and scale are still there", with(minimal(), func(b *SampleBatch) {
			b.N, b.XYZ = 0, nil
			b.TempT0us, b.TempRateMHz, b.TempMdegC = t0, 16, []int32{30_125, 30_130}
		}), ""},
		{"other-order", "the same as minimal with a field of the future, fields in another order, and a field that comes twice: the last one holds", otherOrder(), ""},
		{"unpacked", "temperature readings one field each, as a proto2 encoder writes them", unpacked(), ""},
		{"longest-names", "thing and name of 64 characters each, with every kind of character", with(minimal(), func(b *SampleBatch) {
			b.Sensor = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/" + "0123456789012345678901234567890123456789012345678901234567890.:-"
		}), ""},
	}
}

func refused() []vector {
	return []vector{
		{"nothing", "no bytes: every field has its default, a rate of 0", nil, ReasonRange},
		{"cut-short", "the last byte is missing", minimal().Append(nil)[:len(minimal().Append(nil))-1], ReasonParse},
		{"not-utf8", "a sensor that is not UTF-8", protowire.AppendString(protowire.AppendTag(nil, fSensor, protowire.BytesType), "\xff"), ReasonParse},
		{"sensor-with-space", "a sensor with a character that names do not have", with(minimal(), func(b *SampleBatch) { b.Sensor = "left wrist" }), ReasonSensor},
		{"sensor-too-deep", "a sensor below a sensor", with(minimal(), func(b *SampleBatch) { b.Sensor = "hub-7/left/inner" }), ReasonSensor},
		{"n-disagrees", "n says three samples, xyz holds two", with(minimal(), func(b *SampleBatch) { b.N = 3 }), ReasonShape},
		{"half-a-sample", "xyz ends inside a sample", with(minimal(), func(b *SampleBatch) { b.XYZ = b.XYZ[:10] }), ReasonShape},
		{"neither", "neither samples nor readings", with(minimal(), func(b *SampleBatch) { b.N, b.XYZ = 0, nil }), ReasonShape},
		{"no-rate", "rate_mhz is absent", with(minimal(), func(b *SampleBatch) { b.RateMHz = 0 }), ReasonRange},
		{"rate-in-hertz", "rate_mhz holds hertz", with(minimal(), func(b *SampleBatch) { b.RateMHz = 50 }), ReasonRange},
		{"rate-too-high", "above 1 kHz", with(minimal(), func(b *SampleBatch) { b.RateMHz = MaxRateMHz + 1 }), ReasonRange},
		{"nominal-rate-too-low", "nominal_rate_mhz below 1 Hz", with(minimal(), func(b *SampleBatch) { b.NominalRateMHz = 999 }), ReasonRange},
		{"no-encoding", "encoding is absent", with(minimal(), func(b *SampleBatch) { b.Encoding = 0 }), ReasonRange},
		{"future-encoding", "an encoding that is not defined", with(minimal(), func(b *SampleBatch) { b.Encoding = 3 }), ReasonRange},
		{"no-scale", "INT16_COUNTS without lsb_per_g", with(minimal(), func(b *SampleBatch) { b.LSBPerG = 0 }), ReasonRange},
		{"scale-too-fine", "more than 1,000,000 counts per g", with(minimal(), func(b *SampleBatch) { b.LSBPerG = MaxLSBPerG + 1 }), ReasonRange},
		{"no-acceleration", "32,767 counts at 15 per g are 2,184 g, more than int32 micro-g hold", with(minimal(), func(b *SampleBatch) { b.LSBPerG, b.XYZ = 15, int16s(0, 0, 0, 0, 0, 32767) }), ReasonRange},
		{"readings-without-rate", "temperature readings without temp_rate_mhz", with(minimal(), func(b *SampleBatch) { b.TempT0us, b.TempMdegC = t0, []int32{30_000} }), ReasonRange},
	}
}

// template is what the C code of README.md writes for minimal with
// prev_boot_last_seq 41 and oldest_seq_held 0.
func template() []byte {
	padded := func(p []byte, number protowire.Number, typ protowire.Type, v uint64, width int) []byte {
		p = protowire.AppendTag(p, number, typ)
		for i := range width {
			b := byte(v >> (7 * i) & 0x7f)
			if i < width-1 {
				b |= 0x80
			}
			p = append(p, b)
		}
		return p
	}
	b := minimal()
	p := padded(nil, fPrevBoot, protowire.VarintType, 41, 5)
	p = padded(p, fBoot, protowire.VarintType, 2, 5)
	p = padded(p, fSeq, protowire.VarintType, 0, 5)
	p = padded(p, fOldest, protowire.VarintType, 0, 5)
	p = protowire.AppendFixed64(protowire.AppendTag(p, fT0, protowire.Fixed64Type), uint64(b.T0us))
	p = padded(p, fRate, protowire.VarintType, uint64(b.RateMHz), 3)
	p = padded(p, fEncoding, protowire.VarintType, uint64(b.Encoding), 1)
	p = padded(p, fLSB, protowire.VarintType, uint64(b.LSBPerG), 2)
	p = padded(p, fN, protowire.VarintType, uint64(b.N), 3)
	p = padded(p, fXYZ, protowire.BytesType, uint64(len(b.XYZ)), 3)
	return append(p, b.XYZ...)
}

func otherOrder() []byte {
	p := protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), []byte("later"))
	p = protowire.AppendVarint(protowire.AppendTag(p, fRate, protowire.VarintType), 1)
	p = protowire.AppendBytes(protowire.AppendTag(p, fXYZ, protowire.BytesType), minimal().XYZ)
	first := minimal()
	first.XYZ = nil
	return first.Append(p)
}

func unpacked() []byte {
	p := minimal().Append(nil)
	p = protowire.AppendFixed64(protowire.AppendTag(p, fTempT0, protowire.Fixed64Type), t0)
	p = protowire.AppendVarint(protowire.AppendTag(p, fTempRate, protowire.VarintType), 1000)
	for _, v := range []int64{30_000, -1} {
		p = protowire.AppendVarint(protowire.AppendTag(p, fTemp, protowire.VarintType), protowire.EncodeZigZag(v))
	}
	return p
}

// TestVectors: testdata/vectors says what the protobuf library and big integers
// say, and so does Decode.
func TestVectors(t *testing.T) {
	dir := filepath.Join("testdata", "vectors")
	var names []string
	for _, v := range vectors() {
		names = append(names, v.name+".json")
		path := filepath.Join(dir, v.name+".json")
		text, err := json.MarshalIndent(described(t, v), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(stored) != string(text) {
			t.Errorf("%s differs\nstored %s\nnow    %s", path, stored, text)
		}
		checkVector(t, v.name, stored)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("%s is no vector", f.Name())
		}
	}
}

// described is the vector by the protobuf library and exact arithmetic.
func described(t *testing.T, v vector) vectorFile {
	f := vectorFile{About: v.about, Payload: hex.EncodeToString(v.payload), Refused: v.reason}
	if v.reason != "" {
		return f
	}
	m, err := library(v.payload)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	if f.Message, err = (protojson.MarshalOptions{UseProtoNames: true}).Marshal(m); err != nil {
		t.Fatal(err)
	}
	b := libraryBatch(m)
	for i := range int(b.N) {
		f.Samples = append(f.Samples, exactTime(b.T0us, i, b.RateMHz))
		var g [3]int32
		for k := range g {
			if b.Encoding == Int32MicroG {
				g[k] = int32(binary.LittleEndian.Uint32(b.XYZ[12*i+4*k:]))
			} else {
				g[k] = int32(exactMicroG(int64(int16(binary.LittleEndian.Uint16(b.XYZ[6*i+2*k:]))), int64(b.LSBPerG)))
			}
		}
		f.MicroG = append(f.MicroG, g)
	}
	for i := range b.TempMdegC {
		f.Readings = append(f.Readings, exactTime(b.TempT0us, i, b.TempRateMHz))
	}
	return f
}

// exactTime is t0·1000 + floor(i·10^12/rate).
func exactTime(us int64, i int, rate uint32) string {
	at := new(big.Int).Mul(big.NewInt(int64(i)), big.NewInt(1_000_000_000_000))
	at.Div(at, big.NewInt(int64(rate)))
	return at.Add(at, new(big.Int).Mul(big.NewInt(us), big.NewInt(1000))).String()
}

// exactMicroG is round_half_even(count·10^6/lsb).
func exactMicroG(count, lsb int64) int64 {
	v := big.NewRat(count*1_000_000, lsb)
	twice := new(big.Rat).Mul(v, big.NewRat(2, 1))
	low := new(big.Int).Div(v.Num(), v.Denom()) // rounds down, the denominator being positive
	if twice.IsInt() && !v.IsInt() {
		return low.Int64() + low.Int64()&1
	}
	v.Add(v, big.NewRat(1, 2))
	return new(big.Int).Div(v.Num(), v.Denom()).Int64()
}

// checkVector decodes what the file holds.
func checkVector(t *testing.T, name string, stored []byte) {
	var f vectorFile
	if err := json.Unmarshal(stored, &f); err != nil {
		t.Fatal(err)
	}
	payload, err := hex.DecodeString(f.Payload)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Decode(payload)
	if f.Refused != "" {
		if err == nil || RefusalReason(err) != f.Refused {
			t.Errorf("%s: %v, want it refused as %s", name, err, f.Refused)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	x, y, z := b.AppendMicroG(nil, nil, nil)
	if len(x) != len(f.MicroG) || len(f.Samples) != len(x) || len(f.Readings) != len(b.TempMdegC) {
		t.Fatalf("%s: %d samples and %d readings", name, len(x), len(b.TempMdegC))
	}
	for i, want := range f.MicroG {
		if got := [3]int32{x[i], y[i], z[i]}; got != want {
			t.Errorf("%s: sample %d is %d, want %d", name, i, got, want)
		}
		if at := strconv.FormatInt(b.SampleTime(i), 10); at != f.Samples[i] {
			t.Errorf("%s: sample %d at %s, want %s", name, i, at, f.Samples[i])
		}
	}
	for i, want := range f.Readings {
		if at := strconv.FormatInt(b.ReadingTime(i), 10); at != want {
			t.Errorf("%s: reading %d at %s, want %s", name, i, at, want)
		}
	}
}
