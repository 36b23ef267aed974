package processor

import (
	"testing"
	"time"
)

// TestCommitsByTime: a transaction costs tens of milliseconds of the brokers'
// time, so their number is bounded by time, however many records arrive.
func TestCommitsByTime(t *testing.T) {
	r := apacheRig(t)
	cfg := r.config()
	cfg.CommitInterval, cfg.MaxRecords = 500*time.Millisecond, 1_000_000
	p := New(cfg, r.deps("a"))
	began := time.Now()
	stop := r.start(p)
	records := 0
	for time.Since(began) < 3*time.Second {
		r.produce(100) // each call waits for the log, so the polls are many
		records += 100
	}
	r.eventually("all committed", 20*time.Second, r.drained)
	elapsed := time.Since(began)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.verify(false)
	n := count(p.metrics.transactions.WithLabelValues(resultCommitted))
	t.Logf("%d records in %s: %v transactions", records, elapsed, n)
	if most := elapsed.Seconds()/cfg.CommitInterval.Seconds() + 1; n > most {
		t.Errorf("%v transactions in %s, at most %.0f by time", n, elapsed, most)
	}
	if n < 3 {
		t.Errorf("%v transactions in %s show nothing", n, elapsed)
	}
}
