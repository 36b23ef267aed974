package processor

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

// The test binary is also the processes that these tests kill.
const childEnv = "WEARSTREAM_PROCESSOR_TEST_CHILD"

func TestMain(m *testing.M) {
	switch words := strings.Fields(os.Getenv(childEnv)); {
	case len(words) == 0:
		os.Exit(m.Run())
	case words[0] == "broker":
		brokerChild(words[1], words[2])
	case words[0] == "processor":
		processorChild(words[1], words[2], words[3], words[4] == "embedded")
	}
}

func brokerChild(dir, listen string) {
	b, err := kafka.StartBroker(kafka.BrokerConfig{Dir: dir, Listen: listen}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("listens", b.Addrs()[0])
	select {}
}

func processorChild(brokers, cell, instance string, embedded bool) {
	cfg := testConfig(childSession)
	reg := prometheus.NewRegistry()
	p := New(cfg, Deps{
		Kafka: kafka.Config{Brokers: strings.Split(brokers, ",")}, Cell: cell, Group: "chain", Instance: instance,
		Input: testIn, Changelog: testState, Embedded: embedded, New: newChain(cell),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("instance", instance), Registry: reg,
	})
	fmt.Println("runs")
	err := p.Run(context.Background())
	fmt.Fprintln(os.Stderr, "ends:", err)
	os.Exit(1)
}

// childSession is the shortest session that the embedded broker grants.
const childSession = 6 * time.Second

type child struct {
	t     *testing.T
	spec  string
	cmd   *exec.Cmd
	words []string // that it said when it was up
}

func spawn(t *testing.T, spec string) *child {
	t.Helper()
	c := &child{t: t, spec: spec}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func (c *child) start() {
	c.t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), childEnv+"="+c.spec)
	if testing.Verbose() {
		c.cmd.Stderr = os.Stderr
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		c.t.Fatalf("start %q: %s %v", c.spec, line, err)
	}
	c.words = strings.Fields(line)
}

func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// feed produces until stop and answers how many records the log acknowledged.
func (r *rig) feed() (stop func() int64) {
	var acked atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		pace := time.NewTicker(2 * time.Millisecond)
		defer pace.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			key := fmt.Sprintf("k%d", rand.IntN(60))
			r.cl.Produce(context.Background(), &kgo.Record{
				Topic: r.topic(testIn), Partition: wire.PartitionOf(key, testPartitions),
				Key: []byte(key), Value: fmt.Appendf(nil, "value %d", i),
			}, func(_ *kgo.Record, err error) {
				if err == nil {
					acked.Add(1)
				}
			})
			<-pace.C
		}
	})
	return func() int64 {
		cancel()
		wg.Wait()
		if err := r.cl.Flush(context.Background()); err != nil {
			r.t.Error(err)
		}
		return acked.Load()
	}
}

func childRig(t *testing.T) (*rig, *child) {
	broker := spawn(t, "broker "+t.TempDir()+" 127.0.0.1:0")
	addr := broker.words[1]
	broker.spec = strings.Replace(broker.spec, "127.0.0.1:0", addr, 1)
	r := connect(t, []string{addr}, testCell)
	r.topics()
	return r, broker
}

// TestKill kills the embedded broker and two processors, ten times, with
// SIGKILL. The broker tears transactions, so answers may come again, but with
// the same bytes, and none is missing.
func TestKill(t *testing.T) {
	r, broker := childRig(t)
	a := spawn(t, "processor "+broker.words[1]+" test a embedded")
	b := spawn(t, "processor "+broker.words[1]+" test b embedded")
	stop := r.feed()
	everyone := []*child{broker, a, b}
	for i := range 10 {
		time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond) // processes are real: life is a time
		victims := everyone[:1]
		switch i % 5 {
		case 1:
			victims = everyone[1:2]
		case 3:
			victims = everyone[1:]
		case 4:
			victims = everyone
		}
		for _, v := range victims {
			v.kill()
		}
		for _, v := range victims {
			v.start()
		}
	}
	acked := stop()
	r.eventually("all committed", 90*time.Second, r.drained)
	repeated := r.verify(true)
	total := 0
	for p := range int32(testPartitions) {
		total += len(r.read(testIn, p))
	}
	if int64(total) < acked {
		t.Errorf("%d records were acknowledged and the log holds %d", acked, total)
	}
	t.Logf("%d records, 10 kills: 0 lost, %d answers came again with the same bytes", total, repeated)
}

// TestKillProcessors kills processors on a broker that lives, in any step that they
// happen to be in: nothing is lost, and nothing is said twice.
func TestKillProcessors(t *testing.T) {
	r := apacheRig(t)
	both := []*child{r.processor("a"), r.processor("b")}
	stop := r.feed()
	for i := range 10 {
		time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond) // processes are real: life is a time
		victims := both
		if i%3 != 0 {
			victims = both[i%2 : i%2+1]
		}
		for _, v := range victims {
			v.kill()
		}
		for _, v := range victims {
			v.start()
		}
	}
	acked := stop()
	r.eventually("all committed", 90*time.Second, r.drained)
	r.verify(false)
	t.Logf("%d records, 10 kills: 0 lost, 0 answered twice", acked)
}

// processor starts one that does not rebuild.
func (r *rig) processor(instance string) *child {
	return spawn(r.t, fmt.Sprintf("processor %s %s %s exact", strings.Join(r.kafka.Brokers, ","), r.cell, instance))
}

// TestZombie stops a processor for longer than its session, lets another take
// over and wakes it. The broker lives, so that exactly once is exact.
func TestZombie(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { r, _ := childRig(t); testZombie(t, r) })
	t.Run("kafka", func(t *testing.T) { testZombie(t, apacheRig(t)) })
}

func testZombie(t *testing.T, r *rig) {
	a, _ := r.processor("a"), r.processor("b")
	stop := r.feed()
	r.eventually("something is committed", 20*time.Second, func() bool { return len(r.committed()) == testPartitions })
	a.signal(syscall.SIGSTOP)
	stood := r.committed()
	time.Sleep(childSession) // the zombie's absence is a time
	r.eventually("the other has taken all partitions over", 30*time.Second, func() bool {
		is := r.committed()
		for p := range int32(testPartitions) {
			if is[p] < stood[p]+10 {
				return false
			}
		}
		return true
	})
	a.signal(syscall.SIGCONT)
	stop()
	r.eventually("all committed", 90*time.Second, r.drained)
	r.verify(false)
}
