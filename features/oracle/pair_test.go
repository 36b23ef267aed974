package oracle

import (
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/pair"
)

func TestPairs(t *testing.T) {
	d := data(t)
	report, err := d.ComparePairs()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.Table(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if want := len(PairRecordings) * len(Pair); len(report) != want {
		t.Errorf("%d comparisons, want %d", len(report), want)
	}
	t.Log(pair.Algo())
}
