// Package tlsalpn01 has the options of a challenge by TLS.
package tlsalpn01

import (
	"errors"
	"time"
)

// ACMETLS1Protocol is the protocol of challenges: https://www.rfc-editor.org/rfc/rfc8737#section-6.2.
const ACMETLS1Protocol = "acme-tls/1"

// Option is an option of a challenge.
type Option struct{}

// SetDelay returns no option.
func SetDelay(time.Duration) Option { return Option{} }

// ChallengeBlocks returns an error.
func ChallengeBlocks(string, string) (certificate, key []byte, err error) {
	return nil, nil, errors.ErrUnsupported
}
