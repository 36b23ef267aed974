package processor

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func TestConfig(t *testing.T) {
	var c struct {
		Process Config `embed:"" prefix:"process."`
		Slow    Config `embed:"" prefix:"slow." set:"commit_interval=1s"`
	}
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Check("process"); err != nil {
		t.Errorf("defaults: %v", err)
	}
	if c.Process.CommitInterval != 300*time.Millisecond || c.Process.SessionTimeout != 10*time.Second || c.Process.Slots != 1 || c.Slow.CommitInterval != time.Second {
		t.Errorf("defaults: %+v", c)
	}
	err = Config{}.Check("slow")
	for _, flag := range []string{"commit_interval", "slots", "session_timeout", "max_records", "max_bytes"} {
		if err == nil || !strings.Contains(err.Error(), "--slow."+flag+": ") {
			t.Errorf("%s is not named in %v", flag, err)
		}
	}
}
