package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/wearstream/wearstream/sink/clickhouse/engine"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

// asParent makes this binary a program that starts an engine and then hangs. Its
// value is the options.
const asParent = "ENGINE_TEST_PARENT"

func runParent(options string) {
	var o engine.Options
	err := json.Unmarshal([]byte(options), &o)
	if err == nil {
		var c *engine.Child
		if c, err = engine.Start(context.Background(), o); err == nil {
			fmt.Println(c.PID(), c.Addr)
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func start(t *testing.T, o engine.Options) *engine.Child {
	t.Helper()
	begin := time.Now()
	c, err := engine.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("engine ready in %v", time.Since(begin))
	t.Cleanup(func() { c.Stop() })
	return c
}

func dsn(c *engine.Child) string {
	return (&url.URL{Scheme: "http", User: url.UserPassword(enginetest.User, enginetest.Password), Host: c.Addr, Path: "/default"}).String()
}

// kill9 ends an engine as a power cut would, as far as a process can.
func kill9(t *testing.T, c *engine.Child) {
	t.Helper()
	if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Error("an engine that was killed ended without an error")
	}
}

func insertNumbers(ctx context.Context, conn driver.Conn, token string, from, n int) error {
	if token != "" {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO w.t (batch, i)")
	if err != nil {
		return err
	}
	for i := range n {
		if err := batch.Append(uint64(from), uint64(i)); err != nil {
			return err
		}
	}
	return batch.Send()
}

const tokenTable = "CREATE TABLE w.t (batch UInt64, i UInt64) ENGINE = MergeTree ORDER BY (batch, i) SETTINGS non_replicated_deduplication_window = 1000"

func TestTokensSurviveKill(t *testing.T) {
	o := enginetest.Options(t)
	c := start(t, o)
	conn := connectTo(t, dsn(c), "lz4")
	execute(t, conn, "CREATE DATABASE w")
	execute(t, conn, tokenTable)
	for range 3 {
		if err := insertNumbers(t.Context(), conn, "log-0-100-200", 1, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, conn, "w.t"); n != 1000 {
		t.Fatalf("%d rows before the kill", n)
	}
	for restart := range 3 {
		kill9(t, c)
		c = start(t, o)
		conn = connectTo(t, dsn(c), "zstd")
		if err := insertNumbers(t.Context(), conn, "log-0-100-200", 1, 1000); err != nil {
			t.Fatal(err)
		}
		if err := insertNumbers(t.Context(), conn, "log-0-200-"+strconv.Itoa(restart), 2, 10); err != nil {
			t.Fatal(err)
		}
		if n := count(t, conn, "w.t"); n != uint64(1010+10*restart) {
			t.Fatalf("%d rows after restart %d", n, restart)
		}
	}
}

func TestAcknowledgedInsertsSurviveKill(t *testing.T) {
	const rows, writers, kills = 20_000, 3, 3
	o := enginetest.Options(t)
	c := start(t, o)
	setup := connectTo(t, dsn(c), "lz4")
	execute(t, setup, "CREATE DATABASE w")
	execute(t, setup, tokenTable)
	acked := map[int]bool{}
	var mu sync.Mutex
	next, failed := 0, 0
	for range kills {
		var wg sync.WaitGroup
		busy := make(chan struct{}, 1000)
		for range writers {
			wg.Go(func() {
				options, _ := clickhouse.ParseDSN(dsn(c))
				conn, err := clickhouse.Open(options)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				for {
					mu.Lock()
					id := next
					next++
					mu.Unlock()
					err := insertNumbers(context.Background(), conn, "", id, rows)
					mu.Lock()
					if err == nil {
						acked[id] = true
					} else {
						failed++
					}
					mu.Unlock()
					if err != nil {
						return
					}
					busy <- struct{}{}
				}
			})
		}
		for range 5 * writers {
			<-busy // they are in full swing
		}
		kill9(t, c)
		wg.Wait()
		c = start(t, o)
	}
	conn := connectTo(t, dsn(c), "lz4")
	got, err := conn.Query(t.Context(), "SELECT batch, count(), uniqExact(i) FROM w.t GROUP BY batch")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	stored := 0
	for got.Next() {
		var batch, n, distinct uint64
		if err := got.Scan(&batch, &n, &distinct); err != nil {
			t.Fatal(err)
		}
		if n != rows || distinct != rows {
			t.Errorf("batch %d has %d rows, %d distinct", batch, n, distinct)
		}
		delete(acked, int(batch))
		stored++
	}
	if got.Err() != nil || len(acked) > 0 {
		t.Errorf("%d acknowledged batches are missing, %v", len(acked), got.Err())
	}
	if failed == 0 {
		t.Error("no insert was cut by a kill")
	}
	t.Logf("%d batches stored, %d inserts cut, %d kills", stored, failed, kills)
}

func TestEngineEndsWithItsParent(t *testing.T) {
	o := enginetest.Options(t)
	o.Stderr = nil
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(), asParent+"="+string(options))
		parent.Stderr = os.Stderr
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.Fields(line)[0])
		if err != nil {
			t.Fatal(err)
		}
		parent.Process.Kill()
		parent.Wait()
		// At once: the next one waits for the folder by itself.
		c := start(t, o)
		for begin := time.Now(); runs(pid); time.Sleep(10 * time.Millisecond) { // another process: no bubble
			if time.Since(begin) > 5*time.Second {
				t.Fatal("the engine of a killed parent lives")
			}
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// runs says that a process is there and not only waits for its parent to ask.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// endless is a body of numbers without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "7\n"[i%2]
	}
	return len(p) &^ 1, nil
}

func TestStopEndsWhatRuns(t *testing.T) {
	o := enginetest.Options(t)
	var said strings.Builder
	o.Stderr = &said
	c := start(t, o)
	conn := connectTo(t, dsn(c), "lz4")
	execute(t, conn, "CREATE TABLE endless (a UInt8) ENGINE = Null")
	failed := make(chan error, 3)
	for _, sql := range []string{"SELECT count() FROM system.numbers WHERE sipHash64(number) = 1", "SELECT number FROM system.numbers"} {
		go func() {
			rows, err := conn.Query(context.Background(), sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
			}
			failed <- err
		}()
	}
	go func() { failed <- conn.InsertFormat(context.Background(), "TSV", "INSERT INTO endless", endless{}) }()
	for running := uint64(0); running < 3; {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query NOT LIKE '%processes%'").Scan(&running); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if err := c.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for range cap(failed) {
		if err := <-failed; err == nil {
			t.Error("an endless statement ended")
		}
	}
	for line := range strings.Lines(said.String()) {
		if !strings.Contains(line, "not confined") { // where the kernel cannot
			t.Errorf("the child said %q", line)
		}
	}
}

func TestOneEngineAFolder(t *testing.T) {
	o := enginetest.Options(t)
	first := start(t, o)
	second := make(chan error, 1)
	go func() {
		c, err := engine.Start(context.Background(), o)
		if err == nil {
			err = c.Stop()
		}
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatalf("a second engine on the same folder: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second engine, after the first has ended: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*engine.Options){
		"clickhouse.lib":        func(o *engine.Options) { o.Config.Lib = "/nowhere/libchdb.so" },
		"clickhouse.memory_mib": func(o *engine.Options) { o.Config.MemoryMiB = 1 },
		"read password":         func(o *engine.Options) { o.PasswordFile += "x" },
		"clickhouse.listen":     func(o *engine.Options) { o.Config.Listen = "nonsense" },
		"before it was ready":   func(o *engine.Options) { o.Config.Listen = enginetest.Server(t).Host },
	} {
		o := enginetest.Options(t)
		var said strings.Builder
		o.Stderr = &said
		change(&o)
		_, err := engine.Start(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "before it was ready" && !strings.Contains(said.String(), "address already in use") {
			t.Errorf("the child said %q", said.String())
		}
	}
}

func TestMissingLibraryNamesTheWay(t *testing.T) {
	o := enginetest.Options(t)
	t.Setenv("WEARSTREAM_PARTS", t.TempDir())
	if _, err := engine.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "deploy/local/clickhouse fetch") {
		t.Errorf("%v", err)
	}
}
