package wire

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestReadBack: what is read of rows is what was written.
func TestReadBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 15, 0, 0, time.UTC)
	var sides []SideRow
	var minutes []WearRow
	sideRows, wearRows := NewSideRows(), NewWearRows()
	for i := range 3 {
		sides = append(sides, SideRow{"S", fmt.Sprint("P", i), "left", "hub", "hub/w", at.Add(time.Duration(i) * 15 * time.Minute), 15 * time.Minute, uint32(i), StatusFinal, 0.25 * float32(i), []byte{byte(i), 0, 255}})
		minutes = append(minutes, WearRow{"S", "P", "right", "w", "w", at.Add(time.Duration(i) * time.Minute), "wear@1", uint32(i), StatusCorrected, "WEAR", "detach"})
		sideRows.Append(&sides[i])
		wearRows.Append(&minutes[i])
	}
	s, err := sideRows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := wearRows.Encode()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = EachSide(s, func(i int, r *SideRow) error {
		if n++; !reflect.DeepEqual(*r, sides[i]) {
			t.Errorf("side %d: %+v, want %+v", i, *r, sides[i])
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d sides: %v", n, err)
	}
	stop := errors.New("stop")
	err = EachWear(w, func(i int, r *WearRow) error {
		if n++; *r != minutes[i] {
			t.Errorf("minute %d: %+v, want %+v", i, *r, minutes[i])
		}
		if i == 1 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 5 {
		t.Errorf("%d rows: %v", n, err)
	}
	for _, err := range []error{EachSide(w, nil), EachWear(s, nil)} {
		if err == nil || !strings.Contains(err.Error(), "columns are not those of") {
			t.Errorf("other rows: %v", err)
		}
	}
	if err := EachSide([]byte("x"), nil); err == nil {
		t.Error("no rows are taken")
	}
}
