package wire

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestPartitionOfEqualsTheClients(t *testing.T) {
	p := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for i := range 1000 {
		key := fmt.Sprintf("sensor-%d", i)[:3+i%6]
		want := p.Partition(&kgo.Record{Key: []byte(key)}, 8)
		if got := PartitionOf(key, 8); int(got) != want {
			t.Fatalf("partition of %q is %d, want %d", key, got, want)
		}
	}
}
