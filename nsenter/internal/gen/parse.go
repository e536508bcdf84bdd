package main

import (
	"fmt"
	"strings"
)

type table struct {
	hash  [32]byte
	ops   []op
	flags []flag
	steps []string
}

type op struct {
	name   string // mount.bind
	fields []field
}

type field struct {
	name string
	kind kind
	text string
}

type flag struct{ name, value, text string }

// kind is one row of what a field can be: its Go type, its C type and the decoder's check.
type kind struct{ name, goType, cType string }

var kinds = []kind{
	{"u32", "uint32", "uint64_t"},
	{"u64", "uint64", "uint64_t"},
	{"slot", "Slot", "uint64_t"},
	{"str", "string", "struct pl_ref"},
	{"strs", "[]string", "struct pl_ref"},
	{"u32s", "[]uint32", "struct pl_ref"},
	{"blob", "[]byte", "struct pl_ref"},
}

func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

func parse(src []byte) (*table, error) {
	t := &table{}
	for i, line := range strings.Split(string(src), "\n") {
		if err := t.line(line); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return t, nil
}

func (t *table) line(line string) error {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	words := strings.Fields(line)
	if strings.HasPrefix(line, " ") {
		return t.field(words)
	}
	switch {
	case words[0] == "op" && len(words) == 2:
		t.ops = append(t.ops, op{name: words[1]})
	case words[0] == "step" && len(words) == 2:
		t.steps = append(t.steps, words[1])
	case words[0] == "flag" && len(words) >= 3:
		t.flags = append(t.flags, flag{words[1], words[2], comment(words[3:])})
	default:
		return fmt.Errorf("cannot read %q", line)
	}
	return nil
}

func (t *table) field(words []string) error {
	if len(t.ops) == 0 || len(words) < 2 {
		return fmt.Errorf("a field needs an op before it, a name and a kind")
	}
	k, ok := kindOf(words[1])
	if !ok {
		return fmt.Errorf("unknown kind %q", words[1])
	}
	last := &t.ops[len(t.ops)-1]
	last.fields = append(last.fields, field{words[0], k, comment(words[2:])})
	return nil
}

func comment(words []string) string {
	return strings.TrimPrefix(strings.Join(words, " "), "# ")
}

// camel turns mount.bind, attr_set and MOUNT_MKDIR into MountBind, AttrSet and MountMkdir.
func camel(s string) string {
	var b strings.Builder
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return r == '.' || r == '_' }) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

func cName(s string) string { return strings.ReplaceAll(s, ".", "_") }
