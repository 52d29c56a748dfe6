# The decision, put together from what the other files of this package contribute:
# `violations` (a rule, a message, and whether it is hard) and `approval_reasons`.
package kubernaut

import rego.v1

decision := {
	"allowed": count(violations) == 0,
	"requires_approval": count(approval_reasons) > 0,
	"requires_dry_run": requires_dry_run,
	"self_approval": self_approval,
	"violations": [violation | some violation in violations],
	"approval_reasons": [reason | some reason in approval_reasons],
}

default requires_dry_run := false

# Whether who asks may approve it as well: a setting, and off unless somebody turns it on.
default self_approval := false

self_approval if data.settings.self_approval

requires_dry_run if input.risk == "high"
