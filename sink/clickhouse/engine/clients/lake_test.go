package clients_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
)

// TestDuckDB: the same cuts through both sinks are the same rows in DuckDB and in
// ClickHouse, each column of each row; DuckDB reads a folder, and S3 by s3fs.
func TestDuckDB(t *testing.T) {
	t.Run("folder", func(t *testing.T) { duckDB(t, t.TempDir()) })
	t.Run("s3", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL_S3", parts.S3.Need(t))
		duckDB(t, "s3://"+os.Getenv("WEARSTREAM_TEST_BUCKET")+"/lake-"+strings.ToLower(rand.Text()))
	})
}

func duckDB(t *testing.T, lake string) {
	dir := installed(t)
	dsn := enginetest.DSN(t)
	conn := migrated(t, dsn)
	store, err := object.Open(lake)
	if err != nil {
		t.Fatal(err)
	}
	device, _ := deviceCut(200, 64)
	windows, _ := featuresCut(t, 600)
	minutes, pairs := wearCut(t, 300), pairsCut(t, 200)
	minutes.Range.First, minutes.Range.Next = windows.Next, windows.Next+1
	minutes.Records[0].Offset = windows.Next
	refused, _ := quarantineCut()
	later := device // the rest of a partition in a file of its own
	later.First = device.Next - 2
	device.Next = later.First
	device.Records, later.Records = device.Records[:200], device.Records[200:]
	cuts := []stream.Cut{device, later, windows, minutes, pairs, refused}
	inLake, inClickHouse := object.New(store, cell, "test"), clickhouse.New(conn, cell, schema, prometheus.NewRegistry())
	for _, cut := range cuts {
		for _, sink := range []stream.Sink{inLake, inClickHouse} {
			if err := sink.Write(t.Context(), cut); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "python", "bin", "python"), "-W", "error", "python/lake.py", lake+"/"+cell)
	cmd.Env = append(os.Environ(), address(t, dsn)...)
	out, err := cmd.CombinedOutput()
	var got []string
	for line := range strings.Lines(string(out)) {
		if row, ok := strings.CutPrefix(line, "row "); ok {
			got = append(got, strings.TrimSuffix(row, "\n"))
		} else {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil || !strings.HasSuffix(string(out), "ok lake\n") {
		t.Fatal(err)
	}
	compare(t, got, landed(device, later, refused))
}

// landed is how the script writes the records of the cuts.
func landed(cuts ...stream.Cut) (rows []string) {
	text := func(b []byte) string {
		if b == nil {
			return "NULL"
		}
		return hex.EncodeToString(b)
	}
	for _, cut := range cuts {
		for _, r := range cut.Records {
			var headers []string
			for _, h := range r.Headers {
				headers = append(headers, hex.EncodeToString([]byte(h.Key))+"="+hex.EncodeToString(h.Value))
			}
			topic := strings.TrimPrefix(r.Topic, "wear."+cell+".")
			rows = append(rows, fmt.Sprintf("%s %d %d %d %s {%s} %s []", topic, r.Partition, r.Offset, r.AppendTime.UnixMicro(), text(r.Key), strings.Join(headers, ","), text(r.Value)))
		}
	}
	return slices.Clip(rows)
}
