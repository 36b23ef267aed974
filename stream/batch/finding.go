package batch

import (
	"fmt"
	"strings"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/recording"
)

// found says in words what a finding means.
var found = map[pair.Code]string{
	pair.SerialMismatch: "the file is of another device than the assigned one",
	pair.SideHeader:     "the file says that it was worn on the other side",
	pair.Duplicate:      "both may be one recording",
	pair.SameLimb:       "both devices may have been on one arm, or in one bag",
	pair.Swap:           "left and right may have been exchanged since the first days",
	pair.OtherPerson:    "two people may have worn them",
	pair.ClockSkew:      "the clocks of both differ",
}

// Say is a finding in a sentence: evidence, for a person to confirm.
func Say(f pair.Finding) string {
	var why []string
	if f.Seen != "" {
		why = append(why, fmt.Sprintf("%s, and is given as %s", f.Seen, f.Wanted))
	}
	for _, n := range f.Numbers {
		why = append(why, fmt.Sprintf("%s %.4g (%s %.4g)", strings.ReplaceAll(n.Name, "_", " "), n.Value, n.Rule, n.Limit))
	}
	day := ""
	if f.Date != "" {
		day = " on " + f.Date
	}
	return fmt.Sprintf("%s%s: %s: %s", f.Code, day, found[f.Code], strings.Join(why, ", "))
}

// told is what a file's own word about its device and side says against the given ones.
func told(device recording.Device, in Input) (findings []pair.Finding) {
	if f, other := pair.Serial(device.Serial, in.Serial); other && device.Serial != "" && in.Serial != "" {
		findings = append(findings, f)
	}
	wrist := map[string]pair.Wrist{"left": pair.Left, "right": pair.Right}[in.Side]
	if f, other := pair.Header(device.Side, wrist); other {
		findings = append(findings, f)
	}
	return findings
}
