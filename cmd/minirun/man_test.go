package main

import (
	"flag"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManuals: a page for each command and one for the whole, each with all sections and flags.
func TestManuals(t *testing.T) {
	pages := manuals()
	if len(pages) != len(commands())+1 {
		t.Errorf("%d pages for %d commands", len(pages), len(commands()))
	}
	global := newFlags("minirun")
	(&app{}).registerGlobals(global)
	checkPage(t, pages["minirun"], global, "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "GLOBAL OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO")
	for _, c := range commands() {
		page, f := pages["minirun-"+c.name], newFlags(c.name)
		c.setup(f)
		sections := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"}
		if len(f.listed()) > 0 {
			sections = append(sections, "OPTIONS")
		}
		checkPage(t, page, f, sections...)
		if !strings.Contains(page, "minirun\\-"+c.name+" \\- ") || !strings.Contains(pages["minirun"], `\fBminirun\-`+c.name+`\fR(8)`) {
			t.Errorf("%s: not in its own page's name, or not in the page of minirun", c.name)
		}
	}
}

func checkPage(t *testing.T, page string, f *flags, sections ...string) {
	t.Helper()
	name, _, _ := strings.Cut(page, "\n")
	for _, s := range sections {
		if !strings.Contains(page, "\n.SH \""+s+"\"\n") {
			t.Errorf("%s: no section %s", name, s)
		}
	}
	f.VisitAll(func(g *flag.Flag) {
		if _, isAlias := f.aliases[g.Name]; !isAlias && !f.hidden[g.Name] && !strings.Contains(page, bold("--"+g.Name)) {
			t.Errorf("%s: no flag %s", name, g.Name)
		}
	})
}

func TestRoffText(t *testing.T) {
	for text, want := range map[string]string{
		"--bundle DIR": `\-\-bundle DIR`,
		".nf":          `\&.nf`,
		`it's a \n`:    `it\(aqs a \en`,
		"":             "",
	} {
		if got := roffText(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestManualsAreCorrect has man itself read them.
func TestManualsAreCorrect(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("man is not installed: make deps")
	}
	dir := t.TempDir()
	if got := call(t, "man", dir); got.status != 0 || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.8"))
	if err != nil || len(pages) != len(commands())+1 {
		t.Fatalf("%v, %v", pages, err)
	}
	for _, page := range pages {
		cmd := exec.Command("man", "--warnings=w", "-E", "UTF-8", "-Tutf8", "-l", page)
		cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=100")
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v: %s", filepath.Base(page), err, complaints.String())
		}
		if !strings.Contains(string(out), "minirun manual") {
			t.Errorf("%s: nothing comes out: %.200s", filepath.Base(page), out)
		}
	}
}
