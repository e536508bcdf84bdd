package libcontainer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/minirun/minirun/specs"
)

// maxProblems is how many problems the text of an error names.
const maxProblems = 100

// problems is everything that is wrong with a configuration, two or more: what its text shows, and what the host cannot do.
type problems []error

// Error returns all problems on one line, separated by "; ".
func (p problems) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems: ", len(p))
	for i, err := range p {
		if i == maxProblems {
			fmt.Fprintf(&b, "; and %d more", len(p)-maxProblems)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

// Unwrap returns the problems one by one.
func (p problems) Unwrap() []error { return p }

// join makes one error of what is wrong, nil of nothing.
func join(list []error) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return problems(list)
}

// flatten returns the single problems of an error that joins several.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	if !ok || len(many.Unwrap()) == 0 || !strings.HasPrefix(err.Error(), many.Unwrap()[0].Error()) {
		return []error{err} // one error, with several causes perhaps
	}
	var list []error
	for _, e := range many.Unwrap() {
		list = append(list, flatten(e)...)
	}
	return list
}

// mergeProblems adds to what validation has found what compiling says of fields that validation has nothing against: a wrong field must not be
// told twice, in two wordings, and what compiling makes of it, or of the fields in it, means nothing.
func mergeProblems(report *specs.Report, compiled error) error {
	var found []string
	var list []error
	for _, e := range report.Errors {
		found = append(found, e.Path)
		list = append(list, e)
	}
	for _, err := range flatten(compiled) {
		if !concerns(err.Error(), found) {
			list = append(list, err)
		}
	}
	if len(list) == len(report.Errors) {
		return report.Err()
	}
	return join(list)
}

// mergeWarnings does the same for warnings, each of which begins with its field.
func mergeWarnings(report *specs.Report, compiled []string) []string {
	var found, list []string
	for _, w := range report.Warnings {
		found = append(found, w.Path)
		list = append(list, w.Error())
	}
	for _, text := range compiled {
		if !concerns(text, found) {
			list = append(list, text)
		}
	}
	return list
}

// concerns tells whether a message is about one of the fields, something in it, or something it is in.
func concerns(text string, fields []string) bool {
	field := canonical(fieldOf(text))
	for _, f := range fields {
		if f = canonical(f); field != "" && (within(field, f) || within(f, field)) {
			return true
		}
	}
	return false
}

// canonical writes the path of a field without the quotes that a name does not need: linux.resources.rdma.mlx5_0.
func canonical(field string) string {
	for {
		at := strings.Index(field, `["`)
		if at < 0 {
			return field
		}
		quoted, err := strconv.QuotedPrefix(field[at+1:])
		name, _ := strconv.Unquote(quoted)
		if err != nil || specs.Member("x", name) != "x."+name {
			return field // one name that needs them is as far as paths go
		}
		field = field[:at] + "." + name + strings.TrimPrefix(field[at+1+len(quoted):], "]")
	}
}

// within tells whether the field inner is outer or a part of it.
func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// fieldOf returns the path of the field that a message begins with, empty where it begins with none.
func fieldOf(text string) string {
	i, quoted := 0, false
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted || c == '.' || c == '_' || c == '[' || c == ']':
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9':
		case c == ':' || c == ' ' && strings.HasPrefix(text[i:], " ("):
			return text[:i]
		default:
			return ""
		}
	}
	return ""
}
