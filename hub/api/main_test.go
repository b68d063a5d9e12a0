package api_test

import (
	"os"
	"strings"
	"testing"

	"meguri/hub/api/apitest"
)

func TestMain(m *testing.M) {
	os.Exit(apitest.Main(m, func(path string) bool { return strings.HasPrefix(path, "/v1/") }))
}
