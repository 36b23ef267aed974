package score

import (
	"encoding/binary"
	"errors"
)

// table is a table of a flatbuffer: a place in its bytes. A nil table has no fields.
type table struct {
	b  []byte
	at int
}

// catch makes an error of an offset that leads out of the bytes.
func catch(err *error) {
	if recover() != nil {
		*err = errors.New("it is cut off before the mark of its end, which closing its writer writes, or no Arrow IPC stream as it is written since version 0.15")
	}
}

func root(b []byte) *table { return &table{b, int(binary.LittleEndian.Uint32(b))} }

// field is the bytes from a field on; nil: the table has it not, it is its default.
func (t *table) field(i int) []byte {
	if t == nil {
		return nil
	}
	vtable := t.b[t.at-int(int32(binary.LittleEndian.Uint32(t.b[t.at:]))):]
	if 4+2*i+2 > int(binary.LittleEndian.Uint16(vtable)) {
		return nil
	}
	at := int(binary.LittleEndian.Uint16(vtable[4+2*i:]))
	if at == 0 {
		return nil
	}
	return t.b[t.at+at:]
}

func (t *table) byte(i int) byte {
	if f := t.field(i); f != nil {
		return f[0]
	}
	return 0
}

func (t *table) number(i, width int) int64 {
	if f := t.field(i); f != nil {
		return integer(f, 0, width, true)
	}
	return 0
}

func (t *table) int16(i int) int16 { return int16(t.number(i, 2)) }
func (t *table) int32(i int) int32 { return int32(t.number(i, 4)) }
func (t *table) int64(i int) int64 { return t.number(i, 8) }

// table is what a field leads to; nil: nothing.
func (t *table) table(i int) *table {
	f := t.field(i)
	if f == nil {
		return nil
	}
	return &table{t.b, len(t.b) - len(f) + int(binary.LittleEndian.Uint32(f))}
}

// vector is a list; n is what it says of its length.
type vector struct {
	b     []byte
	at, n int // at: of its first element
}

func (t *table) vector(i int) *vector {
	v := t.table(i)
	if v == nil {
		return nil
	}
	return &vector{v.b, v.at + 4, int(binary.LittleEndian.Uint32(v.b[v.at:]))}
}

func (t *table) string(i int) string {
	if v := t.vector(i); v != nil {
		return string(v.b[v.at:][:v.n])
	}
	return ""
}

// table is element i of a list of tables.
func (v *vector) table(i int) *table {
	at := v.at + 4*i
	return &table{v.b, at + int(binary.LittleEndian.Uint32(v.b[at:]))}
}

// struct16 is element i of a list of structs of two int64.
func (v *vector) struct16(i int) []byte {
	if i >= v.n {
		panic("a list is too short")
	}
	return v.b[v.at+16*i:][:16]
}
