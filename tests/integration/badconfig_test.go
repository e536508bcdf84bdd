//go:build integration

package integration

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minirun/minirun/tests/badconfig"
)

// TestBadConfigs puts every case of tests/badconfig through create and check: the exact error, one JSON record in the log, and nothing left behind.
func TestBadConfigs(t *testing.T) {
	cases, err := badconfig.Load()
	if err != nil {
		t.Fatal(err)
	}
	byFile := map[string][]badconfig.Case{}
	for _, c := range cases {
		file, _, _ := strings.Cut(c.ID(), "/")
		byFile[file] = append(byFile[file], c)
	}
	for file, list := range byFile {
		t.Run(file, func(t *testing.T) {
			b := newBox(t)
			c := b.container()
			c.write(filepath.Join(c.rootfs(), "etc/script"), "not a program\n", 0o755)
			c.symlink("../../..", filepath.Join(c.rootfs(), "tmp/outside"))
			listenAt(b, filepath.Join(c.bundle, "console"))
			for i := range list {
				tc := &list[i]
				if missing := lacks(tc.On); missing != "" {
					t.Logf("%s: not on this machine, which is not %s", tc.ID(), missing)
					continue
				}
				c.badConfig(tc)
			}
		})
	}
}

// listenAt makes a socket that takes connections and forgets them.
func listenAt(b *box, path string) {
	b.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
}

// lacks returns the first property that this machine does not have.
func lacks(properties []string) string {
	for _, p := range properties {
		if !machineHas(p) {
			return p
		}
	}
	return ""
}

func machineHas(property string) bool {
	v1 := exists("/sys/fs/cgroup/memory")
	controllers, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if v1 {
		controllers, _ = os.ReadFile("/sys/fs/cgroup/unified/cgroup.controllers")
	}
	v2 := strings.Fields(string(controllers))
	switch property {
	case "v1":
		return v1
	case "v2":
		return !v1
	case "noapparmor":
		enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
		return !strings.HasPrefix(string(enabled), "Y")
	case "noselinux":
		return !exists("/sys/fs/selinux/enforce")
	case "noresctrl":
		return !exists("/sys/fs/resctrl/info")
	case "hugetlb":
		return slices.Contains(v2, "hugetlb")
	case "nordma":
		return !slices.Contains(v2, "rdma") && !exists("/sys/fs/cgroup/rdma")
	}
	return false
}

// placeless takes the places in the text out of messages about a configuration that was made by changes.
func placeless(tc *badconfig.Case, text string) string {
	if tc.Text != nil {
		return text
	}
	text = regexp.MustCompile(`config\.json:\d+:\d+:`).ReplaceAllString(text, "config.json:AT:")
	return regexp.MustCompile(`\(line \d+, column \d+\)`).ReplaceAllString(text, "(AT)")
}

// badConfig runs one case.
func (c *container) badConfig(tc *badconfig.Case) {
	c.Helper()
	cgroup := cgroupParent() + "/" + c.id
	text, err := tc.Config(cgroup)
	if err != nil {
		c.Fatal(err)
	}
	c.write(filepath.Join(c.bundle, "config.json"), text, 0o644)
	names := strings.NewReplacer("BUNDLE", c.bundle, "CGROUP", cgroup)
	want := names.Replace(tc.Want)

	log := c.path("log." + strconv.Itoa(len(tc.Name)))
	c.remove(log)
	var flags []string
	for _, f := range tc.Flags {
		flags = append(flags, names.Replace(f))
	}
	r := c.do(append([]string{"--log", log, "--log-format", "json"}, c.verb("create", flags...)...)...)
	if r.code == 0 {
		c.Errorf("%s: accepted", tc.ID())
		c.deleteForce()
		return
	}
	if r.code != 1 || placeless(tc, r.stderr) != want+"\n" || r.stdout != "" {
		c.Errorf("%s: exit code %d\nstderr %s\nwant   %s", tc.ID(), r.code, r.stderr, want)
	}
	if records := c.records(log); len(records) != 1 || records[0].Level != "error" || placeless(tc, records[0].Msg) != want {
		c.Errorf("%s: the log is %+v", tc.ID(), records)
	}
	if left := append(c.leakedState(), c.leakedCgroups(false)...); len(left) > 0 {
		c.Fatalf("%s: left behind: %q", tc.ID(), left)
	}
	c.checkBadConfig(tc, want, names)
}

// checkBadConfig has check find what create fails for, as far as it can.
func (c *container) checkBadConfig(tc *badconfig.Case, want string, names *strings.Replacer) {
	c.Helper()
	code, found := c.checkErrors()
	for i := range found {
		found[i] = placeless(tc, found[i])
	}
	if tc.Check != nil && *tc.Check == "" {
		if code != 0 || len(found) > 0 {
			c.Errorf("%s: check: exit code %d, errors %q; want none", tc.ID(), code, found)
		}
		return
	}
	problems := []string{want}
	if _, list, several := strings.Cut(want, " problems: "); several {
		problems = strings.Split(list, "; ")
	}
	if tc.Check != nil {
		problems = []string{names.Replace(*tc.Check)}
	}
	for _, p := range problems {
		if code != 2 || !slices.Contains(found, p) {
			c.Errorf("%s: check: exit code %d, errors %q; want %s among them", tc.ID(), code, found, p)
		}
	}
}

// checkErrors runs check on the bundle, and returns the errors as a create would word them.
func (c *container) checkErrors() (code int, found []string) {
	c.Helper()
	r := c.do("check", "--bundle", c.bundle, "--format", "json")
	var report struct {
		Errors []struct{ Path, Value, Problem string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.stderr != "" {
		c.Errorf("check: exit code %d, %v in %s\nstderr %s", r.code, err, r.stdout, r.stderr)
	}
	for _, e := range report.Errors {
		if e.Value != "" {
			e.Path += " (" + strconv.Quote(e.Value) + ")"
		}
		found = append(found, e.Path+": "+e.Problem)
	}
	return r.code, found
}

// The configuration that the cases change is a good one: created, run, and nothing found by check.
func TestBadConfigBaseIsGood(t *testing.T) {
	b := newBox(t)
	c := b.container()
	text, err := badconfig.Base(cgroupParent() + "/" + c.id)
	if err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join(c.bundle, "config.json"), text, 0o644)
	if code, found := c.checkErrors(); code != 0 || len(found) > 0 {
		t.Errorf("check: exit code %d, %q", code, found)
	}
	c.run().ok().prints("")
}
