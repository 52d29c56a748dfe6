# Each test is a rule over the decision, and the questions for which it must hold; `kubernaut policy test` puts them.
package kubernaut_test

import rego.v1

import data.kubernaut

# The question of a plain, harmless action; each test changes what it is about.
base := {
	"action": "restart-pod",
	"target": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1"},
	"parameters": {},
	"environment": "",
	"targetLabels": {},
	"object": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "labels": {}},
	"namespaceLabels": {},
	"requester": {"username": "", "uid": "", "groups": []},
	"risk": "low",
	"time": "2024-01-06T23:30:00Z",
	"weekday": "Saturday",
	"hour": 23,
	"asksForDryRun": false,
}

about(changes) := object.union(base, changes)

deployment(namespace) := {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": "web"}

node := {"apiVersion": "v1", "kind": "Node", "namespace": "", "name": "n1"}

labelled := {"kubernaut.io/environment": "production"}

rules contains violation.rule if some violation in kubernaut.decision.violations

plain if {
	kubernaut.decision.allowed
	not kubernaut.decision.requires_approval
	count(kubernaut.decision.violations) == 0
}

questions["test_everyday_actions_are_allowed"] := [
	base,
	about({"namespaceLabels": labelled}),
	about({"target": {"namespace": "production"}}),
	about({"action": "cordon-node", "target": node}),
	about({"action": "uncordon-node", "target": node}),
	about({"action": "scale-deployment", "risk": "medium", "parameters": {"replicas": 5}, "target": deployment("production")}),
	about({"action": "scale-deployment", "risk": "medium", "parameters": {"replicas": 0}, "target": deployment("shop")}),
]

test_everyday_actions_are_allowed if plain

questions["test_protected_namespaces_are_hard_denied"] := [about({"target": deployment(namespace)}) |
	some namespace in data.settings.protected_namespaces
]

test_protected_namespaces_are_hard_denied if {
	not kubernaut.decision.allowed
	kubernaut.decision.violations[0].hard
	rules == {"protected-namespace"}
}

questions["test_protected_namespace_objects_are_denied"] := [about({
	"action": "patch-resource",
	"target": {"kind": "Namespace", "namespace": "", "name": "kube-system"},
})]

test_protected_namespace_objects_are_denied if rules == {"protected-namespace"}

questions["test_high_risk_in_production_needs_approval"] := [
	about({"risk": "high", "namespaceLabels": labelled}),
	about({"risk": "high", "target": deployment("production")}),
	about({"risk": "high", "target": deployment("prod")}),
	about({"risk": "high", "target": deployment("prod-eu")}),
	about({"risk": "high", "environment": "production"}),
]

questions["test_the_name_of_production_may_be_written_in_any_way"] := array.concat(
	[about({"risk": "high", "namespaceLabels": {"kubernaut.io/environment": written}}) | some written in spellings],
	array.concat(
		[about({"risk": "high", "environment": written}) | some written in spellings],
		[about({"risk": "high", "target": deployment(written)}) | some written in spellings],
	),
)

spellings := ["prod", "Prod", "PROD", "production", "Production", "PRODUCTION", "Prod-EU"]

test_the_name_of_production_may_be_written_in_any_way if kubernaut.decision.requires_approval

questions["test_other_environments_are_not_production"] := [about({
	"risk": "high",
	"environment": name,
	"namespaceLabels": {"kubernaut.io/environment": name},
}) |
	some name in ["", "staging", "preprod", "non-production", "product"]
]

test_other_environments_are_not_production if plain

test_high_risk_in_production_needs_approval if {
	kubernaut.decision.allowed
	kubernaut.decision.requires_approval
	kubernaut.decision.requires_dry_run
}

questions["test_high_risk_elsewhere_needs_a_dry_run_only"] := [about({"risk": "high", "target": deployment(namespace)}) |
	some namespace in ["shop", "product", "production-like", "nonprod", "my-prod-1"]
]

test_high_risk_elsewhere_needs_a_dry_run_only if {
	plain
	kubernaut.decision.requires_dry_run
}

questions["test_other_risks_need_no_dry_run"] := [base, about({"risk": "medium"})]

test_other_risks_need_no_dry_run if not kubernaut.decision.requires_dry_run

questions["test_drain_needs_approval_everywhere"] := [about({"action": "drain-node", "risk": "high", "target": node})]

test_drain_needs_approval_everywhere if kubernaut.decision.requires_approval

questions["test_some_kinds_are_never_deleted"] := [about({"action": "delete-resource", "target": {"kind": kind}}) |
	some kind in ["Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "Node"]
]

test_some_kinds_are_never_deleted if {
	not kubernaut.decision.allowed
	kubernaut.decision.violations[0].hard
	rules == {"never-deleted-kind"}
}

questions["test_other_kinds_may_be_deleted"] := [about({"action": "delete-resource", "target": {"kind": "ConfigMap"}})]

test_other_kinds_may_be_deleted if kubernaut.decision.allowed

questions["test_scale_to_zero_in_production_needs_approval"] := [about({
	"action": "scale-deployment",
	"risk": "medium",
	"parameters": {"replicas": 0},
	"target": deployment("prod"),
})]

test_scale_to_zero_in_production_needs_approval if {
	kubernaut.decision.allowed
	kubernaut.decision.requires_approval
}

settings["test_quiet_hours_deny_softly"] := {"quiet_hours": [{"days": ["Saturday"], "from": 22, "to": 6}]}

questions["test_quiet_hours_deny_softly"] := [
	about({"target": deployment("prod")}),
	about({"target": deployment("prod"), "hour": 5}),
]

test_quiet_hours_deny_softly if {
	rules == {"quiet-hours"}
	not kubernaut.decision.violations[0].hard
}

settings["test_quiet_hours_spare_the_rest"] := {"quiet_hours": [{"days": ["Saturday"], "from": 22, "to": 6}]}

questions["test_quiet_hours_spare_the_rest"] := [
	base,
	about({"target": deployment("prod"), "hour": 12}),
	about({"target": deployment("prod"), "weekday": "Sunday"}),
]

test_quiet_hours_spare_the_rest if plain
