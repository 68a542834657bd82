// Package certificate has the types of requests for a certificate.
package certificate

import "github.com/go-acme/lego/v5/certcrypto"

// ObtainRequest asks for a certificate.
type ObtainRequest struct {
	Domains                 []string
	EmailAddresses          []string
	Bundle                  bool
	EnableCommonName        bool
	PreferredChain, Profile string
	KeyType                 certcrypto.KeyType
}

// RenewOptions belong to the renewal of a certificate.
type RenewOptions struct {
	EmailAddresses          []string
	Bundle                  bool
	EnableCommonName        bool
	PreferredChain, Profile string
}

// Resource is a certificate with its key.
type Resource struct {
	ID                      string
	Domains                 []string
	PrivateKey, Certificate []byte
}
