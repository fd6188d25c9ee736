// Reads a dashboard by Grafana's own types, which know every field, and no other.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var board dashboard.Dashboard
	// An error without a message is none.
	for _, err := range []error{board.UnmarshalJSONStrict(text), board.Validate()} {
		if err != nil && err.Error() != "" {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Printf("%s: %d panels, as Grafana's types have them\n", os.Args[1], len(board.Panels))
}
