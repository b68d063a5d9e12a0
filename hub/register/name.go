package register

import (
	"meguri/hub/people"
)

// Kinds of names.
const (
	NameOfPerson  = "person"  // of somebody who may log in, by person id
	NameOfLogin   = "login"   // that is typed beside the password, by person id
	NameOfPass    = "pass"    // whom a pass is for
	NameOfOpening = "opening" // who stood at a door that was opened from afar
)

// Name is what somebody who works here, or a visitor, is called, as stored.
type Name struct {
	Kind    string
	Owner   string // id of the person, pass or opening
	Sealed  []byte // with a key of this row's own
	KeyID   string // of the hub's key that Wrapped is under
	Wrapped []byte // the row's own key; nil where there is none
}

// SealName makes the row of a name, with a key of its own.
func SealName(v *people.Vault, kind, owner, name string) (Name, error) {
	if v == nil {
		return Name{}, people.ErrNoKey
	}
	n := Name{Kind: kind, Owner: owner}
	key, sealed, err := seal([]byte(name), n.bound())
	if err != nil {
		return Name{}, err
	}
	n.Sealed = sealed
	n.wrap(v, key)
	return n, nil
}

func (n *Name) wrap(v *people.Vault, key []byte) {
	n.KeyID, n.Wrapped = v.KeyID(), v.Seal(key, string(n.bound()))
}

// Open gives the name; ErrErased when its key is gone, people.ErrSealed when the hub's key is another.
func (n Name) Open(v *people.Vault) (string, error) {
	name, _, err := n.open(v)
	return name, err
}

func (n Name) open(v *people.Vault) (name string, key []byte, err error) {
	switch {
	case len(n.Wrapped) == 0:
		return "", nil, ErrErased
	case v == nil:
		return "", nil, people.ErrNoKey
	}
	if key, err = v.Open(n.Wrapped, string(n.bound())); err != nil {
		return "", nil, err
	}
	text, err := unseal(key, n.Sealed, n.bound())
	return string(text), key, err
}

// Rewrap puts the row's key under the newest of the hub's keys.
func (n Name) Rewrap(v *people.Vault) (Name, error) {
	_, key, err := n.open(v)
	if err == nil {
		n.wrap(v, key)
	}
	return n, err
}

// bound is what a sealed name belongs to: it opens in no other row.
func (n Name) bound() []byte { return []byte("name " + n.Kind + "\x00" + n.Owner) }
