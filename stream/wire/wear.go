package wire

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// RowsWear is the row type of minutes of wear (HeaderSchema).
const RowsWear = "wear/1"

// WearRow is one row of minutes of wear: one minute of one sensor by one algorithm.
type WearRow struct {
	Study, Participant, Side string // empty while unassigned
	Thing, Sensor            string
	Start                    time.Time
	Algo                     string
	Revision                 uint32
	Status                   string
	State                    string // WEAR, NONWEAR, NODATA, CHARGING, UNKNOWN
	By                       string // the algorithm of the order that decided; empty: none had to, or could
}

// WearSchema is the schema of minutes of wear.
var WearSchema = schemaOf(RowsWear, ofSensor(
	arrow.Field{Name: "algo", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "revision", Type: arrow.PrimitiveTypes.Uint32},
	arrow.Field{Name: "status", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "state", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "decided_by", Type: arrow.BinaryTypes.String},
)...)

// WearRows collects minutes of wear. Not for concurrent use.
type WearRows struct{ *collector }

// NewWearRows collects none yet.
func NewWearRows() WearRows { return WearRows{collect(WearSchema)} }

// Append adds a row.
func (w WearRows) Append(r *WearRow) {
	w.ofSensor(r.Study, r.Participant, r.Side, r.Thing, r.Sensor, r.Start, time.Minute)
	w.texts(7, r.Algo)
	w.number(8, r.Revision)
	w.texts(9, r.Status, r.State, r.By)
}
