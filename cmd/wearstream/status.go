package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// status is the live line of `up`.
type status struct{ devices, samples, lag, rows float64 }

// readStatus takes the numbers from the same metrics that /metrics shows.
func (s *site) readStatus() status {
	families, err := s.reg.Gather()
	if err != nil {
		return status{}
	}
	var st status
	for _, f := range families {
		switch f.GetName() {
		case "wearstream_gateway_connections":
			st.devices = fold(f, 0, sum)
		case "wearstream_gateway_samples_total":
			st.samples = fold(f, 0, sum)
		case "wearstream_process_windows_total":
			st.rows = fold(f, 0, sum)
		case "wearstream_kafka_consumer_lag_seconds":
			st.lag = fold(f, st.lag, math.Max)
		}
	}
	return st
}

func sum(a, b float64) float64 { return a + b }

func fold(f *dto.MetricFamily, start float64, by func(a, b float64) float64) float64 {
	for _, m := range f.Metric {
		start = by(start, m.GetCounter().GetValue()+m.GetGauge().GetValue())
	}
	return start
}

// showStatus keeps a line on a terminal; elsewhere it writes one every ten seconds
// while something happens.
func (s *site) showStatus(ctx context.Context, e *env) {
	every, end := 10*time.Second, "\n"
	if f, ok := e.stderr.(*os.File); ok && isTerminal(f) {
		every, end = time.Second, "\r"
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := s.readStatus()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.readStatus()
		if end == "\r" || now != last {
			fmt.Fprintf(e.stderr, "devices %.0f | samples/s %.0f | lag %.1f s | rows %.0f        %s",
				now.devices, (now.samples-last.samples)/every.Seconds(), now.lag, now.rows, end)
		}
		last = now
	}
}
