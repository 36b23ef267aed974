package main

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// program is the program, built once for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wearstream-versus-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "wearstream")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "../../cmd/wearstream").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// rig is a stage with the program and a log: the real one where there is one, else
// the embedded one.
func rig(t *testing.T) (stage, *reader) {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	st := stage{root: dir, run: t.TempDir(), bin: program}
	if text := os.Getenv("WEARSTREAM_TEST_KAFKA"); text != "" {
		st.brokers = strings.Split(text, ",")
	} else {
		b, err := kafka.StartBroker(kafka.BrokerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		st.brokers = b.Addrs()
	}
	r, err := newReader(st.brokers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.adm.Close)
	return st, r
}

// cell keeps this test's topics apart from those of others in the same Kafka.
func cell() int { return 1_000_000 + int(time.Now().UnixNano()%1_000_000_000) }

var small = []load{
	{"one by one", 10, 1, 0, 256, ""},
	{"in flight", 5, 32, 0, 3 << 10, ""},
	{"paced", 20, 1, 100 * time.Millisecond, 256, ""},
}

func TestMeasure(t *testing.T) {
	st, r := rig(t)
	measured(t, r, &gateway{stage: st, runs: cell()})
}

func TestMeasurePeer(t *testing.T) {
	needTelegraf(t)
	st, r := rig(t)
	p := &peer{stage: st, conf: filepath.Join(st.root, "loadtest/versus/mosquitto.conf"), runs: cell()}
	measured(t, r, p)
}

// measured: what the load says was acknowledged is what was read back from Kafka, and
// a figure is there.
func measured(t *testing.T, r *reader, s side) {
	for _, l := range small {
		f, err := measure(t.Context(), r, s, l, 50*time.Millisecond, 300*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %s: %+v", s.title(), l.name, *f)
		if f.lost != 0 || f.acked <= 0 || f.arrived <= 0 || f.p50 <= 0 || f.p99 < f.p50 || !strings.HasPrefix(f.cipher, "TLS 1.3") {
			t.Errorf("%s: %+v", l.name, *f)
		}
		if l.every > 0 && f.acked > 1.5*float64(l.devices)/l.every.Seconds() {
			t.Errorf("%s: %.0f messages a second", l.name, f.acked)
		}
	}
}

// TestLose: the devices come back after the gateway was killed, and what they saw
// acknowledged is in the log.
func TestLose(t *testing.T) {
	st, r := rig(t)
	out, err := lose(t.Context(), r, &gateway{stage: st, runs: cell()}, []string{"gateway"}, small[0], 2, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *out)
	if out.acked == 0 || out.lost != 0 {
		t.Errorf("%+v", *out)
	}
}

// TestProcessed: the processor commits to the end of what was written, and hands out.
func TestProcessed(t *testing.T) {
	st, r := rig(t)
	out, err := processed(t.Context(), st, r, fmt.Sprintf("versus-%d", cell()), 4, 30, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *out)
	if out.samples != 4*30*batchSamples || out.outputs == 0 || out.cpu <= 0 || out.wall <= 0 {
		t.Errorf("%+v", *out)
	}
}

func needTelegraf(t *testing.T) {
	t.Helper()
	dir := os.Getenv("WEARSTREAM_PARTS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "wearstream", "parts")
	}
	for _, part := range []string{"telegraf", "mosquitto"} {
		if found, _ := filepath.Glob(filepath.Join(dir, part+"-*")); len(found) == 0 {
			t.Skipf("%s is not in the cache: deploy/local/%s fetch. Only make versus needs it.", part, part)
		}
	}
}

// TestSeen: what comes twice counts once.
func TestSeen(t *testing.T) {
	s := &seen{of: map[string][]uint64{}}
	for _, seq := range []uint64{0, 63, 64, 5000, 63} {
		s.add("a", seq)
	}
	s.add("b", 63)
	if s.messages != 5 || s.repeats != 1 || !s.has("a", 5000) || s.has("a", 4999) || s.has("a", 1<<40) || s.has("c", 0) {
		t.Errorf("%+v", s)
	}
}

func TestLatencies(t *testing.T) {
	var l latencies
	for i := range 1000 {
		l.add(time.Duration(i+1) * 100 * time.Microsecond)
	}
	l.add(time.Hour) // beyond the last bucket is in it
	for q, want := range map[float64]time.Duration{0.1: 10 * time.Millisecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond} {
		if got := l.quantile(q); got < want*96/100 || got > want*104/100 {
			t.Errorf("quantile %g is %s, want about %s", q, got, want)
		}
	}
	if new(latencies).quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

// TestBatchSizes: a payload is as large as it is called, less than one sample.
func TestBatchSizes(t *testing.T) {
	for _, size := range []int{256, 3 << 10} {
		b, err := newBatch("wrist-0001", samplesIn("wrist-0001", size), rand.New(rand.NewPCG(1, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.payload); n > size || n <= size-8 {
			t.Errorf("%d bytes, want %d", n, size)
		}
		b.name(firstSeq + 200_000_000)
		if d, err := wire.Decode(b.payload); err != nil || d.Seq != firstSeq+200_000_000 || string(b.sensor()) != d.Sensor {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// TestCPU: a process that worked has spent what it worked.
func TestCPU(t *testing.T) {
	before, err := cpu(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var sum [8]byte
	after := before
	for rounds := 0; after < before+50*time.Millisecond && rounds < 10_000; rounds++ {
		for range 100_000 {
			binary.LittleEndian.PutUint64(sum[:], rng.Uint64())
		}
		if after, err = cpu(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if after < before+50*time.Millisecond {
		t.Errorf("%s before, %s after", before, after)
	}
	if _, err := cpu(1 << 30); err == nil {
		t.Error("the CPU time of nobody")
	}
}
