// The Pulumi plugin `docker` 5.2.0, put together from Go modules for machines that cannot download the official one:
// the Terraform provider for Docker behind Pulumi's bridge, with the names that `@pulumi/docker` 5.2.0 uses.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

const version = "5.2.0"

// resource names a type as the npm package does, as in `docker:index/remoteImage:RemoteImage`.
func resource(name string) *tfbridge.ResourceInfo {
	return &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("docker", "index", name)}
}

// provider maps the eight resource types that a stack may use to the tokens of the npm package.
func provider() tfbridge.ProviderInfo {
	container := resource("Container")
	container.DeleteBeforeReplace = true
	container.Fields = map[string]*tfbridge.SchemaInfo{
		"command":           {Name: "command"},
		"networks_advanced": {Name: "networksAdvanced"},
	}
	image := resource("RemoteImage")
	image.Fields = map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}}

	info := tfbridge.ProviderInfo{
		P:       sdkv2.NewProvider(shim.NewProvider(version)),
		Name:    "docker",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"host":          {Default: &tfbridge.DefaultInfo{EnvVars: []string{"DOCKER_HOST"}}},
			"registry_auth": {Name: "registryAuth"},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_container": container,
			"docker_image":     image,
			"docker_network":   resource("Network"),
			"docker_volume":    resource("Volume"),
			"docker_service":   resource("Service"),
			"docker_secret":    resource("Secret"),
			"docker_config":    resource("ServiceConfig"),
			"docker_tag":       resource("Tag"),
		},
		IgnoreMappings: []string{"docker_registry_image", "docker_plugin", "docker_buildx_builder"},
	}
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	tfbridge.Main("docker", version, provider(), []byte(`{"name":"docker","version":"`+version+`"}`))
}
