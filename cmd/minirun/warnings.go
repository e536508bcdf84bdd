package main

import (
	"sync"

	"github.com/sirupsen/logrus"
)

// heldWarnings are warnings that wait until a command has done its work. Engines decode the log of a failed one as a single JSON record (podman reads the
// whole file as one), so there the warnings go into the record of the error; otherwise they are records of their own, once it is clear that there is no error.
type heldWarnings struct {
	mu   sync.Mutex
	hold bool
	list []string
}

// warn logs a warning of the library. It may be called from any goroutine.
func (a *app) warn(text string) {
	w := &a.warnings
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold {
		w.list = append(w.list, text)
		return
	}
	a.log.Warn(text)
}

// holdWarnings keeps warnings back from here on, where the log is one for programs.
func (a *app) holdWarnings() { a.warnings.hold = a.logFormat == "json" }

// releaseWarnings logs what was kept, and from here on all at once.
func (a *app) releaseWarnings() {
	w := &a.warnings
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.list {
		a.log.Warn(text)
	}
	w.hold, w.list = false, nil
}

// errorEntry is the record for the error that ends the program, with the warnings that were kept.
func (a *app) errorEntry() *logrus.Entry {
	w := &a.warnings
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 {
		return logrus.NewEntry(a.log)
	}
	return a.log.WithField("warnings", w.list)
}
