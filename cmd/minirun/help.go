package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// help prints the overview.
func (a *app) help(w io.Writer) {
	fmt.Fprint(w, "minirun creates and runs containers from OCI bundles.\n\nUsage:\n  minirun [global flags] COMMAND [flags] [arguments]\n\nCommands:\n")
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(t, "  %s\t%s\n", c.name, c.short)
	}
	t.Flush()
	fmt.Fprint(w, "\nGlobal flags:\n")
	f := newFlags("minirun")
	(&app{}).registerGlobals(f)
	f.print(w)
	fmt.Fprint(w, "\n`minirun COMMAND --help` tells more of a command.\n")
}

// helpFor is `minirun help [COMMAND]`.
func (a *app) helpFor(all []command, args []string) error {
	if len(args) == 0 {
		a.help(a.stdout)
		return nil
	}
	for _, c := range all {
		if c.name == args[0] {
			f := newFlags(c.name)
			c.setup(f)
			c.help(a.stdout, f)
			return nil
		}
	}
	return usagef("unknown command %q, see minirun --help", args[0])
}

func (c command) help(w io.Writer, f *flags) {
	usage := []string{"minirun", c.name}
	if len(f.listed()) > 0 {
		usage = append(usage, "[flags]")
	}
	if c.args != "" {
		usage = append(usage, c.args)
	}
	fmt.Fprintf(w, "minirun %s: %s\n\nUsage:\n  %s\n", c.name, c.short, strings.Join(usage, " "))
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", reflow(c.long))
	}
	if len(f.listed()) > 0 {
		fmt.Fprint(w, "\nFlags:\n")
		f.print(w)
	}
	if c.exit != nil {
		fmt.Fprint(w, "\nExit status:\n")
		for _, e := range c.exit {
			fmt.Fprintf(w, "  %s\t%s\n", e.name(), e.meaning)
		}
	}
	if c.example != "" {
		fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.ReplaceAll(c.example, "\n", "\n  "))
	}
}

// reflow breaks paragraphs into lines of a terminal.
func reflow(text string) string {
	const width = 80
	var b strings.Builder
	for i, p := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString("\n\n")
		}
		column := 0
		for _, word := range strings.Fields(p) {
			switch {
			case column == 0:
			case column+1+len(word) > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
	}
	return b.String()
}

// listed returns the flags that are shown, by name, without their short forms.
func (f *flags) listed() []*flag.Flag {
	var list []*flag.Flag
	f.VisitAll(func(g *flag.Flag) { // in order
		if _, isAlias := f.aliases[g.Name]; !isAlias && !f.hidden[g.Name] {
			list = append(list, g)
		}
	})
	return list
}

// short returns the short form of a flag, "" for none.
func (f *flags) short(long string) string {
	for s, l := range f.aliases {
		if l == long {
			return s
		}
	}
	return ""
}

// print lists the flags, short forms beside long ones.
func (f *flags) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, g := range f.listed() {
		name := "--" + g.Name
		if s := f.short(g.Name); s != "" {
			name += ", -" + s
		}
		if p := placeholder(g); p != "" {
			name += " " + p
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", name, g.Usage, defaultText(g))
	}
	t.Flush()
}

func defaultText(g *flag.Flag) string {
	switch g.DefValue {
	case "", "false", "0":
		return ""
	}
	return " (default " + g.DefValue + ")"
}
