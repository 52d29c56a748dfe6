# A rule beside the shipped ones: a person approves whatever changes what runs in production.
package kubernaut

import rego.v1

approval_reasons contains reason if {
	production
	input.risk == "medium"
	reason := sprintf("%s changes what runs in production", [input.action])
}
