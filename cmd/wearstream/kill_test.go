package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

func bits(f float32) uint32 { return math.Float32bits(f) }

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// finals is every window as it is now, with all that a kill must not change.
const finals = `SELECT * EXCEPT (revision, lane, dup_n, final_reason), toString(status) AS status_ FROM features_%s ORDER BY sensor, algo, window_start`

// finalWear and finalPairs likewise. When late data comes decides whether they are final
// or corrected.
const (
	finalWear  = `SELECT * EXCEPT (revision, status), status = 'provisional' FROM wear_60s ORDER BY sensor, algo, window_start`
	finalPairs = `SELECT * EXCEPT (revision, status), status = 'provisional' FROM pairs_900s ORDER BY participant, sensor_left, sensor_right, algo, window_start`
)

func (u *upProcess) finals() (all [5]string) {
	for i, length := range []string{"5s", "60s", "900s"} {
		all[i] = u.mustQuery(fmt.Sprintf(finals, length))
	}
	all[3], all[4] = u.mustQuery(finalWear), u.mustQuery(finalPairs)
	return all
}

// complete waits until every window of these sensors is final.
func (u *upProcess) complete(sensors int) {
	u.t.Helper()
	eventually(u.t, 120*time.Second, "every window is final", func() error {
		text, err := u.query(`SELECT uniqExact(sensor), countIf(status = 'provisional'),
			sumIf(n, algo LIKE 'core.v1@%') = (SELECT sum(n) FROM batches) AND sumIf(n, algo LIKE 'ref.v1@%') = (SELECT sum(n) FROM batches) FROM features_5s`)
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("%d\t0\t1\n", sensors); text != want {
			return fmt.Errorf("sensors, provisional, all samples: %q, want %q", text, want)
		}
		return nil
	})
	eventually(u.t, 60*time.Second, "every minute of wear and every pair is final", func() error {
		text, err := u.query(`SELECT (SELECT (uniqExact(sensor), countIf(status = 'provisional')) FROM wear_60s),
			(SELECT countIf(status = 'provisional') FROM pairs_900s), (SELECT count() FROM pairs_900s) = (` + pairable + `)`)
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("(%d,0)\t0\t1\n", sensors); text != want {
			return fmt.Errorf("sensors and provisional minutes, provisional pairs, all that can pair: %q, want %q", text, want)
		}
		return nil
	})
}

// pairable is how many quarters of an hour both sides have with coverage and worn.
const pairable = `WITH worn AS (SELECT sensor, toStartOfFifteenMinutes(window_start) AS quarter, countIf(state = 'WEAR') AS minutes FROM wear_60s GROUP BY sensor, quarter)
	SELECT count() FROM features_900s AS l JOIN features_900s AS r USING (study, participant, window_start)
	JOIN worn AS wl ON wl.sensor = l.sensor AND wl.quarter = l.window_start JOIN worn AS wr ON wr.sensor = r.sensor AND wr.quarter = r.window_start
	WHERE l.side = 'left' AND r.side = 'right' AND l.algo LIKE 'core.v1@%' AND r.algo LIKE 'core.v1@%'
	AND least(l.coverage, r.coverage) >= 0.8 AND least(wl.minutes, wr.minutes) >= 12`

// TestKill kills everything at random moments while recordings are replayed.
// TEST_KILLS says how often; a few times unless said.
func TestKill(t *testing.T) {
	needEngine(t)
	kills := 3
	if text := os.Getenv("TEST_KILLS"); text != "" {
		kills, _ = strconv.Atoi(text)
	}
	var s3 *s3Way
	if onReal() {
		kills = max(kills, 12) // so that every part is broken and mended
		s3 = newS3Way(t)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TEST_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("%d kills, TEST_SEED=%d", kills, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	files := recordings(t)
	files = files[:min(len(files), 4)]
	data, acked := t.TempDir(), filepath.Join(t.TempDir(), "acked.jsonl")

	// The replay is paced so that it lasts as long as the killing does. Two of the
	// recordings, moved to the same day, are a participant's left and right.
	u := startUp(t, data)
	u.assign(files[0], files[1])
	pace := max(20, 3000/(3*kills))
	replay := program(context.Background(), append([]string{"replay", "--data", data, "--json", "--acked", acked, "--speed", fmt.Sprint(pace), "--patience", "5m", "--start", sameDay}, files...)...)
	var out, errs bytes.Buffer
	replay.Stdout, replay.Stderr = &out, &errs
	if err := replay.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- replay.Wait() }()
	t.Cleanup(func() { replay.Process.Kill() })
	for i := range kills {
		// Every third time it does not even come up.
		if i%3 != 0 {
			u.ready()
			s3.felt(u)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(1500 * time.Millisecond))))
		u.kill()
		if onReal() {
			breakParts(t, s3, i, kills)
		}
		u = launchUp(t, data)
	}
	u.ready()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("replay: %v\n%s%s", err, tail(errs.String(), 4000), tail(u.errs.String(), 4000))
		}
	case <-time.After(6 * time.Minute):
		t.Fatalf("replay does not end:\n%s\n%s", tail(errs.String(), 4000), tail(u.errs.String(), 4000))
	}
	r := u.verified(acked)
	t.Logf("after %d kills: %+v", kills, r)
	u.complete(len(files))
	got := u.finals()
	r = u.verified(acked)

	if onReal() {
		u.stop() // its broker is not ours to delete; the group's own tests delete topics
	} else {
		t.Run("another log", func(t *testing.T) { anotherLog(t, u, data, acked, files, r) })
	}

	calm := startUp(t, t.TempDir())
	calm.assign(files[0], files[1])
	if _, code := runProgram(t, append([]string{"replay", "--data", calm.at.Data, "--start", sameDay}, files...)...); code != 0 {
		t.Fatal("replay without kills failed")
	}
	calm.complete(len(files))
	for i, want := range calm.finals() {
		if want == "" {
			t.Errorf("%d: there are no rows to be compared", i)
		}
		if got[i] != want {
			t.Errorf("windows %d differ from those of a run without a kill:\n%s", i, firstDifference(got[i], want))
		}
	}
	calm.stop()
}

