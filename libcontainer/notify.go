package libcontainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// Where a container finds its socket for sd_notify(3), and where that is in the state directory.
const (
	notifyInside = "/run/notify"
	notifyDir    = "notify"
	notifySocket = "notify.sock"
)

// patience is how long a wait lasts before it looks at its context, in milliseconds.
const patience = 100

// barrierTime is how long the supervisor may take to read what it was sent.
const barrierTime = 30 * time.Second

// withNotify adds the socket's directory to a configuration, which is copied as far as it is changed. Programs that exec adds get nothing of it.
func withNotify(spec *specs.Spec, source string) *specs.Spec {
	s := *spec
	s.Mounts = append(slices.Clip(spec.Mounts), specs.Mount{
		Destination: notifyInside, Type: "bind", Source: source, Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	if spec.Process != nil {
		p := *spec.Process
		p.Env = append(slices.Clip(p.Env), "NOTIFY_SOCKET="+notifyInside+"/"+notifySocket)
		s.Process = &p
	}
	return &s
}

// hostMakeNotify makes the directory of the socket, and where the program starts at once, the socket.
type hostMakeNotify struct {
	Dir    string
	Listen bool
}

// OpName implements nsenter.Op.
func (hostMakeNotify) OpName() string { return "notify.make" }

// Fields implements nsenter.Op.
func (o hostMakeNotify) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "dir", Value: o.Dir}, {Name: "listen", Value: o.Listen}}
}

func (c *compiler) makeNotify() {
	if c.opts.notify != "" {
		c.add("NOTIFY_SOCKET", hostMakeNotify{Dir: c.opts.notify, Listen: c.opts.run})
	}
}

func (o hostMakeNotify) run(_ context.Context, r *runner) error {
	err := makeNotifyDir(o.Dir)
	if err == nil && o.Listen {
		r.notify, err = listenNotify(o.Dir)
	}
	return err
}

func makeNotifyDir(dir string) error {
	if err := unix.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("mkdir %s: %w", dir, err)
	}
	if err := unix.Chmod(dir, 0o755); err != nil { // whatever the umask is
		return fmt.Errorf("chmod %s: %w", dir, err)
	}
	return nil
}

// NotifyRelay tells a supervisor that the program of a container is ready, sd_notify(3): it stands between the socket that the container
// has for itself and the supervisor's, which is not in the container's reach. It is used by one goroutine.
type NotifyRelay struct {
	c    *Container
	sock *os.File
}

