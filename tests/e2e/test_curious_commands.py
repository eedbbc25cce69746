"""What a curious person types at a lab with the real kubectl."""

import itertools

import pytest

from tests.typed import TOOLS, Script, Typist, do, see

pytestmark = pytest.mark.lab

_NUMBERS = itertools.count(1)
WEB = [
    do("kubectl create deployment web --image=nginx:1.27 --replicas=2 --port=80", "created"),
    do("kubectl rollout status deployment web --timeout=60s", "successfully rolled out"),
]
POLICY = """\
kubectl apply --server-side -f - <<EOF
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny},
 spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}
EOF"""
KINDS = "pod service networkpolicy namespace deployment ingress customresourcedefinition"
FORWARD = """\
kubectl port-forward {what} {ports} >forwarded 2>&1 & forwarder=$!
for _ in $(seq 100); do grep -q Forwarding forwarded && break; sleep 0.05; done
port=$(sed -n 's/.*127.0.0.1:\\([0-9]*\\) .*/\\1/p' forwarded)
curl -sS -m5 http://localhost:$port; kill $forwarder; cat forwarded"""
ATTACHED = """\
echo one | kubectl attach -i keeps >said 2>&1 & attached=$!
for _ in $(seq 400); do grep -q got said && break; sleep 0.05; done
kill $attached; cat said"""
SCRIPTS = {
    "attach": [
        do(f"kubectl run keeps -i --attach=false {TOOLS} -- sh -c 'read a; echo got $a; sleep 1d'"),
        do("kubectl wait --for=condition=Ready pod/keeps --timeout=60s"),
        do(ATTACHED, "got one"),
        do("kubectl logs keeps", "got one"),
        do(f"echo exit 3 | kubectl run once --rm -i --restart=Never {TOOLS} -- sh", code=3),
        do(f"kubectl run idle -i --tty --attach=false {TOOLS}", "created"),
        do("kubectl wait --for=condition=Ready pod/idle --timeout=60s"),
        see("kubectl attach idle -it", "in-42", keys="\recho in-$((40+2))\rexit\r"),
        see("kubectl get pod idle", "Running +1"),
        do("kubectl attach nobody", 'pods "nobody" not found', code=1),
    ],
    "port-forward": [
        *WEB,
        do(POLICY, "serverside-applied"),
        do(FORWARD.format(what="deployment/web", ports=":80"), "Welcome to nginx"),
        do("kubectl expose deployment web --port=8080 --target-port=80", "exposed"),
        do(FORWARD.format(what="service/web", ports=":8080"), "Welcome to nginx"),
        do(FORWARD.format(what="deployment/web", ports=":81"), "connection refused"),
        do("kubectl port-forward nobody 8080", 'pods "nobody" not found', code=1),
    ],
    "rollout": [
        *WEB,
        do("kubectl set image deployment web nginx=nginx:1.28", "image updated"),
        do("kubectl rollout status deployment web --timeout=60s", "successfully rolled out"),
        do("kubectl rollout history deployment web", r"\n2 "),
        do("kubectl rollout undo deployment web", "rolled back"),
        do("kubectl rollout restart deployment web", "restarted"),
        do("kubectl scale deployment web --replicas=3", "scaled"),
        do("kubectl wait deployment web --for=jsonpath='{.status.readyReplicas}'=3 --timeout=60s"),
        do('kubectl patch deployment web -p \'{"spec":{"replicas":2}}\'', "patched"),
        do("EDITOR='sed -i s/replicas:.2/replicas:\\ 1/' kubectl edit deployment web", "edited"),
        see("kubectl get deployment web", "web +1/1 +1 +1 "),
        do("kubectl describe deployment web", "Progressing +True"),
        do("kubectl get all", r"deployment\.apps/web"),
    ],
    "looking": [
        do("kubectl api-resources", r"networkpolicies +netpol +networking\.k8s\.io/v1 +true"),
        do(f"for kind in {KINDS}; do kubectl explain $kind --recursive || exit 1; done", "ipBlock"),
        do("kubectl auth can-i create networkpolicies", "yes"),
        do("kubectl auth whoami", "kubernetes-admin"),
        do("kubectl cluster-info", "control plane"),
        do("kubectl describe node lab-1", "npol lab"),
        do("kubectl get nodes -o wide", "npol lab"),
        do("kubectl describe ns default", "Status: +Active"),
        do("kubectl get events -A", "Scheduled"),
    ],
    "files and logs": [
        do(f"kubectl run box {TOOLS} -- sh -c 'while :; do date; sleep 0.2; done'", "created"),
        do("kubectl wait --for=condition=Ready pod/box --timeout=60s"),
        do("kubectl logs -f box --tail=1 | head -n 5 | wc -l", "^5$"),
        do("echo hello >note && kubectl cp note box:/tmp/note"),
        do("kubectl exec box -- cat /tmp/note", "^hello"),
        do("kubectl cp box:/tmp/note back && cat back", "hello"),
    ],
    "debug": [
        do("kubectl run web --image=nginx:1.27", "created"),
        do("kubectl wait --for=condition=Ready pod/web --timeout=60s"),
        do(f"kubectl debug web -c looks {TOOLS.split()[0]} --profile=general -- sleep 1d"),
        see("kubectl exec web -c looks -- curl -s localhost", "Welcome to nginx"),
        do(
            "(echo 'echo got $((40+2))'; echo exit) | "
            f"kubectl debug web -i {TOOLS.split()[0]} --profile=general -- sh",
            "got 42",
        ),
        do("kubectl exec web -c looks -- telnet localhost 80 </dev/null", "Connected to localhost"),
        do("kubectl describe pod web", r"Ephemeral Containers:\n  looks:"),
        do("kubectl debug web -c looks --image=x --profile=general", "Duplicate value", code=1),
        do("kubectl delete pod web --now", "deleted"),
    ],
    "nodes": [
        *WEB,
        do("kubectl cordon lab-1", "cordoned"),
        do("kubectl drain lab-2 --ignore-daemonsets --force --timeout=60s", "node/lab-2 drained"),
        see("kubectl get pods -o wide", r"0/1 +Pending"),
        do("kubectl uncordon lab-1 lab-2", "uncordoned"),
        do("kubectl rollout status deployment web --timeout=60s", "successfully rolled out"),
    ],
    "server-side apply": [
        do(POLICY, "serverside-applied"),
        do(
            POLICY.replace("Ingress, Egress", "Ingress").replace(
                "apply", "apply --field-manager=b"
            ),
            r'conflict with "kubectl": \.spec\.policyTypes',
            code=1,
        ),
        do("kubectl get netpol deny --show-managed-fields -o yaml", "manager: kubectl"),
    ],
    "not here": [
        do(
            "kubectl create cronjob tick --image=busybox --schedule='* * * * *' -- date",
            "Warning: the lab keeps a CronJob as data: nothing here acts on it",
        ),
        do("kubectl create job now --from=cronjob/tick", "job.batch/now created"),
        do("kubectl create pdb p --selector=a=b --min-available=1", "Budget as data"),
        do("kubectl top pods", "Metrics API not available", code=1),
        do(f"kubectl run box {TOOLS} -- sleep 1d", "created"),
        do("kubectl wait --for=condition=Ready pod/box --timeout=60s"),
        do(
            "kubectl get --raw /api/v1/namespaces/default/pods/box/proxy/",
            "the lab does not do this: proxying",
            code=1,
        ),
    ],
}


TYPED_ALWAYS = ("debug", "server-side apply")
"""What streams or is hard to merge; tests/lab/api types shorter ones of the other kinds."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in TYPED_ALWAYS else pytest.mark.nightly)
        for name in SCRIPTS
    ],
)
def test_kubectl_is_answered(tmp_path, lab, name):
    namespace = f"curious-{next(_NUMBERS)}"
    typist = Typist(tmp_path, lab.kubeconfig, lab.context, namespace)
    typist.type(Script(lines=[do(f"kubectl create namespace {namespace}"), *SCRIPTS[name]]))
    typist.type(Script(lines=[do(f"kubectl delete namespace {namespace} --wait=false")]))
