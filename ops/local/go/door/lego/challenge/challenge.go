// Package challenge has the type of what answers a challenge.
package challenge

// Provider answers a challenge.
type Provider any
