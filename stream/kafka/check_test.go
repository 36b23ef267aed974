package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kversion"
)

func TestTears(t *testing.T) {
	for _, v := range []*kversion.Versions{kversion.V4_0_0(), kversion.V4_2_0()} {
		if Tears(v.VersionGuess()) {
			t.Errorf("%s is whole", v.VersionGuess())
		}
	}
	for _, v := range []*kversion.Versions{kversion.V4_3_0(), kversion.V4_4_0()} {
		if !Tears(v.VersionGuess()) {
			t.Errorf("%s tears", v.VersionGuess())
		}
	}
}
