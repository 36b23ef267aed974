package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/gateway/ingest"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/wire"
)

type participantCmd struct {
	Assign participantAssignCmd `cmd:"" help:"Say whose sensor it is, from when to when."`
}

// participantAssignCmd writes an assignment record into the sensor's partition.
type participantAssignCmd struct {
	Participant string     `arg:"" help:"Pseudonym of the participant."`
	Study       string     `name:"study" required:"" help:"The study."`
	Sensor      string     `name:"sensor" required:"" help:"The sensor, <thing> or <thing>/<name>."`
	Side        string     `name:"side" required:"" enum:"left,right,none" help:"left, right or none."`
	From        time.Time  `name:"from" help:"From when (RFC 3339). Default: the first sample." placeholder:"T"`
	To          time.Time  `name:"to" help:"Until when (RFC 3339). Default: open." placeholder:"T"`
	Data        string     `name:"data" type:"path" default:"${home}" help:"Data folder of a running wearstream up."`
	Cell        string     `name:"cell" default:"main" help:"The cell, where brokers are given."`
	Kafka       kafkaFlags `embed:"" prefix:"kafka."`
}

func (participantAssignCmd) Help() string {
	return "Rows that were handed out under another assignment are handed out again.\n\n" +
		"Example:\n  wearstream participant assign P-0042 --study ST01 --sensor wrist-0001 --side left"
}

// Run writes the record and waits until the log has it.
func (c *participantAssignCmd) Run(ctx context.Context, e *env) error {
	a := wire.Assignment{
		Sensor: c.Sensor, Study: c.Study, Participant: c.Participant, Side: c.Side, From: c.From, To: c.To, At: time.Now().UTC(),
	}
	if err := a.Validate(); err != nil {
		return usage(err)
	}
	brokers, cell := kafka.Config(c.Kafka), c.Cell
	if len(brokers.Brokers) == 0 {
		at, err := readEndpoints(c.Data)
		if err != nil {
			return err
		}
		brokers, cell = brokersAt(at, e), at.Cell
	}
	if err := brokers.Validate(); err != nil {
		return usage(err)
	}
	if err := assign(ctx, brokers, cell, a); err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(a)
	}
	fmt.Fprintf(e.stdout, "%s is %s of %s in %s\n", a.Sensor, a.Side, a.Participant, a.Study)
	return nil
}

// assign writes assignment records and waits until the log has them all.
func assign(ctx context.Context, brokers kafka.Config, cell string, all ...wire.Assignment) error {
	cl, err := kgo.NewClient(append(brokers.Options(), ingest.ProducerOptions()...)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	var recs []*kgo.Record
	for _, a := range all {
		value, err := json.Marshal(a)
		if err != nil {
			return err
		}
		recs = append(recs, &kgo.Record{
			Topic: wire.TopicName(cell, wire.TopicDevice), Key: []byte(a.Sensor), Value: value,
			Headers: []kgo.RecordHeader{{Key: wire.HeaderKind, Value: []byte(wire.KindAssignment)}},
		})
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := brokers.Reach(ctx); err != nil {
		return unreachable(err) // a producer would try again and not say why
	}
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return unreachable(fmt.Errorf("write assignment to the log at %v: %w", brokers.Brokers, err))
	}
	return nil
}
