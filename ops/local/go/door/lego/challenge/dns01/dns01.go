// Package dns01 has the options of a challenge by DNS, and a function that Traefik uses for names of hosts.
package dns01

import (
	"strings"
	"time"
)

// Options of a client.
type Options struct{ RecursiveNameservers []string }

// Client asks name servers.
type Client struct{}

// ChallengeOption is an option of a challenge.
type ChallengeOption struct{}

// NewClient returns a client that does nothing.
func NewClient(*Options) *Client { return &Client{} }

// SetDefaultClient does nothing.
func SetDefaultClient(*Client) {}

// CondOptions returns no option.
func CondOptions(bool, ...ChallengeOption) ChallengeOption { return ChallengeOption{} }

// DisableAuthoritativeNssPropagationRequirement returns no option.
func DisableAuthoritativeNssPropagationRequirement() ChallengeOption { return ChallengeOption{} }

// DisableRecursiveNSsPropagationRequirement returns no option.
func DisableRecursiveNSsPropagationRequirement() ChallengeOption { return ChallengeOption{} }

// PropagationWait returns no option.
func PropagationWait(time.Duration, bool) ChallengeOption { return ChallengeOption{} }

// UnFqdn removes the dot at the end of a fully qualified name.
func UnFqdn(name string) string { return strings.TrimSuffix(name, ".") }
