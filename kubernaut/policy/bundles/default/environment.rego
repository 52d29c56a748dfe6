# Which namespaces count as production.
package kubernaut

import rego.v1

default production := false

production if input.namespaceLabels[data.settings.environment_label] == "production"

production if input.target.namespace in data.settings.production_names

production if {
	some prefix in data.settings.production_prefixes
	startswith(input.target.namespace, prefix)
}

production if input.environment == "production"
