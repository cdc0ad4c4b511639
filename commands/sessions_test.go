package commands

import (
	"strings"
	"testing"
)

// What hangs on a connection ends with it, so nobody else takes that over.
func TestAttachToConnection(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k a CONN -> 1`)
	row := d.value("SESSION.LIST").List()[1].List()[0]
	id := show(field(row, "id"))
	if got := d.do("SESSION.ATTACH " + id); !strings.HasPrefix(got, "ERR "+id+" is what a connection's own locks") {
		t.Error(got)
	}
	d.expect(`
		SESSION.CLOSE ` + id + ` -> 1
		LOCK k b 1000 -> 2
	`)
}
