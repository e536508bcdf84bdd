package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// logRecord is what engines decode of a log file, line by line.
type logRecord struct {
	Level, Msg string
	Time       time.Time
}

func decodeRecords(t *testing.T, text string) []logRecord {
	t.Helper()
	var list []logRecord
	for line := range strings.Lines(text) {
		var r logRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("no record: %q: %v", line, err)
		}
		list = append(list, r)
	}
	return list
}

// A command that fails writes exactly one error record, and the same text to stderr.
func TestOneErrorRecord(t *testing.T) {
	dir := t.TempDir()
	for i, command := range []string{"state none", "delete none", "exec none sh", "frobnicate", "create --no-such x", "kill a b c"} {
		log := filepath.Join(dir, fmt.Sprint("log", i))
		args := append([]string{"--root", dir, "--log", log, "--log-format", "json"}, strings.Fields(command)...)
		got := call(t, args...)
		records := decodeRecords(t, readFile(t, log))
		if len(records) != 1 || records[0].Level != "error" || records[0].Time.IsZero() {
			t.Errorf("%s: records %+v", command, records)
			continue
		}
		if got.stderr != records[0].Msg+"\n" || got.stdout != "" || got.status == 0 {
			t.Errorf("%s: %+v, logged %q", command, got, records[0].Msg)
		}
	}
}

// Without a file, a JSON log is all that stderr gets.
func TestErrorRecordOnStderr(t *testing.T) {
	got := call(t, "--root", t.TempDir(), "--log-format", "json", "state", "none")
	records := decodeRecords(t, got.stderr)
	if len(records) != 1 || records[0].Level != "error" || records[0].Msg != "container does not exist" || got.status != 1 {
		t.Errorf("%+v", got)
	}
}

func TestLogIsAppendedTo(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for range 2 {
		call(t, "--root", dir, "--log", log, "--log-format", "json", "state", "none")
	}
	if n := len(decodeRecords(t, readFile(t, log))); n != 2 {
		t.Errorf("%d records after two calls", n)
	}
	got := call(t, "--root", dir, "--log", filepath.Join(dir, "none", "log"), "state", "none")
	if got.status != 1 || !strings.HasPrefix(got.stderr, "--log: ") {
		t.Errorf("a log that cannot be opened: %+v", got)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{"one": "one", "one\ntwo": "one; two", "one\r\n\r\ntwo\n": "one; two", "": ""} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestExitStatus: exec has 255 for its own failures, so that they are not taken for the program's.
func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		err     error
		command string
		want    int
	}{
		{errors.New("x"), "run", 1},
		{errors.New("x"), "", 1},
		{errors.New("x"), "exec", 255},
	} {
		a := &app{stderr: mustCreate(t)}
		if status := a.fatal(c.err, c.command); status != c.want {
			t.Errorf("%s: %d, want %d", c.command, status, c.want)
		}
	}
}

// The record that says why a call failed is written whatever the level is.
func TestEveryLevelKeepsTheError(t *testing.T) {
	for _, level := range []string{"debug", "info", "warning", "error", "fatal", "panic"} {
		dir := t.TempDir()
		log := filepath.Join(dir, "log")
		call(t, "--root", dir, "--log", log, "--log-format", "json", "--log-level", level, "state", "none")
		if records := decodeRecords(t, readFile(t, log)); len(records) != 1 || records[0].Msg != "container does not exist" {
			t.Errorf("--log-level %s: records %+v", level, records)
		}
	}
}

// A failed create leaves one JSON record, with the warnings in it; in any other case warnings are records of their own.
func TestHeldWarnings(t *testing.T) {
	for _, c := range []struct {
		format string
		fail   bool
		want   string
	}{
		{"json", true, "error: broken [w1 w2]"},
		{"json", false, "warning: w1\nwarning: w2\nwarning: late"},
		{"text", true, "warning: w1\nwarning: w2\nerror: broken"},
	} {
		hook := &recordingHook{}
		a := &app{logFormat: c.format, logPath: filepath.Join(t.TempDir(), "log")}
		if err := a.openLog(); err != nil {
			t.Fatal(err)
		}
		a.log.AddHook(hook)
		a.stderr = a.logFile
		a.holdWarnings()
		a.warn("w1")
		a.warn("w2")
		if c.fail {
			a.fatal(errors.New("broken"), "create")
		} else {
			a.releaseWarnings()
			a.warn("late")
		}
		if got := strings.Join(hook.list, "\n"); got != c.want {
			t.Errorf("%s, failing %v: %q, want %q", c.format, c.fail, got, c.want)
		}
	}
}

// recordingHook keeps the records in short.
type recordingHook struct{ list []string }

// Levels implements logrus.Hook.
func (h *recordingHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook.
func (h *recordingHook) Fire(e *logrus.Entry) error {
	text := e.Level.String() + ": " + e.Message
	if w, ok := e.Data["warnings"]; ok {
		text += fmt.Sprintf(" %v", w)
	}
	h.list = append(h.list, text)
	return nil
}