const sameDay = "2026-03-01T08:00:00Z"

// assign makes two recordings' things the left and right of a participant.
func (u *upProcess) assign(left, right string) {
	u.t.Helper()
	for i, file := range []string{left, right} {
		thing, _, _ := strings.Cut(filepath.Base(file), ".")
		if _, code := runProgram(u.t, "participant", "assign", "P1", "--data", u.at.Data, "--study", "ST", "--sensor", thing, "--side", [2]string{"left", "right"}[i]); code != 0 {
			u.t.Fatalf("assign %s: exit status %d", thing, code)
		}
	}
}

// breakParts kills a broker and the object store on the way, cuts the store off,
// and brings all of it back.
func breakParts(t *testing.T, s3 *s3Way, i, kills int) {
	t.Helper()
	part := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join("..", "..", "deploy", "local", name), args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	switch i {
	case kills / 8:
		s3.cutOff("timeout") // connections hang: what is sent is swallowed
	case kills/8 + 1:
		s3.heal()
	case kills / 4:
		part("kafka", "kill", "2")
	case kills / 2:
		part("kafka", "restart", "2")
	case kills/2 + 1:
		part("versitygw", "kill")
	case kills/2 + 2:
		part("versitygw", "start")
	case kills * 3 / 4:
		s3.cutOff("reset_peer") // and, as long as two kills, are reset
	case kills*3/4 + 2:
		s3.heal()
		if !s3.refused {
			t.Error("no sink has felt that S3 was cut off")
		}
	}
}

// s3Way is the way of every process here to S3, which can be cut off.
type s3Way struct {
	t       *testing.T
	proxy   *toxiproxy.Proxy
	how     string // it is cut off
	refused bool   // a sink has said that it cannot store
}

func newS3Way(t *testing.T) *s3Way {
	t.Helper()
	parts.Used(t, parts.Toxiproxy)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "s3", "127.0.0.1:0", strings.TrimPrefix(os.Getenv("WEARSTREAM_TEST_S3"), "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	t.Setenv("WEARSTREAM_TEST_S3", "http://"+p.Listen)
	return &s3Way{t: t, proxy: p}
}

func (w *s3Way) cutOff(how string) {
	w.t.Helper()
	w.how = how
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": {"timeout": 0}}`, stream, how, stream)
		if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *s3Way) heal() {
	w.how = ""
	w.proxy.Toxics.ResetToxics(w.t.Context())
}

// felt waits, while connections are reset, until a sink has said that it cannot
// store.
func (w *s3Way) felt(u *upProcess) {
	if w == nil || w.how != "reset_peer" {
		return
	}
	eventually(w.t, 60*time.Second, "the object sink feels that S3 is cut off", func() error {
		if text := u.errs.String(); !strings.Contains(text, "sink does not take a cut") || !strings.Contains(text, "operation error S3") {
			return fmt.Errorf("it does not say so:\n%s", tail(text, 2000))
		}
		return nil
	})
	w.refused = true
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("row %d\n got %s\nwant %s", i, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d rows, want %d", len(g), len(w))
}

// anotherLog takes the broker's folder away and replays something else: the
// sinks see another log, and nothing of the first is lost.
func anotherLog(t *testing.T, u *upProcess, data, acked string, files []string, before report) {
	u.stop()
	if err := os.RemoveAll(filepath.Join(data, "log")); err != nil {
		t.Fatal(err)
	}
	u = startUp(t, data)
	if _, code := runProgram(t, "replay", "--data", data, "--acked", acked, "--thing", "another", files[0]); code != 0 {
		t.Fatalf("replay on another log failed\n%s", tail(u.errs.String(), 4000))
	}
	u.complete(len(files) + 1)
	after := u.verified(acked)
	if after.Batches <= before.Batches || after.Acked <= before.Acked {
		t.Errorf("before %+v, after %+v", before, after)
	}
	u.stop()
}
