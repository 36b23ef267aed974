package object

import (
	"io"
	"os"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/stream"
)

// StoretestMain is set by the external tests: the suite imports this package.
var StoretestMain func(*testing.M)

func TestMain(m *testing.M) {
	if arg := os.Getenv(envCrash); arg != "" {
		putAndCrash(arg)
	}
	StoretestMain(m)
}

// NewTest is New with another allocator and what files are written through.
func NewTest(store Store, mem memory.Allocator, build string, out func(io.Writer) io.Writer) stream.Sink {
	o := New(store, "main", build).(*objects)
	o.mem = mem
	if out != nil {
		o.out = out
	}
	return o
}
