package link

import (
	"errors"
	"fmt"
	"io"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// Export writes what a link would say of a log that nobody has heard of yet: a hello and all records that are held, as a CBOR
// sequence of messages (RFC 8742). It is for the storage of a board that cannot say it any more. A damaged record is set aside
// first, as on the wire.
func Export(l *edgelog.Log, software string, out io.Writer) error {
	positions, err := l.Positions()
	if err != nil {
		return err
	}
	write := func(m protocol.Message) error {
		b, err := protocol.Encode(m)
		if err == nil {
			_, err = out.Write(b)
		}
		return err
	}
	err = write(protocol.Hello{Incarnation: l.Incarnation(), Boot: l.Boot(), Software: software, Logs: positions, Parent: l.Parent(),
		Revision: protocol.Revision})
	if err != nil {
		return err
	}
	for _, p := range positions {
		for next := p.First; next < p.Next; {
			b, err := exported(l, p.Log, next)
			if err != nil {
				return err
			}
			if len(b.Records) == 0 {
				return fmt.Errorf("%s: no record from %d on, the next is %d", p.Log, next, p.Next)
			}
			if err := write(b); err != nil {
				return err
			}
			next = b.First + uint64(len(b.Records))
		}
	}
	return nil
}

func exported(l *edgelog.Log, id protocol.LogID, from uint64) (protocol.Batch, error) {
	b, err := l.Read(id, from, batchRecords, batchBytes)
	var damaged *edgelog.DamagedError
	if !errors.As(err, &damaged) {
		return b, err
	}
	if err := l.SetAside(damaged.Log, damaged.Number); err != nil {
		return b, err
	}
	return l.Read(id, from, batchRecords, batchBytes)
}
