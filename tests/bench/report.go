package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
)

// result is one case with all its runtimes.
type result struct {
	Case  string `json:"case"`
	About string `json:"about"`
	Unit  string `json:"unit"`
	Rows  []row  `json:"rows"`
}

// row is one runtime in one case: samples, or what failed.
type row struct {
	Runtime string             `json:"runtime"`
	Summary *summary           `json:"summary,omitempty"`
	Ratio   map[string]float64 `json:"ratio,omitempty"` // to the other runtimes, by name
	Failed  string             `json:"failed,omitempty"`
	CPU     float64            `json:"cpu,omitempty"` // median processor time, in ms; timed cases only
	samples []float64
	cpu     []float64
}

// report is everything that a run of the bench found.
type report struct {
	Machine   machine   `json:"machine"`
	Runtimes  []*target `json:"runtimes"`
	Results   []*result `json:"results"`
	Leftovers []string  `json:"leftovers"`
}

type machine struct {
	CPU     string `json:"cpu"`
	CPUs    int    `json:"cpus"`
	Kernel  string `json:"kernel"`
	Cgroups string `json:"cgroups"`
	System  string `json:"system"`
	Load    string `json:"load"`
}

func thisMachine() machine {
	m := machine{CPUs: runtime.NumCPU(), Cgroups: "v1"}
	m.CPU = lineValue("/proc/cpuinfo", "model name", ":")
	m.System = strings.Trim(lineValue("/etc/os-release", "PRETTY_NAME", "="), `"`)
	if text, err := exec.Command("uname", "-srm").Output(); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		m.Cgroups = "v2"
	} else if _, err := os.Stat(unified + "/cgroup.procs"); err == nil {
		m.Cgroups = "v1, hybrid"
	}
	return m
}

// lineValue returns the value of the first line "key separator value" of the file, or nothing.
func lineValue(path, key, separator string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, separator)
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// finish works out the summaries and the ratios.
func (r *result) finish() {
	for i := range r.Rows {
		a := &r.Rows[i]
		if len(a.samples) == 0 {
			continue
		}
		s := summarize(a.samples)
		a.Summary = &s
		if len(a.cpu) > 0 {
			a.CPU = summarize(a.cpu).Median
		}
		a.Ratio = map[string]float64{}
		for _, b := range r.Rows {
			if b.Runtime != a.Runtime && len(b.samples) > 0 {
				a.Ratio[b.Runtime] = pairRatio(a.samples, b.samples)
			}
		}
	}
}

func (r *report) writeJSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r *report) writeText(to io.Writer) error {
	fmt.Fprintf(to, "%s, %d CPUs (%s), %s, cgroup %s, load %s\n",
		r.Machine.System, r.Machine.CPUs, r.Machine.CPU, r.Machine.Kernel, r.Machine.Cgroups, r.Machine.Load)
	for _, t := range r.Runtimes {
		fmt.Fprintf(to, "%s: %s\n", t.Name, t.Version)
	}
	for _, result := range r.Results {
		fmt.Fprintf(to, "\n%s: %s (%s)\n", result.Case, result.About, result.Unit)
		if err := result.writeTable(to); err != nil {
			return err
		}
	}
	fmt.Fprintln(to)
	if len(r.Leftovers) == 0 {
		fmt.Fprintln(to, "left behind: nothing")
	}
	for _, what := range r.Leftovers {
		fmt.Fprintln(to, "left behind:", what)
	}
	return nil
}

// writeTable prints a row for each runtime: wall times, the median processor time, and the ratio to every other runtime.
func (r *result) writeTable(to io.Writer) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := "\tmin\tmedian\tp90\tmax\tn\tcpu"
	for _, other := range r.Rows {
		header += "\t/ " + other.Runtime
	}
	fmt.Fprintln(table, header+"\t")
	for _, row := range r.Rows {
		if row.Summary == nil {
			continue
		}
		s := row.Summary
		line := fmt.Sprintf("%s\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t", row.Runtime, s.Min, s.Median, s.P90, s.Max, s.Samples)
		if row.CPU > 0 {
			line += fmt.Sprintf("%.2f", row.CPU)
		} else {
			line += "-"
		}
		for _, other := range r.Rows {
			if ratio, ok := row.Ratio[other.Runtime]; ok {
				line += fmt.Sprintf("\t%.2f", ratio)
			} else {
				line += "\t-"
			}
		}
		fmt.Fprintln(table, line+"\t")
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Failed != "" {
			fmt.Fprintf(to, "%s failed: %s\n", row.Runtime, row.Failed)
		}
	}
	return nil
}

// failed tells whether a runtime has no result in a case, or something was left behind. Single failed rounds are only printed.
func (r *report) failed() bool {
	if len(r.Leftovers) > 0 {
		return true
	}
	for _, result := range r.Results {
		for _, row := range result.Rows {
			if row.Summary == nil {
				return true
			}
		}
	}
	return false
}
