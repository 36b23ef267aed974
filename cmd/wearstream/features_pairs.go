package main

import (
	"fmt"
	"time"

	"github.com/wearstream/wearstream/features/pair"
	"github.com/wearstream/wearstream/stream/batch"
)

// pairResult is a left and a right recording of one person, as --json prints it.
type pairResult struct {
	Study       string          `json:"study,omitempty"`
	Participant string          `json:"participant,omitempty"`
	Left        string          `json:"left"`
	Right       string          `json:"right"`
	From        time.Time       `json:"from"`
	To          time.Time       `json:"to"`
	Windows     int             `json:"windows"`
	Algo        string          `json:"algo"`
	Findings    []findingResult `json:"findings,omitempty"`
	Error       string          `json:"error,omitempty"`
}

type findingResult struct {
	Code    pair.Code      `json:"code"`
	Hard    bool           `json:"hard"`
	Score   float64        `json:"score"`
	Date    string         `json:"date,omitempty"`
	Numbers []numberResult `json:"numbers,omitempty"`
	Seen    string         `json:"seen,omitempty"`
	Wanted  string         `json:"wanted,omitempty"`
}

type numberResult struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Rule  string  `json:"rule"`
	Limit float64 `json:"limit"`
}

// pairs tells of the pairs, each once, and answers how many were not stored.
func (res *featuresResult) pairs(e *env, reports []batch.Report) (failed int) {
	for _, r := range reports {
		for _, p := range r.Pairs {
			if r.Sensor != p.Left.Sensor {
				continue
			}
			one := pairResult{
				Study: p.Left.Study, Participant: p.Left.Participant, Left: p.Left.Sensor, Right: p.Right.Sensor, From: p.From, To: p.To,
				Windows: p.Windows, Algo: p.Algo, Findings: findings(e, p.Left.Path+" and "+p.Right.Path, p.Findings),
			}
			if p.Err != nil {
				failed++
				one.Error = p.Err.Error()
				fmt.Fprintf(e.stderr, "%s and %s: %v\n", p.Left.Path, p.Right.Path, p.Err)
			}
			res.Pairs = append(res.Pairs, one)
		}
	}
	return failed
}

// findings tells what says that devices are mislabelled.
func findings(e *env, of string, all []pair.Finding) (told []findingResult) {
	for _, f := range all {
		fmt.Fprintf(e.stderr, "finding: %s: %s\n", of, batch.Say(f))
		one := findingResult{Code: f.Code, Hard: f.Hard, Score: f.Score, Date: f.Date, Seen: f.Seen, Wanted: f.Wanted}
		for _, n := range f.Numbers {
			one.Numbers = append(one.Numbers, numberResult(n))
		}
		told = append(told, one)
	}
	return told
}
