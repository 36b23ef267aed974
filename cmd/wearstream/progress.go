package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far long work over samples is: a bar on a terminal, else a line
// every ten seconds.
type bar struct {
	e    *env
	what string
	bar  *progressbar.ProgressBar
	last time.Time
}

func newBar(e *env, what string) *bar {
	b := &bar{e: e, what: what, last: time.Now()}
	if f, ok := e.stderr.(*os.File); ok && isTerminal(f) {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("samples"),
			progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return b
}

// show is told of every step; the words are for the line.
func (b *bar) show(samples, of int64, format string, args ...any) {
	if b.bar != nil {
		b.bar.ChangeMax64(max(of, 1))
		_ = b.bar.Set64(samples)
		return
	}
	if now := time.Now(); now.Sub(b.last) >= 10*time.Second {
		b.last = now
		fmt.Fprintf(b.e.stderr, "%s: %s, %d of %d samples\n", b.what, fmt.Sprintf(format, args...), samples, of)
	}
}

func (b *bar) done() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
