//go:build js && wasm

package host

import (
	"fmt"
	"os"

	"pocketflare/internal/wire"
)

// The environment variables for which there was no room when Go started: environment.mjs.
func init() {
	packed, err := Ask(AskEnvironment, nil)
	if err != nil {
		panic(err)
	}
	for r := wire.NewReader(packed); r.Len() > 0; {
		name, value := r.String(), r.String()
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintf(os.Stderr, "pocketflare: the variable %s cannot be set: %v\n", name, err)
		}
	}
}
