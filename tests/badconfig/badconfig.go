// Package badconfig is a collection of wrong configurations, each a small change to base.json, with the exact text of the error that
// a create must fail with. The integration tests put them through the program; here it is tested that every field of the
// specification has its case.
package badconfig

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.json
var files embed.FS

const baseName = "base.json"

// Case is one wrong configuration.
type Case struct {
	// Name is what is wrong, in words; with its file's name it is unique.
	Name string `json:"name"`
	// On are properties that the machine must have for the case to be wrong, or wrong in this way: v1, v2, noapparmor, noselinux, noresctrl, hugetlb, nordma.
	On []string `json:"on,omitempty"`
	// Flags are further flags of create. BUNDLE in them stands for the bundle's directory.
	Flags []string `json:"flags,omitempty"`
	// Set are the changes: JSON pointers (RFC 6901, "-" appends to a list) and the values that come there, in the order of the pointers.
	Set map[string]json.RawMessage `json:"set,omitempty"`
	// Remove are pointers of what is taken away.
	Remove []string `json:"remove,omitempty"`
	// Text, if not nil, is the whole file instead.
	Text *string `json:"text,omitempty"`
	// Want is the text of the error, on one line. BUNDLE stands for the bundle's directory, CGROUP for linux.cgroupsPath, and AT, where
	// the text is made by changes, for the place in it.
	Want string `json:"want"`
	// Check is an error that `minirun check` reports, where it cannot have the text of Want; empty, but not nil: it reports none, as
	// this is known only when it is tried.
	Check *string `json:"check,omitempty"`

	file string
}

// ID is the case's file and name without blanks, fit for the name of a test.
func (c *Case) ID() string { return c.file + "/" + strings.ReplaceAll(c.Name, " ", "_") }

// Load returns all cases, by file.
func Load() ([]Case, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, name := range names {
		if name == baseName {
			continue
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var list []Case
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&list); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i := range list {
			list[i].file = strings.TrimSuffix(name, ".json")
		}
		all = append(all, list...)
	}
	return all, nil
}

// Base returns the configuration that nothing is wrong with, with the cgroup's path.
func Base(cgroup string) (string, error) {
	text, err := files.ReadFile(baseName)
	return strings.ReplaceAll(string(text), "CGROUP", cgroup), err
}

// Config returns the text of the wrong configuration.
func (c *Case) Config(cgroup string) (string, error) {
	if c.Text != nil {
		return *c.Text, nil
	}
	base, err := Base(cgroup)
	if err != nil {
		return "", err
	}
	var doc any
	if err := json.Unmarshal([]byte(base), &doc); err != nil {
		return "", fmt.Errorf("%s: %w", baseName, err)
	}
	for _, pointer := range c.pointers() {
		var value any
		if err := json.Unmarshal(c.Set[pointer], &value); err != nil {
			return "", err
		}
		if doc, err = change(doc, split(pointer), func(any) any { return value }); err != nil {
			return "", fmt.Errorf("%s: %w", pointer, err)
		}
	}
	for _, pointer := range c.Remove {
		if doc, err = change(doc, split(pointer), nil); err != nil {
			return "", fmt.Errorf("%s: %w", pointer, err)
		}
	}
	text, err := json.Marshal(doc)
	return string(text), err
}

// pointers returns the pointers of Set in order.
func (c *Case) pointers() []string {
	list := make([]string, 0, len(c.Set))
	for p := range c.Set {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

func split(pointer string) []string {
	parts := strings.Split(pointer, "/")[1:]
	for i := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[i])
	}
	return parts
}

// change replaces what is at a path by the result of set, or takes it away where set is nil.
func change(in any, path []string, set func(any) any) (any, error) {
	if len(path) == 0 {
		return set(in), nil
	}
	name, last := path[0], len(path) == 1
	switch v := in.(type) {
	case map[string]any:
		if old, there := v[name]; set == nil && last {
			delete(v, name)
			if !there {
				return nil, fmt.Errorf("%s is not there", name)
			}
		} else {
			changed, err := change(old, path[1:], set)
			if err != nil {
				return nil, err
			}
			v[name] = changed
		}
		return v, nil
	case []any:
		if name == "-" {
			return append(v, set(nil)), nil
		}
		i, err := strconv.Atoi(name)
		if err != nil || i >= len(v) {
			return nil, fmt.Errorf("%s is no index", name)
		}
		v[i], err = change(v[i], path[1:], set)
		return v, err
	}
	return nil, fmt.Errorf("%s is in no object or list", name)
}
