package specs

import (
	"fmt"
	"strings"
)

// ParseError says why a document could not be decoded: because its text is not
// JSON, which is one problem, or because values do not fit their fields, which
// is one problem for each of them, in the order of the document.
type ParseError struct {
	// Name is the file, empty for a document that came as bytes.
	Name string
	// Problems has at least one entry.
	Problems []ParseProblem
	// More is how many problems were found beyond those listed.
	More int
}

// ParseProblem is one thing wrong with a document.
type ParseProblem struct {
	// Line and Column are the place, both counted from 1; columns count bytes.
	Line, Column int
	// Path is the field, for example "process.args[1]"; empty if the text is
	// not JSON, or if the whole document is of the wrong type.
	Path string
	// Problem is the text of the message.
	Problem string
}

// String returns the problem as "line:column: path: problem".
func (p ParseProblem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Problem)
	}
	return fmt.Sprintf("%d:%d: %s: %s", p.Line, p.Column, p.Path, p.Problem)
}

// Error returns all problems on one line, separated by "; ".
func (e *ParseError) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name)
		b.WriteByte(':')
	}
	if total := len(e.Problems) + e.More; total > 1 {
		if e.Name != "" {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d problems: ", total)
	}
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "; and %d more", e.More)
	}
	return b.String()
}

// parseError returns what the decoder found, nil if nothing. A text that is
// not JSON hides the misfits before the break: fixing it comes first. The
// document as a whole has the path root.
func (d *decoder) parseError(root string) *ParseError {
	if d.syntax != "" {
		line, column := position(d.s, d.syntaxAt)
		return &ParseError{Problems: []ParseProblem{{Line: line, Column: column, Problem: d.syntax}}}
	}
	if len(d.bad) == 0 {
		return nil
	}
	paths := fieldPaths(d.s, root, d.bad)
	e := &ParseError{More: d.more}
	for i, m := range d.bad {
		line, column := position(d.s, m.at)
		e.Problems = append(e.Problems, ParseProblem{line, column, paths[i], m.problem})
	}
	return e
}

// addVersion puts a version that is not ours in front of the values that do not
// fit: fields of another version may well have other types.
func (e *ParseError) addVersion(s, version string) {
	problem := versionProblem(version)
	if problem == "" || e.Problems[0].Path == "" {
		return
	}
	at := 0
	d := decoder{s: s}
	for ok := d.object(); ok; ok = d.members() {
		if d.key() == "ociVersion" {
			at = d.i
			break
		}
		d.skip()
	}
	line, column := position(s, at)
	for _, p := range e.Problems {
		if p.Line == line && p.Column == column {
			return
		}
	}
	e.Problems = append([]ParseProblem{{line, column, "ociVersion", problem}}, e.Problems...)
}

// position returns line and column of an offset, both counted from 1.
func position(s string, at int) (line, column int) {
	before := s[:at]
	return strings.Count(before, "\n") + 1, at - strings.LastIndexByte(before, '\n')
}
