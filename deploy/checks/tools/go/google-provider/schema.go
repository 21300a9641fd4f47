package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The schema as `terraform providers schema -json` writes it.
type providerSchema struct {
	Provider  schema            `json:"provider"`
	Resources map[string]schema `json:"resource_schemas"`
}

type schema struct {
	Version int64 `json:"version"`
	Block   block `json:"block"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	BlockTypes map[string]blockType `json:"block_types"`
}

type attribute struct {
	Type     valueType `json:"type"`
	Required bool      `json:"required"`
	Optional bool      `json:"optional"`
	Computed bool      `json:"computed"`
}

type blockType struct {
	NestingMode string `json:"nesting_mode"`
	MinItems    int64  `json:"min_items"`
	MaxItems    int64  `json:"max_items"`
	Block       block  `json:"block"`
}

type valueType struct{ tftypes.Type }

func (t *valueType) UnmarshalJSON(text []byte) (err error) {
	t.Type, err = tftypes.ParseJSONType(text) //nolint:staticcheck // this is the notation of types that it is for
	return err
}

var nestings = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
}

func read(path string) (found providerSchema, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err == nil && len(found.Resources) == 0 {
		err = fmt.Errorf("%s has no resources", path)
	}
	return found, err
}

func (s schema) proto() *tfprotov5.Schema {
	return &tfprotov5.Schema{Version: s.Version, Block: s.Block.proto()}
}

func (b block) proto() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for name, a := range b.Attributes {
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{Name: name, Type: a.Type.Type, Required: a.Required, Optional: a.Optional, Computed: a.Computed})
	}
	for name, t := range b.BlockTypes {
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{TypeName: name, Block: t.Block.proto(), Nesting: nestings[t.NestingMode], MinItems: t.MinItems, MaxItems: t.MaxItems})
	}
	sort.Slice(out.Attributes, func(i, j int) bool { return out.Attributes[i].Name < out.Attributes[j].Name })
	sort.Slice(out.BlockTypes, func(i, j int) bool { return out.BlockTypes[i].TypeName < out.BlockTypes[j].TypeName })
	return out
}

// Paths of what is set in a value although only the provider can set it, in nested blocks too.
func unconfigurable(b block, value tftypes.Value, at *tftypes.AttributePath) (found []*tftypes.AttributePath) {
	if value.IsNull() || !value.IsKnown() {
		return nil
	}
	fields := map[string]tftypes.Value{}
	if value.As(&fields) != nil {
		return nil
	}
	if at == nil {
		at = tftypes.NewAttributePath()
	}
	for name, a := range b.Attributes {
		if a.Computed && !a.Optional && !fields[name].IsNull() {
			found = append(found, at.WithAttributeName(name))
		}
	}
	for name, t := range b.BlockTypes {
		inner, here := fields[name], at.WithAttributeName(name)
		if t.NestingMode == "single" {
			found = append(found, unconfigurable(t.Block, inner, here)...)
			continue
		}
		items := []tftypes.Value{}
		if inner.IsNull() || !inner.IsKnown() || inner.As(&items) != nil {
			continue
		}
		for i, item := range items {
			step := here.WithElementKeyInt(i)
			if t.NestingMode == "set" {
				step = here.WithElementKeyValue(item)
			}
			found = append(found, unconfigurable(t.Block, item, step)...)
		}
	}
	return found
}
