package replay

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wearstream/wearstream/stream/recording"
)

// tenMinutes is a recording of 60 batches.
func tenMinutes(t testing.TB, name string, seed uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".csv.gz")
	if err := recording.Generate(path, seed, time.Unix(1_700_000_000, 0), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	return path
}

const batches = 60

func replay(t *testing.T, b *broker, cfg Config, files ...string) (Result, error) {
	t.Helper()
	if cfg.MQTT == "" {
		cfg.Data = b.data
	}
	r, err := New(cfg, files, Deps{Dial: b.dial})
	if err != nil {
		t.Fatal(err)
	}
	return r.Run(t.Context())
}

func memoryOf(t *testing.T, b *broker, file string) (s state) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.data, "replay", file+".json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestConnectionFaults: whatever a connection does, every batch arrives, in
// order on each connection, is acknowledged, and the file of acknowledgements is
// the set of what was stored.
func TestConnectionFaults(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	for name, manners := range map[string]func(conn int) manner{
		"good":  nil,
		"slow":  func(int) manner { return manner{delay: time.Second} },
		"drops": func(conn int) manner { return manner{drop: []int{1, 7, 1, 40, 20, 0}[min(conn, 5)]} },
		"drops and is slow": func(conn int) manner {
			return manner{drop: []int{3, 33, 9, 0}[min(conn, 3)], delay: 50 * time.Millisecond}
		},
		"withholds": func(conn int) manner { return manner{silent: conn < 3} },
		"backward":  func(int) manner { return manner{backward: 10} },
		"backward, then drops": func(conn int) manner {
			return manner{backward: 10, drop: []int{25, 17, 0}[min(conn, 2)]}
		},
		"unavailable": func(conn int) manner { return manner{refuse: []byte{3, 3, 3, 0}[min(conn, 3)]} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				b.manner = manners
				acked := filepath.Join(b.data, "acked.json")
				res, err := replay(t, b, Config{Acked: acked}, file)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if res.Batches != batches || res.Acknowledged != batches || res.Samples != 19_200 || res.Devices != 1 || res.Recordings != 1 {
					t.Errorf("result %+v", res)
				}
				b.checkOrder()
				if n, whole := b.has("G01", 1); n != batches || !whole {
					t.Errorf("%d batches, whole %v", n, whole)
				}
				if got := b.ends("G01"); got != "end 1:59" {
					t.Errorf("ends %q", got)
				}
				if !maps.Equal(readAcked(t, acked), b.stored) {
					t.Error("acknowledgements differ from what was stored")
				}
				for i, c := range b.connected {
					if !strings.Contains(c, `"boot": 1`) {
						t.Errorf("CONNECT %d with memory %q", i, c)
					}
				}
			})
		})
	}
}

// TestEveryRunIsABoot, with the last sequence of the one before.
func TestEveryRunIsABoot(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		acked := filepath.Join(b.data, "acked.json")
		os.WriteFile(acked, []byte(`{"sensor":"old","boot":1,"seq":0,"sha256":"00"}`), 0o600) // and no end of line
		for boot := range uint64(3) {
			if _, err := replay(t, b, Config{Acked: acked, Batch: time.Duration(boot+1) * 10 * time.Second}, file); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.connected[boot], `"boot": `+string(rune('1'+boot))) {
				t.Errorf("CONNECT %d with memory %s", boot, b.connected[boot])
			}
		}
		synctest.Wait()
		if got := b.ends("G01"); got != "end 1:59 end 2:29 end 3:19" {
			t.Errorf("ends %q", got)
		}
		for _, p := range b.published {
			if p.batch == nil {
				continue
			}
			prev, want := p.batch.PrevBootLastSeq, []uint64{0, 0, 59, 29}[p.batch.Boot]
			if prev.OK != (p.batch.Boot > 1) || prev.Value != want || !p.batch.OldestSeqHeld.OK || p.batch.OldestSeqHeld.Value != 0 || p.batch.Sensor != "" {
				t.Fatalf("boot %d says %+v of the boot before", p.batch.Boot, prev)
			}
		}
		b.stored["old 1 0"] = "00"
		if !maps.Equal(readAcked(t, acked), b.stored) {
			t.Error("acknowledgements differ from what was stored")
		}
	})
}

