package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Limits of a SampleBatch.
const (
	MaxPayload  = 262_144   // bytes
	MaxSamples  = 32_768    // per batch
	MinRateMHz  = 1_000     // 1 Hz
	MaxRateMHz  = 1_000_000 // 1 kHz
	MaxLSBPerG  = 1_000_000
	MaxReadings = 65_536 // per batch
)

// Encoding says how xyz holds the samples.
type Encoding uint32

// Encodings of samplebatch.proto.
const (
	EncodingUnknown Encoding = 0
	Int16Counts     Encoding = 1
	Int32MicroG     Encoding = 2
)

// Optional is a field that may be absent.
type Optional[T any] struct {
	Value T
	OK    bool
}

// Some is a field that is present.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// SampleBatch is the decoded envelope. XYZ aliases the payload.
type SampleBatch struct {
	Sensor          string
	Boot, Seq       uint64
	T0us            int64
	RateMHz         uint32
	NominalRateMHz  uint32
	Encoding        Encoding
	LSBPerG         uint32
	RangeMG         uint32
	N               uint32
	XYZ             []byte
	TempT0us        int64
	TempRateMHz     uint32
	TempMdegC       []int32
	PrevBootLastSeq Optional[uint64]
	OldestSeqHeld   Optional[uint64]
	BatteryPct      Optional[uint32]
	Charging        Optional[bool]
	TicksUS         Optional[uint64]
	Backlog         Optional[uint32]
}

// Refusal is why a payload cannot be read; Reason is one of Reason….
type Refusal struct {
	Reason string
	Err    error
}

