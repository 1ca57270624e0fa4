"""The names that things have in a cluster: whoever makes one of them and whoever looks for it mean the same."""

from __future__ import annotations

KINDS = {  # of ours, and what each is called in a path
    "TinyModule": "tinymodules",
    "TinyNode": "tinynodes",
    "TinyFlow": "tinyflows",
    "TinyProject": "tinyprojects",
    "TinySignal": "tinysignals",
}

OPERATOR = "tinyflow-operator"  # its Deployment and its Lease
GATEWAY = "tinyflow-gateway"  # its Deployment and its Service, and the ConfigMap that says whom to trust, in ca.crt
GATEWAY_SECRET = "tinyflow-gateway-tls"  # its certificate
AUTHORITY = "tinyflow-ca"  # the Secret of whoever issues certificates; made by the operator, or put there by somebody
FAILING = "Failing"  # the reason of a TinyNode or TinyFlow that is Ready, and of which no message is handled any more
# Kubernetes' words for why a container does not get its image.
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
