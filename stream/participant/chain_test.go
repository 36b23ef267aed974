package participant_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/features/wear"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/device"
	"github.com/wearstream/wearstream/stream/internal/logtest"
	"github.com/wearstream/wearstream/stream/participant"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// chain is a device topic, the operator behind it, the features topic, and the operator
// behind that.
type chain struct {
	device   logtest.Log
	features feed // the one partition that concerns us, and what comes of it
	appended time.Time
}

func newChain(t *testing.T) *chain {
	c := &chain{appended: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	c.device = logtest.Log{T: t, Out: c, New: device.New(device.Config{Cell: "main", Wear: &wear.Config{Order: wear.DefaultOrder, Params: wear.ForModel("")}, Memory: device.DefaultMemory}, prometheus.NewRegistry())}
	c.features.Log = logtest.Log{T: t, Out: &c.features, New: participant.New(participant.Config{Cell: "main", Sources: 1, Memory: device.DefaultMemory}, prometheus.NewRegistry())}
	c.device.Restart()
	c.features.Restart()
	return c
}

// Emit takes what the device operator says.
func (c *chain) Emit(topic string, partition int32, _, value []byte, headers ...stream.Header) {
	if !strings.HasSuffix(topic, wire.TopicFeatures) || partition != wire.PartitionOf("P-1", wire.FeaturesPartitions) {
		return
	}
	c.features.Put(stream.Record{AppendTime: c.appended, Value: value, Headers: headers})
}

func (c *chain) say(kind, sensor string, value []byte) {
	c.appended = c.appended.Add(100 * time.Millisecond)
	c.device.Append(stream.Record{
		Topic: "wear.main.device.v1", AppendTime: c.appended, Key: []byte(sensor), Value: value,
		Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(kind)}, {Key: wire.HeaderThing, Value: []byte(sensor)}},
	})
}

func (c *chain) tick(after time.Duration) {
	c.appended = c.appended.Add(after)
	value, _ := json.Marshal(wire.Tick{UTC: c.appended.UnixMicro()})
	c.say(wire.KindTick, "", value)
}

func (c *chain) assign(sensor, who, side string) {
	value, _ := json.Marshal(wire.Assignment{Sensor: sensor, Study: "ST01", Participant: who, Side: side})
	c.say(wire.KindAssignment, sensor, value)
}

// settle ends the transaction of the device operator, and answers the rows that the
// other says to what it wrote.
func (c *chain) settle() []arrow.Record {
	c.device.Commit()
	return c.features.settle()
}

// last are the last rows of pairs, without revision and with corrected said as final;
// retracted ones are none.
func last(recs []arrow.Record) []string {
	of := map[string]string{}
	for _, rec := range recs {
		for i := range int(rec.NumRows()) {
			text := func(c int) string { return rec.Column(c).ValueStr(i) }
			id, line := strings.Join([]string{text(0), text(1), text(2), text(3), text(4)}, " "), ""
			for c, f := range rec.Schema().Fields() {
				if f.Name != "revision" {
					line += fmt.Sprintf("%s=%s ", f.Name, strings.Replace(text(c), wire.StatusCorrected, wire.StatusFinal, 1))
				}
			}
			if of[id] = line; text(8) == wire.StatusRetracted {
				delete(of, id)
			}
		}
	}
	var all []string
	for _, line := range of {
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// TestFromSamples: samples of both wrists, live and with a late upload, end as the pairs
// of a batch; who has a sensor given to another has no pairs any more.
func TestFromSamples(t *testing.T) {
	inputs, made := batchOf(t, "pairP_lag3s")
	want := last(made.recs[batch.Pairs])

	c := newChain(t)
	c.tick(0)
	var batches [2][]*wire.SampleBatch
	for i, in := range inputs {
		c.assign(in.Sensor, "P-1", in.Side)
		r, err := recording.Open(in.Path, recording.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range r.Batches() {
			if err != nil {
				t.Fatal(err)
			}
			b.Boot = 1
			batches[i] = append(batches[i], b)
		}
	}
	late := []int{len(batches[1]) / 3, len(batches[1])/3 + 1}
	for k := range max(len(batches[0]), len(batches[1])) {
		for i, of := range batches {
			if k < len(of) && !(i == 1 && slices.Contains(late, k)) {
				c.say(wire.KindSamples, inputs[i].Sensor, of[k].Append(nil))
			}
		}
		if k%10 == 0 {
			c.tick(10 * time.Second)
			c.settle()
		}
	}
	for i, of := range batches {
		c.say(wire.KindStatus, inputs[i].Sensor, fmt.Appendf(nil, `{"kind":"end","boot":1,"last_seq":%d}`, len(of)-1))
	}
	c.tick(time.Minute)
	c.settle()
	for _, k := range late {
		c.say(wire.KindSamples, "r", batches[1][k].Append(nil))
	}
	finish := func() {
		for range 60 {
			c.tick(10 * time.Minute)
			c.settle()
		}
	}
	finish()
	if got := last(c.features.recs); !slices.Equal(got, want) || len(got) == 0 {
		t.Errorf("%d pairs:\n%q\nwant %d:\n%q", len(got), got, len(want), want)
	}
	n := 0
	for _, rec := range c.features.recs {
		n += int(rec.NumRows())
	}
	t.Logf("%d pairs in %d rows of %s", len(want), n, pair.Algo())

	c.assign("l", "P-2", "left")
	finish()
	if got := last(c.features.recs); len(got) != 0 {
		t.Errorf("of P-1, who has one sensor: %q", got)
	}
	c.assign("l", "P-1", "left")
	finish()
	if got := last(c.features.recs); !slices.Equal(got, want) {
		t.Errorf("given back: %d pairs:\n%q\nwant %d:\n%q", len(got), got, len(want), want)
	}
}
