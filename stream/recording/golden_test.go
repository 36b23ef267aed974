package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

var update = flag.Bool("update", false, "write testdata anew")

// goldenFiles are recordings whose batches must never change: batch names are
// positions in them.
func goldenFiles() (files []string) {
	for _, s := range e4Files {
		files = append(files, "e4-stress-predict/"+s+".csv.gz")
	}
	for _, s := range []string{
		"axivity-ax3-skdh-sample", "axivity-ax3-ggirread-testfile", "axivity-ax6-skdh-sample", "axivity-ax6-ggirread-testfile",
		"geneactiv-ggirread-testfile", "geneactiv-skdh-sample", "geneactiv-right-wrist-100hz",
	} {
		files = append(files, "device-samples/"+s+".csv.gz")
	}
	return append(files, "e4-msr2023/session.csv.gz", "e4-msr2023", "e4-stress-predict/native/S02", "e4-stress-predict/native/S28")
}

// TestGoldenBatches: the bytes of all batches of the real recordings are those
// that the first version of the package made.
func TestGoldenBatches(t *testing.T) {
	start := time.Date(2026, 3, 1, 8, 0, 0, 123_456_000, time.UTC)
	var got strings.Builder
	for _, name := range goldenFiles() {
		for k, o := range []Options{{}, {TempEvery: 1, BatchLength: time.Second}, {RateHz: 50, Start: &start, LSBPerG: 0, RangeMG: 8000}} {
			r := open(t, shared(t, name), o)
			sum := digest(t, r)
			fmt.Fprintf(&got, "%s %d %d %s\n", name, k, r.Samples, sum)
			if once, _ := toldOnce(t, shared(t, name), o); once != tell(r, sum) {
				t.Errorf("%s read once: %s\nwant %s", name, once, tell(r, sum))
			}
		}
	}
	golden(t, "batches.txt", got.String())
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s changed:\n%s", name, got)
	}
}

// digest is the SHA-256 over the payloads of a recording, each after its length.
func digest(t testing.TB, r *Recording) string {
	t.Helper()
	h := newDigester()
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		h.add(b)
	}
	return h.sum()
}

type digester struct {
	hash.Hash
	p []byte
}

func newDigester() *digester { return &digester{Hash: sha256.New()} }

func (d *digester) add(b *wire.SampleBatch) {
	d.p = b.Append(d.p[:0])
	d.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(d.p))))
	d.Write(d.p)
}

func (d *digester) sum() string { return fmt.Sprintf("%x", d.Sum(nil)) }
