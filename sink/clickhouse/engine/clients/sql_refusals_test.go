package clients_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

func (s *sqlSuite) cancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := all(ctx, s.db, endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	s.running(t, 0, endless)
	id := "endless/" + s.options(t).Auth.Database
	ended := make(chan error)
	go func() {
		_, err := all(clickhouse.Context(t.Context(), clickhouse.WithQueryID(id)), s.db, endless)
		ended <- err
	}()
	s.running(t, 1, endless)
	if n, err := all(t.Context(), s.db, "KILL QUERY WHERE query_id = ? SYNC", id); n != 1 || err != nil {
		t.Errorf("%d killed, %v", n, err)
	}
	refused(t, 394, <-ended)
}

// running waits until n statements like query run.
func (s *sqlSuite) running(t *testing.T, n uint64, query string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the engine is another process
		var got uint64
		err := s.db.QueryRowContext(t.Context(), "SELECT count() FROM system.processes WHERE startsWith(query, ?)", query).Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
		if got == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %s run, want %d", got, query, n)
		}
	}
}

func (s *sqlSuite) errors(t *testing.T) {
	for query, code := range map[string]int32{
		"SELECT * FROM nowhere": 60, "SELEC 1": 62, "SELECT throwIf(1)": 395, "SELECT 1; SELECT 2": 62, "SELECT no_such(1)": 46,
		"SELECT nothing FROM types_want": 47, "SELECT * FROM no_such_database.t": 81, "SELECT 1 SETTINGS no_such_setting = 1": 115,
	} {
		_, err := all(t.Context(), s.db, query)
		refused(t, code, err)
	}
	_, err := s.db.ExecContext(t.Context(), "CREATE TABLE types_want (a Int8) ENGINE = Memory")
	refused(t, 57, err)
}

func (s *sqlSuite) late(t *testing.T) {
	for _, method := range []string{"none", "lz4", "zstd", "gzip", "br"} {
		n, err := all(t.Context(), openSQL(t, s.dsn, "compress="+method), "SELECT throwIf(number = 3000000), number FROM numbers(5000000)")
		refused(t, 395, err)
		if n == 0 || n > 3_000_000 {
			t.Errorf("%s: %d rows before the error", method, n)
		}
	}
}

func (s *sqlSuite) password(t *testing.T) {
	server := enginetest.Server(t)
	for _, user := range []*url.Userinfo{url.UserPassword(server.User.Username(), "wrong"), url.UserPassword("default", "")} {
		u, err := url.Parse(s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.User = user
		refused(t, 516, openSQL(t, u.String()).PingContext(t.Context()))
	}
}

func (s *sqlSuite) readonly(t *testing.T) {
	db := openSQL(t, s.dsn, "readonly=1")
	row1(t, t.Context(), db, "SELECT count() FROM types_want", nil, uint64(1000))
	for _, query := range []string{"CREATE TABLE ro (a Int8) ENGINE = Memory", "INSERT INTO types_got (id) VALUES (1)", "SELECT 1 SETTINGS max_threads = 1"} {
		_, err := db.ExecContext(t.Context(), query)
		refused(t, 164, err)
	}
}

func (s *sqlSuite) outside(t *testing.T) {
	for _, query := range []string{
		"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "SELECT 1 INTO OUTFILE '/tmp/x'",
		"INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)", "INSERT INTO types_got FROM INFILE '/etc/passwd' FORMAT CSV",
	} {
		_, err := s.db.ExecContext(t.Context(), query)
		refused(t, 497, err)
	}
}

func (s *sqlSuite) limits(t *testing.T) {
	for _, limit := range []struct {
		code       int32
		set, query string
	}{
		{396, "max_result_rows=10", "SELECT number FROM numbers(1000)"}, {158, "max_rows_to_read=10", "SELECT count() FROM numbers(1000000)"},
		{241, "max_memory_usage=10000000", "SELECT groupArray(number) FROM numbers(10000000)"}, {159, "max_execution_time=1", endless},
	} {
		_, err := all(t.Context(), openSQL(t, s.dsn, limit.set), limit.query)
		refused(t, limit.code, err)
	}
}
