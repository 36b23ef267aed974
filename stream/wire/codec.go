package wire

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of samplebatch.proto.
const (
	fSensor = iota + 1
	fBoot
	fSeq
	fT0
	fRate
	fNominal
	fEncoding
	fLSB
	fRange
	fN
	fXYZ
	fTempT0
	fTempRate
	fTemp
	fPrevBoot
	fOldest
	fBattery
	fCharging
	fTicks
	fBacklog
)

// Decode parses and validates a payload. XYZ aliases p. The error is a *Refusal
// with reason parse, shape, range or sensor.
func Decode(p []byte) (*SampleBatch, error) {
	b := new(SampleBatch) // stays on the stack of a caller that only looks: keep this short enough to be inlined
	if err := b.decode(p); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *SampleBatch) decode(p []byte) error {
	if err := b.unmarshal(p); err != nil {
		return &Refusal{ReasonParse, err}
	}
	return b.Validate()
}

// unmarshal reads the fields as any protobuf parser would: unknown fields and
// known numbers with another wire type are skipped, the last scalar wins.
func (b *SampleBatch) unmarshal(p []byte) error {
	for len(p) > 0 {
		num, typ, n := protowire.Number(p[0]>>3), protowire.Type(p[0]&7), 1
		if p[0] >= 0x80 || num == 0 { // not one of the small numbers that all our fields but one have
			if num, typ, n = protowire.ConsumeTag(p); n < 0 {
				return protowire.ParseError(n)
			}
			if num > protowire.MaxValidNumber {
				return fmt.Errorf("field number %d is none", num)
			}
		}
		p = p[n:]
		used, err := b.field(num, typ, p)
		if err != nil {
			return err
		}
		if used == 0 {
			if used = protowire.ConsumeFieldValue(num, typ, p); used < 0 {
				return fmt.Errorf("field %d: %w", num, protowire.ParseError(used))
			}
		}
		p = p[used:]
	}
	return nil
}

