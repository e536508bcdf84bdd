package systemd

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/minirun/minirun/cgroups"
)

var testUnit = cgroups.Unit{Name: "web.scope", Slice: "user.slice", User: true, Description: "mine"}

const testJob = dbus.ObjectPath("/org/freedesktop/systemd1/job/42")

// done answers a call that starts a job, and ends the job.
func done(f *fake, result string) ([]any, string) {
	go func() {
		f.removeJob("/org/freedesktop/systemd1/job/41", "canceled") // somebody else's
		f.removeJob(testJob, result)
	}()
	return []any{testJob}, ""
}

func TestStart(t *testing.T) {
	var got []any
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		got = args
		return done(f, "done")
	})
	if err := m.Start(t.Context(), testUnit, []Property{{"Slice", "user.slice"}, {"DeviceAllow", []DeviceAllow{{"char-*", "m"}}}}, 4711); err != nil {
		t.Fatal(err)
	}
	if f.called() != "StartTransientUnit" || got[0] != "web.scope" {
		t.Errorf("calls %s with %v", f.called(), got)
	}
	props := got[2].([][]any)
	last := props[len(props)-1]
	pids, ok := last[1].(dbus.Variant).Value().([]uint32)
	if len(props) != 3 || last[0] != "PIDs" || !ok || len(pids) != 1 || pids[0] != 4711 {
		t.Errorf("properties %v", props)
	}
}

// TestStartAfterFailure is a unit of the same name that has failed: it is swept away, and the second attempt counts.
func TestStartAfterFailure(t *testing.T) {
	swept := false
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		switch method {
		case "StartTransientUnit":
			if !swept {
				return nil, errUnitExists
			}
			return done(f, "done")
		case "GetUnit":
			return []any{dbus.ObjectPath("/unit")}, ""
		case "Get":
			return []any{dbus.MakeVariant("failed")}, ""
		case "ResetFailedUnit":
			swept = true
		}
		return []any{}, ""
	})
	if err := m.Start(t.Context(), testUnit, nil, 1); err != nil {
		t.Fatal(err)
	}
	if want := "StartTransientUnit GetUnit Get ResetFailedUnit StartTransientUnit"; f.called() != want {
		t.Errorf("calls %s, want %s", f.called(), want)
	}
}

// TestStartInUse is a unit of the same name that is active: it is left alone.
func TestStartInUse(t *testing.T) {
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		switch method {
		case "StartTransientUnit":
			return nil, errUnitExists
		case "GetUnit":
			return []any{dbus.ObjectPath("/unit")}, ""
		default:
			return []any{dbus.MakeVariant("active")}, ""
		}
	})
	err := m.Start(t.Context(), testUnit, nil, 1)
	if !errors.Is(err, cgroups.ErrInUse) || !strings.Contains(err.Error(), "start web.scope: linux.cgroupsPath: systemd has an active unit of this name") {
		t.Error(err)
	}
	if strings.Contains(f.called(), "Stop") || strings.Contains(f.called(), "Reset") {
		t.Errorf("calls %s", f.called())
	}
}

// TestStartFails are failures after which nothing of the unit is to be left.
func TestStartFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(f *fake) ([]any, string)
		want   string
	}{
		"result":  {func(f *fake) ([]any, string) { return done(f, "timeout") }, `the job's result is "timeout"`},
		"refused": {func(f *fake) ([]any, string) { return nil, "org.freedesktop.DBus.Error.InvalidArgs" }, "told by the test"},
		"never":   {func(f *fake) ([]any, string) { return []any{testJob}, "" }, "the job is not done: context deadline exceeded"},
		"silent":  {func(f *fake) ([]any, string) { return nil, "" }, "context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
				if method == "StartTransientUnit" {
					return c.answer(f)
				}
				return nil, errNoSuchUnit
			})
			patience := time.Minute
			if strings.Contains(c.want, "deadline exceeded") {
				patience = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := m.Start(ctx, testUnit, nil, 1)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if f.called() != "StartTransientUnit StopUnit" {
				t.Errorf("calls %s", f.called())
			}
		})
	}
}

func TestStop(t *testing.T) {
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		if method == "StopUnit" {
			return done(f, "done")
		}
		return nil, errNoSuchUnit // it is gone by now
	})
	if err := m.Stop(t.Context(), testUnit); err != nil {
		t.Error(err)
	}
	if f.called() != "StopUnit ResetFailedUnit" {
		t.Errorf("calls %s", f.called())
	}
}

func TestStopOfNothing(t *testing.T) {
	_, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) { return nil, errNoSuchUnit })
	if err := m.Stop(t.Context(), testUnit); err != nil {
		t.Error(err)
	}
	if own, err := m.Owns(t.Context(), testUnit); own || err != nil {
		t.Errorf("owns a unit that does not exist: %v, %v", own, err)
	}
}

