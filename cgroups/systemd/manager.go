package systemd

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/minirun/minirun/cgroups"
)

// jobTimeout is how long Start, Stop and Set wait without a deadline of the caller.
const jobTimeout = 30 * time.Second

// Manager is a connection to the system's systemd or to that of a user, made at
// the first need. It is safe for concurrent use.
type Manager struct {
	user  bool
	known string

	mu   sync.Mutex
	conn *dbus.Conn
	at   address
}

// New returns the manager of the caller, with user, or of the system.
func New(user bool) *Manager { return &Manager{user: user} }

// ManagerOf returns the manager of a unit.
func ManagerOf(u cgroups.Unit) *Manager { return &Manager{user: u.User, known: u.Bus} }

// Close ends the connection. The Manager may be used again afterwards.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return nil
	}
	err := m.conn.Close()
	m.conn = nil
	return err
}

// connection returns the connection, which it makes if there is none.
func (m *Manager) connection(ctx context.Context) (*dbus.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil && m.conn.Connected() {
		return m.conn, nil
	}
	conn, at, err := dial(ctx, addresses(m.user, m.known, os.Getuid(), os.Getenv))
	if err != nil {
		return nil, err
	}
	m.conn, m.at = conn, at
	return conn, nil
}

// Address returns the address of the connection, empty if there is none.
func (m *Manager) Address() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return ""
	}
	return m.at.bus
}

// Facts asks the manager what Place and Convert need to know. If it cannot be
// reached the error names every address that was tried.
func (m *Manager) Facts(ctx context.Context) (Facts, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	var f Facts
	var version string
	for _, p := range []struct {
		name string
		to   *string
	}{{"Version", &version}, {"ControlGroup", &f.ControlGroup}} {
		var v dbus.Variant
		if err := m.call(ctx, "org.freedesktop.DBus.Properties.Get", []any{manager, p.name}, &v); err != nil {
			return f, err
		}
		if err := v.Store(p.to); err != nil {
			return f, fmt.Errorf("systemd: property %s: %w", p.name, err)
		}
	}
	var err error
	f.Version, err = parseVersion(version)
	return f, err
}

// parseVersion returns the major version of a string such as "252.39-1~deb12u1"
// or "v245-1.fc32".
func parseVersion(s string) (int, error) {
	digits := strings.TrimPrefix(s, "v")
	end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	if end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("systemd: version %q: it does not begin with a number", s)
	}
	return n, nil
}

// call calls a method of the manager and stores what it returns.
func (m *Manager) call(ctx context.Context, method string, args []any, results ...any) error {
	conn, err := m.connection(ctx)
	if err != nil {
		return err
	}
	c := conn.Object(service, object).CallWithContext(ctx, method, 0, args...)
	if c.Err != nil {
		return fmt.Errorf("systemd: %s: %w", method[strings.LastIndexByte(method, '.')+1:], c.Err)
	}
	return c.Store(results...)
}

// withDeadline gives the context a deadline if it has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, jobTimeout)
}
