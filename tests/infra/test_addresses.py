"""Which addresses count as public: vectors of the registries and of known bypasses."""

from ipaddress import ip_address

import pytest

from adapter.errors import Misconfigured
from adapter.infra.addresses import Guard, is_public, unwrap

REFUSED = [
    "0.0.0.1", "0.1.2.3", "10.0.0.0", "10.254.0.0", "10.255.255.255", "100.64.0.1", "100.100.0.0", "100.127.255.255",
    "127.0.0.1", "127.254.254.254", "169.254.45.1", "169.254.169.254", "172.16.10.65", "172.31.255.255", "192.0.0.0",
    "192.0.0.9", "192.0.0.10", "192.0.0.255", "192.0.2.255", "192.88.99.3", "192.168.10.65", "198.18.0.0",
    "198.19.255.255", "198.51.100.65", "203.0.113.6", "224.1.2.3", "233.252.0.16", "239.255.255.255", "240.240.240.240",
    "255.255.255.255", "::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:0.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "100::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1",
    "64:ff9b:1::808:808", "2001::1", "2001:0:808:808::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "2002:808:808::", "3fff::dead:beef", "3ffe::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1",
    "fe80::1", "febf:ffff::1", "fec0::1", "feff::1", "ff02::1", "ffff::1", "4000::1", "8000::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "203.0.112.255", "223.255.255.255",
    "2606:4700::1111", "2a00:1450:4001::1", "2001:4860::8888", "2003::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    assert Guard([], {443}).refusal(address, 443).startswith("blocked_address: ")


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert Guard([], {443}).refusal(address, 443) is None
    assert Guard([], {443}).refusal(address, 25) == "blocked_port: port 25 is not allowed; use one of 443"


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::10.1.2.3", "10.1.2.3"),
        ("64:ff9b::a01:203", "10.1.2.3"),
        ("2002:a01:203::1", "10.1.2.3"),
        ("2001:0:808:808:0:0:f5fe:fdfc", "10.1.2.3"),
        ("::1", "::1"),
        ("2606:4700::1111", "2606:4700::1111"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_unwrapping(address: str, inside: str) -> None:
    assert str(unwrap(ip_address(address))) == inside


def test_an_allowed_network_lifts_address_and_port() -> None:
    guard = Guard(["10.1.0.0/16", "fd00::/8"], {443})
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        assert guard.refusal(address, 9_999) is None
    assert guard.refusal("10.2.0.1", 443).startswith("blocked_address")
    assert guard.refusal("127.0.0.1", 443).startswith("blocked_address")


@pytest.mark.parametrize("host", ["fe80::1%eth0", "localhost", "", "127.1", "0177.0.0.1"])
def test_what_is_not_one_plain_address(host: str) -> None:
    assert Guard(["0.0.0.0/0", "::/0"], {443}).refusal(host, 443).startswith("blocked_address")


@pytest.mark.parametrize("network", ["10.1.2.3/16", "localhost", "", "10.0.0.0/33"])
def test_a_bad_network_is_named(network: str) -> None:
    with pytest.raises(Misconfigured, match="is not a network such as"):
        Guard([network], {443})
