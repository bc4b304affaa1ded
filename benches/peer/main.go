// A contender of the benchmarks: Telegraf's own inputs.net and inputs.socketstat as an external plugin with
// Telegraf's own shim. It gathers at each newline on stdin.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/influxdata/telegraf/plugins/common/shim"
	_ "github.com/influxdata/telegraf/plugins/inputs/net"
	_ "github.com/influxdata/telegraf/plugins/inputs/socketstat"
)

func main() {
	config := flag.String("config", "", "the configuration: one [[inputs.NAME]] section")
	flag.Parse()
	if err := run(*config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(config string) error {
	plugin := shim.New()
	if err := plugin.LoadConfig(&config); err != nil {
		return fmt.Errorf("loading %q: %w", config, err)
	}
	return plugin.Run(shim.PollIntervalDisabled)
}
