package engine_test

import (
	"testing"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }
