import pytest
from django.test import RequestFactory

from core.client import ip_of

CASES = [
    # trusted proxies, the connection's address, X-Forwarded-For, whom the call is counted for
    ([], "192.0.2.1", "", "192.0.2.1"),
    ([], "192.0.2.1", "198.51.100.7", "192.0.2.1"),  # nobody is believed unless named
    (["10.0.0.1"], "192.0.2.1", "198.51.100.7", "192.0.2.1"),
    (["10.0.0.1"], "10.0.0.1", "198.51.100.7", "198.51.100.7"),
    (
        ["10.0.0.1"],
        "10.0.0.1",
        "203.0.113.9, 198.51.100.7",
        "198.51.100.7",
    ),  # what came with the call is no proof
    (["10.0.0.1", "10.0.0.2"], "10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
    (["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"),
    (["10.0.0.1"], "10.0.0.1", "198.51.100.7, nonsense", None),
    (["10.0.0.1"], "::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),  # a server that listens on both
    (["2001:DB8::1"], "2001:db8:0::1", "::ffff:198.51.100.7", "198.51.100.7"),
    ([], "fe80::1%eth0", "", "fe80::1"),
    ([], "", "198.51.100.7", None),
    (["10.0.0.1"], "", "198.51.100.7", "198.51.100.7"),  # a proxy on a Unix socket
    ([], "x" * 1000, "", None),
]


@pytest.mark.parametrize(("proxies", "address", "forwarded", "expected"), CASES)
def test_where_a_call_comes_from(proxies, address, forwarded, expected, settings):
    settings.TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert ip_of(RequestFactory().get("/", REMOTE_ADDR=address, **headers)) == expected
