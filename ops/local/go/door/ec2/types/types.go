// Package types describes instances.
package types

// InstanceStateName is the state of an instance.
type InstanceStateName string

// InstanceStateNameRunning is the state of an instance that runs.
const InstanceStateNameRunning InstanceStateName = "running"

// InstanceState is the state of an instance.
type InstanceState struct{ Name InstanceStateName }

// Instance is a machine.
type Instance struct {
	InstanceId, PrivateIpAddress *string
	State                        *InstanceState
}

// Reservation has the instances that were started together.
type Reservation struct{ Instances []Instance }
