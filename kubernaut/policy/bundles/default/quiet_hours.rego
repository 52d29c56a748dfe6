# Quiet hours, an example: off until data.settings.quiet_hours lists windows such as
# {"days": ["Saturday", "Sunday"], "from": 22, "to": 6}: UTC hours, `to` not included, a window may pass midnight.
package kubernaut

import rego.v1

violations contains violation if {
	production
	some window in data.settings.quiet_hours
	input.weekday in window.days
	in_window(input.hour, window)
	violation := {
		"rule": "quiet-hours",
		"message": sprintf("production is quiet on %s from %d to %d UTC", [input.weekday, window.from, window.to]),
		"hard": false,
	}
}

in_window(hour, window) if {
	window.from <= window.to
	hour >= window.from
	hour < window.to
}

in_window(hour, window) if {
	window.from > window.to
	hour >= window.from
}

in_window(hour, window) if {
	window.from > window.to
	hour < window.to
}
