"""How a Python field name becomes the name the Kubernetes API uses."""

from functools import cache

_INITIALISMS = {"ip": "IP", "ips": "IPs", "cidr": "CIDR", "cidrs": "CIDRs"}

# The API writes these initialisms in capitals in these names only; a general rule would misspell names like "dataId".
_WHOLE_NAMES = {
    "boot_id": "bootID",
    "container_id": "containerID",
    "host_ipc": "hostIPC",
    "host_pid": "hostPID",
    "image_id": "imageID",
    "machine_id": "machineID",
    "non_resource_urls": "nonResourceURLs",
    "provider_id": "providerID",
    "set_hostname_as_fqdn": "setHostnameAsFQDN",
    "server_address_by_client_cidrs": "serverAddressByClientCIDRs",
    "system_uuid": "systemUUID",
    "volume_id": "volumeID",
}


@cache
def to_camel(name: str) -> str:
    """Give the API's spelling of `name`: `cluster_ip` is `clusterIP`, `from_` is `from`."""
    stripped = name.rstrip("_")
    if stripped in _WHOLE_NAMES:
        return _WHOLE_NAMES[stripped]
    first, *rest = stripped.split("_")
    return first + "".join(_INITIALISMS.get(word) or word[:1].upper() + word[1:] for word in rest)


def pluralise(kind: str) -> str:
    """Guess the plural resource name of `kind` as Kubernetes' own generators do: `Policy` is `policies`."""
    lower = kind.lower()
    if lower.endswith(("s", "x", "z", "ch", "sh")):
        return lower + "es"
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return lower[:-1] + "ies"
    return lower + "s"
