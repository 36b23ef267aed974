package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confined is set in the environment of a process that has been confined.
const confined = "WEARSTREAM_ENGINE_CONFINED"

const (
	readAccess = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE // what rules on a file may hold
)

// systemPaths are what a process and the engine read besides their own.
var systemPaths = []string{
	"/proc", "/sys", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo",
	"/etc/localtime", "/etc/timezone", "/etc/ld.so.cache", "/dev/urandom", "/dev/random",
}

// confine replaces this process by itself with only what the engine needs: its
// data to read and write, the library and the system's to read, no program to run,
// no TCP connection to open. The grants leave little to do for it, but the scalar
// function file() knows no grant. It returns when the kernel cannot (Landlock).
//
// A rule holds for the thread that sets it and its children, so a process with
// threads is confined by an exec.
func confine(dir, lib, passwordFile string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rules, access, err := newRules()
	if err != nil {
		return err
	}
	defer unix.Close(rules)
	allow := func(path string, rights uint64) {
		if err == nil {
			err = addRule(rules, path, rights&access)
		}
	}
	allow(dir, access&^unix.LANDLOCK_ACCESS_FS_EXECUTE)
	allow(os.DevNull, readAccess|unix.LANDLOCK_ACCESS_FS_WRITE_FILE)
	allow(exe, readAccess|unix.LANDLOCK_ACCESS_FS_EXECUTE)
	if loader := interpreter(exe); loader != "" {
		allow(loader, readAccess|unix.LANDLOCK_ACCESS_FS_EXECUTE)
	}
	for _, path := range append([]string{lib, passwordFile}, systemPaths...) {
		allow(path, readAccess)
	}
	if err != nil {
		return err
	}
	// Of root's capabilities only the one for files stays: with others it could read
	// the memory and the environment of processes. Who is not root has none to drop.
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if c != unix.CAP_DAC_OVERRIDE {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return fmt.Errorf("restrict the process: %w", errno)
	}
	return fmt.Errorf("start %q again: %w", exe, syscall.Exec(exe, os.Args, append(os.Environ(), confined+"=1")))
}

// newRules makes a rule set that handles all that this kernel can refuse.
func newRules() (fd int, access uint64, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, 0, fmt.Errorf("this kernel has no Landlock: %w", errno)
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	if version >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr.Handled_access_net)
	}
	r, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, 0, fmt.Errorf("make Landlock rules: %w", errno)
	}
	return int(r), attr.Handled_access_fs, nil
}

// addRule allows rights at and below a path. A path that is not there needs no rule.
func addRule(rules int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileAccess
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("allow %q: %w", path, errno)
	}
	return nil
}

// interpreter is the program that loads exe, or "".
func interpreter(exe string) string {
	f, err := elf.Open(exe)
	if err != nil {
		return ""
	}
	defer f.Close()
	if s := f.Section(".interp"); s != nil {
		if path, err := s.Data(); err == nil {
			return strings.TrimRight(string(path), "\x00")
		}
	}
	return ""
}
