// Package protocol is what edge and hub say to each other: messages, topics, records, plans and commands, as
// deterministic CBOR (RFC 8949, section 4.2.1) with integer keys. meguri.cddl beside this file describes every message;
// testdata freezes the bytes of each version.
//
// MQTT is only the wire. What carries the promise that nothing is lost is the replicated log: a device numbers and keeps
// each record until the hub has stored the record's effects and the next number it expects in one transaction and says so.
//
// Decoders are bounded: a payload over MaxPayload, nesting over a few levels, duplicate keys, indefinite lengths and
// unknown message types are errors, never a panic. Unknown map keys are ignored, so that a newer peer can add fields.
package protocol
