// The Pulumi plugin `command` 1.2.1, reduced to `command:local:Command`, for machines that cannot download the
// official one. Inputs, outputs and the moments at which commands run are those of `@pulumi/command` 1.2.1;
// `assetPaths` and `archivePaths` are refused.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Inputs are the arguments of `local.Command`. A change of `triggers` replaces the resource, any other updates it.
type Inputs struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Interpreter            *[]string         `pulumi:"interpreter,optional"`
	Dir                    *string           `pulumi:"dir,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
	AssetPaths             *[]string         `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string         `pulumi:"archivePaths,optional"`
}

// State is what is kept of a command: its arguments and what it printed.
type State struct {
	Inputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Command is the resource `command:local:Command`.
type Command struct{}

func (c *Command) Annotate(a infer.Annotator) { a.SetToken("local", "Command") }

func (Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[Inputs], error) {
	inputs, failures, err := infer.DefaultCheck[Inputs](ctx, req.NewInputs)
	refuse := func(property, reason string) {
		failures = append(failures, provider.CheckFailure{Property: property, Reason: reason})
	}
	if inputs.AssetPaths != nil {
		refuse("assetPaths", "this build of the command plugin returns no assets")
	}
	if inputs.ArchivePaths != nil {
		refuse("archivePaths", "this build of the command plugin returns no archives")
	}
	if inputs.Logging != nil {
		switch *inputs.Logging {
		case "stdout", "stderr", "stdoutAndStderr", "none":
		default:
			refuse("logging", fmt.Sprintf("got %q, expected stdout, stderr, stdoutAndStderr or none", *inputs.Logging))
		}
	}
	return infer.CheckResponse[Inputs]{Inputs: inputs, Failures: failures}, err
}

func (Command) Create(ctx context.Context, req infer.CreateRequest[Inputs]) (infer.CreateResponse[State], error) {
	response := infer.CreateResponse[State]{Output: State{Inputs: req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err != nil {
		return response, err
	}
	response.ID = id
	if req.Inputs.Create != nil {
		err = response.Output.run(ctx, *req.Inputs.Create)
	}
	return response, err
}

// Update runs `update`, or `create` again where there is no `update`.
func (Command) Update(ctx context.Context, req infer.UpdateRequest[Inputs, State]) (infer.UpdateResponse[State], error) {
	state := State{Inputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	if command == nil || req.DryRun {
		return infer.UpdateResponse[State]{Output: state}, nil
	}
	err := state.run(ctx, *command)
	return infer.UpdateResponse[State]{Output: state}, err
}

func (Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	if req.State.Inputs.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, req.State.run(ctx, *req.State.Inputs.Delete)
}

func main() {
	plugin, err := infer.NewProviderBuilder().WithResources(infer.Resource(&Command{})).Build()
	if err == nil {
		err = plugin.Run(context.Background(), "command", "1.2.1")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
