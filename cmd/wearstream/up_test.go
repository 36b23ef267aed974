package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/sink/object"
)

// TestUp plays a recording through everything: rows by SQL, the same in Parquet,
// a clean verdict, a clean stop; and it finds its data again.
func TestUp(t *testing.T) {
	needEngine(t)
	data, file := t.TempDir(), recordings(t)[0]
	acked := filepath.Join(t.TempDir(), "acked.jsonl")
	u := startUp(t, data)
	out, code := runProgram(t, "replay", "--data", data, "--json", "--acked", acked, "--thing", "w1",
		"--study", "ST", "--participant", "P1", "--side", "left", file)
	if code != 0 {
		t.Fatalf("replay: exit status %d\n%s", code, tail(u.errs.String(), 4000))
	}
	var result struct{ Batches, Acknowledged, Samples int }
	if err := json.Unmarshal([]byte(out), &result); err != nil || result.Batches == 0 || result.Batches != result.Acknowledged {
		t.Fatalf("replay said %q: %v", out, err)
	}
	u.complete(1)
	r := u.verified(acked)
	if r.Batches != result.Batches || r.Acked != result.Batches || r.Windows < 100 {
		t.Errorf("verify: %+v, replay: %+v", r, result)
	}
	if text := u.mustQuery("SELECT DISTINCT study, participant, side, thing, sensor FROM features_60s"); text != "ST\tP1\tleft\tw1\tw1\n" {
		t.Errorf("assignment: %q", text)
	}
	compareParquet(t, u)

	second := launchUp(t, data)
	<-second.done
	if second.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(second.errs.String(), fmt.Sprint(u.cmd.Process.Pid)) {
		t.Errorf("a second up on the folder: %s", second.errs)
	}
	before := u.mustQuery("SELECT * FROM features_60s ORDER BY algo, window_start")
	u.stop()

	u = startUp(t, data)
	if out, code := runProgram(t, "replay", "--data", data, "--new", "--json", "--thing", "w1", file); code != 0 || !strings.Contains(out, `"batches":0`) {
		t.Errorf("replay --new of a known recording: exit status %d, %s", code, out)
	}
	if _, code := runProgram(t, "replay", "--data", data, "--thing", "w1", file); code != 0 {
		t.Fatal("second replay failed")
	}
	if r := u.verified(acked); r.Batches != 2*result.Batches {
		t.Errorf("after the second replay: %+v", r)
	}
	if after := u.mustQuery("SELECT * FROM features_60s ORDER BY algo, window_start"); after != before {
		t.Error("replaying a recording again changed features")
	}
	if out, code := runProgram(t, "check", "--data", data); code != 0 {
		t.Errorf("check: exit status %d\n%s", code, out)
	}
	u.stop()
}

// compareParquet holds the feature objects against ClickHouse: every revision.
func compareParquet(t *testing.T, u *upProcess) {
	t.Helper()
	want := u.mustQuery(`SELECT sensor, algo, toUnixTimestamp64Milli(window_start), revision, n, input_digest, toString(status), ifNull(toString(reinterpretAsUInt32(enmo)), ''), ifNull(toString(reinterpretAsUInt32(anglez_rm)), '') FROM features_5s_all ORDER BY ALL`)
	type row struct {
		Sensor   string   `parquet:"sensor"`
		Algo     string   `parquet:"algo"`
		Start    int64    `parquet:"window_start"`
		Revision uint32   `parquet:"revision"`
		N        uint32   `parquet:"n"`
		Digest   string   `parquet:"input_digest"`
		Status   string   `parquet:"status"`
		ENMO     *float32 `parquet:"enmo,optional"`
		AngleZ   *float32 `parquet:"anglez_rm,optional"`
	}
	eventually(t, 30*time.Second, "the Parquet has the rows of ClickHouse", func() error {
		var lines []string
		ofSet := map[string]int{} // values
		err := u.objects("features/v1/window=5s/", func(body []byte) error {
			rows, err := parquet.Read[row](bytes.NewReader(body), int64(len(body)))
			for _, r := range rows {
				text := func(v *float32) string {
					if v == nil {
						return ""
					}
					ofSet[r.Algo]++
					return fmt.Sprint(bits(*v))
				}
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s", r.Sensor, r.Algo, r.Start, r.Revision, r.N, r.Digest, r.Status, text(r.ENMO), text(r.AngleZ)))
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(ofSet) != len(streamSets) {
			return fmt.Errorf("values of %v", ofSet)
		}
		got, want := sorted(lines), sorted(strings.Split(strings.TrimSuffix(want, "\n"), "\n"))
		if got != want {
			return fmt.Errorf("Parquet differs from ClickHouse: %s", firstDifference(got, want))
		}
		return nil
	})
}

// objects hands over every object below a prefix of the cell.
func (u *upProcess) objects(prefix string, yield func(body []byte) error) error {
	store, err := object.Open(u.at.Objects)
	if err != nil {
		return err
	}
	for info, err := range store.List(u.t.Context(), u.at.Cell+"/"+prefix, "") {
		if err != nil {
			return err
		}
		body, err := store.Get(u.t.Context(), info.Key, 0, -1)
		if err != nil {
			return err
		}
		if err := yield(body); err != nil {
			return err
		}
	}
	return nil
}
