# Quiet hours, an example: off until data.settings.quiet_hours lists windows such as
# {"days": ["Saturday", "Sunday"], "from": 22, "to": 6}: UTC hours, `to` not included, a window may pass midnight.
package kubernaut

import rego.v1

violations contains violation if {
	production
	some window in data.settings.quiet_hours
	moment := time.parse_rfc3339_ns(input.time)
	time.weekday(moment) in window.days
	hour := time.clock(moment)[0]
	in_window(hour, window)
	violation := {
		"rule": "quiet-hours",
		"message": sprintf("production is quiet on %s from %d to %d UTC", [time.weekday(moment), window.from, window.to]),
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
