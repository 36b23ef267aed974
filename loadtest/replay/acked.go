package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// acknowledgement is one line of the file that --acked names.
type acknowledgement struct {
	Sensor string `json:"sensor"`
	Boot   uint64 `json:"boot"`
	Seq    uint64 `json:"seq"`
	SHA256 string `json:"sha256"` // of the payload
}

// ackedFile is what --acked names; nil writes nothing. Lines of several devices
// and runs follow each other, each written as a whole.
type ackedFile struct {
	mu sync.Mutex
	f  *os.File
}

func openAcked(path string) (*ackedFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open acknowledgements: %w", err)
	}
	a := &ackedFile{f: f}
	if err := a.mend(); err != nil {
		f.Close()
		return nil, fmt.Errorf("open acknowledgements %s: %w", path, err)
	}
	return a, nil
}

// mend ends the line that a power cut left half, so that it spoils no other.
func (a *ackedFile) mend() error {
	size, err := a.f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := a.f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = a.f.Write([]byte{'\n'})
	}
	return err
}

func (a *ackedFile) write(line acknowledgement) error {
	if a == nil {
		return nil
	}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write acknowledgement: %w", err)
	}
	return nil
}

func (a *ackedFile) close() error {
	if a == nil {
		return nil
	}
	if err := a.f.Close(); err != nil {
		return fmt.Errorf("close acknowledgements: %w", err)
	}
	return nil
}
