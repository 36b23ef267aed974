package engine_test

import (
	"os"
	"testing"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(asParent); dir != "" {
		runParent(dir)
	}
	enginetest.Main(m)
}
