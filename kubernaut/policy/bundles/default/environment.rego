# Which namespaces count as production: by label, by environment or by name, in whatever case it is written.
package kubernaut

import rego.v1

default production := false

production if is_production(input.namespaceLabels[data.settings.environment_label])

production if is_production(input.environment)

production if is_production(place)

# The namespace that the target lies in, or is.
place := input.target.name if input.target.kind == "Namespace"

place := input.target.namespace if input.target.kind != "Namespace"

is_production(name) if {
	some known in data.settings.production_names
	lower(name) == lower(known)
}

is_production(name) if {
	some prefix in data.settings.production_prefixes
	startswith(lower(name), lower(prefix))
}
