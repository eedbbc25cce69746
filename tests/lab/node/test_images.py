import pytest

from npol_lab.node import images
from npol_lab.node.images import BadImage


@pytest.mark.parametrize(
    ("image", "completed"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("nicolaka/netshoot:v0.15", "docker.io/nicolaka/netshoot:v0.15"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("localhost:5000/x/y", "localhost:5000/x/y:latest"),
        ("x@sha256:" + "a" * 64, "docker.io/library/x@sha256:" + "a" * 64),
    ],
)
def test_names_are_completed_as_the_runtime_does(image, completed):
    assert str(images.parse(image)) == completed


@pytest.mark.parametrize(
    ("image", "behaviour"),
    [
        ("nginx", "process"),
        ("nginxinc/nginx-unprivileged:1.27", "process"),
        ("busybox:1.36", "process"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "agnhost"),
        ("example.test/mirror/e2e-test-images/agnhost", "agnhost"),
        ("hashicorp/http-echo", "http-echo"),
        ("registry.k8s.io/ingress-nginx/controller:v1.11.3", "ingress"),
        ("registry.k8s.io/pause", "pause"),
        ("mynginx", "default"),
        ("team/backend:1.2", "default"),
        (f"nicolaka/netshoot:v0.15@sha256:{'a' * 64}", "process"),
        (f"registry.k8s.io/e2e-test-images/agnhost@sha256:{'a' * 64}", "agnhost"),
    ],
)
def test_a_repository_decides_the_behaviour(image, behaviour):
    assert images.pull(image)[1].behaviour == behaviour


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("does-not-exist:1", "ErrImagePull"),
        ("team/app:doesnotexist", "ErrImagePull"),
        ("Upper/Case", "InvalidImageName"),
        ("a b", "InvalidImageName"),
    ],
)
def test_images_that_cannot_be_had_say_why(image, reason):
    with pytest.raises(BadImage) as caught:
        images.pull(image)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["/agnhost", "pause"]),
        ({"args": ["netexec"]}, ["/agnhost", "netexec"]),
        ({"command": ["sh"]}, ["sh"]),
        ({"command": ["sh"], "args": ["-c", "x"]}, ["sh", "-c", "x"]),
    ],
)
def test_command_and_args_replace_the_images_own(container, argv):
    image = images.pull("e2e-test-images/agnhost")[1]

    assert images.arguments(image, container) == argv