// TestCutOffByTheCaller: the next run finishes the boot and then makes its own.
func TestCutOffByTheCaller(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	for _, at := range []int{1, 2, 31, 60, 61} { // the last is "end"
		synctest.Test(t, func(t *testing.T) {
			b := newBroker(t)
			acked := filepath.Join(b.data, "acked.json")
			ctx, cancel := context.WithCancelCause(t.Context())
			b.manner = func(conn int) manner {
				if conn > 0 {
					return manner{}
				}
				return manner{on: func(n int) {
					if n == at {
						cancel(errors.New("enough"))
					}
				}, delay: time.Millisecond}
			}
			r, err := New(Config{Data: b.data, Acked: acked, Window: 8}, []string{file}, Deps{Dial: b.dial})
			if err != nil {
				t.Fatal(err)
			}
			res, err := r.Run(ctx)
			if err == nil || !strings.Contains(err.Error(), "enough") || res.Acknowledged > int64(at) {
				t.Errorf("cut off at %d: %+v, %v", at, res, err)
			}
			s := memoryOf(t, b, "G01")
			if s.Ended || *s.LastSeq < uint64(min(at, batches)-1) || *s.LastSeq > uint64(at+8) || s.Acked > uint64(at) {
				t.Errorf("cut off at %d: memory %d of %d", at, s.Acked, *s.LastSeq)
			}
			synctest.Wait()
			second(t, b, Config{Acked: acked}, file, batches)
		})
	}
}

// second runs a second time after a first that was cut off, and checks that
// nothing is missing of either boot.
func second(t *testing.T, b *broker, cfg Config, file string, batches uint64) {
	t.Helper()
	for name, sum := range readAcked(t, cfg.Acked) {
		if b.stored[name] != sum {
			t.Fatalf("%s is acknowledged and not stored", name)
		}
	}
	res, err := replay(t, b, cfg, file)
	if err != nil {
		t.Fatal(err)
	}
	if res.Batches != int64(batches) || res.Acknowledged != int64(batches) {
		t.Errorf("second run: %+v", res)
	}
	b.serving.Wait()
	b.checkOrder()
	one, wholeOne := b.has("G01", 1)
	two, wholeTwo := b.has("G01", 2)
	if !wholeOne || !wholeTwo || two != batches {
		t.Errorf("boot 1: %d, whole %v; boot 2: %d, whole %v", one, wholeOne, two, wholeTwo)
	}
	if !maps.Equal(readAcked(t, cfg.Acked), b.stored) {
		t.Error("acknowledgements differ from what was stored")
	}
	for _, p := range b.published {
		switch {
		case p.batch != nil && p.batch.Boot == 2 && p.batch.PrevBootLastSeq.Value != one-1:
			t.Fatalf("boot 2 says that boot 1 ended at %d, it did at %d", p.batch.PrevBootLastSeq.Value, one-1)
		case p.end != nil && p.end.Boot == 1 && *p.end.LastSeq != one-1:
			t.Fatalf("boot 1 ends at %d, it did at %d", *p.end.LastSeq, one-1)
		}
	}
	if s := memoryOf(t, b, "G01"); s.Boot != 2 || !s.Ended || *s.LastSeq != batches-1 {
		t.Errorf("memory %+v", s)
	}
}

// TestRecordingGone: a boot whose recording is gone stays as it may be.
func TestRecordingGone(t *testing.T) {
	file, other := tenMinutes(t, "G01", 1), tenMinutes(t, "G01", 2)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		ctx, cancel := context.WithCancel(t.Context())
		b.manner = func(conn int) manner {
			return manner{on: func(n int) {
				if conn == 0 && n == 20 {
					cancel()
				}
			}}
		}
		r, err := New(Config{Data: b.data}, []string{file}, Deps{Dial: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		last := *memoryOf(t, b, "G01").LastSeq
		os.Remove(file)
		if _, err := replay(t, b, Config{}, other); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := b.ends("G01"); got != "end 2:59" {
			t.Errorf("ends %q", got)
		}
		for _, p := range b.published {
			if p.batch != nil && p.batch.Boot == 2 && (!p.batch.PrevBootLastSeq.OK || p.batch.PrevBootLastSeq.Value != last) {
				t.Fatalf("boot 2 says %v of boot 1, which may have published up to %d", p.batch.PrevBootLastSeq, last)
			}
		}
	})
}