// field reads one known field and says how many bytes it took, 0 for unknown.
func (b *SampleBatch) field(num protowire.Number, typ protowire.Type, p []byte) (int, error) {
	switch typ {
	case protowire.VarintType:
		v, n := protowire.ConsumeVarint(p)
		if n < 0 {
			return 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		if !b.varint(num, v) {
			return 0, nil
		}
		return n, nil
	case protowire.Fixed64Type:
		v, n := protowire.ConsumeFixed64(p)
		if n < 0 {
			return 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		switch num {
		case fT0:
			b.T0us = int64(v)
		case fTempT0:
			b.TempT0us = int64(v)
		}
		return n, nil
	case protowire.BytesType:
		v, n := protowire.ConsumeBytes(p)
		if n < 0 {
			return 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		switch num {
		case fSensor:
			if !utf8.Valid(v) {
				return 0, errors.New("sensor is not UTF-8")
			}
			b.Sensor = string(v)
		case fXYZ:
			b.XYZ = v
		case fTemp:
			return n, b.packedTemp(v)
		}
		return n, nil
	}
	return 0, nil
}

func (b *SampleBatch) varint(num protowire.Number, v uint64) bool {
	switch num {
	case fBoot:
		b.Boot = v
	case fSeq:
		b.Seq = v
	case fRate:
		b.RateMHz = uint32(v)
	case fNominal:
		b.NominalRateMHz = uint32(v)
	case fEncoding:
		b.Encoding = Encoding(uint32(v))
	case fLSB:
		b.LSBPerG = uint32(v)
	case fRange:
		b.RangeMG = uint32(v)
	case fN:
		b.N = uint32(v)
	case fTempRate:
		b.TempRateMHz = uint32(v)
	case fTemp:
		b.TempMdegC = append(b.TempMdegC, sint32(v))
	case fPrevBoot:
		b.PrevBootLastSeq = Some(v)
	case fOldest:
		b.OldestSeqHeld = Some(v)
	case fBattery:
		b.BatteryPct = Some(uint32(v))
	case fCharging:
		b.Charging = Some(v != 0)
	case fTicks:
		b.TicksUS = Some(v)
	case fBacklog:
		b.Backlog = Some(uint32(v))
	default:
		return false
	}
	return true
}

func (b *SampleBatch) packedTemp(p []byte) error {
	if b.TempMdegC == nil {
		b.TempMdegC = make([]int32, 0, min(len(p)/2+1, MaxReadings))
	}
	for len(p) > 0 {
		v, n := protowire.ConsumeVarint(p)
		if n < 0 {
			return fmt.Errorf("temp_mdegc: %w", protowire.ParseError(n))
		}
		b.TempMdegC = append(b.TempMdegC, sint32(v))
		p = p[n:]
	}
	return nil
}

// sint32 is zigzag on the low 32 bits, as protobuf has it.
func sint32(v uint64) int32 { return int32(protowire.DecodeZigZag(v & math.MaxUint32)) }

// Append appends the payload in field order; fields with their default value are
// left out.
func (b *SampleBatch) Append(p []byte) []byte {
	if b.Sensor != "" {
		p = protowire.AppendTag(p, fSensor, protowire.BytesType)
		p = protowire.AppendString(p, b.Sensor)
	}
	p = appendVarint(p, fBoot, b.Boot)
	p = appendVarint(p, fSeq, b.Seq)
	p = appendFixed(p, fT0, b.T0us)
	p = appendVarint(p, fRate, uint64(b.RateMHz))
	p = appendVarint(p, fNominal, uint64(b.NominalRateMHz))
	p = appendVarint(p, fEncoding, uint64(b.Encoding))
	p = appendVarint(p, fLSB, uint64(b.LSBPerG))
	p = appendVarint(p, fRange, uint64(b.RangeMG))
	p = appendVarint(p, fN, uint64(b.N))
	if len(b.XYZ) > 0 {
		p = protowire.AppendTag(p, fXYZ, protowire.BytesType)
		p = protowire.AppendBytes(p, b.XYZ)
	}
	p = appendFixed(p, fTempT0, b.TempT0us)
	p = appendVarint(p, fTempRate, uint64(b.TempRateMHz))
	p = b.appendTemp(p)
	p = appendOptional(p, fPrevBoot, b.PrevBootLastSeq.Value, b.PrevBootLastSeq.OK)
	p = appendOptional(p, fOldest, b.OldestSeqHeld.Value, b.OldestSeqHeld.OK)
	p = appendOptional(p, fBattery, uint64(b.BatteryPct.Value), b.BatteryPct.OK)
	p = appendOptional(p, fCharging, protowire.EncodeBool(b.Charging.Value), b.Charging.OK)
	p = appendOptional(p, fTicks, b.TicksUS.Value, b.TicksUS.OK)
	return appendOptional(p, fBacklog, uint64(b.Backlog.Value), b.Backlog.OK)
}

func (b *SampleBatch) appendTemp(p []byte) []byte {
	if len(b.TempMdegC) == 0 {
		return p
	}
	size := 0
	for _, v := range b.TempMdegC {
		size += protowire.SizeVarint(protowire.EncodeZigZag(int64(v)))
	}
	p = protowire.AppendTag(p, fTemp, protowire.BytesType)
	p = protowire.AppendVarint(p, uint64(size))
	for _, v := range b.TempMdegC {
		p = protowire.AppendVarint(p, protowire.EncodeZigZag(int64(v)))
	}
	return p
}

func appendVarint(p []byte, num protowire.Number, v uint64) []byte {
	return appendOptional(p, num, v, v != 0)
}

func appendOptional(p []byte, num protowire.Number, v uint64, ok bool) []byte {
	if !ok {
		return p
	}
	p = protowire.AppendTag(p, num, protowire.VarintType)
	return protowire.AppendVarint(p, v)
}

func appendFixed(p []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return p
	}
	p = protowire.AppendTag(p, num, protowire.Fixed64Type)
	return protowire.AppendFixed64(p, uint64(v))
}
