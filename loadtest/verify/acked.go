package verify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"unique"
)

// ack is a line of the file of acknowledged batches.
type ack struct {
	Sensor string `json:"sensor"`
	Boot   uint64 `json:"boot"`
	Seq    uint64 `json:"seq"`
	SHA256 string `json:"sha256"`
}

// readAcked reads what devices saw acknowledged, before anything else is read, so
// that all of it must be found.
func (v *verifier) readAcked() ([]ack, error) {
	if v.Acked == "" {
		return nil, nil
	}
	f, err := os.Open(v.Acked)
	if err != nil {
		return nil, fmt.Errorf("read acknowledged batches: %w", err)
	}
	defer f.Close()
	var all []ack
	lines := bufio.NewScanner(f)
	for at := 1; lines.Scan(); at++ {
		var a ack
		line := bytes.TrimSpace(lines.Bytes())
		switch err := json.Unmarshal(line, &a); {
		case err == nil:
			all = append(all, a)
		case !bytes.HasSuffix(line, []byte("}")):
			// A replay that was killed leaves half a line, and had not counted that
			// batch as acknowledged.
			v.r.note("note: line %d of %s is not whole", at, v.Acked)
		default:
			v.r.unexplained("line %d of %s is no acknowledgement: %v", at, v.Acked, err)
		}
	}
	v.r.Acked = len(all)
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read acknowledged batches: %w", err)
	}
	return all, nil
}

// compareAcked holds what devices saw acknowledged against the truth. That it is
// in landing is a matter of its offset.
func (v *verifier) compareAcked(acked []ack, t *truth) {
	for _, a := range acked {
		n := name{unique.Make(a.Sensor), a.Boot, a.Seq}
		copies := t.copies[n]
		switch {
		case len(copies) == 0:
			v.r.lost(1, "%s was acknowledged and is neither in landing nor in the log", n)
		case !slices.ContainsFunc(copies, func(c *record) bool { return hexOf(c.batch.sum) == a.SHA256 }):
			v.r.lost(1, "%s was acknowledged with SHA-256 %.12s…, which is nowhere", n, a.SHA256)
		}
	}
}
