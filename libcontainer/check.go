package libcontainer

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/libcontainer/internal/hostcheck"
	"github.com/minirun/minirun/libcontainer/internal/seccomp"
	"github.com/minirun/minirun/rootfs"
	"github.com/minirun/minirun/specs"
)

// Check compares a bundle with the specification and with this host, and returns everything that will fail (Errors) and everything that will be ignored
// (Warnings), each with the path of its field. Nothing is made or changed. A configuration without errors can still fail: what the
// kernel accepts is known for sure only when it is tried.
//
// The error is for what keeps from checking at all: no bundle, or a configuration that cannot be read. One that is no JSON, or has values of the wrong types,
// is a report.
func (r *Runtime) Check(ctx context.Context, o CreateOptions) (*specs.Report, error) {
	bundle, err := absoluteBundle(o.Bundle)
	if err != nil {
		return nil, err
	}
	spec, text := o.Spec, o.SpecJSON
	if spec == nil {
		spec, text, err = specs.LoadBundle(bundle, "")
		var bad *specs.ParseError
		if errors.As(err, &bad) {
			return parseReport(bad), nil
		}
		if err != nil {
			return nil, err
		}
	}
	return r.check(ctx, o, bundle, spec, text)
}

func (r *Runtime) check(ctx context.Context, o CreateOptions, bundle string, spec *specs.Spec, text []byte) (*specs.Report, error) {
	report := specs.Validate(spec)
	for _, path := range specs.UnknownFields(text) {
		report.Warnings = append(report.Warnings, &specs.FieldError{
			Path: path, Problem: "is no field of the specification, and is ignored", Severity: specs.Warning,
		})
	}
	var warnings []string
	quiet := &Runtime{root: r.root, rootless: r.rootless, rdt: r.rdt, warn: func(text string) { warnings = append(warnings, text) }}
	facts, err := quiet.facts(ctx, "")
	if err != nil {
		return nil, err
	}
	if o.NoCgroup {
		facts.withoutCgroup()
	}
	if o.SystemdCgroup {
		var m *systemd.Manager
		if facts.systemd, m, err = askSystemd(ctx); err != nil {
			report.Errors = append(report.Errors, &specs.FieldError{Path: "linux.cgroupsPath", Problem: "no systemd can be asked for a cgroup", Err: err})
		} else {
			m.Close()
		}
	}
	c := newCompiler(spec, spec.Process, facts, planOptions{id: "check", bundle: bundle, noPivot: o.NoPivot, noNewKeyring: o.NoNewKeyring}, quiet.warn)
	c.compileAll()
	host := hostcheck.Check(&hostcheck.Input{
		Spec: spec, Bundle: bundle, Capabilities: facts.caps, Nested: facts.caller.nested, Cgroup: &c.cgroup.record, Writes: c.cgroup.writes,
		SeccompFlags: seccomp.Info().SupportedFlags, Host: "/",
	})
	addTo(&report.Errors, c.errs, specs.Error)
	for _, text := range warnings {
		addTo(&report.Warnings, []error{errors.New(text)}, specs.Warning)
	}
	addTo(&report.Errors, asErrors(host.Errors), specs.Error)
	addTo(&report.Warnings, asErrors(host.Warnings), specs.Warning)
	return report, nil
}

func asErrors(list []*specs.FieldError) []error {
	out := make([]error, len(list))
	for i, e := range list {
		out[i] = e
	}
	return out
}

// addTo adds what concerns other fields than those that are in the list already.
func addTo(list *[]*specs.FieldError, errs []error, severity specs.Severity) {
	var found []string
	for _, e := range *list {
		found = append(found, e.Path)
	}
	for _, joined := range errs {
		for _, err := range flatten(joined) {
			if !concerns(err.Error(), found) {
				*list = append(*list, asField(err, severity))
			}
		}
	}
}

// asField is an error as one of a field. Where it is none, its text is taken apart.
func asField(err error, severity specs.Severity) *specs.FieldError {
	var known *specs.FieldError
	var problem rootfs.Problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &problem):
		return &specs.FieldError{Path: problem.Path, Value: problem.Value, Problem: problem.Text, Severity: severity}
	}
	text := err.Error()
	field := fieldOf(text)
	if field == "" {
		return &specs.FieldError{Path: "host", Problem: text, Severity: severity}
	}
	value, rest := valueOf(text[len(field):])
	return &specs.FieldError{Path: field, Value: value, Problem: strings.TrimPrefix(rest, ": "), Severity: severity}
}

// valueOf takes the quoted value from between a field and what is said of it.
func valueOf(text string) (value, rest string) {
	inner, ok := strings.CutPrefix(text, " (")
	if !ok {
		return "", text
	}
	quoted, err := strconv.QuotedPrefix(inner)
	if err != nil || !strings.HasPrefix(inner[len(quoted):], "): ") {
		return "", text
	}
	value, _ = strconv.Unquote(quoted)
	return value, inner[len(quoted)+1:]
}

// parseReport is the report of a configuration that cannot be decoded.
func parseReport(bad *specs.ParseError) *specs.Report {
	report := &specs.Report{}
	for _, p := range bad.Problems {
		path := p.Path
		if path == "" {
			path = specs.ConfigName
		}
		where := " (line " + strconv.Itoa(p.Line) + ", column " + strconv.Itoa(p.Column) + ")"
		report.Errors = append(report.Errors, &specs.FieldError{Path: path, Problem: p.Problem + where})
	}
	return report
}
