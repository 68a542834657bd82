// Package http01 has the options of a challenge by HTTP.
package http01

import "time"

// PathPrefix is the path of challenges: https://www.rfc-editor.org/rfc/rfc8555#section-8.3.
const PathPrefix = "/.well-known/acme-challenge/"

// Option is an option of a challenge.
type Option struct{}

// SetDelay returns no option.
func SetDelay(time.Duration) Option { return Option{} }
