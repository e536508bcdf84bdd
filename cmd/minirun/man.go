package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// manSection is that of commands for administrators.
const manSection = "8"

// manCommand writes the manual pages, from the same table as everything else: the Makefile calls it.
func manCommand() command {
	return command{
		name: "man", args: "DIR", short: "write the manual pages into a directory", example: "minirun man /usr/local/share/man/man8",
		setup: func(*flags) action {
			return func(_ context.Context, _ *app, args []string) (int, error) {
				if len(args) != 1 {
					return 1, usagef("man: exactly 1 argument is needed, the directory, not %d", len(args))
				}
				return 0, writeManuals(args[0])
			}
		},
	}
}

func writeManuals(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range manuals() {
		if err := os.WriteFile(filepath.Join(dir, name+"."+manSection), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// manuals returns the text of every page by its name.
func manuals() map[string]string {
	pages := map[string]string{"minirun": overviewPage()}
	for _, c := range commands() {
		pages["minirun-"+c.name] = c.page()
	}
	return pages
}

// roff is a manual page that is being written, in the man macros of groff_man(7).
type roff struct{ bytes.Buffer }

// newPage begins a page.
func newPage(name, short string) *roff {
	r := &roff{}
	fmt.Fprintf(r, ".TH %s %s \"\" %s %s\n", strings.ToUpper(roffText(name)), manSection, `"minirun"`, `"minirun manual"`)
	r.section("NAME")
	fmt.Fprintf(r, "%s \\- %s\n", roffText(name), roffText(short))
	return r
}

func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %q\n", name) }

// text writes paragraphs, which empty lines separate.
func (r *roff) text(s string) {
	for i, p := range strings.Split(s, "\n\n") {
		if i > 0 {
			fmt.Fprintln(r, ".PP")
		}
		r.lines(strings.Join(strings.Fields(p), " "))
	}
}

// lines writes one line for each sentence, as the macros want it.
func (r *roff) lines(s string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(s, ". ", ".\n"), "\n") {
		fmt.Fprintln(r, roffText(line))
	}
}

// entry is a term and what it means.
func (r *roff) entry(term, text string) {
	fmt.Fprintf(r, ".TP\n%s\n", term)
	r.lines(text)
}

// roffText escapes what roff would take for a command. A hyphen-minus is one that can be copied.
func roffText(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func bold(s string) string { return `\fB` + roffText(s) + `\fR` }

func italic(s string) string { return `\fI` + roffText(s) + `\fR` }

// flagList writes the options.
func (r *roff) flagList(f *flags) {
	for _, g := range f.listed() {
		term := bold("--" + g.Name)
		if s := f.short(g.Name); s != "" {
			term = bold("-"+s) + ", " + term
		}
		if p := placeholder(g); p != "" {
			term += " " + italic(p)
		}
		text := g.Usage
		if g.Name != "root" { // its default depends on who asks, see FILES
			text += defaultText(g)
		}
		r.entry(term, sentence(text))
	}
}

// sentence makes a usage text one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func (r *roff) examples(text string) {
	r.section("EXAMPLES")
	fmt.Fprintln(r, ".nf")
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(r, roffText(line))
	}
	fmt.Fprintln(r, ".fi")
}

func (r *roff) exits(list []exitStatus) {
	r.section("EXIT STATUS")
	for _, e := range list {
		r.entry(bold(e.name()), sentence(e.meaning))
	}
}

func overviewPage() string {
	r := newPage("minirun", "create and run containers from OCI bundles")
	r.section("SYNOPSIS")
	fmt.Fprintf(r, "%s [%s] %s [%s] [%s]\n", bold("minirun"), italic("global flags"), italic("COMMAND"), italic("flags"), italic("arguments"))
	r.section("DESCRIPTION")
	r.text(overviewText)
	r.section("COMMANDS")
	for _, c := range commands() {
		r.entry(bold("minirun-"+c.name)+"("+manSection+")", sentence(c.short))
	}
	r.section("GLOBAL OPTIONS")
	f := newFlags("minirun")
	(&app{}).registerGlobals(f)
	r.flagList(f)
	r.exits(commonExits)
	r.section("ENVIRONMENT")
	for _, v := range environment {
		r.entry(bold(v[0]), v[1])
	}
	r.section("FILES")
	r.entry(italic("/run/runc"), "The state of root's containers, unless --root says otherwise.")
	r.entry(italic("$XDG_RUNTIME_DIR/runc"), "The state of another user's containers.")
	r.section("SEE ALSO")
	var pages []string
	for _, c := range commands() {
		pages = append(pages, bold("minirun-"+c.name)+"("+manSection+")")
	}
	fmt.Fprintln(r, strings.Join(pages, ",\n"))
	return r.String()
}

func (c command) page() string {
	r := newPage("minirun-"+c.name, c.short)
	f := newFlags(c.name)
	c.setup(f)
	r.section("SYNOPSIS")
	fmt.Fprintf(r, "%s [%s] %s", bold("minirun"), italic("global flags"), bold(c.name))
	if len(f.listed()) > 0 {
		fmt.Fprintf(r, " [%s]", italic("flags"))
	}
	fmt.Fprintf(r, " %s\n", italic(c.args))
	r.section("DESCRIPTION")
	r.text(c.description())
	if len(f.listed()) > 0 {
		r.section("OPTIONS")
		r.flagList(f)
	}
	r.exits(c.exits())
	r.examples(c.example)
	r.section("SEE ALSO")
	fmt.Fprintf(r, "%s(%s)\n", bold("minirun"), manSection)
	return r.String()
}

// description is what the command does, in whole sentences.
func (c command) description() string {
	if c.long != "" {
		return c.long
	}
	return sentence(c.short)
}

// commonExits are the exit statuses of most commands.
var commonExits = []exitStatus{{0, "success"}, {1, "a failure, which the error on standard error explains"}}

func (c command) exits() []exitStatus {
	if c.exit != nil {
		return c.exit
	}
	return commonExits
}

const overviewText = `minirun is a container runtime after the OCI runtime specification: it makes a container from a bundle, which is a directory with a
root file system and the file config.json, and manages it until it is deleted. Container engines call it in runc's place; its command line is that of runc.

A container is made by create and its program is run by start, or both at once by run. Its state is kept in a directory below --root until
delete removes it.

A failure is told on one line on standard error, with the path of the field of config.json that it is about. With --log and --log-format json the log gets the
same text as one record.`

// environment are the variables that mean something to the program.
var environment = [][2]string{
	{"XDG_RUNTIME_DIR", "Where the state of an ordinary user's containers is kept."},
	{"NOTIFY_SOCKET", "A socket of a service manager, sd_notify(3), that is told when the container is ready."},
	{"LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", "Sockets of a service manager, sd_listen_fds(3), that are handed on to the program."},
}
