//go:build linux || darwin

package object

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const attributeName = "user.wearstream"

// setAttribute writes the attribute, where the file system keeps any.
func setAttribute(f *os.File, value []byte) error {
	err := unix.Fsetxattr(int(f.Fd()), attributeName, value, 0)
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return os.NewSyscallError("fsetxattr", err)
}

// getAttribute answers nothing where there is none.
func getAttribute(f *os.File) ([]byte, error) {
	value := make([]byte, 64<<10) // the most that Linux allows
	n, err := unix.Fgetxattr(int(f.Fd()), attributeName, value)
	if err == nil {
		return value[:n], nil
	}
	if errors.Is(err, errNoAttribute) || errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	return nil, os.NewSyscallError("fgetxattr", err)
}

// notThere reports whether an error of opening says that nothing has that name.
func notThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
