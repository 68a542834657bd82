// Package ext completes Traefik's module, which refers to a folder of its repository that no module contains.
// https://github.com/traefik/traefik/tree/v3.7.13/pkg/config/dynamic/ext
package ext

// HTTP adds no field to the dynamic configuration.
type HTTP struct{}

// Router adds no field to a router.
type Router struct{}
