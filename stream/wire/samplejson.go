package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// DecodeRecord reads the batch in a record of kind samples: contentType is the
// value of its HeaderContentType. The error is a *Refusal, as of Decode.
func DecodeRecord(contentType string, p []byte) (*SampleBatch, error) {
	switch contentType {
	case "":
		return Decode(p)
	case ContentJSON:
		return DecodeJSON(p)
	}
	return nil, refuse(ReasonParse, "content type %q is not known", contentType)
}

// DecodeJSON parses and validates a batch in JSON (README, section 7): a
// SampleBatch in micro-g. Numbers are read from their decimal text, never through
// floating point. Names are matched exactly, of two equal ones the last holds,
// unknown ones are ignored, null is as absent.
func DecodeJSON(p []byte) (*SampleBatch, error) {
	m, err := parseMembers(p)
	if err != nil {
		return nil, &Refusal{ReasonParse, err}
	}
	b := &SampleBatch{
		Sensor:          m.text("sensor"),
		Boot:            unsigned[uint64](m, "boot").Value,
		Seq:             unsigned[uint64](m, "seq").Value,
		T0us:            m.signed("t0_us").Value,
		RateMHz:         unsigned[uint32](m, "rate_mhz").Value,
		NominalRateMHz:  unsigned[uint32](m, "nominal_rate_mhz").Value,
		Encoding:        Int32MicroG,
		RangeMG:         unsigned[uint32](m, "range_mg").Value,
		XYZ:             m.xyz(),
		TempT0us:        m.signed("temp_t0_us").Value,
		TempRateMHz:     unsigned[uint32](m, "temp_rate_mhz").Value,
		TempMdegC:       m.temp(),
		PrevBootLastSeq: unsigned[uint64](m, "prev_boot_last_seq"),
		OldestSeqHeld:   unsigned[uint64](m, "oldest_seq_held"),
		BatteryPct:      unsigned[uint32](m, "battery_pct"),
		Charging:        m.flag("charging"),
		TicksUS:         unsigned[uint64](m, "ticks_us"),
		Backlog:         unsigned[uint32](m, "backlog"),
	}
	b.N = uint32(len(b.XYZ) / 12)
	if n := unsigned[uint32](m, "n"); n.OK && n.Value != b.N {
		m.fail(refuse(ReasonShape, "n is %d but xyz has %d samples", n.Value, b.N))
	}
	if m.err != nil {
		return nil, m.err
	}
	if err := b.Validate(); err != nil {
		return nil, err
	}
	return b, nil
}

// members is a JSON object, and the first thing that is wrong with it.
type members struct {
	values map[string]json.RawMessage
	err    error
}

func parseMembers(p []byte) (*members, error) {
	m := new(members)
	if err := json.Unmarshal(p, &m.values); err != nil {
		return nil, err
	}
	if m.values == nil {
		return nil, errors.New("null is no object")
	}
	return m, nil
}

func (m *members) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// get is the JSON of a member that is there.
func (m *members) get(name string) (json.RawMessage, bool) {
	v, ok := m.values[name]
	return v, ok && string(v) != "null"
}

func (m *members) text(name string) (s string) {
	m.unmarshal(name, &s)
	return s
}

func (m *members) flag(name string) (f Optional[bool]) {
	f.OK = m.unmarshal(name, &f.Value)
	return f
}

func (m *members) unmarshal(name string, into any) bool {
	v, ok := m.get(name)
	if !ok {
		return false
	}
	if err := json.Unmarshal(v, into); err != nil {
		m.fail(&Refusal{ReasonParse, fmt.Errorf("%s: %w", name, err)})
		return false
	}
	return true
}

// whole is a number without a fraction, however it is written: 50000, 5e4.
func (m *members) whole(name string) (d decimal, ok bool) {
	v, ok := m.get(name)
	if !ok {
		return d, false
	}
	if !isNumber(v) {
		m.fail(refuse(ReasonParse, "%s is %s, not a number", name, excerpt(v)))
		return d, false
	}
	if d = scaled(v, 0); !d.exact {
		m.fail(refuse(ReasonParse, "%s is %s, not a whole number", name, excerpt(v)))
		return d, false
	}
	return d, true
}

