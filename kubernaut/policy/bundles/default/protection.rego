# What is never done, whoever asks and whoever approves.
package kubernaut

import rego.v1

violations contains violation if {
	input.target.namespace in data.settings.protected_namespaces
	violation := {
		"rule": "protected-namespace",
		"message": sprintf("namespace %s is protected: no action may touch it", [input.target.namespace]),
		"hard": true,
	}
}

violations contains violation if {
	input.target.kind == "Namespace"
	input.target.name in data.settings.protected_namespaces
	violation := {
		"rule": "protected-namespace",
		"message": sprintf("namespace %s is protected: no action may touch it", [input.target.name]),
		"hard": true,
	}
}

violations contains violation if {
	input.action == "delete-resource"
	input.target.kind in data.settings.never_deleted_kinds
	violation := {
		"rule": "never-deleted-kind",
		"message": sprintf("a %s is never deleted by an action", [input.target.kind]),
		"hard": true,
	}
}
