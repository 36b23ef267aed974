package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// twin is a batch in micro-g, the rest as in minimal.
func twin(microG ...int32) *SampleBatch {
	b := minimal()
	b.Encoding, b.LSBPerG, b.N = Int32MicroG, 0, uint32(len(microG)/3)
	b.XYZ, _ = binary.Append(nil, binary.LittleEndian, microG)
	return b
}

// minimalJSON is minimal with this xyz and whatever more.
func minimalJSON(xyz string, more ...string) []byte {
	return fmt.Appendf(nil, `{"boot": 1, "seq": 0, "t0_us": 1760000000000000, "rate_mhz": 50000, "xyz": %s%s}`, xyz, strings.Join(more, ""))
}

func jsonVectors() []vector {
	counts := func(b *SampleBatch) *SampleBatch { // the same samples in micro-g
		x, y, z := b.AppendMicroG(nil, nil, nil)
		b.XYZ, b.Encoding, b.LSBPerG = nil, Int32MicroG, 0
		for i := range x {
			b.XYZ, _ = binary.Append(b.XYZ, binary.LittleEndian, [3]int32{x[i], y[i], z[i]})
		}
		return b
	}
	accepted := []vector{
		{name: "json-minimal", about: "the samples of minimal in g, all digits written: 12/4096 is 0.0029296875",
			payload: minimalJSON(`[[0.0029296875, -0.0009765625, 1.001220703125], [0.003173828125, -0.001220703125, 1.000732421875]]`), twin: counts(minimal())},
		{name: "json-everything", about: "every field, and optional fields that are present with value zero", payload: []byte(`{"sensor": "hub-7/left", "boot": 3, "seq": 300,
 "t0_us": 1760000000000001, "rate_mhz": 31999, "nominal_rate_mhz": 32000, "range_mg": 2000, "n": 3,
 "xyz": [[0, 0.015625, -1], [0.984375, 1.984375, -2.0], [-0.015625, 0.03125, 0.96875]],
 "temp_t0_us": 1760000000250000, "temp_rate_mhz": 4000, "temp": [31.24, 0, -5.01], "prev_boot_last_seq": 0, "oldest_seq_held": 290,
 "battery_pct": 0, "charging": false, "ticks_us": 1099511627781, "backlog": 9}`), twin: counts(everything())},
		{name: "json-half-to-even", about: "half a micro-g goes to the even one, a little more than half up; digits are never lost",
			payload: minimalJSON(`[[0.0000005, 0.0000015, -0.0000025], [5.0000000000000000000000000000001e-7, 12.3456784999999999999999999, 0.9999995]]`),
			twin:    twin(0, 2, -2, 1, 12_345_678, 1_000_000)},
		{name: "json-exponents", about: "numbers with exponents; whole numbers too: 5E+4 millihertz",
			payload: []byte(`{"boot":1e0,"seq":0.0,"t0_us":1.76E15,"rate_mhz":5E+4,"xyz":[[1e-6,10E-7,0.1e-5],[-1E0,1.00e+00,-0e9]]}`),
			twin:    twin(1, 1, 1, -1_000_000, 1_000_000, 0)},
		{name: "json-full-scale", about: "the ends of int32 micro-g",
			payload: minimalJSON(`[[-2147.483648, 2147.483647, 0], [-2147.4836485, 2147.4836474, 2147483647e-6]]`),
			twin:    twin(math.MinInt32, math.MaxInt32, 0, math.MinInt32, math.MaxInt32, math.MaxInt32)},
		{name: "json-temperature-only", about: "no samples; the rate is still there",
			payload: []byte(`{"boot":1,"t0_us":1760000000000000,"rate_mhz":50000,"temp_t0_us":1760000000000000,"temp_rate_mhz":16,"temp":[30.125,30.1305]}`),
			twin: func() *SampleBatch {
				b := twin()
				b.TempT0us, b.TempRateMHz, b.TempMdegC = t0, 16, []int32{30_125, 30_130}
				return b
			}()},
		{name: "json-future", about: "names that are not defined are ignored, a null is as absent, of two equal names the last one holds",
			payload: minimalJSON(`[[9]]`, `, "XYZ": 0, "encoding": 1, "lsb_per_g": 64, "firmware": {"v": [1]}, "xyz": [[0,0,1]], "battery_pct": null, "sensor": null`),
			twin:    twin(0, 0, 1_000_000)},
	}
	for i := range accepted {
		accepted[i].contentType = ContentJSON
	}
	return append(accepted, refusedJSON()...)
}

