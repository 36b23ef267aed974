package object

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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

// OpenFailing opens a folder of which steps fail: the next n of that name, all if
// n is negative.
func OpenFailing(folder string) (s Store, fail func(step string, n int, err error)) {
	s, err := openDir(folder)
	if err != nil {
		panic(err)
	}
	d := s.(*dir)
	return s, func(step string, n int, err error) {
		d.at = func(at string) error {
			if at != step || n == 0 {
				return nil
			}
			n--
			return err
		}
	}
}

// OpenThrough opens an S3 place by another endpoint: with small parts, short
// waits between attempts, and a connection given up after stall.
func OpenThrough(place, endpoint string, stall time.Duration) (Store, error) {
	b, err := newBucket(place, stall, func(o *s3.Options) {
		o.BaseEndpoint = &endpoint
		o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) { so.MaxBackoff = 20 * time.Millisecond })
	})
	if err != nil {
		return nil, err
	}
	b.partSize = 5 << 20 // the least that S3 takes
	return b, nil
}
