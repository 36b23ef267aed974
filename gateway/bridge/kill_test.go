package bridge

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream/wire"
)

// A bridge that is killed -9 again and again loses nothing that Mosquitto has
// acknowledged, alone and as a member of a group.
func TestKillBridge(t *testing.T) {
	for _, c := range []struct{ name, group string }{{"plain", ""}, {"shared", "kill"}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, c.group)
			brokers := cluster(t).ListenAddrs()
			member := child{Bridge: cfg, Brokers: brokers}
			kill := member.start(t)
			subscribed(t, brokers)
			f := publish(t, 8)
			for i := range 5 { // now while it catches up, now in steady work
				if i%2 == 1 {
					eventually(t, "caught up", func() bool { n := f.count(); return len(batches(t, brokers, f.boot).times) >= n })
				}
				more := logged(t, brokers) + 200
				eventually(t, "at work", func() bool { return logged(t, brokers) > more })
				kill()
				kill = member.start(t)
			}
			f.stop()
			there := f.wantAll(t, brokers)
			there.inOrder(t)
			t.Logf("5 kills, %d batches acknowledged, 0 lost, %d repeats", f.count(), there.repeats())
		})
	}
}

// Two members share the devices; one is killed again and again. What the broker gave
// to it waits for its client id.
func TestKillMember(t *testing.T) {
	log := cluster(t)
	brokers := log.ListenAddrs()
	first, second := config(t, "members"), config(t, "members")
	member := child{Bridge: second, Brokers: brokers}
	kill := member.start(t)
	subscribed(t, brokers)
	r := start(t, brokers, first)
	f := publish(t, 8)
	for range 3 {
		more := logged(t, brokers) + 300
		eventually(t, "at work", func() bool { return logged(t, brokers) > more })
		kill()
		eventually(t, "publishing on", func() bool { return logged(t, brokers) > more })
		kill = member.start(t)
	}
	f.stop()
	there := f.wantAll(t, brokers)
	own, all := int(r.metric("gateway_publishes_total", "acked")), f.count()
	if own == 0 || own >= all {
		t.Errorf("one member took %d of %d", own, all)
	}
	t.Logf("3 kills of one of two, %d batches acknowledged (%d by the other), 0 lost, %d repeats, %d out of order", all, own, there.repeats(), there.disorder)
}

// inOrder: one member keeps the order of a device's messages; repeats come behind.
func (l tally) inOrder(t *testing.T) {
	t.Helper()
	if l.disorder > 0 {
		t.Errorf("%d batches are behind a later one of their sensor", l.disorder)
	}
}

// subscribed waits until what is published reaches the log: only from then on does
// the broker keep it for the bridge.
func subscribed(t *testing.T, brokers []string) {
	t.Helper()
	c := device(t, "bridge-test-0")
	defer c.Disconnect(250)
	eventually(t, "subscribed", func() bool {
		send(t, c, "dt/wear/v1/bridge-test-0/samples", 1, batch(1, 0))
		return len(readAll(t, brokers, wire.TopicDevice)) > 0
	})
}

// The log is killed -9 and comes back: nothing is acknowledged meanwhile, Ready says
// who is away, and in the end nothing is lost.
func TestKillLog(t *testing.T) {
	cfg := config(t, "log")
	log := child{Dir: t.TempDir(), Listen: freeAddr(t)}
	brokers := []string{log.Listen}
	kill := log.start(t)
	eventually(t, "listening", func() bool {
		nc, err := net.Dial("tcp", log.Listen)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	makeTopics(t, brokers)
	r := start(t, brokers, cfg)
	f := publish(t, 8)
	for range 2 {
		before := r.metric("gateway_publishes_total", "acked")
		eventually(t, "at work", func() bool { return r.metric("gateway_publishes_total", "acked") > before+200 })
		kill()
		eventually(t, "not ready", func() bool { return r.b.Ready() != nil })
		if err := r.b.Ready(); r.b.ingest.Ready(time.Now()) == nil {
			t.Errorf("the log is away and Ready says %v", err)
		}
		acknowledged := r.metric("gateway_publishes_total", "acked")
		waiting := f.count()
		eventually(t, "publishing on", func() bool { return f.count() > waiting+200 })
		if got := r.metric("gateway_publishes_total", "acked"); got != acknowledged {
			t.Errorf("%v acknowledged while the log is away", got-acknowledged)
		}
		kill = log.start(t)
		eventually(t, "ready", func() bool { return r.b.Ready() == nil })
	}
	f.stop()
	there := f.wantAll(t, brokers)
	there.inOrder(t)
	t.Logf("log killed twice, %d batches acknowledged, 0 lost, %d repeats", f.count(), there.repeats())
}

// Apache Kafka is killed -9 under a bridge that is a process of its own, and comes
// back; the last time the bridge is killed while Kafka is away.
func TestKillKafka(t *testing.T) {
	cfg := config(t, "kafka")
	kafka := apacheKafka(t)
	brokers := strings.Split(strings.TrimPrefix(strings.TrimSpace(kafka("start")), "WEARSTREAM_TEST_KAFKA="), ",")
	makeTopics(t, brokers)
	member := child{Bridge: cfg, Brokers: brokers}
	kill := member.start(t)
	subscribed(t, brokers)
	f := publishEvery(t, 8, 20*time.Millisecond) // Kafka takes long to come back, and all of it is read at the end
	for round := range 2 {
		more := logged(t, brokers) + 300
		eventually(t, "at work", func() bool { return logged(t, brokers) > more })
		kafka("kill", "1")
		waiting := f.count()
		eventually(t, "publishing on", func() bool { return f.count() > waiting+300 })
		if round == 1 {
			kill()
			kill = member.start(t)
		}
		kafka("restart", "1")
	}
	more := logged(t, brokers) + 300
	eventually(t, "at work", func() bool { return logged(t, brokers) > more })
	f.stop()
	there := f.wantAll(t, brokers)
	there.inOrder(t)
	t.Logf("Kafka killed twice, the bridge once, %d batches acknowledged, 0 lost, %d repeats", f.count(), there.repeats())
}

// apacheKafka runs verbs of deploy/local/kafka with one node of the test's own.
func apacheKafka(t *testing.T) func(verb ...string) string {
	t.Helper()
	if !parts.Required() {
		t.Skip("starts a Kafka of its own: run with WEARSTREAM_PARTS_REQUIRED=1")
	}
	parts.Used(t, parts.Kafka.Name)
	env := append(os.Environ(), "WEARSTREAM_RUN="+t.TempDir(), "NODES=1", "TLS=", "PURGE=1")
	do := func(verb ...string) string {
		cmd := exec.Command(local("kafka"), verb...)
		cmd.Env = env
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("kafka %s: %v\n%s", verb, err, stderr.String())
		}
		return string(out)
	}
	t.Cleanup(func() { do("stop") })
	return do
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