func refusedJSON() []vector {
	var all []vector
	for _, c := range []struct{ name, about, payload, reason string }{
		{"nothing", "no bytes", ``, ReasonParse},
		{"empty", "no members: every field has its default, a rate of 0", `{}`, ReasonRange},
		{"no-object", "an array of batches", `[{"boot":1}]`, ReasonParse},
		{"cut-short", "the last brace is missing", string(bytes.TrimSuffix(minimalJSON(`[[0,0,1]]`), []byte("}"))), ReasonParse},
		{"more", "a second value behind the first", string(minimalJSON(`[[0,0,1]]`)) + `{}`, ReasonParse},
		{"nan", "NaN is no JSON", string(minimalJSON(`[[0,NaN,1]]`)), ReasonParse},
		{"text", "a number as a text", string(minimalJSON(`[[0,0,1]]`, `, "boot": "1"`)), ReasonParse},
		{"fraction", "a counter with a fraction", string(minimalJSON(`[[0,0,1]]`, `, "seq": 1.5`)), ReasonParse},
		{"flag", "charging is no truth value", string(minimalJSON(`[[0,0,1]]`, `, "charging": 1`)), ReasonParse},
		{"negative", "a counter below zero", string(minimalJSON(`[[0,0,1]]`, `, "seq": -1`)), ReasonRange},
		{"too-large", "2^64 is no uint64", string(minimalJSON(`[[0,0,1]]`, `, "ticks_us": 18446744073709551616`)), ReasonRange},
		{"sensor-with-space", "a sensor with a character that names do not have", string(minimalJSON(`[[0,0,1]]`, `, "sensor": "left wrist"`)), ReasonSensor},
		{"n-disagrees", "n is not needed; if it is there it must agree", string(minimalJSON(`[[0,0,1]]`, `, "n": 2`)), ReasonShape},
		{"flat", "numbers that are not grouped", string(minimalJSON(`[0,0,1]`)), ReasonShape},
		{"two-axes", "a sample of two numbers", string(minimalJSON(`[[0,0,1],[0,0]]`)), ReasonShape},
		{"four-axes", "a sample of four numbers", string(minimalJSON(`[[0,0,1,0]]`)), ReasonShape},
		{"missing-value", "a sample that is not known is a gap between batches, not a null", string(minimalJSON(`[[0,0,null]]`)), ReasonShape},
		{"neither", "neither samples nor readings", string(minimalJSON(`[]`)), ReasonShape},
		{"rate-in-hertz", "rate_mhz holds hertz", string(minimalJSON(`[[0,0,1]]`, `, "rate_mhz": 50`)), ReasonRange},
		{"no-acceleration", "half a micro-g more than int32 holds", string(minimalJSON(`[[0,0,2147.4836475]]`)), ReasonRange},
		{"no-temperature", "3 million degrees", string(minimalJSON(`[[0,0,1]]`, `, "temp_rate_mhz": 1, "temp": [3e6]`)), ReasonRange},
	} {
		all = append(all, vector{name: "json-" + c.name, about: c.about, payload: []byte(c.payload), reason: c.reason, contentType: ContentJSON})
	}
	return all
}

