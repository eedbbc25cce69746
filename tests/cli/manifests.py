"""What the commands are given to read: a namespace with a client and a server, and their story."""

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""
CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: client, image: web}]}
"""
WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}
"""
APPS = f"{NAMESPACE}---{WEB}---{CLIENT}"
HEAD = """
version: 1
name: shop
given: [apps.yaml]
peers:
  client: {namespace: shop, labels: {app: client}}
  web: {namespace: shop, pod: web}
"""
