package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Tick is the value of a tick record: the log's clock. A gateway writes one to
// every partition of the device topic.
type Tick struct {
	UTC int64 `json:"utc_us"` // microseconds since 1970
}

// TickClamp is how far a tick may stand from its own append time.
const TickClamp = 30 * time.Second

// Time is the tick's time, clamped to the append time ± TickClamp so that one
// bad gateway clock cannot fire timers.
func (t Tick) Time(appended time.Time) time.Time {
	at := time.UnixMicro(t.UTC)
	if lo := appended.Add(-TickClamp); at.Before(lo) {
		return lo
	}
	if hi := appended.Add(TickClamp); at.After(hi) {
		return hi
	}
	return at
}

// Status is a device's status message (definitions, section 1). Fields that it
// does not know stay in the record's bytes.
type Status struct {
	Kind       string  `json:"kind"` // online, offline, battery, end
	Sensor     string  `json:"sensor,omitempty"`
	Boot       uint64  `json:"boot"`
	LastSeq    *uint64 `json:"last_seq,omitempty"` // absent in "end": the boot sent nothing
	BatteryPct *uint32 `json:"battery_pct,omitempty"`
	Charging   *bool   `json:"charging,omitempty"`
	AtUS       int64   `json:"at_us,omitempty"`
}

// StatusEnd says that a boot ends at LastSeq.
const StatusEnd = "end"

// DecodeStatus reads a status message. Unknown fields are ignored.
func DecodeStatus(b []byte) (Status, error) {
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("parse status: %w", err)
	}
	if s.Kind == "" {
		return s, fmt.Errorf("parse status: no kind")
	}
	if s.LastSeq != nil && *s.LastSeq == math.MaxUint64 {
		return s, fmt.Errorf("parse status: last_seq %d leaves no next one", *s.LastSeq)
	}
	return s, nil
}

// Event is what is known of a device's event message, which may be any object.
type Event struct {
	Kind  string // empty where it is no text
	AtUS  Optional[int64]
	Value string // a text as it is, anything else as its JSON
}

// DecodeEvent reads an event message: any JSON object is one.
func DecodeEvent(b []byte) (e Event, err error) {
	m, err := parseMembers(b)
	if err != nil {
		return e, fmt.Errorf("parse event: %w", err)
	}
	e.Kind, e.AtUS = m.text("kind"), m.signed("at_us")
	value, _ := m.get("value")
	if json.Unmarshal(value, &e.Value) != nil {
		e.Value = string(value)
	}
	return e, nil
}

// Assignment says whose sensor it is in [From, To): a control record in the
// sensor's own partition. Of two that overlap, the later record wins.
type Assignment struct {
	Sensor      string    `json:"sensor"`
	Study       string    `json:"study"`
	Participant string    `json:"participant"`
	Side        string    `json:"side"`          // left, right, none
	From        time.Time `json:"from,omitzero"` // zero: from the first sample
	To          time.Time `json:"to,omitzero"`   // zero: open
	At          time.Time `json:"at,omitzero"`   // when it was said; not used by operators
}

// DecodeAssignment reads an assignment and checks it.
func DecodeAssignment(b []byte) (Assignment, error) {
	var a Assignment
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("parse assignment: %w", err)
	}
	return a, a.Validate()
}

// Validate checks names, side and interval.
func (a Assignment) Validate() error {
	switch {
	case !ValidSensor(a.Sensor):
		return fmt.Errorf("assignment: sensor %q is not a name", a.Sensor)
	case !ValidName(a.Study):
		return fmt.Errorf("assignment: study %q is not a name", a.Study)
	case !ValidName(a.Participant):
		return fmt.Errorf("assignment: participant %q is not a name", a.Participant)
	case a.Side != "left" && a.Side != "right" && a.Side != "none":
		return fmt.Errorf("assignment: side %q is none of left, right, none", a.Side)
	case !a.To.IsZero() && !a.From.Before(a.To):
		return fmt.Errorf("assignment: from %s is not before to %s", a.From.Format(time.RFC3339), a.To.Format(time.RFC3339))
	}
	return nil
}
