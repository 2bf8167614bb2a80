"""To where nothing is ever sent, whoever asks for it (threat O7)."""

import pytest

from gateway.webhooks.address import BadAddress, address_of, parse

pytestmark = pytest.mark.threat("O7")

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_o7_a_name_that_leads_into_the_house_is_refused(address: str) -> None:
    with pytest.raises(BadAddress, match="not a public address"):
        address_of(parse("https://example.com/"), lambda _host, _port: [address])
    with pytest.raises(BadAddress, match="not a public address"):
        address_of(parse("https://example.com/"), lambda _host, _port: [PUBLIC, address])


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_taken_as_it_was_found(address: str) -> None:
    target = parse("https://example.com:8443/a?b=c")
    assert address_of(target, lambda _host, _port: [address, PUBLIC]) == address
    assert (target.port, target.path) == (8443, "/a?b=c")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com/#fragment",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://ex\u00e4mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://[::1/",
        "https://example.com/" + "x" * 2_000,
        "",
    ],
)
def test_o7_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "127.1"]
)
def test_o7_an_address_in_the_url_itself_is_looked_at_like_any_other(host: str) -> None:
    with pytest.raises(BadAddress):
        address_of(parse(f"https://{host}/"))


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_o7_what_is_for_this_machine_reaches_no_other(address: str) -> None:
    target = parse("http://localhost:9/", loopback=True)
    assert address_of(target, lambda _host, _port: ["127.0.0.1"]) == "127.0.0.1"
    with pytest.raises(BadAddress, match="not this machine's own"):
        address_of(target, lambda _host, _port: [address])


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(BadAddress, match="has no address"):
        address_of(parse("https://example.com/"), lambda _host, _port: [])
