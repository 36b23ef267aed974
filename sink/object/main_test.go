package object

import (
	"os"
	"testing"
)

// StoretestMain is set by the external tests, which may import the suite.
var StoretestMain func(*testing.M)

func TestMain(m *testing.M) {
	if arg := os.Getenv(envCrash); arg != "" {
		putAndCrash(arg)
	}
	StoretestMain(m)
}
