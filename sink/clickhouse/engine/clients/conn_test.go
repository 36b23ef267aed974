package clients_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

// TestConn is what only clickhouse-go's own interface has.
func TestConn(t *testing.T) {
	dsn := enginetest.DSN(t)
	world(t, dsn)
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	count := func(t *testing.T, query string, want uint64) {
		t.Helper()
		var n uint64
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", query, n, err, want)
		}
	}
	t.Run("formats", func(t *testing.T) {
		for _, format := range []string{"TSV", "CSVWithNames", "JSONEachRow", "RowBinaryWithNamesAndTypes", "Parquet", "ArrowStream", "JSON"} {
			execute(t, conn, "TRUNCATE TABLE types_got")
			rows, err := conn.QueryFormat(t.Context(), format, "SELECT * FROM types_want")
			if err != nil {
				t.Fatal(format, err)
			}
			data, err := io.ReadAll(rows)
			if err := errors.Join(err, rows.Close()); err != nil {
				t.Fatal(format, err)
			}
			if err := conn.InsertFormat(t.Context(), format, "INSERT INTO types_got", bytes.NewReader(data)); err != nil {
				t.Fatal(format, err)
			}
			count(t, "SELECT count() FROM types_got", 1000)
			count(t, "SELECT count() FROM types_differ", 0)
			if format == "TSV" || format == "CSVWithNames" || format == "JSONEachRow" {
				continue // of text nobody knows where it should have ended
			}
			if err := conn.InsertFormat(t.Context(), format, "INSERT INTO types_got", bytes.NewReader(data[:len(data)*2/3])); err == nil {
				t.Errorf("%s: two thirds went in", format)
			}
			count(t, "SELECT count() FROM types_got", 1000)
		}
		rows, err := conn.QueryFormat(t.Context(), "TSV", "SELECT throwIf(number = 3000000), number FROM numbers(5000000)")
		if err == nil {
			_, err = io.Copy(io.Discard, rows)
			rows.Close()
		}
		refused(t, 395, err)
	})
	t.Run("columns", func(t *testing.T) {
		execute(t, conn, "CREATE TABLE columns (id UInt64, x Array(Int32), s LowCardinality(String)) ENGINE = MergeTree ORDER BY id")
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO columns")
		if err != nil {
			t.Fatal(err)
		}
		ids, xs, texts := []uint64{1, 2}, [][]int32{{1, -1}, {}}, []string{"a", "b"}
		if err := errors.Join(batch.Column(0).Append(ids), batch.Column(1).Append(xs), batch.Column(2).Append(texts), batch.Send()); err != nil {
			t.Fatal(err)
		}
		count(t, "SELECT count() FROM columns WHERE (id, x, s) IN ((1, [1, -1], 'a'), (2, [], 'b'))", 2)
	})
	t.Run("abort", func(t *testing.T) {
		execute(t, conn, "CREATE TABLE aborted (id UInt64) ENGINE = MergeTree ORDER BY id")
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO aborted")
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(3000) {
			if err := batch.Append(i); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Abort(); err != nil {
			t.Fatal(err)
		}
		count(t, "SELECT count() FROM aborted", 0)
	})
	t.Run("asynchronous", func(t *testing.T) {
		execute(t, conn, "CREATE TABLE async (id UInt64) ENGINE = MergeTree ORDER BY id")
		for i := range 10 {
			ctx := clickhouse.Context(t.Context(), clickhouse.WithAsync(true))
			if err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO async VALUES (%d)", i)); err != nil {
				t.Fatal(err)
			}
		}
		count(t, "SELECT uniqExact(id) FROM async", 10)
	})
	t.Run("structs", func(t *testing.T) {
		var rows []struct {
			ID     uint64    `ch:"id"`
			At     time.Time `ch:"at6"`
			Digest string    `ch:"fixed"`
			Maybe  *float32  `ch:"maybe"`
		}
		if err := conn.Select(t.Context(), &rows, "SELECT id, at6, fixed, maybe FROM types_want ORDER BY id LIMIT ?", 2); err != nil {
			t.Fatal(err)
		}
		if len(rows) != 2 || rows[0].At.Nanosecond() != 1000 || rows[0].Maybe != nil || !slices.Equal([]byte(rows[1].Digest), append([]byte("00"), make([]byte, 14)...)) {
			t.Errorf("%+v %s", rows, hex.EncodeToString([]byte(rows[1].Digest)))
		}
	})
	t.Run("version", func(t *testing.T) {
		version, err := conn.ServerVersion()
		if err != nil || version.Version.Major < 26 || version.Timezone == nil {
			t.Errorf("%v, %v", version, err)
		}
	})
}
