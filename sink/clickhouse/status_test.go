package clickhouse

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// message is a status or event record of device.v1.
func message(kind, key, text string) stream.Record {
	h := headers(wire.HeaderKind, kind, wire.HeaderThing, "hub", wire.HeaderReceived, "1700000100000001")
	return stream.Record{Key: []byte(key), Value: []byte(text), Headers: h}
}

// withBattery is a batch of that state.
func withBattery(seq uint64, pct uint32, charging bool) *wire.SampleBatch {
	b := batch(1, seq, 1)
	b.BatteryPct, b.Charging = wire.Some(pct), wire.Some(charging)
	return b
}

const statusQuery = "SELECT thing, sensor, record_kind, kind, at, battery_pct, charging, value, boot, seq, received_at FROM device_status ORDER BY offset"

func TestStatusColumns(t *testing.T) {
	_, conn := database(t)
	only, flat := batch(2, 9, 0), batch(2, 10, 1)
	only.TempT0us, only.TempRateMHz, only.TempMdegC = 1_700_000_050_000_000, 1000, []int32{30_000}
	only.Charging = wire.Some(true)
	flat.Sensor, flat.BatteryPct = "hub/left", wire.Some(uint32(0))
	end := `{"kind":"end","boot":3,"last_seq":411,"at_us":1700000000000000,"firmware":"1.2"}`
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 10,
		message(wire.KindStatus, "hub", `{"kind":"online","boot":3,"battery_pct":80,"charging":false,"at_us":1700000000000001}`),
		tick,
		message(wire.KindStatus, "hub", `{"kind":"offline","boot":3}`),
		message(wire.KindStatus, "hub/left", `{"kind":"battery","sensor":"hub/left","battery_pct":7,"charging":true,"at_us":1700000001000000}`),
		message(wire.KindStatus, "hub", end),
		message(wire.KindEvent, "hub", `{"kind":"diary","at_us":1700000002000000,"value":"it's \"fine\""}`),
		message(wire.KindEvent, "hub", `{"kind":"dose","at_us":1700000003000000,"value":{"mg":5.0}}`),
		message(wire.KindEvent, "hub", `{"kind":"button"}`),
		message(wire.KindEvent, "hub", `{"kind":["odd"],"at_us":"noon","value":3}`),
		batchRecord("hub", batch(2, 8, 1)), // says nothing of its battery
		batchRecord("hub", only),
		batchRecord("hub", flat),
	))
	received := "2023-11-14T22:15:00.000001Z"
	expect(t, conn, statusQuery, strings.Join([]string{
		"hub,hub,status,online,2023-11-14T22:13:20.000001Z,80,false,,3,NULL," + received,
		"hub,hub,status,offline," + received + ",NULL,NULL,,3,NULL," + received,
		"hub,hub/left,status,battery,2023-11-14T22:13:21Z,7,true,,NULL,NULL," + received,
		"hub,hub,status,end,2023-11-14T22:13:20Z,NULL,NULL,,3,NULL," + received,
		`hub,hub,event,diary,2023-11-14T22:13:22Z,NULL,NULL,it's "fine",NULL,NULL,` + received,
		`hub,hub,event,dose,2023-11-14T22:13:23Z,NULL,NULL,{"mg":5.0},NULL,NULL,` + received,
		"hub,hub,event,button," + received + ",NULL,NULL,,NULL,NULL," + received,
		"hub,hub,event,," + received + ",NULL,NULL,3,NULL,NULL," + received,
		"hub,hub,samples,battery,2023-11-14T22:14:10Z,NULL,true,,2,9," + received,
		"hub,hub/left,samples,battery,2023-11-14T22:13:30Z,0,NULL,,2,10," + received,
	}, "\n"))
	sum := sha256.Sum256([]byte(end))
	expect(t, conn, "SELECT message, log_id, partition, offset FROM device_status WHERE kind = 'end'", end+","+string(log1)+",3,14")
	expect(t, conn, "SELECT sha256 FROM device_status_all WHERE kind = 'end'", hex.EncodeToString(sum[:]))
	expect(t, conn, "SELECT JSONExtractString(message, 'firmware'), JSONExtractUInt(message, 'last_seq') FROM device_status WHERE kind = 'end'", "1.2,411")
}

// What a device sends again is one row; what it says twice is two.
func TestStatusRepeats(t *testing.T) {
	_, conn := database(t)
	online := message(wire.KindStatus, "hub", `{"kind":"online","boot":1,"at_us":1700000000000000}`)
	other := withBattery(0, 50, false)
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 0,
		online, online,
		message(wire.KindStatus, "hub", `{"kind":"offline","boot":1}`),
		message(wire.KindStatus, "hub", `{"kind":"offline","boot":1}`), // received in the same microsecond
		batchRecord("hub", withBattery(0, 51, false)), batchRecord("hub", other), batchRecord("hub", withBattery(0, 51, false)),
		batchRecord("hub", withBattery(1, 51, false)),
	))
	later := message(wire.KindStatus, "hub", `{"kind":"offline","boot":1}`)
	later.Headers[2].Value = []byte("1700000200000000")
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 8, later))
	expect(t, conn, "SELECT kind, seq, battery_pct, offset FROM device_status ORDER BY offset", "online,NULL,NULL,0\noffline,NULL,NULL,2\nbattery,0,51,4\nbattery,1,51,7\noffline,NULL,NULL,8")
	expect(t, conn, "SELECT count() FROM device_status_all", "9")
	write(t, fresh(conn), cutOf(wire.TopicDevice, log2, 0, online, batchRecord("hub", other)))
	expect(t, conn, "SELECT kind, seq, battery_pct, offset FROM device_status WHERE log_id = '"+string(log2)+"' ORDER BY offset", "online,NULL,NULL,0\nbattery,0,50,1")
	expect(t, conn, "SELECT count() FROM device_status", "5")
}

