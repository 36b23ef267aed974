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
	"github.com/wearstream/wearstream/stream/participant"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// chain is a device topic, the operator behind it, the features topic, and the operator
// behind that.
type chain struct {
	t        *testing.T
	device   stream.Operator
	people   stream.Operator
	input    feed // device topic
	features feed // the one partition that concerns us, and what comes of it
	appended time.Time
}

func newChain(t *testing.T) *chain {
	c := &chain{t: t, appended: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	c.input.t, c.features.t = t, t
	var err error
	c.device, err = device.New(device.Config{Cell: "main", Wear: &wear.Config{Order: wear.DefaultOrder, Params: wear.ForModel("")}, Memory: device.DefaultMemory}, prometheus.NewRegistry())(0, nil, &c.input)
	if err != nil {
		t.Fatal(err)
	}
	c.people, err = participant.New(participant.Config{Cell: "main", Sources: 1, Memory: device.DefaultMemory}, prometheus.NewRegistry())(0, nil, &c.features)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Emit takes what the device operator says.
func (c *chain) Emit(topic string, partition int32, _, value []byte, headers ...stream.Header) {
	if !strings.HasSuffix(topic, wire.TopicFeatures) || partition != wire.PartitionOf("P-1", wire.FeaturesPartitions) {
		return
	}
	c.features.log = append(c.features.log, stream.Record{Offset: int64(len(c.features.log)), AppendTime: c.appended, Value: value, Headers: headers})
}

func (c *chain) say(kind, sensor string, value []byte) {
	c.appended = c.appended.Add(100 * time.Millisecond)
	r := stream.Record{
		Topic: "wear.main.device.v1", Offset: int64(len(c.input.log)), AppendTime: c.appended, Key: []byte(sensor), Value: value,
		Headers: []stream.Header{{Key: wire.HeaderKind, Value: []byte(kind)}, {Key: wire.HeaderThing, Value: []byte(sensor)}},
	}
	c.input.log = append(c.input.log, r)
	if err := c.device.Apply(c.t.Context(), r, c); err != nil {
		c.t.Fatal(err)
	}
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
	if err := c.device.Flush(c); err != nil {
		c.t.Fatal(err)
	}
	if err := c.device.Changes(func(_, _ []byte) error { return nil }); err != nil {
		c.t.Fatal(err)
	}
	c.device.Commit()
	done := len(c.features.recs)
	for ; c.features.done < len(c.features.log); c.features.done++ {
		if err := c.people.Apply(c.t.Context(), c.features.log[c.features.done], &c.features); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.people.Flush(&c.features); err != nil {
		c.t.Fatal(err)
	}
	c.people.Commit()
	return c.features.recs[done:]
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
	paths := shared(t, "oracle/inputs/pairP_lag3s_left.csv.gz", "oracle/inputs/pairP_lag3s_right.csv.gz")
	inputs := []batch.Input{
		{Path: paths[0], Sensor: "l", Study: "ST01", Participant: "P-1", Side: "left"},
		{Path: paths[1], Sensor: "r", Study: "ST01", Participant: "P-1", Side: "right"},
	}
	made := &kept{recs: map[batch.Table][]arrow.Record{}}
	b, err := batch.New(batch.Config{}, made, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Run(t.Context(), inputs); err != nil {
		t.Fatal(err)
	}
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
