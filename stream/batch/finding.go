package batch

import (
	"fmt"
	"strings"

	"github.com/wearstream/wearstream/features/pair"
)

// found says in words what a finding means.
var found = map[pair.Code]string{
	pair.SideHeader:  "the file says that it was worn on the other side",
	pair.Duplicate:   "both may be one recording",
	pair.SameLimb:    "both devices may have been on one arm, or in one bag",
	pair.Swap:        "left and right may have been exchanged since the first days",
	pair.OtherPerson: "two people may have worn them",
	pair.ClockSkew:   "the clocks of both differ",
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

// headed is what a file's own word about its side says against the given one.
func headed(told, given string) (findings []pair.Finding) {
	wrist := map[string]pair.Wrist{"left": pair.Left, "right": pair.Right}[given]
	if f, yes := pair.Header(told, wrist); yes {
		findings = append(findings, f)
	}
	return findings
}
