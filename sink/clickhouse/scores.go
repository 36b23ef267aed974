package clickhouse

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/score"
	"github.com/wearstream/wearstream/stream/wire"
)

// Tables of scores, with their sorting keys.
const (
	tableCalls  = "score_calls"
	tableScores = "scored_windows"

	callKey  = "scorer, generation, partition, first"
	scoreKey = "length_s, sensor, window_start, algo, model, digest, generation, revision"
)

// maxScoreRows is the most windows of a block.
const maxScoreRows = 100_000

// Model answers for cuts: a score.Scorer. Ask may answer differently each time.
type Model interface {
	Request(stream.Cut) (*score.Request, error)
	Ask(context.Context, *score.Request) (score.Answer, error)
}

// NewScores returns the sink that asks a model about cuts of a cell's features topic
// and stores what it answers. The name is the scorer's: its answers are kept under
// it, and a range that has one is never asked again under the same name.
func NewScores(conn driver.Conn, cell, name string, model Model, reg prometheus.Registerer) stream.Sink {
	m := &metrics{tables: sink.NewTables(reg, "score", tableCalls, tableScores), resent: newResent()}
	reg.MustRegister(m.resent)
	return &scores{
		db:   &clickhouse{conn: conn, cell: cell, m: m, generations: make(map[logKey]uint32)},
		name: name, model: model,
	}
}

type scores struct {
	db    *clickhouse
	name  string
	model Model
}

// Write asks outside of any transaction, and makes the answer a fact before a row is
// made of it: of several answers to the same question the first that was kept holds,
// and what follows is a function of it and of the cut.
func (s *scores) Write(ctx context.Context, cut stream.Cut) error {
	if cut.Topic != wire.TopicName(s.db.cell, wire.TopicFeatures) {
		return sink.Permanent(fmt.Errorf("score cut of topic %q: scores are made of features of cell %q", cut.Topic, s.db.cell))
	}
	if err := s.write(ctx, cut); err != nil {
		if _, adopt := errors.AsType[*stream.AdoptError](err); adopt {
			return err
		}
		return fmt.Errorf("score offsets %d to %d of %s/%d: %w", cut.First, cut.Next, cut.Topic, cut.Partition, err)
	}
	return nil
}

func (s *scores) write(ctx context.Context, cut stream.Cut) error {
	q, err := s.model.Request(cut)
	if err != nil {
		return sink.Permanent(err)
	}
	generation, err := s.db.generation(ctx, cut.Topic, cut.Log)
	if err != nil {
		return err
	}
	c, err := s.kept(ctx, cut, generation)
	if err != nil {
		return err
	}
	if c == nil && len(q.Asked) == 0 {
		return nil
	}
	if c == nil {
		// A crash before this: nothing was asked.
		answer, err := s.model.Ask(ctx, q)
		if err != nil {
			return err
		}
		// A crash here: the model has answered and nobody knows. It is asked again, with
		// the same bytes and key, and may answer otherwise; nothing was made of this.
		if err := s.db.insert(ctx, cut.Range, s.call(q, answer, generation)); err != nil {
			return err
		}
		// A crash here, or another process that asked at the same time: what is read now
		// is what holds.
		if c, err = s.kept(ctx, cut, generation); err != nil {
			return err
		}
		if c == nil {
			return errors.New("the answer that was just kept is not there; see whether something deletes rows of score_calls")
		}
	}
	switch {
	case c.next != cut.Next:
		return &stream.AdoptError{Next: c.next}
	case c.question != q.Digest:
		return sink.Permanent(fmt.Errorf("the answer that is kept in score_calls is to other windows: --window, --algo or --study were changed while this range was under way; "+
			"start once with those of before, or ask everything under another --name (%q now)", s.name))
	}
	said, err := q.Scores(c.answer)
	if err != nil {
		return sink.Permanent(fmt.Errorf("the answer that is kept in score_calls cannot be read: %w", err))
	}
	for from := 0; from < len(said); from += maxScoreRows {
		// A crash between two of them, or behind the last: the tokens of those that are
		// stored are known when the cut is written again, from the same answer.
		if err := s.db.insert(ctx, cut.Range, s.block(q, c.answer, said, from, min(len(said), from+maxScoreRows), generation)); err != nil {
			return err
		}
	}
	return nil
}

// call is an answer that is kept.
type call struct {
	next     int64
	question string
	answer   score.Answer
}

// kept is the answer about the range that begins like the cut; nil: there is none.
func (s *scores) kept(ctx context.Context, cut stream.Cut, generation uint32) (*call, error) {
	var c call
	var code uint16
	a := &c.answer
	err := s.db.conn.QueryRow(ctx, "SELECT next, question_sha256, result, code, model, digest, reason, answer FROM "+tableCalls+
		" WHERE scorer = $1 AND generation = $2 AND partition = $3 AND first = $4 ORDER BY next, answer_sha256, model, digest LIMIT 1",
		s.name, generation, cut.Partition, cut.First).Scan(&c.next, &c.question, &a.Result, &code, &a.Model, &a.Digest, &a.Reason, &a.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a kept answer: %w", explain(err))
	}
	a.Code = int(code)
	return &c, nil
}

