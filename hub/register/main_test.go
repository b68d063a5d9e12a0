package register_test

import (
	"os"
	"testing"

	"meguri/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
