package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/wire"
)

func TestBatchColumns(t *testing.T) {
	_, conn := database(t)
	counts := batch(2, 5, 2)
	counts.Sensor = "hub/left"
	counts.TempT0us, counts.TempRateMHz, counts.TempMdegC = 1_700_000_005_000_001, 3_000, []int32{-1250, 36_600}
	micro := &wire.SampleBatch{Boot: 1, Seq: 0, T0us: -5, RateMHz: 1000, Encoding: wire.Int32MicroG, LSBPerG: 9, N: 1, XYZ: []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80, 1, 0, 0, 0}}
	first := batchRecord("hub", counts)
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 10, tick, first, batchRecord("z", micro, wire.HeaderFlags, "64"), tick))
	sum := func(b *wire.SampleBatch) string {
		s := sha256.Sum256(b.Append(nil))
		return hex.EncodeToString(s[:])
	}
	expect(t, conn, "SELECT * FROM batches ORDER BY sensor", strings.Join([]string{
		"hub,hub/left,2,5,2023-11-14T22:13:25Z,32000,2,1024,[5 116],[42 153],[79 190],[2023-11-14 22:13:25.000001 +0000 UTC 2023-11-14 22:13:25.333334 +0000 UTC],[-1250 36600],0," + sum(counts) + ",2023-11-14T22:15:00.000001Z,mqtt," + string(log1) + ",3,11",
		"z,z,1,0,1969-12-31T23:59:59.999995Z,1000,1,0,[-1],[-2147483648],[1],[],[],64," + sum(micro) + ",2023-11-14T22:15:00.000001Z,mqtt," + string(log1) + ",3,12",
	}, "\n"))
	expect(t, conn, "SELECT count() FROM samples", "2")
}

// Repeats of a device stay in _all; the first one stands, a newer log before an
// older one. Times that no calendar holds are kept to the microsecond.
func TestBatchRepeats(t *testing.T) {
	_, conn := database(t)
	other := batch(1, 0, 3)
	wild := batch(1, 1, 1)
	wild.T0us = 9_223_372_036_854_775_807
	write(t, fresh(conn),
		cutOf(wire.TopicDevice, log1, 0, batchRecord("a", batch(1, 0, 2)), batchRecord("a", other), batchRecord("a", batch(1, 0, 2)), batchRecord("a", wild, wire.HeaderFlags, "64")))
	expect(t, conn, "SELECT seq, offset, n FROM batches ORDER BY seq", "0,0,2\n1,3,1")
	expect(t, conn, "SELECT count() FROM batches_all", "4")
	expect(t, conn, "SELECT t0_us FROM batches_all WHERE seq = 1", "9223372036854775807")
	expect(t, conn, "SELECT count() FROM samples", "2")
	write(t, fresh(conn), cutOf(wire.TopicDevice, log2, 7, batchRecord("a", other), batchRecord("a", batch(1, 0, 2))))
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 4, batchRecord("a", batch(1, 0, 1))))
	expect(t, conn, "SELECT log_id, offset, n FROM batches WHERE seq = 0", string(log2)+",7,3")
}

// What cannot be decoded is counted, a status that is none too.
func TestBatchSkipped(t *testing.T) {
	_, conn := database(t)
	reg := prometheus.NewRegistry()
	bad, status := batchRecord("a", batch(1, 1, 1)), batchRecord("a", batch(1, 2, 1))
	bad.Value = bad.Value[:len(bad.Value)-1]
	status.Headers[0].Value = []byte(wire.KindStatus)
	write(t, New(conn, cell, testSchema, reg), cutOf(wire.TopicDevice, log1, 0, bad, status, batchRecord("a", batch(1, 0, 1))))
	expect(t, conn, "SELECT seq FROM batches_all", "0")
	if got := counted(t, reg); got != "clickhouse_blocks_resent 0, clickhouse_skipped_records{device.v1} 2, sink_rows{batches_all} 1, sink_rows{device_status_all} 0, sink_rows{pairs} 0, sink_rows{quarantine_all} 0, sink_rows{wear} 0, sink_rows{windows} 0" {
		t.Error(got)
	}
}

