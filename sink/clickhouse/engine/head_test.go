package engine

import (
	"bytes"
	"testing"
)

func TestEmptyBlock(t *testing.T) {
	head := []byte("\x02\x01a\x02bc\x05UInt8\x06String")
	if got, want := emptyBlock(head), "\x02\x00\x01a\x05UInt8\x02bc\x06String"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := heads["RowBinaryWithNamesAndTypes"](append(head, "rows"...)); n != len(head) {
		t.Errorf("a head of %d bytes, want %d", n, len(head))
	}
}

// FuzzHeads: no chunk makes them panic or loop, and a head lies inside its chunk.
func FuzzHeads(f *testing.F) {
	for _, chunk := range []string{"\x01\x01a\x05UInt8\x00", "\x01\x01a", "\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\"a\n\"\n1\n", "a\tb\nA\tB\n", ""} {
		f.Add([]byte(chunk))
	}
	f.Fuzz(func(t *testing.T, chunk []byte) {
		for format, measure := range heads {
			n := measure(chunk)
			if n < 0 || n > len(chunk) {
				t.Fatalf("%s: %d of %d", format, n, len(chunk))
			}
			if rest := withoutHead(chunk, chunk[:n]); !bytes.Equal(rest, chunk[n:]) {
				t.Errorf("%s: %q left, want %q", format, rest, chunk[n:])
			}
		}
		emptyBlock(chunk)
	})
}
