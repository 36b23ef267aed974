package kafka

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// childBroker is the embedded broker in a process of its own.
type childBroker struct {
	*exec.Cmd
	addr string
}

const childDir, childListen = "WEARSTREAM_TEST_BROKER_DIR", "WEARSTREAM_TEST_BROKER_LISTEN"

// TestChildBroker is that process.
func TestChildBroker(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return // not a test
	}
	b, err := StartBroker(BrokerConfig{Dir: dir, Listen: os.Getenv(childListen)}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(b.Addrs()[0])
	bufio.NewReader(os.Stdin).ReadByte() // until the parent is gone
	os.Exit(0)
}

func startChild(t *testing.T, dir, listen string) childBroker {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildBroker$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childListen+"="+listen)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := childBroker{Cmd: cmd}
	t.Cleanup(c.kill)
	if c.addr, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the broker's process did not start: %v", err)
	}
	c.addr = strings.TrimSpace(c.addr)
	return c
}

// kill is SIGKILL.
func (c childBroker) kill() {
	c.Process.Kill()
	c.Wait()
}

// A SIGKILL of the broker's process loses nothing that was acknowledged, and a
// group that runs goes on by itself.
func TestBrokerKilled(t *testing.T) {
	dir := t.TempDir()
	b := startChild(t, dir, "127.0.0.1:0")
	addrs := []string{b.addr}
	l := &testLog{Config{Brokers: addrs}, cell, 1, 6 * time.Second, nil} // the broker's least session
	topic, id := l.topic(t, "a.v1", 2)
	at := place{topic, 0}
	plant(t, l, "other", place{topic, 1}, 7, `{"log":"x"}`)

	s := newShelf()
	g := testGroup(t, l, "g", "one", limitsOf(5), s)
	launch(t, g)

	// A producer writes on through all kills and notes what was acknowledged.
	cl := testClient(t, addrs, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	ctx, cancel := context.WithCancel(t.Context())
	acked := make(chan map[string]bool)
	go func() {
		all := map[string]bool{}
		for i := 0; ctx.Err() == nil; i++ {
			v := strconv.Itoa(i)
			if cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr() == nil {
				all[v] = true
			}
		}
		acked <- all
	}()
	for i := range 3 {
		s.wait(t, at, 50*(i+1))
		b.kill()
		b = startChild(t, dir, b.addr) // on the same address
		if b.addr != addrs[0] {
			t.Fatalf("the broker came back on %s", b.addr)
		}
	}
	s.wait(t, at, 200)
	cancel()
	all := <-acked

	log := readable(t, l, at)
	whole := len(log) - len(log)%5
	s.wait(t, at, whole)
	until(t, func() bool {
		o, m := committed(t, l, "g", at)
		return o == log[whole-1].Offset+1 && m == `{"log":"`+string(id)+`"}`
	})
	s.whole(t, l, at, 0, whole)
	if s.adopts > 0 {
		t.Errorf("%d cuts came again with another end", s.adopts)
	}

	for _, r := range log {
		delete(all, string(r.Value))
	}
	if len(all) > 0 {
		t.Errorf("%d acknowledged records are lost", len(all))
	}
	if o, m := committed(t, l, "other", place{topic, 1}); o != 7 || m != `{"log":"x"}` {
		t.Errorf("a committed offset became %d, %q", o, m)
	}
	ids, err := LogIDs(t.Context(), testClient(t, addrs), cell, "a.v1")
	if err != nil || ids["a.v1"] != id {
		t.Errorf("log %s became %v, %v", id, ids, err)
	}
}

func TestBrokerRestarts(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	b, err := StartBroker(BrokerConfig{dir, "127.0.0.1:0"}, log)
	if err != nil {
		t.Fatal(err)
	}
	l := &testLog{Config{Brokers: b.Addrs()}, cell, 1, time.Second, nil}
	topic, id := l.topic(t, "a.v1", 1)
	produce(t, l, kvs(topic, 0, 10)...)
	b.Close()
	if b, err = StartBroker(BrokerConfig{dir, "localhost:0"}, log); err != nil { // another address
		t.Fatal(err)
	}
	defer b.Close()
	l.cfg.Brokers = b.Addrs()
	if got := readable(t, l, place{topic, 0}); len(got) != 10 {
		t.Errorf("%d records of 10", len(got))
	}
	if _, again := l.topic(t, "a.v1", 1); again != id {
		t.Errorf("log %s became %s", id, again)
	}
}

func TestBrokerRefusesAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, addr := range []string{"", "9092", ":9092", "0.0.0.0:0", "[::]:0", taken.Addr().String()} {
		b, err := StartBroker(BrokerConfig{t.TempDir(), addr}, slog.New(slog.DiscardHandler))
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "kafka.listen") {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestEnsure(t *testing.T) {
	b := testBroker(t)
	ensure := func(topics []wire.Topic, replication int16) (map[string]stream.LogID, error) {
		return Ensure(t.Context(), testClient(t, b.Addrs()), cell, topics, replication)
	}
	topics := wire.Topics(4)
	ids, err := ensure(topics, 1)
	if err != nil || len(ids) != len(topics) {
		t.Fatal(ids, err)
	}
	if again, err := ensure(topics, 1); err != nil || !reflect.DeepEqual(again, ids) {
		t.Fatalf("a second time: %v, %v; first %v", again, err, ids)
	}
	if got, err := LogIDs(t.Context(), testClient(t, b.Addrs()), cell, wire.TopicDevice); err != nil || len(got[wire.TopicDevice]) != 32 || got[wire.TopicDevice] != ids[wire.TopicDevice] {
		t.Errorf("log ids %v, %v", got, err)
	}
	if _, err := LogIDs(t.Context(), testClient(t, b.Addrs()), cell, "none.v1"); err == nil || !strings.Contains(err.Error(), "wear.test.none.v1") {
		t.Errorf("id of a topic that is not there: %v", err)
	}

	adm := kadm.NewClient(testClient(t, b.Addrs()))
	set := func(key, value string) {
		t.Helper()
		if _, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, wire.TopicName(cell, wire.TopicDevice)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ key, right, wrong, more, want string }{
		{"message.timestamp.type", "LogAppendTime", "CreateTime", "", `"LogAppendTime"`},
		{"max.message.bytes", "2097152", "1048588", "4194304", "at least"},
		{"cleanup.policy", "delete", "compact", "", `"delete"`},
		{"retention.ms", "1814400000", "60000", "-1", "at least"},
		{"min.insync.replicas", "1", "0", "2", "at least"},
	} {
		set(c.key, c.wrong)
		_, err := ensure(topics, 1)
		for _, say := range []string{"wear.test.device.v1", c.key, c.wrong, c.right, c.want} {
			if err == nil || !strings.Contains(err.Error(), strings.Trim(say, `"`)) {
				t.Errorf("%s=%s: %v does not say %q", c.key, c.wrong, err, say)
			}
		}
		if c.more != "" {
			set(c.key, c.more)
			if _, err := ensure(topics, 1); err != nil {
				t.Errorf("%s=%s: %v", c.key, c.more, err)
			}
		}
		set(c.key, c.right)
	}
	other := wire.Topics(8)
	other[1].Retention = 0
	_, err = ensure(other, 3)
	for _, say := range []string{"device.v1: partitions is 4, want 8", "features.v1: retention.ms is 1814400000, want -1", "replication.factor is 1, want at least 3", "min.insync.replicas is 1, want at least 2"} {
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %q", err, say)
		}
	}
}

// TestRaise: topics of an earlier version keep what they should then; what is not theirs
// to change stays, and is said.
func TestRaise(t *testing.T) {
	b := testBroker(t)
	cl := testClient(t, b.Addrs())
	short := wire.Topics(4)[:1]
	short[0].Retention = time.Hour
	if _, err := Ensure(t.Context(), cl, cell, short, 1); err != nil {
		t.Fatal(err)
	}
	topics := wire.Topics(4)
	if _, err := Ensure(t.Context(), cl, cell, topics, 1); err == nil || !strings.Contains(err.Error(), "retention.ms is 3600000") {
		t.Fatalf("a topic that keeps an hour: %v", err)
	}
	if err := Raise(t.Context(), cl, cell, append(topics, wire.Topic{Name: "none.v1", Partitions: 1}), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), cl, cell, topics, 1); err != nil {
		t.Error(err)
	}
	topics[0].Partitions = 8
	if err := Raise(t.Context(), cl, cell, topics, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), cl, cell, topics, 1); err == nil || !strings.Contains(err.Error(), "partitions is 4, want 8") {
		t.Errorf("other partitions: %v", err)
	}
}

// Two services that start at the same moment both find the topics as they are.
func TestEnsureAtOnce(t *testing.T) { onBoth(t, testEnsureAtOnce) }

func testEnsureAtOnce(t *testing.T, b *testLog) {
	ids := make(chan map[string]stream.LogID)
	for range 8 {
		cl := b.client(t)
		go func() {
			got, err := Ensure(t.Context(), cl, b.cell, wire.Topics(4), b.replicas)
			if err != nil {
				t.Error(err)
			}
			ids <- got
		}()
	}
	first := <-ids
	for range 7 {
		if got := <-ids; !reflect.DeepEqual(got, first) {
			t.Errorf("ids %v and %v", got, first)
		}
	}
}
