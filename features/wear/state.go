package wear

import "fmt"

// State is what a minute was.
type State uint8

const (
	Unknown  State = iota // no algorithm could say
	Wear                  // on the body
	NonWear               // off the body, and recording
	NoData                // less than half of the minute was recorded: never counted as non-wear
	Charging              // the device says that it was on its charger
)

var states = [...]string{"UNKNOWN", "WEAR", "NONWEAR", "NODATA", "CHARGING"}

func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Minute is what is said of one minute.
type Minute struct {
	Start int64 // ns since 1970
	State State
	By    string // the algorithm that decided; empty for NoData, Charging and Unknown
	Final bool   // false: from what had arrived by the minute's own end
}
