package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// errMissing says what to install.
var errMissing = errors.New("PostgreSQL is missing: install it with apt-get install --no-install-recommends postgresql-15 " +
	"(the server's initdb and postgres are looked for in /usr/lib/postgresql/*/bin and in PATH)")

// programs finds the directory of the server's programs: version 15 where there is one, for that is what Meguri promises to
// run on, else any.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if inPath, err := exec.LookPath("postgres"); err == nil {
		found = append(found, inPath)
	}
	var best string
	for _, server := range found {
		dir := filepath.Dir(server)
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		if best == "" || filepath.Base(filepath.Dir(dir)) == "15" {
			best = dir
		}
	}
	if best == "" {
		return "", errMissing
	}
	return best, nil
}

// login is the account that the server runs as, nil for our own.
type login struct{ uid, gid uint32 }

// account finds an account for the server: it refuses to run as root.
func account() (*login, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &login{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as")
}

func (l *login) attributes() *syscall.SysProcAttr {
	if l == nil {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: l.uid, Gid: l.gid}}
}