// FuzzDecodeJSON: a batch in JSON is the batch that its protobuf twin is, and what
// an ordinary JSON reader with fractions of big integers says.
func FuzzDecodeJSON(f *testing.F) {
	for _, v := range jsonVectors() {
		f.Add(v.payload)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := DecodeJSON(p)
		if err != nil {
			r, ok := err.(*Refusal)
			if !ok || !slices.Contains([]string{ReasonParse, ReasonShape, ReasonRange, ReasonSensor}, r.Reason) {
				t.Fatalf("refused without a reason: %v", err)
			}
			if !json.Valid(p) && r.Reason != ReasonParse {
				t.Fatalf("no JSON, refused as %v", err)
			}
			return
		}
		if again, err := Decode(b.Append(nil)); err != nil || !reflect.DeepEqual(normal(again), normal(b)) {
			t.Fatalf("as protobuf: %+v, %v; as JSON: %+v", again, err, b)
		}
		if want := reference(t, p); want != nil && !reflect.DeepEqual(normal(b), normal(want)) {
			t.Fatalf("%s\ngot  %+v\nwant %+v", p, b, want)
		}
	})
}

// reference reads an acceptable payload with the means of the standard library;
// nil where that would take for ever.
func reference(t *testing.T, p []byte) *SampleBatch {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	endless := false
	scale := func(v any, by int64) *big.Int {
		if v == nil {
			return new(big.Int)
		}
		text := string(v.(json.Number))
		if _, e, ok := strings.Cut(strings.ToLower(text), "e"); ok {
			if n, err := strconv.Atoi(e); err != nil || n > 5000 || n < -5000 {
				endless = true
				return new(big.Int)
			}
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		return roundHalfEven(r.Mul(r, big.NewRat(by, 1)))
	}
	u64 := func(name string) uint64 { return scale(m[name], 1).Uint64() }
	u32 := func(name string) uint32 { return uint32(u64(name)) }
	opt := func(name string) (o Optional[uint64]) {
		if m[name] != nil {
			o = Some(u64(name))
		}
		return o
	}
	opt32 := func(name string) Optional[uint32] {
		return Optional[uint32]{uint32(opt(name).Value), opt(name).OK}
	}
	b := &SampleBatch{
		Boot: u64("boot"), Seq: u64("seq"), T0us: scale(m["t0_us"], 1).Int64(), RateMHz: u32("rate_mhz"), NominalRateMHz: u32("nominal_rate_mhz"),
		Encoding: Int32MicroG, RangeMG: u32("range_mg"), TempT0us: scale(m["temp_t0_us"], 1).Int64(), TempRateMHz: u32("temp_rate_mhz"),
		PrevBootLastSeq: opt("prev_boot_last_seq"), OldestSeqHeld: opt("oldest_seq_held"), BatteryPct: opt32("battery_pct"), TicksUS: opt("ticks_us"), Backlog: opt32("backlog"),
	}
	b.Sensor, _ = m["sensor"].(string)
	b.Charging.Value, b.Charging.OK = m["charging"].(bool)
	xyz, _ := m["xyz"].([]any)
	for _, sample := range xyz {
		for _, v := range sample.([]any) {
			b.XYZ = binary.LittleEndian.AppendUint32(b.XYZ, uint32(scale(v, 1_000_000).Int64()))
		}
	}
	b.N = uint32(len(xyz))
	temp, _ := m["temp"].([]any)
	for _, v := range temp {
		b.TempMdegC = append(b.TempMdegC, int32(scale(v, 1000).Int64()))
	}
	if endless {
		return nil
	}
	return b
}

func roundHalfEven(r *big.Rat) *big.Int {
	low, rest := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int)) // rounds down
	half := rest.Lsh(rest, 1).Cmp(r.Denom())
	if half > 0 || half == 0 && low.Bit(0) == 1 {
		low.Add(low, big.NewInt(1))
	}
	return low
}

