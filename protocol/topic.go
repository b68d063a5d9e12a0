package protocol

import (
	"fmt"
	"strings"
)

// Version is the version of this protocol, a part of every topic.
const Version = 1

const topicPrefix = "meguri/v1/"

// UpFilter is what the hub subscribes to: everything that devices say.
const UpFilter = topicPrefix + "+/up"

// UpTopic is the one topic a device publishes to.
func UpTopic(device string) string { return topicPrefix + device + "/up" }

// DownTopic is the one topic a device subscribes to.
func DownTopic(device string) string { return topicPrefix + device + "/down" }

// ParseUpTopic gives the device that a message on an up topic came from.
func ParseUpTopic(topic string) (device string, err error) { return parseTopic(topic, "/up") }

// ParseDownTopic gives the device that a message on a down topic goes to.
func ParseDownTopic(topic string) (device string, err error) { return parseTopic(topic, "/down") }

func parseTopic(topic, end string) (device string, err error) {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	device, ok2 := strings.CutSuffix(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("topic %q: want %sDEVICE%s", topic, topicPrefix, end)
	}
	if err := CheckDeviceID(device); err != nil {
		return "", fmt.Errorf("topic %q: %w", topic, err)
	}
	return device, nil
}

// MaxDeviceID is the length of the longest device id.
const MaxDeviceID = 40

// CheckDeviceID says what is wrong with a device id: it is 1 to 40 of a-z, 0-9 and '-', the same on every broker.
func CheckDeviceID(id string) error {
	ok := len(id) >= 1 && len(id) <= MaxDeviceID
	for _, c := range []byte(id) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return fmt.Errorf("device id %q: want 1 to %d of a-z, 0-9 and '-'", id, MaxDeviceID)
	}
	return nil
}
