# Which namespaces count as production.
package kubernaut

import rego.v1

default production := false

production if input.namespaceLabels[data.settings.environment_label] == "production"

# The namespace that the target lies in, or is.
place := input.target.name if input.target.kind == "Namespace"

place := input.target.namespace if input.target.kind != "Namespace"

production if place in data.settings.production_names

production if {
	some prefix in data.settings.production_prefixes
	startswith(place, prefix)
}

production if input.environment == "production"