// listenNotify binds the container's socket, instead of one that an earlier start may have left. The path may be too long for a socket's address, so
// it goes by way of the directory's descriptor.
func listenNotify(path string) (*os.File, error) {
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(dir)
	if err := unix.Unlinkat(dir, notifySocket, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("unlink %s/%s: %w", path, notifySocket, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	name := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + notifySocket
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind %s/%s: %w", path, notifySocket, err)
	}
	if err := unix.Chmod(name, 0o777); err != nil { // any user of the container may say so
		unix.Close(fd)
		return nil, fmt.Errorf("chmod %s/%s: %w", path, notifySocket, err)
	}
	return os.NewFile(uintptr(fd), "notify socket"), nil
}

// ListenNotify returns the relay of a container that was made with CreateOptions.NotifySocket, nil for others. After Create it must be called before
// Start, so that the program finds somebody to talk to; Run has begun to listen by itself.
func (c *Container) ListenNotify() (*NotifyRelay, error) {
	if c.notify != nil {
		n := &NotifyRelay{c: c, sock: c.notify}
		c.notify = nil
		return n, nil
	}
	rec, err := c.reload()
	if err == nil && !rec.Notify {
		return nil, nil //nolint:nilnil // as the comment says
	}
	var sock *os.File
	if err == nil {
		sock, err = listenNotify(c.dir.path(notifyDir))
	}
	if err != nil {
		return nil, &ContainerError{"notify", c.id, err}
	}
	return &NotifyRelay{c: c, sock: sock}, nil
}

// Close ends the relay. What the program sends from then on is lost.
func (n *NotifyRelay) Close() error { return n.sock.Close() }

// Relay waits until the program says that it is ready, and tells the supervisor at the address, a path or an abstract name that begins with "@": first what
// the program said, then that mainPID is the process to look after. It returns when the supervisor has read that, after at most 30 seconds
// (an error), or when the container's first process has ended (none).
func (n *NotifyRelay) Relay(ctx context.Context, address string, mainPID int) error {
	ready, err := n.ready(ctx)
	if err == nil && ready != nil {
		err = tellSupervisor(ctx, address, ready, mainPID)
	}
	if err != nil {
		return &ContainerError{"notify", n.c.id, err}
	}
	return nil
}

// ready returns the line that says so, nil at the end of the container's first process.
func (n *NotifyRelay) ready(ctx context.Context) ([]byte, error) {
	rec, err := n.c.reload()
	if err != nil {
		return nil, err
	}
	init, err := openProcess(rec)
	if errors.Is(err, ErrNotRunning) {
		return n.receive(maxQueued)
	}
	if err != nil {
		return nil, err
	}
	defer init.Close()
	fds := []unix.PollFd{{Fd: int32(n.sock.Fd()), Events: unix.POLLIN}, {Fd: int32(init.Fd()), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if _, err := unix.Poll(fds, patience); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("poll: %w", err)
		}
		ready, err := n.receive(maxQueued) // what was sent before the end counts
		if ready != nil || err != nil || fds[1].Revents != 0 {
			return ready, err
		}
	}
	return nil, context.Cause(ctx)
}

// maxQueued is how many messages are read in a row: more than a socket holds (net.unix.max_dgram_qlen), so that a program that does not stop
// sending keeps nobody from looking at the rest of the world.
const maxQueued = 1024

// receive reads what there is, most messages of it, up to the line that says that the program is ready. Descriptors that come with it, as of sd_notify_barrier(3), are
// closed by the kernel, which is the answer that their sender waits for.
func (n *NotifyRelay) receive(most int) ([]byte, error) {
	buf := make([]byte, 4096) // systemd takes no longer ones
	for range most {
		size, err := unix.Read(int(n.sock.Fd()), buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("read: %w", err)
		}
		for line := range bytes.SplitSeq(buf[:size], []byte("\n")) {
			if bytes.HasPrefix(line, []byte("READY=")) {
				return bytes.Clone(line), nil
			}
		}
	}
	return nil, nil
}

func tellSupervisor(ctx context.Context, address string, ready []byte, mainPID int) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: address}); err != nil {
		return fmt.Errorf("connect %s: %w", address, err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(pipe[0])
	err = errors.Join(send(ctx, fd, string(ready), nil), send(ctx, fd, "MAINPID="+strconv.Itoa(mainPID), nil),
		send(ctx, fd, "BARRIER=1", unix.UnixRights(pipe[1])))
	unix.Close(pipe[1])
	if err != nil {
		return fmt.Errorf("send to %s: %w", address, err)
	}
	return awaitBarrier(ctx, pipe[0], address)
}

// send sends a message, for which there must be room before barrierTime is over.
func send(ctx context.Context, fd int, text string, rights []byte) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for deadline := time.Now().Add(barrierTime); ctx.Err() == nil; {
		err := unix.Sendmsg(fd, []byte(text), rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no room for the message after %v: %w", barrierTime, unix.ETIMEDOUT)
		}
		if _, err := unix.Poll(fds, patience); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
	}
	return context.Cause(ctx)
}

// awaitBarrier waits until the supervisor has closed its copy of the pipe's other end, sd_notify_barrier(3).
func awaitBarrier(ctx context.Context, fd int, address string) error {
	fds := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP always counts
	for deadline := time.Now().Add(barrierTime); ctx.Err() == nil; {
		n, err := unix.Poll(fds, patience)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("poll: %w", err)
		case n > 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s has not read the message after %v: %w", address, barrierTime, unix.ETIMEDOUT)
		}
	}
	return context.Cause(ctx)
}
