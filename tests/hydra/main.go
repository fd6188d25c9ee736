// Ory Hydra as it is published. `go install` refuses it for the `replace` lines of its go.mod, which count only in the
// main module: so this is one, with the line that Hydra does not build without.
package main

import "github.com/ory/hydra/v2/cmd"

func main() { cmd.Execute() }
