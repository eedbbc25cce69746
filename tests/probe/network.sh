# Two ends of a wire in namespaces of their own; the far one has servers and a packet filter.
#     unshare -rn sh network.sh PYTHON SERVER
# This process stays at the near end, prints "listening" and ends with its stdin.
python=$1 server=$2
ip link set lo up
ip link add near type veth peer name far
unshare -n sleep 600 &
other=$!
trap 'kill $other $servers 2>/dev/null' EXIT
own=$(readlink /proc/self/ns/net)
while [ "$(readlink /proc/$other/ns/net)" = "$own" ]; do sleep 0.02; done
ip link set far netns $other
ip addr add 10.9.0.1/24 dev near
ip link set near up
ip route add unreachable 10.8.0.0/24
inside() { nsenter -n -t $other "$@"; }
inside ip link set lo up
inside ip addr add 10.9.0.2/24 dev far
inside ip addr add 10.9.0.9/24 dev far
inside ip link set far up
inside sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
inside nft -f - <<RULES
table ip filter {
  chain input {
    type filter hook input priority 0
    ip daddr 10.9.0.9 drop
    tcp dport 81 drop
    udp dport 81 drop
    tcp dport 82 reject
    tcp dport 83 reject with tcp reset
    tcp dport 84 reject with icmp type admin-prohibited
    udp dport 84 reject with icmp type admin-prohibited
    tcp dport 85 reject with icmp type net-unreachable
  }
}
RULES
nsenter -n -t $other "$python" "$server" 10.9.0.2 &
servers=$!
cat >/dev/null
