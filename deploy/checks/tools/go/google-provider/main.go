// A stand-in for the Terraform provider of Google Cloud: it has the provider's schema (schema.json beside the program) and nothing else.
// `tofu validate` and `tofu test` with a mocked provider then check real names, types, required arguments and blocks, as the SDK of the real
// provider does. It never uses the network: without a mock, it refuses to be configured.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
)

// An argument, an attribute or a block (Fields), as deploy/checks/terraform/google-schema.ts writes it.
type field struct {
	Type, Of                             string
	Fields                               map[string]field
	Single, Required, Optional, Computed bool
}

var types = map[string]schema.ValueType{
	"string": schema.TypeString, "number": schema.TypeFloat, "bool": schema.TypeBool,
	"list": schema.TypeList, "set": schema.TypeSet, "map": schema.TypeMap,
}

func fieldsOf(fields map[string]field) map[string]*schema.Schema {
	all := map[string]*schema.Schema{}
	for name, f := range fields {
		s := &schema.Schema{Type: types[f.Type], Required: f.Required, Optional: f.Optional, Computed: f.Computed}
		if f.Of != "" {
			s.Elem = &schema.Schema{Type: types[f.Of]}
		}
		if f.Fields != nil {
			s.Elem = &schema.Resource{Schema: fieldsOf(f.Fields)}
		}
		if f.Single && !(f.Computed && !f.Optional) {
			s.MaxItems = 1
		}
		all[name] = s
	}
	return all
}

func main() {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	types := map[string]map[string]field{}
	if err := json.Unmarshal(text, &types); err != nil {
		log.Fatal(err)
	}
	resources := map[string]*schema.Resource{}
	for name, fields := range types {
		// The SDK adds both to each resource.
		delete(fields, "id")
		delete(fields, "timeouts")
		resources[name] = &schema.Resource{Schema: fieldsOf(fields)}
	}
	argument := &schema.Schema{Type: schema.TypeString, Optional: true}
	plugin.Serve(&plugin.ServeOpts{ProviderFunc: func() *schema.Provider {
		return &schema.Provider{
			Schema:       map[string]*schema.Schema{"project": argument, "region": argument},
			ResourcesMap: resources,
			ConfigureContextFunc: func(context.Context, *schema.ResourceData) (any, diag.Diagnostics) {
				return nil, diag.Errorf("this is a stand-in that knows the schema of the google provider only: use mock_provider, or the real provider")
			},
		}
	}})
}
