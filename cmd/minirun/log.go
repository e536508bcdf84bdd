package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// openLog prepares the logger. Without --log, records go to stderr.
func (a *app) openLog() error {
	a.log = logrus.New()
	a.log.SetOutput(a.stderr)
	a.log.SetLevel(logrus.InfoLevel)
	if a.logLevel != "" {
		level, err := logrus.ParseLevel(a.logLevel)
		if err != nil {
			return usagef("--log-level %q: it must be debug, info, warning or error", a.logLevel)
		}
		// What is above an error would drop the record that says why a call failed, and engines show nothing else.
		a.log.SetLevel(max(level, logrus.ErrorLevel))
	}
	if a.debug {
		a.log.SetLevel(logrus.DebugLevel)
	}
	if a.logFormat == "json" {
		a.log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	} else {
		a.log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: a.logPath != ""})
	}
	if a.logPath == "" {
		return nil
	}
	f, err := os.OpenFile(a.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o644)
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	a.logFile = f
	a.log.SetOutput(f)
	return nil
}

// fatal reports the error that ends the program, once to the log and, where that is a file, as bare text to stderr. It returns the exit
// status.
func (a *app) fatal(err error, command string) int {
	text := oneLine(err)
	if a.log != nil && (a.logFile != nil || a.logFormat == "json") {
		a.errorEntry().Error(text)
	}
	if a.logFile != nil || a.logFormat != "json" || a.log == nil {
		fmt.Fprintln(a.stderr, text)
	}
	if command == "exec" {
		return 255
	}
	return 1
}

// oneLine joins the parts of an error that stand on lines of their own: log readers want one record on one line.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines, "; ")
}
