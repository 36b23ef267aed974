package gateway

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/gateway/internal/testca"
)

// Names, types and help are what dashboards and alert rules rest on.
func TestMetricsAreTheOnesPromised(t *testing.T) {
	r := start(t, cluster(t), testca.New(t), nil)
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		fmt.Fprintf(&got, "%s %s %s\n", f.GetName(), strings.ToLower(f.GetType().String()), f.GetHelp())
	}
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("metrics are\n%swant\n%s", got.String(), want)
	}
}