func TestOwns(t *testing.T) {
	for _, description := range []string{"mine", "another's"} {
		_, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
			if method == "GetUnit" {
				return []any{dbus.ObjectPath("/unit")}, ""
			}
			return []any{dbus.MakeVariant(description)}, ""
		})
		if own, err := m.Owns(t.Context(), testUnit); own != (description == "mine") || err != nil {
			t.Errorf("%s: %v, %v", description, own, err)
		}
	}
}

func TestSet(t *testing.T) {
	var names []string
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		switch {
		case method == "Get" && args[1] == "Version":
			return []any{dbus.MakeVariant("253.4-1ubuntu1")}, ""
		case method == "Get":
			return []any{dbus.MakeVariant("/user.slice")}, ""
		}
		for _, p := range args[2].([][]any) {
			names = append(names, p[0].(string))
		}
		return []any{}, ""
	})
	writes := []cgroups.Write{
		{Controller: "memory", File: "memory.max", Value: "5"},
		{Controller: "memory", File: "memory.oom.group", Value: "1"},
		{Controller: "hugetlb", File: "hugetlb.2MB.max", Value: "0"},
	}
	rest, err := m.Set(t.Context(), testUnit, writes)
	f.called()
	if err != nil || len(rest) != 3 || strings.Join(names, " ") != "MemoryMax" {
		t.Errorf("%v, %v, properties %v", rest, err, names)
	}
	names = nil
	_, err = m.Set(t.Context(), testUnit, writes[2:])
	if n := strings.Count(f.called(), "SetUnitProperties"); err != nil || n != 1 {
		t.Errorf("%d calls for one change, %v", n, err)
	}
}

func TestFacts(t *testing.T) {
	_, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		if args[1] == "Version" {
			return []any{dbus.MakeVariant("252.39-1~deb12u1")}, ""
		}
		return []any{dbus.MakeVariant("/user.slice/user-1000.slice/user@1000.service")}, ""
	})
	f, err := m.Facts(t.Context())
	if want := (Facts{252, "/user.slice/user-1000.slice/user@1000.service"}); err != nil || f != want {
		t.Errorf("%+v, %v", f, err)
	}
	if !strings.HasSuffix(m.Address(), "/systemd/private") {
		t.Errorf("address %q", m.Address())
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]int{"v245.4-1.fc32": 245, "252": 252, "257~rc1": 257, "v": 0, "": 0, "rc1": 0} {
		got, err := parseVersion(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
}

// TestNoManager is a host without systemd: the error names all that was tried.
func TestNoManager(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+dir+"/session")
	_, err := New(true).Facts(t.Context())
	want := "no systemd can be reached: tried unix:path=" + dir + "/session: no such file or directory, unix:path=" + dir +
		"/bus: no such file or directory, unix:path=" + dir + "/systemd/private: no such file or directory"
	if err == nil || err.Error() != want || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestAddresses(t *testing.T) {
	env := map[string]string{}
	list := func(user bool, known string) string {
		var s []string
		for _, a := range addresses(user, known, 1000, func(name string) string { return env[name] }) {
			x := a.bus
			if a.private != "" {
				x += "!"
			}
			s = append(s, x)
		}
		return strings.Join(s, " ")
	}
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	check(list(false, ""), "unix:path=/run/systemd/private! unix:path=/run/dbus/system_bus_socket")
	check(list(true, ""), "unix:path=/run/user/1000/bus unix:path=/run/user/1000/systemd/private!")
	env["XDG_RUNTIME_DIR"] = "/run/my dir"
	check(list(true, ""), "unix:path=/run/my%20dir/bus unix:path=/run/my%20dir/systemd/private!")
	env["DBUS_SESSION_BUS_ADDRESS"], env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/s", "unix:path=/y"
	check(list(true, "unix:path=/run/my%20dir/systemd/private"),
		"unix:path=/run/my%20dir/systemd/private! unix:path=/s unix:path=/run/my%20dir/bus")
	check(list(false, ""), "unix:path=/run/systemd/private! unix:path=/y")
}

// TestSlowManager is a manager that looks at the end of the authentication late.
// What has been sent behind it by then would have no answer.
func TestSlowManager(t *testing.T) {
	f, m := newFake(t, func(f *fake, method string, args []any) ([]any, string) {
		return []any{dbus.ObjectPath("/unit")}, ""
	})
	f.slow = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var path dbus.ObjectPath
	if err := m.call(ctx, manager+".GetUnit", []any{"web.scope"}, &path); err != nil || path != "/unit" {
		t.Errorf("%q, %v", path, err)
	}
}
