package object_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

// The directory's pairs are file operations that fail. It has none for what a
// network does: silence, an answer that is cut, a clock that is off. A process
// that dies between its steps is TestDirCrash.
func dirPairs() []storetest.Pair {
	var pairs []storetest.Pair
	for _, p := range []struct {
		step   string
		err    error
		stored bool
	}{
		{"create", syscall.EMFILE, false},
		{"write", syscall.ENOSPC, false},
		{"sync file", syscall.EIO, false},
		{"make folder", syscall.ENOSPC, false},
		{"link", syscall.EIO, false},
		{"sync folder", syscall.EIO, true},
	} {
		pairs = append(pairs, storetest.Pair{Name: p.step + " " + p.err.Error(), Stored: p.stored, Open: func(t *testing.T) *storetest.Rig {
			folder := t.TempDir()
			direct, err := object.Open(folder)
			if err != nil {
				t.Fatal(err)
			}
			s, fail := object.OpenFailing(folder)
			t.Cleanup(func() {
				if left, _ := os.ReadDir(filepath.Join(folder, ".tmp")); len(left) > 0 {
					t.Errorf("%d hidden files are left on a disk that may be full", len(left))
				}
			})
			return &storetest.Rig{Store: s, Direct: direct, Break: func(n int) { fail(p.step, n, p.err) }, Heal: func() { fail("", 0, nil) }}
		}})
	}
	return pairs
}

func TestConformanceDirPairs(t *testing.T) {
	storetest.Pairs(t, dirPairs(), bytes.Repeat([]byte("body "), 50_000))
}
