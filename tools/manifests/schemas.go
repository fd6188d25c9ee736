// Writes JSON schemas for kubeconform from the CRDs of Istio, the Gateway API and Envoy Gateway:
//
//	schemas FOLDER CRDS...
//
// The schema of each version of a kind is FOLDER/<group>/<kind>_<version>.json. It is strict: a field that the CRD does not
// know is refused, as by `kubectl apply --validate=strict`.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

type crd struct {
	Kind string
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct{ OpenAPIV3Schema object }
		}
	}
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: schemas FOLDER CRDS...")
	}
	count := 0
	for _, file := range os.Args[2:] {
		text, err := os.ReadFile(file)
		check(err)
		for _, document := range bytes.Split(text, []byte("\n---")) {
			var found crd
			check(yaml.Unmarshal(document, &found))
			if found.Kind == "CustomResourceDefinition" {
				count += write(os.Args[1], found)
			}
		}
	}
	fmt.Println(count, "schemas")
}

func write(folder string, found crd) int {
	for _, version := range found.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		if properties, ok := schema["properties"].(object); ok {
			for _, name := range []string{"apiVersion", "kind"} {
				properties[name] = object{"type": "string"}
			}
			properties["metadata"] = object{"type": "object"}
		}
		strict(schema)
		text, err := json.Marshal(schema)
		check(err)
		name := fmt.Sprintf("%s_%s.json", strings.ToLower(found.Spec.Names.Kind), version.Name)
		path := filepath.Join(folder, found.Spec.Group, name)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, text, 0o644))
	}
	return len(found.Spec.Versions)
}

// strict closes every object of which the fields are known.
func strict(schema any) {
	switch own := schema.(type) {
	case object:
		_, known := own["properties"].(object)
		_, open := own["additionalProperties"]
		if known && !open && own["x-kubernetes-preserve-unknown-fields"] != true {
			own["additionalProperties"] = false
		}
		if own["x-kubernetes-int-or-string"] == true {
			delete(own, "type")
		}
		for _, inner := range own {
			strict(inner)
		}
	case []any:
		for _, inner := range own {
			strict(inner)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
