package verify

import "fmt"

// Classes of what is explained (definitions, section 5).
const (
	ClassControl        = "control record or aborted transaction"
	ClassRepeat         = "exact repeat"
	ClassEmbeddedRepeat = "repeat made by the embedded log"
	ClassQuarantined    = "quarantined"
	ClassConflict       = "conflict"
	ClassImpossible     = "impossible time"
	ClassNotDue         = "not yet due"
)

// Report is the verdict. Lost, duplicated and unexplained must be zero.
type Report struct {
	Records     int            `json:"records"` // readable records of device.v1 and quarantine.v1
	Batches     int            `json:"batches"` // distinct (sensor, boot, seq)
	Acked       int            `json:"acked"`   // whole lines of the acked file
	Landed      int            `json:"landed"`  // rows in landing
	Objects     int            `json:"objects"` // objects in landing
	Rows        int            `json:"rows"`    // distinct revisions of windows,
	Minutes     int            `json:"minutes"` // of minutes of wear
	Pairs       int            `json:"pairs"`   // and of pairs
	Windows     int            `json:"windows"` // windows of 5, 60 and 900 s held against the samples
	Lost        int            `json:"lost"`
	Duplicated  int            `json:"duplicated"`
	Unexplained int            `json:"unexplained"`
	Explained   map[string]int `json:"explained"`
	Findings    []string       `json:"findings"` // the first of what is wrong, and notes, for people
}

// Clean reports whether nothing is wrong.
func (r *Report) Clean() bool { return r.Lost+r.Duplicated+r.Unexplained == 0 }

const maxFindings = 50

func (r *Report) note(format string, args ...any) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

func (r *Report) lost(n int, format string, args ...any) {
	r.Lost += n
	r.note("lost: "+format, args...)
}

func (r *Report) doubled(n int, format string, args ...any) {
	r.Duplicated += n
	r.note("duplicated: "+format, args...)
}

func (r *Report) unexplained(format string, args ...any) {
	r.Unexplained++
	r.note("unexplained: "+format, args...)
}

func (r *Report) explain(class string, n int) {
	if n > 0 {
		r.Explained[class] += n
	}
}
