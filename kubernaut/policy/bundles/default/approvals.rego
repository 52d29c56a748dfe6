# What a person has to approve first.
package kubernaut

import rego.v1

approval_reasons contains reason if {
	production
	input.risk == "high"
	reason := sprintf("%s is a high-risk action in production", [input.action])
}

approval_reasons contains "drain-node moves every pod off a node" if input.action == "drain-node"

approval_reasons contains reason if {
	production
	input.action == "scale-deployment"
	input.parameters.replicas == 0
	reason := sprintf("scaling %s to zero stops it in production", [input.target.name])
}
