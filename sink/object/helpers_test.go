package object_test

import (
	"crypto/sha256"

	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

func init() { object.StoretestMain = storetest.Main }

func sumOf(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }
