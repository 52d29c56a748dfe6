"""What stands between a valid request and its storage: the admission plugins in the server's order."""

from kubernaut.fake.apiserver.admission.chain import Admission

__all__ = ["Admission"]