// The same cut, and cuts with other bounds, store a record once; a token without
// rows, as a ClickHouse that died leaves it, is found out.
func TestStatusOnce(t *testing.T) {
	cfg, conn := database(t)
	var records []stream.Record
	for i := range 300 {
		records = append(records, message(wire.KindEvent, "hub", fmt.Sprintf(`{"kind":"button","at_us":%d,"value":%d}`, 1_700_000_000_000_000-i, i)), batchRecord("hub", withBattery(uint64(i), 9, true)))
	}
	s := fresh(conn)
	whole := cutOf(wire.TopicDevice, log1, 0, records...)
	write(t, s, whole, whole)
	write(t, fresh(connect(t, cfg)), whole, cutOf(wire.TopicDevice, log1, 100, records[100:350]...))
	expect(t, conn, "SELECT count() FROM device_status", "600")
	for _, table := range []string{tableStatus, tableBatches} {
		if err := conn.Exec(t.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, conn, "SELECT count() FROM device_status_all", "600")
	expect(t, conn, "SELECT count() FROM batches_all", "300")
	if err := conn.Exec(t.Context(), "ALTER TABLE device_status_all DELETE WHERE 1 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	write(t, fresh(conn), whole)
	expect(t, conn, "SELECT count(), uniqExact(offset) FROM device_status", "600,600")
}

// Times that no calendar holds are stored and found again.
func TestStatusWildTimes(t *testing.T) {
	_, conn := database(t)
	wild := batch(1, 0, 1)
	wild.T0us, wild.BatteryPct = 9_223_372_036_854_775_807, wire.Some(uint32(1))
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 0,
		message(wire.KindStatus, "hub", `{"kind":"battery","at_us":-9223372036854775808}`),
		message(wire.KindEvent, "it's", `{"kind":"button","at_us":9e18}`),
		batchRecord("hub", wild, wire.HeaderFlags, "64"),
	))
	expect(t, conn, "SELECT at_us FROM device_status_all ORDER BY offset", "-9223372036854775808\n9000000000000000000\n9223372036854775807")
	expect(t, conn, "SELECT count() FROM (SELECT toString(at) FROM device_status)", "3")
}

// A cut of more than one block of messages.
func TestStatusBlocks(t *testing.T) {
	_, conn := database(t)
	records := make([]stream.Record, maxStatusRows+10)
	for i := range records {
		records[i] = message(wire.KindEvent, "hub", fmt.Sprintf(`{"kind":"button","value":%d}`, i))
	}
	cut := cutOf(wire.TopicDevice, log1, 0, records...)
	c := fresh(conn).(*clickhouse)
	blocks, err := c.device(cut, 1)
	if err != nil || len(blocks) != 2 || blocks[0].token(cut.Range, 0) == blocks[1].token(cut.Range, 0) {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	write(t, c, cut, cut)
	expect(t, conn, "SELECT count() FROM device_status_all", fmt.Sprint(len(records)))
}

// A batch in JSON is the row that its protobuf twin is, but for the bytes.
func TestBatchInJSON(t *testing.T) {
	_, conn := database(t)
	twin := &wire.SampleBatch{
		Boot: 1, Seq: 2, T0us: 1_700_000_000_000_000, RateMHz: 32_000, Encoding: wire.Int32MicroG, N: 2,
		XYZ:      []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f},
		TempT0us: 1_700_000_000_000_000, TempRateMHz: 1000, TempMdegC: []int32{31_240, -5}, BatteryPct: wire.Some(uint32(80)),
	}
	text := `{"boot":1,"seq":2,"t0_us":1700000000000000,"rate_mhz":32000,"xyz":[[1e-6,-0.000001,1],[-2147.483648,0,2147.483647]],"temp_t0_us":1700000000000000,"temp_rate_mhz":1000,"temp":[31.24,-0.005],"battery_pct":80}`
	asJSON := batchRecord("b", twin, wire.HeaderContentType, wire.ContentJSON)
	asJSON.Value = []byte(text)
	write(t, fresh(conn), cutOf(wire.TopicDevice, log1, 0, batchRecord("a", twin), asJSON))
	for _, query := range []string{
		"SELECT uniqExact(tuple(boot, seq, t0, rate_mhz, n, lsb_per_g, x, y, z, temp_t, temp)), count(), uniqExact(sha256) FROM batches",
		"SELECT uniqExact(tuple(kind, at, battery_pct, charging, boot, seq)), count(), uniqExact(sensor) FROM device_status",
	} {
		expect(t, conn, query, "1,2,2")
	}
	expect(t, conn, "SELECT x, y, z, temp FROM samples WHERE sensor = 'b' ORDER BY ts", "1e-06,-1e-06,1,31.24\n-2147.483648,0,2147.483647,-0.005")
}
