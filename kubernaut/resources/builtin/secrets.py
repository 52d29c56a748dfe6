"""What a Secret can do beyond holding its fields."""

import base64

from pydantic import Field

from kubernaut.resources.builtin.collections import MapOf
from kubernaut.resources.resource import Resource


class SecretValues(Resource):
    """The values of a Secret: `data` is base64 on the wire and here; `value` decodes one."""

    data: MapOf[str] = Field(default_factory=dict, repr=False)
    string_data: MapOf[str] = Field(default_factory=dict, repr=False)

    def value(self, key: str) -> bytes:
        """Decode one value. Raises KeyError if there is none."""
        if key in self.string_data:
            return self.string_data[key].encode()
        return base64.b64decode(self.data[key])