// The view samples has what decoding gives: times to the microsecond, g, and each
// reading where its comment says.
func TestSamples(t *testing.T) {
	_, conn := database(t)
	var records []*wire.SampleBatch
	for seq, c := range []struct {
		n, readings    int
		rate, tempRate uint32
		tempAfter      int64 // of the first sample, microseconds
		micro          bool
	}{
		{n: 320, rate: 32_000, readings: 40, tempRate: 4_000},
		{n: 100, rate: 33_333, readings: 13, tempRate: 4_001, tempAfter: 17},
		{n: 50, rate: 999_999, micro: true},
		{n: 3, rate: 30_000, readings: 31, tempRate: 999_999, tempAfter: -7},
		{n: 2, rate: 1_000, readings: 3, tempRate: 1, tempAfter: -1_000_000_000},
		{n: 0, rate: 50_000, readings: 4, tempRate: 4_000},
		{n: 1, rate: 64_000, readings: 1, tempRate: 1_000, tempAfter: 5},
	} {
		b := &wire.SampleBatch{Boot: 1, Seq: uint64(seq), T0us: 1_646_400_000_000_001 + int64(seq)*100_000_000, RateMHz: c.rate, Encoding: wire.Int16Counts, LSBPerG: 4096, N: uint32(c.n)}
		if c.micro {
			b.Encoding, b.LSBPerG = wire.Int32MicroG, 0
		}
		for i := range 3 * c.n {
			v := i*997 - 16_000
			b.XYZ = append(b.XYZ, byte(v), byte(v>>8))
			if c.micro {
				b.XYZ = append(b.XYZ, byte(v>>16), byte(v>>24))
			}
		}
		b.TempT0us, b.TempRateMHz = b.T0us+c.tempAfter, c.tempRate
		for j := range c.readings {
			b.TempMdegC = append(b.TempMdegC, int32(30_000+j))
		}
		records = append(records, b)
	}
	s := fresh(conn)
	var want []string
	for seq, b := range records {
		write(t, s, cutOf(wire.TopicDevice, log1, int64(seq), batchRecord("a", b)))
		want = append(want, spread(b)...)
	}
	got := strings.Split(table(t, conn, "SELECT thing, sensor, ts, x, y, z, temp FROM samples ORDER BY ts"), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("sample %d: got %s, want %s", i, got[i], want[i])
		}
	}
}

// spread is the view samples, said in Go: each reading looks for its sample.
func spread(b *wire.SampleBatch) []string {
	temp := make([]string, b.N)
	for i := range temp {
		temp[i] = "NULL"
	}
	for j, v := range b.TempMdegC {
		i := 0
		for i < int(b.N)-1 && b.SampleTime(i)/1000 < b.ReadingTime(j)/1000 {
			i++
		}
		if b.N > 0 {
			temp[i] = fmt.Sprint(float64(v) / 1000)
		}
	}
	perG := float64(b.LSBPerG)
	x, y, z := make([]int32, 0), make([]int32, 0), make([]int32, 0)
	if b.Encoding == wire.Int32MicroG {
		perG = 1_000_000
		x, y, z = b.AppendMicroG(x, y, z)
	} else {
		for p := b.XYZ; len(p) > 0; p = p[6:] {
			count := func(i int) int32 { return int32(int16(uint16(p[i]) | uint16(p[i+1])<<8)) }
			x, y, z = append(x, count(0)), append(y, count(2)), append(z, count(4))
		}
	}
	var out []string
	for i := range x {
		ts := time.UnixMicro(b.SampleTime(i) / 1000).UTC().Format("2006-01-02T15:04:05.999999999Z")
		out = append(out, fmt.Sprint("a,a,", ts, ",", float64(x[i])/perG, ",", float64(y[i])/perG, ",", float64(z[i])/perG, ",", temp[i]))
	}
	return out
}

func TestQuarantine(t *testing.T) {
	_, conn := database(t)
	refused := cutOf(wire.TopicQuarantine, log1, 4, batchRecord("a", batch(1, 0, 1), wire.HeaderReason, wire.ReasonOversize, wire.HeaderSize, "300000", wire.HeaderSHA256, strings.Repeat("ab", 32)))
	s := fresh(conn)
	write(t, s, refused, refused)
	write(t, fresh(conn), refused)
	expect(t, conn, "SELECT * FROM quarantine", "a,2023-11-14T22:15:00.000001Z,oversize,300000,"+strings.Repeat("ab", 32)+","+string(log1)+",3,4")
	expect(t, conn, "SELECT count() FROM quarantine_all", "1")
}

func TestForeignTopic(t *testing.T) {
	_, conn := database(t)
	for _, topic := range []string{"state-device.v1", "nothing"} {
		if err := fresh(conn).Write(context.Background(), cutOf(topic, log1, 0)); err == nil {
			t.Errorf("a cut of %q was taken", topic)
		}
	}
}
