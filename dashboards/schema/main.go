// Parses dashboards with Grafana's own library, which checks the names and types of all fields.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// check returns the errors of a dashboard. The library returns an empty list of errors as an error.
func check(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	var read dashboard.Dashboard
	for _, err := range []error{read.UnmarshalJSONStrict(text), read.Validate()} {
		if err != nil && err.Error() != "" {
			return err.Error()
		}
	}
	return ""
}

func main() {
	plugins.RegisterDefaultPlugins()
	for _, path := range os.Args[1:] {
		if wrong := check(path); wrong != "" {
			fmt.Fprintf(os.Stderr, "%s: %s\n", path, wrong)
			os.Exit(1)
		}
	}
}
