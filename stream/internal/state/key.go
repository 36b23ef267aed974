package state

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Key is a key of the changelog: a kind, an owner, which holds no zero byte, and
// numbers, by which keys of a kind and owner are in order.
func Key(kind byte, owner string, numbers ...uint64) string {
	k := append(make([]byte, 0, 2+len(owner)+8*len(numbers)), kind)
	k = append(append(k, owner...), 0)
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return string(k)
}

// SplitKey takes a key of the changelog apart.
func SplitKey(key string) (kind byte, owner string, numbers []uint64, err error) {
	i := strings.IndexByte(key, 0)
	if i < 1 || (len(key)-i-1)%8 != 0 {
		return 0, "", nil, fmt.Errorf("state key %q is broken", key)
	}
	for rest := []byte(key[i+1:]); len(rest) > 0; rest = rest[8:] {
		numbers = append(numbers, binary.BigEndian.Uint64(rest))
	}
	return key[0], key[1:i], numbers, nil
}

var encoding = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// Marshal is a value of the changelog: the same bytes for the same value.
func Marshal(v any) ([]byte, error) { return encoding.Marshal(v) }
