// Package registration has the options of an account's registration.
package registration

// RegisterOptions belong to a registration.
type RegisterOptions struct{ TermsOfServiceAgreed bool }

// RegisterEABOptions belong to a registration with an account that exists elsewhere.
type RegisterEABOptions struct {
	TermsOfServiceAgreed bool
	Kid, HmacEncoded     string
}
