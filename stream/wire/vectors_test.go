package wire

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
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
	contentType string
	twin        *SampleBatch // of a payload that is no protobuf: what it says
}

// vectorFile is what is written down about a vector.
type vectorFile struct {
	About    string          `json:"about"`
	Payload  *string         `json:"payload,omitempty"`     // hex
	JSON     *string         `json:"json,omitempty"`        // the payload on the topic for JSON
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
		{name: "minimal", about: "two samples of the publishing thing itself, only the fields that every batch has; seq 0 is the default and therefore absent", payload: minimal().Append(nil)},
		{name: "everything", about: "every field, and optional fields that are present with value zero", payload: everything().Append(nil)},
		{name: "template", about: "header of fixed length: varints padded to full width, samples last (README, section 3)", payload: template()},
		{name: "micro-g", about: "INT32_MICRO_G, both ends of int32; no scale", payload: with(minimal(), func(b *SampleBatch) {
			b.Encoding, b.LSBPerG = Int32MicroG, 0
			b.XYZ, _ = binary.Append(nil, binary.LittleEndian, []int32{1, -1, 1_000_000, -1 << 31, 1<<31 - 1, 0})
		})},
		{name: "half-to-even", about: "128 counts per g: odd counts lie half way between two micro-g and go to the even one", payload: with(minimal(), func(b *SampleBatch) {
			b.LSBPerG, b.XYZ = 128, int16s(1, 3, 5, -1, -3, -5)
		})},
		{name: "full-scale", about: "the ends of int16 at the smallest scale that holds them", payload: with(minimal(), func(b *SampleBatch) {
			b.LSBPerG, b.XYZ = 16, int16s(-32768, 32767, 0, 32767, -32768, -1)
		})},
		{name: "uneven-rate", about: "33.333 Hz: the spacing is no whole number of nanoseconds, times are rounded down, each from t0", payload: with(minimal(), func(b *SampleBatch) {
			b.RateMHz, b.N, b.XYZ = 33_333, 4, int16s(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		})},
		{name: "temperature-only", about: "no samples; rate, encoding and scale are still there", payload: with(minimal(), func(b *SampleBatch) {
			b.N, b.XYZ = 0, nil
			b.TempT0us, b.TempRateMHz, b.TempMdegC = t0, 16, []int32{30_125, 30_130}
		})},
		{name: "other-order", about: "the same as minimal with a field of the future, fields in another order, and a field that comes twice: the last one holds", payload: otherOrder()},
		{name: "unpacked", about: "temperature readings one field each, as a proto2 encoder writes them", payload: unpacked()},
		{name: "longest-names", about: "thing and name of 64 characters each, with every kind of character", payload: with(minimal(), func(b *SampleBatch) {
			b.Sensor = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/" + "0123456789012345678901234567890123456789012345678901234567890.:-"
		})},
	}
}

func refused() []vector {
	return []vector{
		{name: "nothing", about: "no bytes: every field has its default, a rate of 0", payload: nil, reason: ReasonRange},
		{name: "cut-short", about: "the last byte is missing", payload: minimal().Append(nil)[:len(minimal().Append(nil))-1], reason: ReasonParse},
		{name: "not-utf8", about: "a sensor that is not UTF-8", payload: protowire.AppendString(protowire.AppendTag(nil, fSensor, protowire.BytesType), "\xff"), reason: ReasonParse},
		{name: "sensor-with-space", about: "a sensor with a character that names do not have", payload: with(minimal(), func(b *SampleBatch) { b.Sensor = "left wrist" }), reason: ReasonSensor},
		{name: "sensor-too-deep", about: "a sensor below a sensor", payload: with(minimal(), func(b *SampleBatch) { b.Sensor = "hub-7/left/inner" }), reason: ReasonSensor},
		{name: "n-disagrees", about: "n says three samples, xyz holds two", payload: with(minimal(), func(b *SampleBatch) { b.N = 3 }), reason: ReasonShape},
		{name: "half-a-sample", about: "xyz ends inside a sample", payload: with(minimal(), func(b *SampleBatch) { b.XYZ = b.XYZ[:10] }), reason: ReasonShape},
		{name: "neither", about: "neither samples nor readings", payload: with(minimal(), func(b *SampleBatch) { b.N, b.XYZ = 0, nil }), reason: ReasonShape},
		{name: "no-rate", about: "rate_mhz is absent", payload: with(minimal(), func(b *SampleBatch) { b.RateMHz = 0 }), reason: ReasonRange},
		{name: "rate-in-hertz", about: "rate_mhz holds hertz", payload: with(minimal(), func(b *SampleBatch) { b.RateMHz = 50 }), reason: ReasonRange},
		{name: "rate-too-high", about: "above 1 kHz", payload: with(minimal(), func(b *SampleBatch) { b.RateMHz = MaxRateMHz + 1 }), reason: ReasonRange},
		{name: "nominal-rate-too-low", about: "nominal_rate_mhz below 1 Hz", payload: with(minimal(), func(b *SampleBatch) { b.NominalRateMHz = 999 }), reason: ReasonRange},
		{name: "no-encoding", about: "encoding is absent", payload: with(minimal(), func(b *SampleBatch) { b.Encoding = 0 }), reason: ReasonRange},
		{name: "future-encoding", about: "an encoding that is not defined", payload: with(minimal(), func(b *SampleBatch) { b.Encoding = 3 }), reason: ReasonRange},
		{name: "no-scale", about: "INT16_COUNTS without lsb_per_g", payload: with(minimal(), func(b *SampleBatch) { b.LSBPerG = 0 }), reason: ReasonRange},
		{name: "scale-too-fine", about: "more than 1,000,000 counts per g", payload: with(minimal(), func(b *SampleBatch) { b.LSBPerG = MaxLSBPerG + 1 }), reason: ReasonRange},
		{name: "no-acceleration", about: "32,767 counts at 15 per g are 2,184 g, more than int32 micro-g hold", payload: with(minimal(), func(b *SampleBatch) { b.LSBPerG, b.XYZ = 15, int16s(0, 0, 0, 0, 0, 32767) }), reason: ReasonRange},
		{name: "readings-without-rate", about: "temperature readings without temp_rate_mhz", payload: with(minimal(), func(b *SampleBatch) { b.TempT0us, b.TempMdegC = t0, []int32{30_000} }), reason: ReasonRange},
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
	for _, v := range slices.Concat(vectors(), jsonVectors()) {
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
		checkVector(t, v, stored)
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
	f := vectorFile{About: v.about, Refused: v.reason}
	payload := v.payload
	if v.contentType == ContentJSON {
		f.JSON = new(string(payload))
	} else {
		f.Payload = new(hex.EncodeToString(payload))
	}
	if v.reason != "" {
		return f
	}
	if v.twin != nil {
		payload = v.twin.Append(nil)
	}
	m, err := library(payload)
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
func checkVector(t *testing.T, v vector, stored []byte) {
	var f vectorFile
	name := v.name
	err := json.Unmarshal(stored, &f)
	if err != nil {
		t.Fatal(err)
	}
	contentType, payload := "", []byte(nil)
	if f.JSON != nil {
		contentType, payload = ContentJSON, []byte(*f.JSON)
	} else if payload, err = hex.DecodeString(*f.Payload); err != nil {
		t.Fatal(err)
	}
	b, err := DecodeRecord(contentType, payload)
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
	if v.twin != nil && !reflect.DeepEqual(normal(b), normal(v.twin)) {
		t.Errorf("%s: %+v\nwant %+v", name, b, v.twin)
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
