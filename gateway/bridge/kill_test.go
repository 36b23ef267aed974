package bridge

import (
	"net"
	"testing"
	"time"

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
					eventually(t, "caught up", func() bool { n := f.count(); return len(batches(t, brokers, f.boot)) >= n })
				}
				more := logged(t, brokers) + 200
				eventually(t, "at work", func() bool { return logged(t, brokers) > more })
				kill()
				kill = member.start(t)
			}
			f.stop()
			repeats := f.wantAll(t, brokers)
			t.Logf("5 kills, %d batches acknowledged, 0 lost, %d repeats", f.count(), repeats)
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
	repeats := f.wantAll(t, brokers)
	own, all := int(r.metric("gateway_acknowledged_total", "")), f.count()
	if own == 0 || own >= all {
		t.Errorf("one member took %d of %d", own, all)
	}
	t.Logf("3 kills of one of two, %d batches acknowledged (%d by the other), 0 lost, %d repeats", all, own, repeats)
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
		before := r.metric("gateway_acknowledged_total", "")
		eventually(t, "at work", func() bool { return r.metric("gateway_acknowledged_total", "") > before+200 })
		kill()
		eventually(t, "not ready", func() bool { return r.b.Ready() != nil })
		if err := r.b.Ready(); r.b.ingest.Ready(time.Now()) == nil {
			t.Errorf("the log is away and Ready says %v", err)
		}
		acknowledged := r.metric("gateway_acknowledged_total", "")
		waiting := f.count()
		eventually(t, "publishing on", func() bool { return f.count() > waiting+200 })
		if got := r.metric("gateway_acknowledged_total", ""); got != acknowledged {
			t.Errorf("%v acknowledged while the log is away", got-acknowledged)
		}
		kill = log.start(t)
		eventually(t, "ready", func() bool { return r.b.Ready() == nil })
	}
	f.stop()
	repeats := f.wantAll(t, brokers)
	t.Logf("log killed twice, %d batches acknowledged, 0 lost, %d repeats", f.count(), repeats)
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
