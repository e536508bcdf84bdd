package systemd

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// fake is a manager at its private socket, as far as the tests need it: it
// answers each method by what the test says.
type fake struct {
	t      *testing.T
	answer func(f *fake, method string, args []any) ([]any, string) // results, or the name of an error
	slow   time.Duration                                            // how long it takes to look at the end of the authentication

	mu    sync.Mutex
	calls []string
	conn  net.Conn
	out   sync.Mutex
}

// newFake returns a Manager that finds the fake.
func newFake(t *testing.T, answer func(f *fake, method string, args []any) ([]any, string)) (*fake, *Manager) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "systemd", "private"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, answer: answer}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	m := New(true)
	t.Cleanup(func() {
		m.Close()
		l.Close()
	})
	return f, m
}

// serve authenticates as sd-bus does, and then answers calls.
func (f *fake) serve(c net.Conn) {
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != nil { // the byte that carries the credentials
		return
	}
	for buf := make([]byte, 256); ; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		reply := ""
		switch strings.TrimSpace(string(buf[:n])) {
		case "AUTH":
			reply = "REJECTED EXTERNAL ANONYMOUS"
		case "AUTH EXTERNAL":
			reply = "DATA"
		case "DATA":
			reply = "OK 0123456789abcdef0123456789abcdef"
			if _, err := io.WriteString(c, reply+"\r\n"); err != nil {
				return
			}
			time.Sleep(f.slow)
			continue
		case "BEGIN":
		default: // among them BEGIN with a call behind it, which sd-bus forgets
			reply = "ERROR"
		}
		if reply == "" {
			break
		}
		if _, err := io.WriteString(c, reply+"\r\n"); err != nil {
			return
		}
	}
	f.mu.Lock()
	f.conn = c
	f.mu.Unlock()
	for {
		m, err := dbus.DecodeMessage(c)
		if err != nil {
			return
		}
		go f.reply(m)
	}
}

func (f *fake) reply(m *dbus.Message) {
	method, _ := m.Headers[dbus.FieldMember].Value().(string)
	f.mu.Lock()
	f.calls = append(f.calls, method)
	results, errName := f.answer(f, method, m.Body)
	f.mu.Unlock()
	if results == nil && errName == "" {
		return // never answered
	}
	r := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(m.Serial()),
	}, Body: results}
	if errName != "" {
		r.Type, r.Body = dbus.TypeError, []any{"told by the test"}
		r.Headers[dbus.FieldErrorName] = dbus.MakeVariant(errName)
	}
	f.send(r)
}

func (f *fake) send(m *dbus.Message) {
	if len(m.Body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(m.Body...))
	}
	f.out.Lock()
	defer f.out.Unlock()
	m.EncodeTo(f.conn, binary.LittleEndian) // a closed connection ends the test by itself
}

// removeJob says that a job has ended.
func (f *fake) removeJob(job dbus.ObjectPath, result string) {
	f.send(&dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(object), dbus.FieldInterface: dbus.MakeVariant(manager),
		dbus.FieldMember: dbus.MakeVariant("JobRemoved"),
	}, Body: []any{uint32(7), job, "web.scope", result}})
}

// called returns the methods that were called so far. What answers have stored may be read after it.
func (f *fake) called() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, " ")
}
