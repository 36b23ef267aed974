package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// clock asks the kernel whether this machine's clock follows another.
func clock(context.Context) (string, error) {
	var t unix.Timex
	status, err := unix.Adjtimex(&t)
	if err != nil {
		return "", fmt.Errorf("ask the kernel about the clock: %w", err)
	}
	if status == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return "", warning{error: errors.New("the kernel says that this clock follows no other; ticks and append times are only as good as it")}
	}
	return fmt.Sprintf("synchronised, largest error %v", time.Duration(t.Maxerror)*time.Microsecond), nil
}