func TestManyDevices(t *testing.T) {
	a, c := tenMinutes(t, "G01", 1), tenMinutes(t, "G02", 2)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		var last Progress
		r, err := New(Config{Data: b.data, Devices: 5, Sensor: "left", Start: "2026-03-01T09:00:00+01:00", ConnectRate: 1}, []string{a, c},
			Deps{Dial: b.dial, Progress: func(p Progress) { last = p }})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := r.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < 4*time.Second {
			t.Errorf("five devices connected within %v at 1 a second", d)
		}
		if res.Devices != 5 || res.Batches != 5*batches || res.Acknowledged != 5*batches || last.DevicesDone != 5 || last.Acked != 5*batches || last.Samples != last.TotalSamples {
			t.Errorf("%+v, %+v", res, last)
		}
		synctest.Wait()
		for _, thing := range []string{"G01", "G02", "G01-0002", "G02-0002", "G01-0003"} {
			if n, whole := b.has(thing+"/left", 1); n != batches || !whole {
				t.Errorf("%s: %d batches, whole %v", thing, n, whole)
			}
			if s := memoryOf(t, b, thing+"+left"); s.Boot != 1 || !s.Ended {
				t.Errorf("%s: memory %+v", thing, s)
			}
		}
		want := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC).UnixMicro()
		for _, p := range b.published {
			if p.batch != nil && p.batch.Seq == 0 && p.batch.T0us != want {
				t.Errorf("%s starts at %d, want %d", p.thing, p.batch.T0us, want)
			}
			if p.end != nil && (p.end.Sensor != p.thing+"/left" || p.end.AtUS != want+600_000_000) {
				t.Errorf("end %+v", p.end)
			}
		}
	})
}

func TestOnlyNew(t *testing.T) {
	a, c := tenMinutes(t, "G01", 1), tenMinutes(t, "G02", 2)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		for _, run := range []struct {
			cfg                 Config
			files               []string
			recordings, skipped int
		}{
			{Config{New: true}, []string{a}, 1, 0},
			{Config{New: true}, []string{a, c}, 1, 1},
			{Config{New: true}, []string{a, c}, 0, 2},
			{Config{New: true, Start: "2026-03-01T08:00:00Z"}, []string{a}, 1, 0},
			{Config{New: true, Start: "2026-03-01T09:00:00+01:00"}, []string{a}, 0, 1},
			{Config{}, []string{a}, 1, 0},
		} {
			res, err := replay(t, b, run.cfg, run.files...)
			if err != nil || res.Recordings != run.recordings || res.Skipped != run.skipped {
				t.Errorf("%+v: %+v, %v", run.cfg, res, err)
			}
		}
		synctest.Wait()
		if got := b.ends("G01"); got != "end 1:59 end 2:59 end 3:59" {
			t.Errorf("ends %q", got)
		}
	})
}

// TestGatewayMoves: the address is looked up before every connection.
func TestGatewayMoves(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.manner = func(conn int) manner {
			return manner{drop: 10 * (1 - min(conn, 1)), on: func(n int) {
				if n == 10 && conn == 0 {
					b.announce("127.0.0.1:2")
				}
			}}
		}
		var dialed []string
		r, err := New(Config{Data: b.data}, []string{file}, Deps{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialed = append(dialed, addr)
			return b.dial(ctx, network, addr)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(dialed, " "); got != "127.0.0.1:1 127.0.0.1:2" {
			t.Errorf("dialed %s", got)
		}
	})
}

