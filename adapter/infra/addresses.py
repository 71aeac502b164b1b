"""Which addresses and ports the adapter may connect to on somebody else's word: pure classification, no socket, no DNS."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from adapter.errors import Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED = tuple(
    ip_network(network)
    for network in (
        # IPv4: https://www.iana.org/assignments/iana-ipv4-special-registry
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # IPv6 outside 2000::/3: loopback, compatible, local NAT64, discard, segment routing, unique, link and site local, multicast
        "::/3", "4000::/2", "8000::/1",
        # IPv6 inside 2000::/3 that is special: Teredo, ORCHID and other protocols, documentation, 6to4, 6bone
        # https://www.iana.org/assignments/iana-ipv6-special-registry
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16",
    )
)  # fmt: skip
"""Explicit, because `ipaddress.is_global` of Python 3.11 calls many of these public: multicast, 6to4, NAT64, site local, 3fff::/20."""

_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, 6to4, Teredo (the client's); itself otherwise."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return address


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet. Of the wrapping forms only mapped and NAT64 addresses can be public, when what they
    wrap is: those two are how hosts without IPv4 reach it. The others (compatible, 6to4, Teredo) are obsolete and always refused."""
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64):
        address = unwrap(address)
    return not any(address.version == network.version and address in network for network in _REFUSED)


class Guard:
    """The rule for every connection: public addresses on the allowed ports; and any port of an explicitly allowed network."""

    def __init__(self, networks: Iterable[str], ports: Iterable[int]) -> None:
        """`networks` in CIDR notation such as `10.1.0.0/16`. Raises `Misconfigured` naming the one that is none."""
        self.networks = tuple(_network(network) for network in networks)
        self.ports = frozenset(ports)

    def allows(self, address: Address) -> bool:
        """Whether the address is in an allowed network. A wrapped one counts as its IPv4: `127.0.0.0/8` covers `::ffff:127.0.0.1`."""
        return any(one.version == network.version and one in network for one in (address, unwrap(address)) for network in self.networks)

    def refusal(self, host: str, port: int) -> str | None:
        """Why this literal address and port may not be connected to, as `code: text`, or None when it may."""
        try:
            address = ip_address(host)
        except ValueError:
            return f"blocked_address: {host!r:.60} is not an IP address"
        if getattr(address, "scope_id", None):
            return f"blocked_address: {host} names a network interface"
        if self.allows(address):
            return None
        if not is_public(address):
            return f"blocked_address: {host} is not a public address; to send there, add its network to ADAPTER_ALLOWED_NETWORKS"
        if port not in self.ports:
            return self.port_refusal(port)
        return None

    def port_refusal(self, port: int) -> str:
        """The text for a port that is not allowed."""
        return f"blocked_port: port {port} is not allowed; use one of {', '.join(map(str, sorted(self.ports)))}"


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise Misconfigured("allowed_networks", f"{text!r:.60} is not a network such as 10.1.0.0/16: {error}") from None
