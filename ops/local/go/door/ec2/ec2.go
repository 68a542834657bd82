// Package ec2 has a client that only returns errors. To compile the real one takes minutes.
package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Client does nothing.
type Client struct{}

// DescribeInstancesInput names instances.
type DescribeInstancesInput struct{ InstanceIds []string }

// DescribeInstancesOutput describes instances.
type DescribeInstancesOutput struct{ Reservations []types.Reservation }

// DescribeInstancesPaginator has one page.
type DescribeInstancesPaginator struct{}

// NewFromConfig returns a client.
func NewFromConfig(any) *Client { return &Client{} }

// NewDescribeInstancesPaginator returns a paginator.
func NewDescribeInstancesPaginator(*Client, *DescribeInstancesInput) *DescribeInstancesPaginator {
	return &DescribeInstancesPaginator{}
}

// HasMorePages is always true.
func (*DescribeInstancesPaginator) HasMorePages() bool { return true }

// NextPage returns an error.
func (*DescribeInstancesPaginator) NextPage(context.Context) (*DescribeInstancesOutput, error) {
	return nil, errors.ErrUnsupported
}
