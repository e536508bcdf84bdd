package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

const (
	service = "org.freedesktop.systemd1"
	object  = dbus.ObjectPath("/org/freedesktop/systemd1")
	manager = service + ".Manager"
)

// connectTimeout is how long one address is tried.
const connectTimeout = 10 * time.Second

// address is one way to a manager.
type address struct {
	bus string
	// private is the path of a socket of the manager itself, which has no message
	// bus behind it and so none of a bus's own methods; empty for a bus.
	private string
}

// addresses returns the ways to the system's or to a user's manager, in the order
// in which they are tried. getenv is os.Getenv, known the address that worked
// before.
func addresses(user bool, known string, uid int, getenv func(string) string) []address {
	at := func(dir, name string) string {
		return "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(dir, name))
	}
	own := func(dir string) address {
		return address{at(dir, "systemd/private"), filepath.Join(dir, "systemd/private")}
	}
	if !user {
		bus := getenv("DBUS_SYSTEM_BUS_ADDRESS")
		if bus == "" {
			bus = at("/run/dbus", "system_bus_socket")
		}
		return []address{own("/run"), {bus: bus}}
	}
	dir := getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + strconv.Itoa(uid)
	}
	var list []address
	for _, a := range []address{
		{bus: known}, {bus: getenv("DBUS_SESSION_BUS_ADDRESS")}, {bus: at(dir, "bus")}, own(dir),
	} {
		if a.bus == own(dir).bus {
			a = own(dir)
		}
		seen := a.bus == ""
		for _, o := range list {
			seen = seen || o.bus == a.bus
		}
		if !seen {
			list = append(list, a)
		}
	}
	return list
}

// dial connects to the first address that leads to a manager. If none does, the
// error names all of them with what was wrong.
func dial(ctx context.Context, list []address) (*dbus.Conn, address, error) {
	var errs []error
	for _, a := range list {
		conn, err := connect(ctx, a)
		if err == nil {
			return conn, a, nil
		}
		var errno syscall.Errno
		if errors.As(err, &errno) { // the rest of the text is the address once more
			err = errno
		}
		errs = append(errs, fmt.Errorf("%s: %w", a.bus, err))
	}
	return nil, address{}, &noManagerError{errs}
}

// noManagerError is that no address led to a manager.
type noManagerError struct{ tried []error }

// Error implements error, on one line.
func (e *noManagerError) Error() string {
	s := "no systemd can be reached"
	for i, err := range e.tried {
		sep := ", "
		if i == 0 {
			sep = ": tried "
		}
		s += sep + err.Error()
	}
	return s
}

// Unwrap returns what was wrong with each address.
func (e *noManagerError) Unwrap() []error { return e.tried }

// connect makes a connection and finds out whether systemd is behind it.
func connect(ctx context.Context, a address) (*dbus.Conn, error) {
	// What ends the context of a connection ends the connection, so it has one of
	// its own, which the time limit ends until everything is set up.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	limit := time.AfterFunc(connectTimeout, cancel)
	defer limit.Stop()
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	conn, socket, err := open(own, a)
	if err != nil {
		cancel()
		return nil, err
	}
	if err := setUp(own, conn, socket); err != nil {
		conn.Close()
		if c := context.Cause(ctx); c != nil {
			err = c
		} else if own.Err() != nil {
			err = errors.New("no answer")
		}
		cancel()
		return nil, err
	}
	return conn, nil
}

// open connects to the address. The socket is nil for a bus.
func open(ctx context.Context, a address) (*dbus.Conn, *net.UnixConn, error) {
	if a.private == "" {
		conn, err := dbus.Dial(a.bus, dbus.WithContext(ctx))
		return conn, nil, err
	}
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: a.private, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	conn, err := dbus.NewConn(socket, dbus.WithContext(ctx))
	if err != nil {
		socket.Close()
	}
	return conn, socket, err
}

// setUp authenticates and asks for the signals of jobs, which the manager sends
// unasked over its own socket. The server takes the identity from the socket: the
// number of the user may be another one in its user namespace than in ours.
func setUp(ctx context.Context, conn *dbus.Conn, private *net.UnixConn) error {
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal("")}); err != nil {
		return err
	}
	if private != nil {
		return untilRead(ctx, private)
	}
	if err := conn.Hello(); err != nil {
		return err
	}
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(manager), dbus.WithMatchMember("JobRemoved"),
		dbus.WithMatchObjectPath(object)); err != nil {
		return err
	}
	return conn.Object(service, object).CallWithContext(ctx, manager+".Subscribe", 0).Err
}

// untilRead waits until the other side has read everything that was sent. What
// systemd reads together with the end of the authentication it looks at only when
// more arrives: a call that follows too soon would have no answer.
func untilRead(ctx context.Context, c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		var unread int
		var errno error
		if err := raw.Control(func(fd uintptr) { unread, errno = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
			return err
		}
		if errno != nil {
			return fmt.Errorf("SIOCOUTQ: %w", errno)
		}
		if unread == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// isError tells whether err is the D-Bus error with the name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
