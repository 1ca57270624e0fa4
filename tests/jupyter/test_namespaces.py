"""A namespace that cannot be, or is not there, is said with what to do about it."""

from __future__ import annotations

import pytest
from tinyflow_runtime.errors import ClusterError

import tinyflow_jupyter as tf


@pytest.mark.parametrize("name", ["Not_A_Label", "flows/", "-flows", "a" * 64])
def test_what_no_namespace_can_be_called_is_refused_when_the_cluster_is_made(name, bare_kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)

    with pytest.raises(ClusterError, match=r"TF-106 .* is no name for a namespace\.\n.*\n  Use small letters"):
        tf.Cluster(namespace=name)


@pytest.mark.usefixtures("kube")
async def test_into_a_namespace_that_is_not_there_nothing_is_pushed_and_it_is_said_how_it_is_made(kubeconfig):
    module = {"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyModule", "metadata": {"name": "maths"}, "spec": {}}

    with (
        tf.Cluster(namespace="1-nowhere") as cluster,
        pytest.raises(ClusterError, match=r'TF-161 .*namespaces "1-nowhere" not found') as caught,
    ):
        cluster.apply(module)

    assert "Run: kubectl create namespace 1-nowhere; or take one that is there" in str(caught.value)
