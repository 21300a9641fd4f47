// A stand-in for the Terraform provider of Google Cloud: it knows the provider's schema (schema.json beside the program) and nothing else.
// `tofu validate` and `tofu test` with a mocked provider then check real names, types, required arguments and blocks. It never reaches any
// network, and what would need the real provider is refused.
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

type server struct {
	tfprotov5.ProviderServer // a call that is not below would be a fault of the checks: it panics
	schema                   providerSchema
}

func refusal(what string) []*tfprotov5.Diagnostic {
	return []*tfprotov5.Diagnostic{{
		Severity: tfprotov5.DiagnosticSeverityError,
		Summary:  what,
		Detail:   "This is a stand-in that knows the schema of the google provider only: use mock_provider, or the real provider.",
	}}
}

func (s *server) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	response := &tfprotov5.GetMetadataResponse{}
	for name := range s.schema.Resources {
		response.Resources = append(response.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	return response, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	resources := map[string]*tfprotov5.Schema{}
	for name, resource := range s.schema.Resources {
		resources[name] = resource.proto()
	}
	return &tfprotov5.GetProviderSchemaResponse{
		Provider: s.schema.Provider.proto(), ResourceSchemas: resources, ServerCapabilities: &tfprotov5.ServerCapabilities{},
	}, nil
}

func (s *server) PrepareProviderConfig(_ context.Context, request *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: request.Config}, nil
}

// The language checks all but this itself: values for what only the provider can know.
func (s *server) ValidateResourceTypeConfig(_ context.Context, request *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	block := s.schema.Resources[request.TypeName].Block
	value, err := request.Config.Unmarshal(block.proto().ValueType())
	if err != nil {
		return nil, err
	}
	response := &tfprotov5.ValidateResourceTypeConfigResponse{}
	for _, path := range unconfigurable(block, value, nil) {
		response.Diagnostics = append(response.Diagnostics, &tfprotov5.Diagnostic{
			Severity:  tfprotov5.DiagnosticSeverityError,
			Summary:   "Value for unconfigurable attribute",
			Detail:    "Can't configure a value for " + path.String() + ": its value will be decided automatically based on the result of applying this configuration.",
			Attribute: path,
		})
	}
	return response, nil
}

// `tofu test` reads the mocked state back by the real provider when it cleans up.
func (s *server) UpgradeResourceState(_ context.Context, request *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	typ := s.schema.Resources[request.TypeName].Block.proto().ValueType()
	value, err := request.RawState.Unmarshal(typ)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(typ, value)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &state}, err
}

func (s *server) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{Diagnostics: refusal("The provider is not the real one")}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func main() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	schema, err := read(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	provider := &server{schema: schema}
	if err := tf5server.Serve("registry.opentofu.org/hashicorp/google", func() tfprotov5.ProviderServer { return provider }); err != nil {
		log.Fatal(err)
	}
}
