"""
The Pod Security Standards: what each level does not allow, in the words of the admission.

Source: k8s.io/pod-security-admission `policy/check_*.go`, 1.33; the checks stand in the order
of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from npol.api_rules.objects import Obj

LEVELS = ("privileged", "baseline", "restricted")
CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    )
)
VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
SECCOMP = ("RuntimeDefault", "Localhost")
Check = Callable[[Obj], str]


def violations(level: str, spec: Obj) -> str:
    """Everything that a level does not allow, with details; empty when all is well."""
    return ", ".join(_found(level, spec))


def reasons(level: str, spec: Obj) -> str:
    """The same without the details."""
    return ", ".join(text.split(" (")[0] for text in _found(level, spec))


def _found(level: str, spec: Obj) -> list[str]:
    checks = {"privileged": (), "baseline": BASELINE, "restricted": RESTRICTED}[level]
    return [text for check in checks if (text := check(spec))]


def containers(spec: Obj) -> Iterator[Obj]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(key) or []


def _security(container: Obj) -> Obj:
    found: Obj = container.get("securityContext") or {}
    return found


def _named(spec: Obj, bad: Callable[[Obj], object]) -> list[str]:
    return [c["name"] for c in containers(spec) if bad(c)]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)


def _called(names: Sequence[str], word: str = "container") -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _capabilities_baseline(spec: Obj) -> str:
    def added(container: Obj) -> set[str]:
        given = (_security(container).get("capabilities") or {}).get("add") or []
        return set(given) - CAPABILITIES

    bad = _named(spec, added)
    extra = sorted(set().union(*(added(c) for c in containers(spec))))
    rule = f"must not include {_quoted(extra)} in securityContext.capabilities.add"
    return f"non-default capabilities ({_called(bad)} {rule})" if bad else ""


def _host_namespaces(spec: Obj) -> str:
    given = [f"{k}=true" for k in ("hostNetwork", "hostPID", "hostIPC") if spec.get(k)]
    return f"host namespaces ({', '.join(given)})" if given else ""


def _host_paths(spec: Obj) -> str:
    bad = [v["name"] for v in spec.get("volumes") or [] if "hostPath" in v]
    return f"hostPath volumes ({_called(bad, 'volume')})" if bad else ""


def _host_ports(spec: Obj) -> str:
    def ports(container: Obj) -> list[int]:
        return [p["hostPort"] for p in container.get("ports") or [] if p.get("hostPort")]

    bad = _named(spec, ports)
    found = sorted({str(p) for c in containers(spec) for p in ports(c)})
    verb, noun = "use" if len(bad) > 1 else "uses", "hostPorts" if len(found) > 1 else "hostPort"
    return f"hostPort ({_called(bad)} {verb} {noun} {', '.join(found)})" if bad else ""


def _privileged(spec: Obj) -> str:
    bad = _named(spec, lambda c: _security(c).get("privileged"))
    return (
        f"privileged ({_called(bad)} must not set securityContext.privileged=true)" if bad else ""
    )


def _proc_mount(spec: Obj) -> str:
    def other(container: Obj) -> bool:
        return bool(_security(container).get("procMount", "Default") != "Default")

    bad = _named(spec, other)
    values = sorted({_security(c)["procMount"] for c in containers(spec) if other(c)})
    rule = f"must not set securityContext.procMount to {_quoted(values)}"
    return f"procMount ({_called(bad)} {rule})" if bad else ""


def _setters(bad_pod: bool, bad: Sequence[str]) -> str:
    parts = ["pod"] if bad_pod else []
    return " and ".join([*parts, _called(bad)] if bad else parts)


def _seccomp(holder: Obj) -> str | None:
    found = (holder.get("securityContext") or {}).get("seccompProfile")
    return None if found is None else str(found.get("type", ""))


def _seccomp_baseline(spec: Obj) -> str:
    def wrong(holder: Obj) -> bool:
        found = _seccomp(holder)
        return found is not None and found not in SECCOMP

    bad, bad_pod = _named(spec, wrong), wrong(spec)
    values = {str(_seccomp(h)) for h in (spec, *containers(spec)) if wrong(h)}
    if not values:
        return ""
    rule = f"must not set securityContext.seccompProfile.type to {_quoted(sorted(values))}"
    return f"seccompProfile ({_setters(bad_pod, bad)} {rule})"


def _sysctls(spec: Obj) -> str:
    given = (spec.get("securityContext") or {}).get("sysctls") or []
    bad = [s["name"] for s in given if s["name"] not in SYSCTLS]
    return f"forbidden sysctls ({', '.join(bad)})" if bad else ""


def _escalation(spec: Obj) -> str:
    bad = _named(spec, lambda c: _security(c).get("allowPrivilegeEscalation") is not False)
    rule = "must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({_called(bad)} {rule})" if bad else ""


def _capabilities_restricted(spec: Obj) -> str:
    def capabilities(container: Obj) -> Obj:
        found: Obj = _security(container).get("capabilities") or {}
        return found

    def added(container: Obj) -> set[str]:
        return set(capabilities(container).get("add") or []) - {"NET_BIND_SERVICE"}

    missing = _named(spec, lambda c: "ALL" not in (capabilities(c).get("drop") or []))
    adding = _named(spec, added)
    details = []
    if missing:
        rule = 'must set securityContext.capabilities.drop=["ALL"]'
        details.append(f"{_called(missing)} {rule}")
    if adding:
        extra = _quoted(sorted(set().union(*(added(c) for c in containers(spec)))))
        rule = f"must not include {extra} in securityContext.capabilities.add"
        details.append(f"{_called(adding)} {rule}")
    return f"unrestricted capabilities ({'; '.join(details)})" if details else ""


def _volume_types(spec: Obj) -> str:
    bad = [v for v in spec.get("volumes") or [] if not VOLUMES & v.keys()]
    kinds = sorted({k for v in bad for k in v if k != "name"})
    names = [v["name"] for v in bad]
    verb = "use" if len(bad) > 1 else "uses"
    noun = "restricted volume type" + ("s" if len(kinds) > 1 else "")
    detail = f"{_called(names, 'volume')} {verb} {noun} {_quoted(kinds)}"
    return f"restricted volume types ({detail})" if bad else ""


def _non_root(spec: Obj) -> str:
    pod = (spec.get("securityContext") or {}).get("runAsNonRoot")
    bad = _named(spec, lambda c: _security(c).get("runAsNonRoot") is False)
    if bad or pod is False:
        rule = "must not set securityContext.runAsNonRoot=false"
        return f"runAsNonRoot != true ({_setters(pod is False, bad)} {rule})"
    silent = [] if pod else _named(spec, lambda c: _security(c).get("runAsNonRoot") is None)
    rule = "must set securityContext.runAsNonRoot=true"
    return f"runAsNonRoot != true (pod or {_called(silent)} {rule})" if silent else ""


def _root_user(spec: Obj) -> str:
    bad_pod = (spec.get("securityContext") or {}).get("runAsUser") == 0
    bad = _named(spec, lambda c: _security(c).get("runAsUser") == 0)
    if not bad and not bad_pod:
        return ""
    return f"runAsUser=0 ({_setters(bad_pod, bad)} must not set runAsUser=0)"


def _seccomp_restricted(spec: Obj) -> str:
    wrong = _seccomp_baseline(spec)
    if wrong or _seccomp(spec) is not None:
        return wrong
    silent = _named(spec, lambda c: _seccomp(c) is None)
    rule = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {_called(silent)} {rule})" if silent else ""


BASELINE: tuple[Check, ...] = (
    _capabilities_baseline,
    _host_namespaces,
    _host_paths,
    _host_ports,
    _privileged,
    _proc_mount,
    _seccomp_baseline,
    _sysctls,
)
RESTRICTED: tuple[Check, ...] = (
    _host_namespaces,
    _host_ports,
    _privileged,
    _proc_mount,
    _sysctls,
    _escalation,
    _capabilities_restricted,
    _volume_types,
    _non_root,
    _root_user,
    _seccomp_restricted,
)
