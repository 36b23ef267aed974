package clickhouse

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

func newOf(c driver.ColumnType) any { return reflect.New(c.ScanType()).Interface() }

func line(values []any) string {
	var out []string
	for _, v := range values {
		e := reflect.ValueOf(v).Elem()
		if e.Kind() == reflect.Pointer {
			if e.IsNil() {
				out = append(out, "NULL")
				continue
			}
			e = e.Elem()
		}
		switch x := e.Interface().(type) {
		case time.Time:
			out = append(out, x.UTC().Format("2006-01-02T15:04:05.999999999Z"))
		default:
			out = append(out, fmt.Sprint(x))
		}
	}
	return strings.Join(out, ",")
}

// counted is the counters of a registry, shortened.
func counted(t testing.TB, reg prometheus.Gatherer) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		name := strings.TrimSuffix(strings.TrimPrefix(f.GetName(), "wearstream_"), "_total")
		if name == "sink_bytes" {
			continue
		}
		for _, m := range f.GetMetric() {
			label := ""
			for _, l := range m.GetLabel() {
				if l.GetName() != "sink" {
					label = "{" + l.GetValue() + "}"
				}
			}
			out = append(out, fmt.Sprintf("%s%s %g", name, label, m.GetCounter().GetValue()))
		}
	}
	return strings.Join(out, ", ")
}