func (r *Refusal) Error() string { return r.Reason + ": " + r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(reason, format string, args ...any) error {
	return &Refusal{reason, fmt.Errorf(format, args...)}
}

// RefusalReason is the reason of a Refusal in err, or ReasonParse.
func RefusalReason(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return ReasonParse
}

// Validate checks everything that the definitions refuse, except the size of the
// payload, who published it, and its time. The error is a *Refusal.
func (b *SampleBatch) Validate() error {
	if b.Sensor != "" && !ValidSensor(b.Sensor) {
		return refuse(ReasonSensor, "sensor %q is not a name", b.Sensor)
	}
	if b.RateMHz < MinRateMHz || b.RateMHz > MaxRateMHz {
		return refuse(ReasonRange, "rate_mhz %d is not in %d..%d", b.RateMHz, MinRateMHz, MaxRateMHz)
	}
	if b.NominalRateMHz != 0 && (b.NominalRateMHz < MinRateMHz || b.NominalRateMHz > MaxRateMHz) {
		return refuse(ReasonRange, "nominal_rate_mhz %d is not in %d..%d", b.NominalRateMHz, MinRateMHz, MaxRateMHz)
	}
	if len(b.TempMdegC) > MaxReadings {
		return refuse(ReasonShape, "%d temperature readings, at most %d", len(b.TempMdegC), MaxReadings)
	}
	if len(b.TempMdegC) > 0 && (b.TempRateMHz == 0 || b.TempRateMHz > MaxRateMHz) {
		return refuse(ReasonRange, "temp_rate_mhz %d is not in 1..%d", b.TempRateMHz, MaxRateMHz)
	}
	if b.Seq == math.MaxUint64 || b.PrevBootLastSeq.OK && b.PrevBootLastSeq.Value == math.MaxUint64 {
		return refuse(ReasonRange, "a sequence of %d leaves no next one", uint64(math.MaxUint64))
	}
	if b.N == 0 && len(b.TempMdegC) == 0 {
		return refuse(ReasonShape, "neither samples nor temperature readings")
	}
	if b.N > MaxSamples {
		return refuse(ReasonShape, "n is %d, at most %d", b.N, MaxSamples)
	}
	width := 6
	switch b.Encoding {
	case Int16Counts:
		if b.LSBPerG < 1 || b.LSBPerG > MaxLSBPerG {
			return refuse(ReasonRange, "lsb_per_g %d is not in 1..%d", b.LSBPerG, MaxLSBPerG)
		}
	case Int32MicroG:
		width = 12
	default:
		return refuse(ReasonRange, "encoding %d is none of INT16_COUNTS, INT32_MICRO_G", b.Encoding)
	}
	if int(b.N)*width != len(b.XYZ) {
		return refuse(ReasonShape, "n is %d but xyz has %d bytes, want %d", b.N, len(b.XYZ), int(b.N)*width)
	}
	return b.validateScale()
}

// validateScale refuses counts that do not fit int32 micro-g, which only scales
// below 16 counts per g can hold.
func (b *SampleBatch) validateScale() error {
	if b.Encoding != Int16Counts || int64(b.LSBPerG)*math.MaxInt32 >= 32_768*1_000_000 {
		return nil
	}
	for i := 0; i < len(b.XYZ); i += 2 {
		v := int64(int16(binary.LittleEndian.Uint16(b.XYZ[i:])))
		if q := microG(v, int64(b.LSBPerG)); q > math.MaxInt32 || q < math.MinInt32 {
			return refuse(ReasonRange, "count %d at %d counts per g is no acceleration", v, b.LSBPerG)
		}
	}
	return nil
}

// Nominal is the configured rate in millihertz.
func (b *SampleBatch) Nominal() uint32 {
	if b.NominalRateMHz != 0 {
		return b.NominalRateMHz
	}
	return b.RateMHz
}

// SampleTime is the time of sample i in nanoseconds since 1970.
func (b *SampleBatch) SampleTime(i int) int64 {
	return b.T0us*1000 + spacing(i, b.RateMHz)
}

// ReadingTime is the time of temperature reading i in nanoseconds since 1970.
func (b *SampleBatch) ReadingTime(i int) int64 {
	return b.TempT0us*1000 + spacing(i, b.TempRateMHz)
}

// End is the time at which sample n would be: the end of the batch.
func (b *SampleBatch) End() int64 { return b.SampleTime(int(b.N)) }

// spacing is floor(i·10^12/rate) nanoseconds. i ≤ 65,536 keeps it exact.
func spacing(i int, rateMHz uint32) int64 {
	return int64(uint64(i) * 1_000_000_000_000 / uint64(rateMHz))
}

// AppendMicroG appends the samples as integer micro-g, rounded half to even.
func (b *SampleBatch) AppendMicroG(x, y, z []int32) ([]int32, []int32, []int32) {
	n := len(b.XYZ) / 6
	if b.Encoding == Int32MicroG {
		n /= 2
	}
	at := len(x)
	x, y, z = slices.Grow(x, n)[:at+n], slices.Grow(y, n)[:len(y)+n], slices.Grow(z, n)[:len(z)+n]
	toX, toY, toZ := x[at:], y[len(y)-n:][:n], z[len(z)-n:][:n]
	lsb := int64(b.LSBPerG)
	switch {
	case b.Encoding == Int32MicroG:
		for i := range toX {
			p := b.XYZ[12*i:][:12]
			toX[i], toY[i], toZ[i] = int32(binary.LittleEndian.Uint32(p)), int32(binary.LittleEndian.Uint32(p[4:])), int32(binary.LittleEndian.Uint32(p[8:]))
		}
	case lsb > 1 && lsb&(lsb-1) == 0: // of most devices
		shift := bits.TrailingZeros64(uint64(lsb))
		for i := range toX {
			p := b.XYZ[6*i:][:6]
			toX[i], toY[i], toZ[i] = shifted(count(p), shift), shifted(count(p[2:]), shift), shifted(count(p[4:]), shift)
		}
	default:
		for i := range toX {
			p := b.XYZ[6*i:][:6]
			toX[i], toY[i], toZ[i] = int32(microG(count(p), lsb)), int32(microG(count(p[2:]), lsb)), int32(microG(count(p[4:]), lsb))
		}
	}
	return x, y, z
}

func count(p []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(p))) }

// microG is round_half_even(count·10^6/lsb), exactly: the quotient stands at
// least 1/(2·lsb) from a tie that it is not, and float64 rounds it by less than
// 7.3e-6/lsb.
func microG(count, lsb int64) int64 {
	return int64(math.RoundToEven(float64(count*1_000_000) / float64(lsb)))
}

// shifted is microG of 2^shift counts per g, shift > 0: half, less one where the
// quotient is even, is added before what is behind the point is cut off.
func shifted(count int64, shift int) int32 {
	v := count * 1_000_000
	return int32((v + 1<<(shift-1) - 1 + v>>shift&1) >> shift)
}

// The span of time in which a device may say that it recorded.
const maxAhead = 24 * time.Hour

var year2000us = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// ImpossibleTime reports whether a sample or reading is from before 2000 or more
// than a day after receipt. Decided once, at receipt (HeaderFlags).
func (b *SampleBatch) ImpossibleTime(received time.Time) bool {
	out := func(us int64, n int, rate uint32) bool {
		limit := received.Add(maxAhead).UnixMicro()
		return us < year2000us || us > limit || us+spacing(n-1, rate)/1000 > limit
	}
	return b.N > 0 && out(b.T0us, int(b.N), b.RateMHz) ||
		len(b.TempMdegC) > 0 && out(b.TempT0us, len(b.TempMdegC), b.TempRateMHz)
}
