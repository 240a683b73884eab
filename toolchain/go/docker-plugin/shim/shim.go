// Package shim opens the Terraform provider for Docker, whose constructor is internal to its module, to the bridge.
// It may do so because its import path lies below that module's.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider returns the Terraform provider, which reports the given version.
func NewProvider(version string) *schema.Provider {
	return provider.New(version)()
}
