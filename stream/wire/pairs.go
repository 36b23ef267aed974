package wire

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Row types of two wrists (HeaderSchema).
const (
	RowsSides = "sides/1" // in features.v1: what pairing must know of one wrist
	RowsPairs = "pairs/1" // in participants.v1: what both say
)

// SideRow is what pairing must know of a quarter of an hour of one assigned sensor, or,
// retracted, that a minute of it is no longer the participant's. It is no table: the
// operator of participants makes pairs of it.
type SideRow struct {
	Study, Participant, Side string // left or right
	Thing, Sensor            string
	Start                    time.Time
	Length                   time.Duration // 15 min or 1 min
	Revision                 uint32
	Status                   string
	Coverage                 float32
	Epochs                   []byte // package pair reads and writes them; empty: retracted
}

// SideSchema is the schema of sides.
var SideSchema = schemaOf(RowsSides, ofSensor(
	arrow.Field{Name: "revision", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "status", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "coverage", Type: arrow.PrimitiveTypes.Float32},
	arrow.Field{Name: "epochs", Type: arrow.BinaryTypes.Binary},
)...)

// SideRows collects sides. Not for concurrent use.
type SideRows struct{ *collector }

// NewSideRows collects none yet.
func NewSideRows() SideRows { return SideRows{collect(SideSchema)} }

// Append adds a row.
func (w SideRows) Append(r *SideRow) {
	w.ofSensor(r.Study, r.Participant, r.Side, r.Thing, r.Sensor, r.Start, r.Length)
	w.number(7, r.Revision)
	w.texts(8, r.Status)
	w.value(9, r.Coverage)
	w.b.Field(10).(*array.BinaryBuilder).Append(r.Epochs)
}

// PairRow is one row of pairs: one quarter of an hour of both wrists of a participant
// by one algorithm. Features is ordered as the schema's feature columns; NaN is NULL.
type PairRow struct {
	Study, Participant          string
	SensorLeft, SensorRight     string
	Start                       time.Time
	Algo                        string
	Revision                    uint32
	Status                      string // retracted: what was said is not so; features are NULL
	CoverageLeft, CoverageRight float32
	Features                    []float32
}

// firstPairFeature is the index of the first feature column.
const firstPairFeature = 11

// PairSchema is the schema of pairs with these feature columns.
func PairSchema(features []string) *arrow.Schema {
	fields := []arrow.Field{
		{Name: "study", Type: arrow.BinaryTypes.String},
		{Name: "participant", Type: arrow.BinaryTypes.String},
		{Name: "sensor_left", Type: arrow.BinaryTypes.String},
		{Name: "sensor_right", Type: arrow.BinaryTypes.String},
		{Name: "window_start", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}},
		{Name: "length_s", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "algo", Type: arrow.BinaryTypes.String},
		{Name: "revision", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "status", Type: arrow.BinaryTypes.String},
		{Name: "coverage_left", Type: arrow.PrimitiveTypes.Float32},
		{Name: "coverage_right", Type: arrow.PrimitiveTypes.Float32},
	}
	for _, f := range features {
		fields = append(fields, arrow.Field{Name: f, Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	}
	return schemaOf(RowsPairs, fields...)
}

// PairRows collects pairs. Not for concurrent use.
type PairRows struct{ *collector }

// NewPairRows collects rows with these feature columns.
func NewPairRows(features []string) PairRows { return PairRows{collect(PairSchema(features))} }

// Append adds a row. len(r.Features) must be the schema's number of features.
func (w PairRows) Append(r *PairRow) {
	w.texts(0, r.Study, r.Participant, r.SensorLeft, r.SensorRight)
	w.time(4, r.Start)
	w.number(5, 900)
	w.texts(6, r.Algo)
	w.number(7, r.Revision)
	w.texts(8, r.Status)
	w.value(9, r.CoverageLeft)
	w.value(10, r.CoverageRight)
	for i, v := range r.Features {
		w.value(firstPairFeature+i, v)
	}
}
