package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wearstream/wearstream/stream/recording"
)

// state is what a device remembers.
type state struct {
	Sensor string `json:"sensor"`
	Boot   uint64 `json:"boot"` // of the last playing
	// LastSeq is the last sequence of the boot once Ended; before, the last that it
	// may have published. Nil: it published nothing.
	LastSeq *uint64 `json:"last_seq,omitempty"`
	Acked   uint64  `json:"acked"` // sequences below are acknowledged
	Ended   bool    `json:"ended"`
	Prev    *uint64 `json:"prev_boot_last_seq,omitempty"` // as its batches say
	Source  source  `json:"recording"`
	Done    []done  `json:"done,omitempty"`
}

// source says how to play a boot's recording again.
type source struct {
	Path    string            `json:"path"`
	SHA256  string            `json:"sha256"`
	Options recording.Options `json:"options"`
}

// done is a recording that was played to the end.
type done struct {
	SHA256 string `json:"sha256"`
	Start  string `json:"start,omitempty"` // of --start, in UTC
	Boot   uint64 `json:"boot"`
}

// reserve is how many sequences are claimed on disk at a time.
const reserve = 128

// memory is the state of one device on disk, held by this process.
type memory struct {
	state
	path string
	lock *os.File
}

// remember opens the memory of a device.
func remember(dir string, d Device) (*memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open memory of %q: %w", d.Sensor, err)
	}
	// The client id is the thing's, so two sensors of a thing cannot run at once.
	lock, err := os.OpenFile(filepath.Join(dir, d.Thing+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open memory of %q: %w", d.Sensor, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open memory of %q: another replay plays this device", d.Sensor)
	}
	m := &memory{path: filepath.Join(dir, strings.Replace(d.Sensor, "/", "+", 1)+".json"), lock: lock}
	b, err := os.ReadFile(m.path)
	if err == nil {
		err = json.Unmarshal(b, &m.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		lock.Close()
		return nil, fmt.Errorf("open memory of %q: %s: %w", d.Sensor, m.path, err)
	}
	m.Sensor = d.Sensor
	return m, nil
}

func (m *memory) close() { m.lock.Close() }

// save puts the state on disk: a crash leaves the old one or the new one.
func (m *memory) save() error {
	b, err := json.MarshalIndent(m.state, "", " ")
	if err == nil {
		err = replaceFile(m.path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save memory of %q: %w", m.Sensor, err)
	}
	return nil
}

// begin makes the next boot. A crash after it leaves a boot that published
// nothing; a crash before it, none.
func (m *memory) begin(src source) error {
	m.state = state{Sensor: m.Sensor, Boot: m.Boot + 1, Prev: m.LastSeq, Source: src, Done: m.Done}
	return m.save()
}

// claim makes sure that the disk says that seq may have been published. A crash
// after it leaves at most reserve sequences that were not; the recording has
// them, and the next run publishes them.
func (m *memory) claim(seq, acked uint64) error {
	if m.LastSeq != nil && seq <= *m.LastSeq {
		return nil
	}
	last := seq + reserve - 1
	m.LastSeq, m.Acked = &last, acked
	return m.save()
}

// end notes that the boot is over, with everything acknowledged, and whether
// that is the whole recording. A crash before it lets the next run say "end" again.
func (m *memory) end(last uint64, whole bool) error {
	m.LastSeq, m.Acked, m.Ended = &last, last+1, true
	if whole && !m.knows(m.Source) {
		m.Done = append(m.Done, done{m.Source.SHA256, m.Source.start(), m.Boot})
	}
	return m.save()
}

// stop notes how far a boot came that the caller cut off: exactly what a crash
// would leave to be guessed. A crash before it leaves what claim wrote.
func (m *memory) stop(sent, acked uint64) error {
	m.LastSeq, m.Acked = nil, acked
	if sent > 0 {
		last := sent - 1
		m.LastSeq = &last
	}
	return m.save()
}

// abandon gives up a boot whose recording is gone: it may have gone as far as
// LastSeq says, and nobody will know.
func (m *memory) abandon() error {
	m.Ended = true
	return m.save()
}

// unfinished reports whether the last boot published what may not have arrived,
// or did not say its end.
func (m *memory) unfinished() bool { return m.Boot > 0 && !m.Ended && m.LastSeq != nil }

// knows reports whether the recording was played to the end before.
func (m *memory) knows(s source) bool {
	return slices.ContainsFunc(m.Done, func(d done) bool { return d.SHA256 == s.SHA256 && d.Start == s.start() })
}

func (s source) start() string {
	if s.Options.Start == nil {
		return ""
	}
	return s.Options.Start.UTC().Format(time.RFC3339Nano)
}

func replaceFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
