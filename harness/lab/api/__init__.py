"""The API server: Kubernetes over HTTPS, for the official clients and kubectl."""

from harness.lab.api.certificates import Certificates, issue
from harness.lab.api.runtime import ExecFailed, Execution, Runtime
from harness.lab.api.server import Api
from harness.lab.api.users import Tokens

__all__ = ["Api", "Certificates", "ExecFailed", "Execution", "Runtime", "Tokens", "issue"]
