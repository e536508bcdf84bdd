//go:build integration

package integration

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A logRecord is one line of a JSON log.
type logRecord struct {
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	Time  time.Time `json:"time"`
}

// records reads a JSON log, which must have one object per line.
func (b *box) records(path string) []logRecord {
	b.Helper()
	var found []logRecord
	for line := range strings.Lines(b.read(path)) {
		var r logRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			b.Fatalf("%s: %v in %q", path, err, line)
		}
		if r.Level == "" || r.Msg == "" || r.Time.IsZero() {
			b.Errorf("%s: record without level, msg or time: %q", path, line)
		}
		found = append(found, r)
	}
	return found
}

// On failure there is exactly one error record in the log, as some engines
// decode the whole file as one object, and the same text bare on stderr.
func TestLogJSON(t *testing.T) {
	b := newBox(t)
	c := b.container(args("nope"))
	log := b.path("log.json")
	r := b.do(append([]string{"--log", log, "--log-format", "json"}, c.verb("run")...)...)
	r.exits(1)
	records := b.records(log)
	if len(records) != 1 {
		b.Fatalf("%d log records, want 1:\n%s", len(records), b.read(log))
	}
	equal(b, "level", records[0].Level, "error")
	b.contains("message", records[0].Msg, `exec: "nope": executable file not found in $PATH`)
	equal(b, "stderr", r.stderr, records[0].Msg+"\n")
}

func TestLogText(t *testing.T) {
	b := newBox(t)
	log := b.path("log.txt")
	b.write(log, "kept\n", 0o644)
	r := b.do("--log", log, "state", b.name+".unknown").exits(1)
	text := strings.ReplaceAll(b.read(log), `\"`, `"`)
	b.contains("log", text, "kept\n", "level=error", "container does not exist")
	b.contains("stderr", r.stderr, "container does not exist")
	if strings.Contains(r.stderr, "level=") {
		b.Errorf("stderr is a log record: %q", r.stderr)
	}
}

// The same holds without a failure of the container: nothing is logged.
func TestLogQuietOnSuccess(t *testing.T) {
	b := newBox(t)
	log := b.path("log.json")
	r := b.do(append([]string{"--log", log, "--log-format=json"}, b.container().verb("run")...)...).ok()
	equal(b, "stderr", r.stderr, "")
	equal(b, "log", b.read(log), "")
}

// Debug records are JSON too, and do not appear on the container's streams.
func TestLogDebug(t *testing.T) {
	b := newBox(t)
	log := b.path("log.json")
	c := b.container(script("echo out; echo err >&2"))
	r := b.do(append([]string{"--debug", "--log", log, "--log-format", "json"}, c.verb("run")...)...).ok()
	r.prints("out\n")
	equal(b, "stderr", r.stderr, "err\n")
	debug := 0
	for _, record := range b.records(log) {
		if record.Level == "debug" {
			debug++
		}
	}
	if debug == 0 {
		b.Error("no debug record in the log")
	}
}

// Every failing command writes its error to the log.
func TestLogOfEveryCommand(t *testing.T) {
	b := newBox(t)
	unknown := b.name + ".unknown"
	for _, command := range [][]string{
		{"state", unknown},
		{"start", unknown},
		{"kill", unknown, "TERM"},
		{"delete", unknown},
		{"ps", unknown},
		{"exec", unknown, "true"},
	} {
		log := b.path("log." + command[0])
		r := b.do(append([]string{"--log", log, "--log-format", "json"}, command...)...)
		code := 1
		if command[0] == "exec" {
			code = 255
		}
		r.fails(code, "container does not exist").prints("")
		records := b.records(log)
		if len(records) != 1 || !strings.Contains(records[0].Msg, "container does not exist") {
			b.Errorf("%s: log is %v", command[0], records)
		}
	}
}

func TestLogFileCannotBeOpened(t *testing.T) {
	b := newBox(t)
	b.do(append([]string{"--log", b.path("missing/log")}, b.container().verb("run")...)...).
		fails(1, b.path("missing/log"), "no such file or directory").prints("")
}