func TestSpeed(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.manner = func(conn int) manner { return manner{drop: []int{10, 0}[min(conn, 1)]} }
		began := time.Now()
		res, err := replay(t, b, Config{Speed: "2"}, file)
		if err != nil || res.Acknowledged != batches {
			t.Fatal(res, err)
		}
		// A batch is sent when it has ended: the last after ten minutes of recording.
		if d := time.Since(began); d < 5*time.Minute || d > 5*time.Minute+2*time.Second {
			t.Errorf("ten minutes at twice the speed took %v", d)
		}
		synctest.Wait()
		b.checkOrder()
	})
}

func TestGivesUp(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	for name, c := range map[string]struct {
		manner  manner
		within  time.Duration
		want    string
		unreach bool
	}{
		"not authorised":      {manner{refuse: 5}, time.Second, "not Authorized", false},
		"never available":     {manner{refuse: 3}, 3 * time.Minute, "server Unavailable", true},
		"never acknowledging": {manner{silent: true}, 4 * time.Minute, "no acknowledgement within 30s", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				b.manner = func(int) manner { return c.manner }
				began := time.Now()
				res, err := replay(t, b, Config{}, file)
				if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnreachable) != c.unreach || res.Acknowledged != 0 {
					t.Errorf("%+v, %v", res, err)
				}
				if d := time.Since(began); d > c.within {
					t.Errorf("gave up after %v", d)
				}
			})
		})
	}
	b := newBroker(t)
	os.Remove(filepath.Join(b.data, "endpoints.json"))
	if _, err := replay(t, b, Config{}, file); !errors.Is(err, ErrUnreachable) {
		t.Errorf("without endpoints.json: %v", err)
	}
}

func TestOneProcessPerDevice(t *testing.T) {
	dir := t.TempDir()
	d := Device{Thing: "G01", Sensor: "G01"}
	m, err := remember(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remember(dir, d); err == nil || !strings.Contains(err.Error(), "another replay") {
		t.Errorf("second process: %v", err)
	}
	m.close()
	if m, err = remember(dir, d); err != nil {
		t.Fatal(err)
	}
	m.close()
	os.WriteFile(filepath.Join(dir, "G01.json"), []byte("{"), 0o600)
	if _, err := remember(dir, d); err == nil {
		t.Error("a broken memory is no error")
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		cfg   Config
		files string
		want  string
	}{
		{Config{}, "a/S01.csv.gz b/S02", "S01=S01:a/S01.csv.gz S02=S02:b/S02"},
		{Config{}, "a/S01.csv b/S01.csv.gz", "S01=S01:a/S01.csv,b/S01.csv.gz"},
		{Config{Thing: "w", Sensor: "left"}, "a b", "w=w/left:a,b"},
		{Config{Thing: "w", Sensor: "w/left"}, "a", "w=w/left:a"},
		{Config{Thing: "w", Devices: 3}, "a b", "w=w:a w-0002=w-0002:b w-0003=w-0003:a"},
		{Config{Devices: 3}, "a b", "a=a:a b=b:b a-0002=a-0002:a"},
		{Config{Devices: 2}, "a b c", "a=a:a,c b=b:b"},
		{Config{Sensor: "v/left"}, "a", "error"},
		{Config{Sensor: "l/e/ft"}, "a", "error"},
		{Config{}, "a+b", "error"},
		{Config{}, "", "error"},
		{Config{MQTT: "x:1"}, "a b", "error"},
		{Config{MQTT: "x:1", Thing: "w"}, "a b", "w=w:a,b"},
	} {
		devices, err := Plan(c.cfg, strings.Fields(c.files))
		var got []string
		for _, d := range devices {
			got = append(got, d.Thing+"="+d.Sensor+":"+strings.Join(d.Files, ","))
		}
		if err != nil {
			got = []string{"error"}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%+v of %s: %s, %v, want %s", c.cfg, c.files, text, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{Data: "d"}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Data: "d", MQTT: "nowhere", Cert: "c", Start: "2026-03-01T08:00:00", Speed: "fast", Devices: -1, Batch: -1, Rate: 5000, Window: -1}
	err := bad.Validate()
	for _, flag := range []string{"--data, --mqtt", "--mqtt: \"nowhere\"", "--mqtt: needs", "--start", "with a zone", "--speed", "--devices", "--batch", "--rate", "--window"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not named in %v", flag, err)
		}
	}
}
