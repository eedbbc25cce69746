"""What is read of a cluster, and of which namespaces."""

from unittest.mock import Mock

from npol.kube.connection import Connection
from npol.kube.inventory import read


def listed(*namespaces, workloads):
    """Kind and namespace of each list that is asked for."""
    connection = Mock(spec=Connection)
    connection.list.return_value = []
    read(connection, namespaces, workloads=workloads)
    return [(call.args[0].kind, *call.args[1:]) for call in connection.list.call_args_list]


def test_workloads_are_read_where_they_are_looked_at_and_nowhere_else():
    lists = listed("shop", "kube-system", workloads=["shop"])

    assert {("Pod", "shop"), ("Pod", "kube-system"), ("Deployment", "shop")} <= set(lists)
    assert ("Deployment", "kube-system") not in lists
    assert ("ReplicaSet", "kube-system") not in lists


def test_each_kind_is_listed_once():
    lists = listed("shop", "shop", "kube-system", workloads=["shop", "shop"])

    assert len(lists) == len(set(lists))