// FuzzScaled: any decimal text, at any scale, is rounded as fractions of big
// integers are.
func FuzzScaled(f *testing.F) {
	f.Add(false, uint64(5), uint64(0), uint8(7), int16(0), 6)
	f.Add(true, uint64(2147483647), uint64(5), uint8(1), int16(-6), 6)
	f.Add(false, uint64(math.MaxUint64), uint64(5), uint8(1), int16(0), 0)
	f.Add(false, uint64(1), uint64(9), uint8(30), int16(19), 3)
	f.Fuzz(func(t *testing.T, negative bool, whole, fraction uint64, zeros uint8, exponent int16, shift int) {
		shift, exponent = shift%20, exponent%400
		text := fmt.Sprintf("%d.%0*d%d%s%d", whole, int(zeros), 0, fraction, [2]string{"e", "E+"}[whole%2], exponent)
		if exponent < 0 {
			text = strings.Replace(text, "+-", "-", 1)
		}
		if negative {
			text = "-" + text
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil))
		if shift < 0 {
			unit.Inv(unit)
		}
		r.Mul(r, unit)
		want, d := roundHalfEven(r), scaled([]byte(text), shift)
		if fits := new(big.Int).Abs(want).IsUint64(); fits != d.fits {
			t.Fatalf("%s·10^%d fits %v", text, shift, d.fits)
		}
		if !d.fits {
			return
		}
		got := new(big.Int).SetUint64(d.magnitude)
		if d.negative {
			got.Neg(got)
		}
		if got.Cmp(want) != 0 || d.exact != r.IsInt() {
			t.Fatalf("%s·10^%d is %s, exact %v; want %s, %v", text, shift, got, d.exact, want, r.IsInt())
		}
		if v, ok := d.signed(math.MaxInt64); ok != want.IsInt64() || ok && v != want.Int64() {
			t.Fatalf("%s is %d, %v as int64", want, v, ok)
		}
	})
}

// TestScaledExponents: no exponent costs more than its digits.
func TestScaledExponents(t *testing.T) {
	for text, want := range map[string]decimal{
		"0e999999999999999999999":   {fits: true, exact: true},
		"1e999999999999999999999":   {exact: true},
		"1e-999999999999999999999":  {fits: true},
		"-5e-7":                     {negative: true, fits: true},
		"-0":                        {negative: true, fits: true, exact: true},
		"0.00000000000000000001e26": {magnitude: 1_000_000_000_000, fits: true, exact: true},
	} {
		got := scaled([]byte(text), 6)
		if !got.fits {
			got.magnitude = 0
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// TestDecodeRecord: the header decides, whatever the bytes look like.
func TestDecodeRecord(t *testing.T) {
	protobuf, text := minimal().Append(nil), minimalJSON(`[[0,0,1]]`)
	for _, c := range []struct {
		contentType string
		payload     []byte
		ok          bool
	}{
		{"", protobuf, true}, {ContentJSON, text, true}, {ContentJSON, protobuf, false}, {"", text, false}, {"text/csv", text, false},
	} {
		_, err := DecodeRecord(c.contentType, c.payload)
		if (err == nil) != c.ok || !c.ok && RefusalReason(err) != ReasonParse {
			t.Errorf("%q, %.9q: %v", c.contentType, c.payload, err)
		}
	}
}

// TestRefusalsNameTheField: a person finds what is meant, also in a large payload.
func TestRefusalsNameTheField(t *testing.T) {
	for text, want := range map[string]string{
		`{"rate_mhz":"fast"}`: `parse: rate_mhz is "fast", not a number`,
		`{"seq":-1}`:          `range: seq of -1 is out of range`,
		`{"xyz":[[1,2,3],[1,` + strings.Repeat("9", 1000) + `,3]]}`: `range: xyz: 9999999999999999999999999999999999999999 is out of range`,
		`{"temp":[[1]]}`: `shape: temp: [1]] is not a number`,
	} {
		_, err := DecodeJSON([]byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	p := []byte(`{"boot":1,"t0_us":1760000000000000,"rate_mhz":50000,"xyz":[`)
	for i := range 500 {
		p = fmt.Appendf(p, "[%.6f,%.6f,%.6f],", float64(i)/4096, -float64(i)/999, 1.0)
	}
	p = append(p[:len(p)-1], "]}"...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeJSON(p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*500), "ns/sample")
}
