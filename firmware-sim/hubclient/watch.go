package hubclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Logs is what the hub has of a device's logs.
type Logs struct {
	Applied map[string]int64 // by log, the highest number applied, over all incarnations
	Gaps    int              // named gaps
}

// Logs gives what the hub has of a device's logs.
func (c *Client) Logs(ctx context.Context, device string) (Logs, error) {
	var answer struct {
		Logs []struct {
			Log        string `json:"log"`
			NextNumber int64  `json:"next_number"`
		} `json:"logs"`
		Gaps []struct{} `json:"gaps"`
	}
	l := Logs{Applied: map[string]int64{}}
	if err := c.call(ctx, http.MethodGet, "/v1/devices/"+url.PathEscape(device), nil, &answer); err != nil {
		return l, err
	}
	for _, log := range answer.Logs {
		l.Applied[log.Log] = max(l.Applied[log.Log], log.NextNumber-1)
	}
	l.Gaps = len(answer.Gaps)
	return l, nil
}

// Device is a device's presence and plan.
type Device struct {
	DeviceID   string `json:"device_id"`
	Online     bool   `json:"online"`
	PlanSent   int64  `json:"plan_sent"`
	PlanActive int64  `json:"plan_active"`
}

// Devices lists the devices.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	var answer struct{ Devices []Device }
	err := c.call(ctx, http.MethodGet, "/v1/devices", nil, &answer)
	return answer.Devices, err
}

// Event is an event as the hub has stored it.
type Event struct {
	Number     int64     `json:"number"`
	Name       string    `json:"name"`
	Subject    string    `json:"subject"`
	At         time.Time `json:"at"`
	ReceivedAt time.Time `json:"received_at"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason"`
}

// Events gives a device's events in order of number, up to a number.
func (c *Client) Events(ctx context.Context, device string, upTo int64) ([]Event, error) {
	var all []Event
	for after := int64(0); after < upTo; {
		var answer struct{ Events []Event }
		q := url.Values{"device": {device}, "after": {strconv.FormatInt(after, 10)}}
		if err := c.call(ctx, http.MethodGet, "/v1/events?"+q.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		for _, e := range answer.Events {
			if e.Number <= upTo {
				all = append(all, e)
			}
		}
		if len(answer.Events) == 0 || answer.Events[len(answer.Events)-1].Number <= after {
			break // all there is, or a hub that gives the same again and again
		}
		after = answer.Events[len(answer.Events)-1].Number
	}
	return all, nil
}

// Reading is a sample as the hub has stored it.
type Reading struct {
	DeviceID string    `json:"device_id"`
	Number   int64     `json:"number"` // of its record
	At       time.Time `json:"at"`
	MilliC   *int64    `json:"milli_c"`
	Fault    string    `json:"fault"`
}

// Readings gives a sensor's samples in [from, to) in order of time.
func (c *Client) Readings(ctx context.Context, sensor string, from, to time.Time) ([]Reading, error) {
	var all []Reading
	for from.Before(to) {
		var answer struct {
			Readings []Reading
			Next     *time.Time
		}
		q := url.Values{"sensor": {sensor}, "from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
		if err := c.call(ctx, http.MethodGet, "/v1/readings?"+q.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Readings...)
		if answer.Next == nil || !answer.Next.After(from) {
			break
		}
		from = *answer.Next
	}
	return all, nil
}

// Work is something that the hub wants a person to do.
type Work struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
}

// Work lists what is to be done, at most the hub's bound of 500.
func (c *Client) Work(ctx context.Context) ([]Work, error) {
	var answer struct{ Work []Work }
	err := c.call(ctx, http.MethodGet, "/v1/work-items", nil, &answer)
	return answer.Work, err
}

// Summary is the hub's own account of a delivery date.
type Summary struct {
	Orders struct {
		Placed         int            `json:"placed"`
		Accepted       int            `json:"accepted"`
		Refused        int            `json:"refused"`
		ByState        map[string]int `json:"by_state"`
		RefusedByLimit map[string]int `json:"refused_by_limit"`
	} `json:"orders"`
	Items struct {
		Units int `json:"units"`
		Short int `json:"short"`
	} `json:"items"`
	Used struct {
		Containers        int            `json:"containers"`
		Shippers          int            `json:"shippers"`
		Addresses         int            `json:"addresses"`
		Slots             int            `json:"slots"`
		ContainersByState map[string]int `json:"containers_by_state"`
	} `json:"used"`
	World struct {
		Scans         int `json:"scans"`
		ScansRefused  int `json:"scans_refused"`
		GrantsUsed    int `json:"grants_used"`
		GrantsRefused int `json:"grants_refused"`
		Unlocks       int `json:"unlocks"`
		DoorsOpened   int `json:"doors_opened"`
		Pickups       int `json:"pickups"`
		Alarms        int `json:"alarms"`
	} `json:"world"`
	Readings struct {
		Received       int64 `json:"received"`
		Faulty         int64 `json:"faulty"`
		Records        int64 `json:"records"`
		MissingRecords int64 `json:"missing_records"`
	} `json:"readings"`
	Log struct {
		Events        int64 `json:"events"`
		NotApplied    int64 `json:"not_applied"`
		Unknown       int64 `json:"unknown"`
		Quarantined   int64 `json:"quarantined"`
		MissingEvents int64 `json:"missing_events"`
	} `json:"log"`
	LateStops []struct {
		RunID     string     `json:"run_id"`
		Sequence  int        `json:"sequence"`
		PlaceName string     `json:"place_name"`
		PlannedAt time.Time  `json:"planned_at"`
		ReachedAt *time.Time `json:"reached_at"`
	} `json:"late_stops"`
	Shortages []struct {
		ShopID string   `json:"shop_id"`
		Name   string   `json:"name"`
		Units  int      `json:"units"`
		Orders []string `json:"orders"`
	} `json:"shortages"`
	LeftOver    []string `json:"left_over"`
	Undelivered []string `json:"undelivered"`
}

// Summary gives the hub's account of a date.
func (c *Client) Summary(ctx context.Context, date string) (s Summary, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/summary?"+url.Values{"date": {date}}.Encode(), nil, &s)
	return s, err
}