func (s *scores) call(q *score.Request, a score.Answer, generation uint32) *block {
	sum := sha256.Sum256(a.Body)
	key := fmt.Sprintf("(%s, %d, %d, %d)", literal(s.name), generation, q.Range.Partition, q.Range.First)
	words := func(v string) *proto.ColLowCardinality[string] {
		col := text()
		col.Append(v)
		return col
	}
	long := func(v string) *proto.ColStr {
		col := new(proto.ColStr)
		col.Append(v)
		return col
	}
	return &block{
		table: tableCalls, part: s.name, rows: 1, key: callKey, bounds: [2]string{key, key},
		input: proto.Input{
			{Name: "scorer", Data: words(s.name)}, {Name: "topic", Data: words(q.Range.Topic)}, {Name: "log_id", Data: words(string(q.Range.Log))},
			{Name: "generation", Data: proto.ColUInt32{generation}}, {Name: "partition", Data: proto.ColInt32{q.Range.Partition}},
			{Name: "first", Data: proto.ColInt64{q.Range.First}}, {Name: "next", Data: proto.ColInt64{q.Range.Next}},
			{Name: "windows", Data: proto.ColUInt32{uint32(len(q.Asked))}}, {Name: "question_sha256", Data: long(q.Digest)},
			{Name: "result", Data: words(a.Result)}, {Name: "code", Data: proto.ColUInt16{uint16(a.Code)}},
			{Name: "model", Data: words(a.Model)}, {Name: "digest", Data: words(a.Digest)}, {Name: "reason", Data: long(a.Reason)},
			{Name: "answer_sha256", Data: long(hex.EncodeToString(sum[:]))}, {Name: "answer", Data: long(string(a.Body))},
		},
	}
}

// block is the windows of a request from one to before another.
func (s *scores) block(q *score.Request, a score.Answer, said [][]score.Score, from, to int, generation uint32) *block {
	var (
		study, participant, side, thing, sensor = text(), text(), text(), text(), text()
		algo, status, model, digest, scorer     = text(), text(), text(), text(), text()
		start                                   = &proto.ColDateTime64Raw{ColDateTime64: proto.ColDateTime64{Location: time.UTC, Precision: proto.PrecisionMilli, PrecisionSet: true}}
		length, revision, generations           proto.ColUInt32
		input                                   proto.ColStr
		names, texts                            = new(proto.ColStr).Array(), new(proto.ColStr).Array()
		values                                  = proto.NewColNullable[float64](new(proto.ColFloat64)).Array()
		partition                               proto.ColInt32
		offset                                  proto.ColInt64
	)
	for i := from; i < to; i++ {
		w := &q.Asked[i]
		study.Append(w.Study)
		participant.Append(w.Participant)
		side.Append(w.Side)
		thing.Append(w.Thing)
		sensor.Append(w.Sensor)
		start.AppendRaw(proto.DateTime64(w.StartMS))
		length.Append(w.LengthS)
		algo.Append(w.Algo)
		revision.Append(w.Revision)
		status.Append(w.Status)
		input.Append(w.InputDigest)
		model.Append(a.Model)
		digest.Append(a.Digest)
		var ns, ts []string
		var vs []proto.Nullable[float64]
		for _, x := range said[i] {
			ns, ts = append(ns, x.Name), append(ts, x.Text)
			vs = append(vs, proto.Nullable[float64]{Set: !math.IsNaN(x.Value), Value: x.Value})
		}
		names.Append(ns)
		values.Append(vs)
		texts.Append(ts)
		scorer.Append(s.name)
		generations.Append(generation)
		partition.Append(q.Range.Partition)
		offset.Append(w.Offset)
	}
	key := func(w score.Window) string {
		return fmt.Sprintf("(%d, %s, fromUnixTimestamp64Milli(%d, 'UTC'), %s, %s, %s, %d, %d)",
			w.LengthS, literal(w.Sensor), w.StartMS, literal(w.Algo), literal(a.Model), literal(a.Digest), generation, w.Revision)
	}
	return &block{
		table: tableScores, part: s.name, index: from / maxScoreRows, rows: to - from, key: scoreKey,
		bounds: [2]string{key(q.Asked[from]), key(q.Asked[to-1])},
		input: proto.Input{
			{Name: "study", Data: study}, {Name: "participant", Data: participant}, {Name: "side", Data: side}, {Name: "thing", Data: thing}, {Name: "sensor", Data: sensor},
			{Name: "window_start", Data: start}, {Name: "length_s", Data: length}, {Name: "algo", Data: algo}, {Name: "revision", Data: revision},
			{Name: "status", Data: status}, {Name: "input_digest", Data: input}, {Name: "model", Data: model}, {Name: "digest", Data: digest},
			{Name: "names", Data: names}, {Name: "values", Data: values}, {Name: "texts", Data: texts}, {Name: "scorer", Data: scorer},
			{Name: "generation", Data: generations}, {Name: "partition", Data: partition}, {Name: "offset", Data: offset},
		},
	}
}
