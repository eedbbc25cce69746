"""The API server: Kubernetes over HTTPS, for the official clients and kubectl."""

from npol_lab.api.certificates import Certificates, issue
from npol_lab.api.node_interface import ExecFailed, Execution, Runtime
from npol_lab.api.server import Api
from npol_lab.api.users import Tokens

__all__ = ["Api", "Certificates", "ExecFailed", "Execution", "Runtime", "Tokens", "issue"]