func (m *members) tooLarge(name string) {
	m.fail(refuse(ReasonRange, "%s of %s is out of range", name, excerpt(m.values[name])))
}

func unsigned[T uint32 | uint64](m *members, name string) (o Optional[T]) {
	d, ok := m.whole(name)
	if !ok {
		return o
	}
	if !d.fits || d.negative && d.magnitude != 0 || uint64(T(d.magnitude)) != d.magnitude {
		m.tooLarge(name)
		return o
	}
	return Some(T(d.magnitude))
}

func (m *members) signed(name string) (o Optional[int64]) {
	d, ok := m.whole(name)
	if !ok {
		return o
	}
	v, ok := d.signed(math.MaxInt64)
	if !ok {
		m.tooLarge(name)
		return o
	}
	return Some(v)
}

// xyz is the member [[x,y,z],...] in g as INT32_MICRO_G.
func (m *members) xyz() []byte {
	v, ok := m.get("xyz")
	if !ok {
		return nil
	}
	xyz := make([]byte, 0, 12*bytes.Count(v, []byte{'['}))
	err := each(&v, func() error {
		k := 0
		err := each(&v, func() error {
			g, err := number(&v, 6)
			xyz = binary.LittleEndian.AppendUint32(xyz, uint32(g))
			k++
			return err
		})
		if err == nil && k != 3 {
			err = refuse(ReasonShape, "a sample has %d numbers, not 3", k)
		}
		return err
	})
	m.failIn("xyz", err)
	return xyz
}

// temp is the member [degC,...] in milli-degrees.
func (m *members) temp() (readings []int32) {
	v, ok := m.get("temp")
	if !ok {
		return nil
	}
	err := each(&v, func() error {
		degC, err := number(&v, 3)
		readings = append(readings, degC)
		return err
	})
	m.failIn("temp", err)
	return readings
}

func (m *members) failIn(name string, err error) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		m.fail(&Refusal{r.Reason, fmt.Errorf("%s: %w", name, r.Err)})
	}
}

// each calls item at each item of the array that p, valid JSON, begins with;
// item moves p on.
func each(p *json.RawMessage, item func() error) error {
	if !take(p, '[') {
		return refuse(ReasonShape, "%s is not an array", excerpt(*p))
	}
	for !take(p, ']') {
		if err := item(); err != nil {
			return err
		}
		take(p, ',')
	}
	return nil
}

// take moves p, valid JSON, past white space, and past c if that is next.
func take(p *json.RawMessage, c byte) bool {
	*p = bytes.TrimLeft(*p, " \t\r\n")
	if len(*p) == 0 || (*p)[0] != c {
		return false
	}
	*p = (*p)[1:]
	return true
}

// number moves p, valid JSON, past a number and answers it times 10^shift.
func number(p *json.RawMessage, shift int) (int32, error) {
	*p = bytes.TrimLeft(*p, " \t\r\n")
	if !isNumber(*p) {
		return 0, refuse(ReasonShape, "%s is not a number", excerpt(*p))
	}
	text := *p
	if end := bytes.IndexAny(text, ",] \t\r\n"); end >= 0 {
		text = text[:end]
	}
	*p = (*p)[len(text):]
	v, ok := scaled(text, shift).signed(math.MaxInt32)
	if !ok {
		return 0, refuse(ReasonRange, "%s is out of range", excerpt(text))
	}
	return int32(v), nil
}

// isNumber reports whether the value that p, valid JSON, begins with is a number.
func isNumber(p []byte) bool {
	return len(p) > 0 && (p[0] == '-' || '0' <= p[0] && p[0] <= '9')
}

// excerpt is enough of a value to find it.
func excerpt(p []byte) []byte { return p[:min(len(p), 40)] }
