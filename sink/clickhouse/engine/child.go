package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// startWithin is how long an engine may take until it answers. It includes the
// wait for the folder of an engine that is just ending.
const startWithin = 60 * time.Second

// stopWithin is how long an engine may take to end by itself.
const stopWithin = 6 * time.Second

// Options say what Start starts.
type Options struct {
	Config       Config
	Dir          string    // the engine's data; made if missing
	User         string    // the one user
	PasswordFile string    // holds the user's password
	Command      []string  // the program and its words before Daemon's flags; nil: this program with the word "engine"
	Env          []string  // added to the environment
	Stderr       io.Writer // the child's own messages; nil: this process's stderr
}

// Child is a running engine.
type Child struct {
	Addr string // host:port of its HTTP front

	cmd    *exec.Cmd
	parent *os.File      // our end of the socket: while it is open the child lives
	done   chan struct{} // closed when the child has ended
	err    error         // why; valid after done
}

// Start starts an engine in a process of its own and returns when it answers a
// query with the password. The child ends when ctx is done, when this process
// ends in any way, or by Stop.
func Start(ctx context.Context, o Options) (*Child, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	lib, err := o.Config.library()
	if err != nil {
		return nil, err
	}
	o.Config.Lib = lib
	password, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	c, socket, err := spawn(o)
	if err != nil {
		return nil, err
	}
	if err := c.awaitReady(ctx, socket, o.User, strings.TrimSpace(string(password))); err != nil {
		select {
		case <-c.done: // so that its own exit is told, not our kill
		case <-time.After(time.Second):
		}
		c.kill()
		return nil, errors.Join(fmt.Errorf("start engine on %q: %w", o.Dir, err), c.err)
	}
	go func() {
		select {
		case <-ctx.Done():
			_ = c.Stop()
		case <-c.done:
		}
	}()
	return c, nil
}

// spawn starts the process with one end of a socket as its descriptor 3.
func spawn(o Options) (*Child, *os.File, error) {
	command := o.Command
	if command == nil {
		exe, err := os.Executable()
		if err != nil {
			return nil, nil, err
		}
		command = []string{exe, "engine"}
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("make socket pair: %w", err)
	}
	defer theirs.Close()

	d := Daemon{Dir: o.Dir, User: o.User, PasswordFile: o.PasswordFile, Parent: 3, Engine: o.Config}
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], d.args()...)...)
	cmd.Env = append(childEnv(), o.Env...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = o.Stderr
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	cmd.WaitDelay = time.Second
	// A Ctrl-C goes to the whole foreground group; the parent decides when we end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, nil, fmt.Errorf("start engine: %w", err)
	}
	c := &Child{cmd: cmd, parent: ours, done: make(chan struct{})}
	go func() {
		if err := cmd.Wait(); err != nil {
			c.err = fmt.Errorf("engine: %w", err)
		}
		close(c.done)
	}()
	return c, ours, nil
}

// childEnv is what of our environment the child gets: no secrets.
func childEnv() (env []string) {
	for _, name := range []string{"PATH", "TZ", "LD_LIBRARY_PATH", "GOTRACEBACK"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// awaitReady reads the address from the child's own socket, so no other server on
// that port can be mistaken for it, and asks a first query.
func (c *Child) awaitReady(ctx context.Context, socket *os.File, user, password string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Now()) })()
	line, err := bufio.NewReader(socket).ReadString('\n')
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("it ended before it was ready; its messages say why")
	}
	c.Addr = strings.TrimSpace(line)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Addr+"/", strings.NewReader("SELECT 1"))
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(answer)) != "1" {
		return fmt.Errorf("first query: %s: %s", resp.Status, answer)
	}
	return nil
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Wait blocks until the child has ended and says why. An engine that ends by
// itself is an error; one that was asked to is not.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Stop ends the child: kindly, and after a few seconds by force. Acknowledged
// inserts are safe either way.
func (c *Child) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopWithin):
	}
	c.kill()
	return c.err
}

// kill ends the child now, if it has not ended, and waits for it.
func (c *Child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
	c.parent.Close()
}
