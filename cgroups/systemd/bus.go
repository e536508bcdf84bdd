package systemd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
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
	// private is a socket of the manager itself, which has no message bus behind
	// it and so none of a bus's own methods.
	private bool
}

// addresses returns the ways to the system's or to a user's manager, in the order
// in which they are tried. getenv is os.Getenv, known the address that worked
// before.
func addresses(user bool, known string, uid int, getenv func(string) string) []address {
	at := func(dir, name string) string {
		return "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(dir, name))
	}
	if !user {
		bus := getenv("DBUS_SYSTEM_BUS_ADDRESS")
		if bus == "" {
			bus = at("/run/dbus", "system_bus_socket")
		}
		return []address{{at("/run/systemd", "private"), true}, {bus: bus}}
	}
	dir := getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + strconv.Itoa(uid)
	}
	var list []address
	for _, a := range []address{
		{bus: known}, {bus: getenv("DBUS_SESSION_BUS_ADDRESS")}, {bus: at(dir, "bus")}, {at(dir, "systemd/private"), true},
	} {
		a.private = a.private || a.bus == at(dir, "systemd/private")
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
	conn, err := dbus.Dial(a.bus, dbus.WithContext(own))
	if err != nil {
		cancel()
		return nil, err
	}
	if err := setUp(own, conn, a); err != nil {
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

// setUp authenticates and asks for the signals of jobs. The server takes the
// identity from the socket: the number of the user may be another one in its user
// namespace than in ours.
func setUp(ctx context.Context, conn *dbus.Conn, a address) error {
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal("")}); err != nil {
		return err
	}
	if a.private {
		return nil
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

// isError tells whether err is the D-Bus error with the name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
