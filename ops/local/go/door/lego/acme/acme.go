// Package acme has the types that Traefik stores an account by.
package acme

// Account is an account of a certificate authority.
type Account struct{}

// ExtendedAccount is an account with its address.
type ExtendedAccount struct {
	Account
	Location string
}
