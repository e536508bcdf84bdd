package main

import (
	"flag"
	"strings"
)

// placeholder is what stands for a flag's value in texts for people, "" for a flag without a value. The name of the flag tells, so that
// new flags need nothing.
func placeholder(g *flag.Flag) string {
	if isSwitch(g) {
		return ""
	}
	if words := choices(g); len(words) > 0 {
		return strings.Join(words, "|")
	}
	switch name := g.Name; {
	case isDirectory(name):
		return "DIR"
	case isFile(name):
		return "FILE"
	}
	if name, _ := flag.UnquoteUsage(g); name == "int" || name == "uint" {
		return "N"
	} else if name == "duration" {
		return "TIME"
	}
	return "VALUE"
}

func isSwitch(g *flag.Flag) bool {
	b, ok := g.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func isDirectory(name string) bool {
	switch name {
	case "root", "bundle", "cwd", "image-path", "work-path", "parent-path":
		return true
	}
	return false
}

func isFile(name string) bool {
	switch name {
	case "log", "process", "resources":
		return true
	}
	return strings.HasSuffix(name, "-file") || strings.HasSuffix(name, "-socket")
}

// choices are the words that a flag takes, where its usage ends with a list of them: "form of log records: text or json".
func choices(g *flag.Flag) []string {
	usage, _, _ := strings.Cut(g.Usage, ";")
	if i := strings.LastIndex(usage, ": "); i >= 0 {
		usage = usage[i+2:]
	}
	before, last, ok := strings.Cut(usage, " or ")
	if !ok || strings.Contains(last, " ") {
		return nil
	}
	words := append(strings.Split(before, ", "), last)
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, " ()") {
			return nil
		}
	}
	return words
}
