package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

func eventsCommand() command {
	return command{
		name: "events", args: "ID", short: "print what happens to a container, and statistics at intervals, as lines of JSON, until it ends",
		long: `Each line is one JSON object with type, id and data: "stats" at every interval, "oom" when a process of the container was killed for want of memory. The call
ends with the container. With --stats one line of statistics is printed at once.`,
		example: `minirun events --interval 1s web
minirun events --stats web | jq .data.memory.usage`,
		setup: func(f *flags) action {
			stats := f.Bool("stats", false, "print the statistics once and end")
			interval := f.Duration("interval", 5*time.Second, "time between statistics")
			return func(ctx context.Context, a *app, args []string) (int, error) {
				return 0, a.events(ctx, *stats, *interval, args)
			}
		},
	}
}

// eventLine is one line of output. Types are oom and stats, as programs that read it expect.
type eventLine struct {
	Type string     `json:"type"`
	ID   string     `json:"id"`
	Data *statsJSON `json:"data,omitempty"`
}

func (a *app) events(ctx context.Context, once bool, interval time.Duration, args []string) error {
	a.releaseWarnings() // the call can last as long as the container
	c, err := a.load(ctx, "events", args)
	if err != nil {
		return err
	}
	if interval <= 0 {
		return usagef("duration interval must be greater than 0")
	}
	state, err := c.State(ctx)
	if err != nil {
		return err
	}
	if state.Status == specs.StateStopped {
		return fmt.Errorf("container with id %s is not running", c.ID())
	}
	out := json.NewEncoder(a.stdout)
	if once {
		s, err := c.Stats(ctx)
		if err != nil {
			return err
		}
		return out.Encode(eventLine{"stats", c.ID(), newStatsJSON(&s)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := c.Events(ctx, libcontainer.EventOptions{StatsInterval: interval})
	if err != nil {
		return err
	}
	for e := range events {
		if err := a.printEvent(out, c.ID(), e); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printEvent(out *json.Encoder, id string, e libcontainer.Event) error {
	switch {
	case e.Type == libcontainer.EventFailed:
		return e.Err
	case e.Err != nil:
		a.log.Error(oneLine(e.Err))
		return nil
	case e.Type == libcontainer.EventStats:
		return out.Encode(eventLine{"stats", id, newStatsJSON(e.Stats)})
	case e.Type == cgroups.EventOOM:
		return out.Encode(eventLine{Type: "oom", ID: id})
	}
	return nil // programs do not expect the others
}
