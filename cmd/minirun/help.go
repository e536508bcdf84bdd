package main

import (
	"flag"
	"fmt"
	"io"
	"sort"
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
	fmt.Fprintf(w, "minirun %s: %s\n\nUsage:\n  minirun %s [flags] %s\n", c.name, c.short, c.name, c.args)
	if n := 0; true {
		f.VisitAll(func(*flag.Flag) { n++ })
		if n > 0 {
			fmt.Fprint(w, "\nFlags:\n")
			f.print(w)
		}
	}
	if c.example != "" {
		fmt.Fprintf(w, "\nExample:\n  %s\n", strings.ReplaceAll(c.example, "\n", "\n  "))
	}
}

// print lists the flags, short forms beside long ones.
func (f *flags) print(w io.Writer) {
	short := map[string]string{}
	for s, l := range f.aliases {
		short[l] = s
	}
	var names []string
	f.VisitAll(func(g *flag.Flag) {
		if _, isAlias := f.aliases[g.Name]; !isAlias && !f.hidden[g.Name] {
			names = append(names, g.Name)
		}
	})
	sort.Strings(names)
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, n := range names {
		g := f.Lookup(n)
		name := "--" + n
		if s := short[n]; s != "" {
			name += ", -" + s
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
