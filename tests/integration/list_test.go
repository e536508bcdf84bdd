//go:build integration

package integration

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// psPids returns the pids that `ps --format json` reports.
func psPids(c *container) []int {
	c.Helper()
	var pids []int
	r := c.do("ps", "--format", "json", c.id).ok()
	if err := json.Unmarshal([]byte(r.stdout), &pids); err != nil {
		c.Fatalf("ps --format json: %v in %q", err, r.stdout)
	}
	return pids
}

func TestPs(t *testing.T) {
	b := newBox(t)
	c := b.container(script("sleep 1001 & sleep 1002 & wait"))
	c.runDetached().ok()
	b.until("three processes", func() bool { return len(psPids(c)) == 3 })
	pids := psPids(c)
	if !slices.Contains(pids, c.pid()) {
		b.Errorf("ps shows %v, not the container's process %d", pids, c.pid())
	}
	table := strings.Split(strings.TrimSuffix(b.do("ps", c.id).ok().stdout, "\n"), "\n")
	equal(b, "lines of the table", len(table), 4)
	header := strings.Fields(table[0])
	column := slices.Index(header, "PID")
	if column < 0 {
		b.Fatalf("no PID column in %q", table[0])
	}
	for _, row := range table[1:] {
		pid := strings.Fields(row)[column]
		if !slices.Contains(pids, atoi(b, pid)) {
			b.Errorf("row of a process that is not the container's: %q", row)
		}
	}
	b.contains("ps table", strings.Join(table, "\n"), "sleep 1001", "sleep 1002")
}

// Arguments behind the id go to ps.
func TestPsArguments(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	out := b.do("ps", c.id, "-o", "pid,args").ok().stdout
	lines := strings.Split(strings.TrimSpace(out), "\n")
	equal(b, "lines", len(lines), 2)
	equal(b, "row", strings.Join(strings.Fields(lines[1]), " "), itoa(c.pid())+" sleep 1000")
}

func TestPsUnknown(t *testing.T) {
	b := newBox(t)
	b.do("ps", b.name+".unknown").fails(1, "container does not exist").prints("")
}

func atoi(b *box, text string) int {
	b.Helper()
	var n int
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		b.Fatalf("%q is not a number", text)
	}
	return n
}

func TestListEmpty(t *testing.T) {
	b := newBox(t)
	b.mkdir(b.state)
	b.do("list", "-q").ok().prints("")
	text := strings.TrimSpace(b.do("list", "--format", "json").ok().stdout)
	if text != "null" && text != "[]" {
		b.Errorf("list of nothing in JSON: %q", text)
	}
	header := strings.Fields(b.do("list").ok().stdout)
	equal(b, "header", strings.Join(header, " "), "ID PID STATUS BUNDLE CREATED OWNER")
}

func TestList(t *testing.T) {
	b := newBox(t)
	created, running, stopped := b.container(), b.container(sleeping()), b.container()
	created.create().ok()
	running.runDetached().ok()
	stopped.runDetached().ok()
	stopped.waitStatus("stopped")

	var want []string
	for _, c := range []*container{created, running, stopped} {
		want = append(want, c.id)
	}
	slices.Sort(want)
	quiet := strings.Fields(b.do("list", "--quiet").ok().stdout)
	slices.Sort(quiet)
	equal(b, "list --quiet", strings.Join(quiet, " "), strings.Join(want, " "))
	checkListJSON(b, created, running, stopped)
	checkListTable(b, created, running, stopped)
}

func checkListJSON(b *box, created, running, stopped *container) {
	b.Helper()
	var entries []stateReport
	for _, flag := range []string{"--format=json", "-f=json"} {
		r := b.do("list", flag).ok()
		if err := json.Unmarshal([]byte(r.stdout), &entries); err != nil {
			b.Fatalf("list %s: %v in %s", flag, err, r.stdout)
		}
	}
	equal(b, "entries", len(entries), 3)
	for c, status := range map[*container]string{created: "created", running: "running", stopped: "stopped"} {
		i := slices.IndexFunc(entries, func(e stateReport) bool { return e.ID == c.id })
		if i < 0 {
			b.Errorf("%s is not in the list", c.id)
			continue
		}
		e := entries[i]
		equal(b, "status", e.Status, status)
		equal(b, "pid", *e.PID, c.pid())
		equal(b, "bundle", e.Bundle, c.bundle)
		equal(b, "rootfs", e.Rootfs, c.rootfs())
		if e.Owner == nil || *e.Owner != "root" {
			b.Errorf("owner of %s is not root", c.id)
		}
	}
}

func checkListTable(b *box, created, running, stopped *container) {
	b.Helper()
	rows := strings.Split(strings.TrimSpace(b.do("list").ok().stdout), "\n")
	equal(b, "header", strings.Join(strings.Fields(rows[0]), " "), "ID PID STATUS BUNDLE CREATED OWNER")
	for c, status := range map[*container]string{created: "created", running: "running", stopped: "stopped"} {
		want := regexp.MustCompile(`^` + regexp.QuoteMeta(c.id) + ` +` + itoa(c.pid()) + ` +` + status + ` +` +
			regexp.QuoteMeta(c.bundle) + ` +(\S+) +root *$`)
		i := slices.IndexFunc(rows, func(row string) bool { return want.MatchString(row) })
		if i < 0 {
			b.Errorf("no row %s in\n%s", want, strings.Join(rows, "\n"))
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, want.FindStringSubmatch(rows[i])[1]); err != nil {
			b.Error(err)
		}
	}
}

// An explicit --root that is not there is an error of list, as an unreadable
// one would be.
func TestListMissingRoot(t *testing.T) {
	b := newBox(t)
	b.do("list").fails(1, "no such file or directory").prints("")
}
