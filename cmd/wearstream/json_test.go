package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// inJSON is a batch of 64 counts per g as a device without protobuf sends it.
func inJSON(b *wire.SampleBatch) []byte {
	var xyz []string
	for at := b.XYZ; len(at) > 0; at = at[6:] {
		g := func(i int) string {
			return fmt.Sprintf("%.6f", float64(int16(binary.LittleEndian.Uint16(at[i:])))/64)
		}
		xyz = append(xyz, "["+g(0)+","+g(2)+","+g(4)+"]")
	}
	return fmt.Appendf(nil, `{"boot":%d,"seq":%d,"t0_us":%d,"rate_mhz":%d,"range_mg":%d,"xyz":[%s],"battery_pct":%d,"charging":false,"skin":"dry"}`,
		b.Boot, b.Seq, b.T0us, b.RateMHz, b.RangeMG, strings.Join(xyz, ","), 80-b.Seq)
}

// TestJSONReachesTheTables: samples in JSON make the rows of their twin in
// protobuf, status and events are rows, and verify explains all of it.
func TestJSONReachesTheTables(t *testing.T) {
	needEngine(t)
	u := startUp(t, t.TempDir())
	text, twin := u.device("j1"), u.device("p1")
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for seq := range uint64(3) {
		b := sampleBatch(1, seq, start.Add(time.Duration(seq)*10*time.Second))
		publish(t, text, "dt/wear/v1/j1/samples/json", inJSON(b))
		publish(t, twin, "dt/wear/v1/p1/samples", b.Append(nil))
	}
	publish(t, text, "dt/wear/v1/j1/samples/json", inJSON(sampleBatch(1, 0, start))) // exact repeat
	publish(t, text, "dt/wear/v1/j1/samples/json", []byte(`{"boot":1,"seq":3,"rate_mhz":32000,"xyz":[[0,0]]}`))
	publish(t, text, "dt/wear/v1/j1/status", []byte(`{"kind":"online","boot":1,"battery_pct":81,"charging":true,"at_us":1772366400000000,"firmware":"2.1"}`))
	publish(t, text, "dt/wear/v1/j1/event", []byte(`{"kind":"diary","at_us":1772366405000000,"value":"slept well"}`))
	publish(t, text, "dt/wear/v1/j1/status", []byte(`{"kind":"end","boot":1,"last_seq":2}`))
	publish(t, twin, "dt/wear/v1/p1/status", []byte(`{"kind":"end","boot":1,"last_seq":2}`))

	columns := strings.TrimSpace(u.mustQuery("SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns WHERE database = currentDatabase() AND table = 'features_5s' AND name NOT IN ('thing', 'sensor')"))
	eventually(t, 60*time.Second, "the tables hold them", func() error {
		for _, c := range []struct{ sql, want string }{
			{"SELECT sensor, substring(algo, 1, 6) AS set, count(), sum(n), countIf(status != 'final') FROM features_5s GROUP BY sensor, set ORDER BY sensor, set",
				"j1\tcore.v\t6\t960\t0\nj1\tref.v1\t6\t960\t0\np1\tcore.v\t6\t960\t0\np1\tref.v1\t6\t960\t0\n"},
			{"SELECT uniqExact(tuple(" + columns + ")) FROM features_5s", "12\n"},
			{"SELECT sensor, count(), uniqExact(ts, x, y, z) FROM samples GROUP BY sensor ORDER BY sensor", "j1\t960\t960\np1\t960\t960\n"},
			{"SELECT uniqExact(ts, x, y, z) FROM samples", "960\n"},
			{"SELECT reason FROM quarantine", "shape\n"},
			{"SELECT sensor, kind, if(kind = 'end', '', toString(at)), battery_pct, charging, value FROM device_status ORDER BY sensor, partition, offset",
				"j1\tbattery\t2026-03-01 12:00:00.000000\t80\tfalse\t\n" +
					"j1\tbattery\t2026-03-01 12:00:10.000000\t79\tfalse\t\n" +
					"j1\tbattery\t2026-03-01 12:00:20.000000\t78\tfalse\t\n" +
					"j1\tonline\t2026-03-01 12:00:00.000000\t81\ttrue\t\n" +
					"j1\tdiary\t2026-03-01 12:00:05.000000\t\\N\t\\N\tslept well\n" +
					"j1\tend\t\t\\N\t\\N\t\n" +
					"p1\tend\t\t\\N\t\\N\t\n"},
			{"SELECT JSONExtractString(message, 'firmware'), abs(dateDiff('second', received_at, now64(6))) < 600 FROM device_status WHERE kind = 'online'", "2.1\t1\n"},
		} {
			got, err := u.query(c.sql)
			if err != nil {
				return stop{err}
			}
			if got != c.want {
				return fmt.Errorf("%s\ngot  %q\nwant %q", c.sql, got, c.want)
			}
		}
		return nil
	})
	r := u.verified("")
	if r.Batches != 6 || r.Explained["exact repeat"] != 1 || r.Explained["quarantined"] != 1 {
		t.Errorf("verify: %+v", r)
	}
}
