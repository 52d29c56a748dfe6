"""The functions that Kubernetes adds to CEL."""

from __future__ import annotations

import pytest

from kubernaut.fake.apiserver.schema.celengine import CelEvalError, load_engine

VARIABLES = (("self", "map<string,dyn>"),)
VALUES = {"self": {"limit": "1Gi", "names": ["a", "b"], "host": "https://user@example.com:80/p?k=v&k=w", "name": "Web"}}


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1Gi') == quantity('1024Mi')",
        "quantity(self.limit).isGreaterThan(quantity('1G'))",
        "quantity('50m').isLessThan(quantity('1'))",
        "quantity('1').compareTo(quantity('1000m')) == 0",
        "quantity('1k').asInteger() == 1000 && !quantity('50m').isInteger()",
        "quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k')",
        "quantity('-1').sign() == -1 && quantity('1500m').asApproximateFloat() == 1.5",
        "isQuantity('1Ki') && !isQuantity('1KiB')",
        "isURL(self.host) && !isURL('::')",
        "url(self.host).getScheme() == 'https' && url(self.host).getHost() == 'example.com:80'",
        "url(self.host).getHostname() == 'example.com' && url(self.host).getPort() == '80'",
        "url(self.host).getEscapedPath() == '/p' && url(self.host).getQuery()['k'] == ['v', 'w']",
        "isIP('::1') && ip('127.0.0.1').isLoopback() && ip('10.0.0.1').family() == 4",
        "ip.isCanonical('::1') && !ip.isCanonical('0:0::1')",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR(cidr('11.0.0.0/8'))",
        "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8",
        "cidr('10.1.2.3/8').ip() == ip('10.1.2.3')",
        "semver('1.10.0').isGreaterThan(semver('1.9.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
        "isSemver('1.2.3') && !isSemver('v1.2') && semver('1.2.3').minor() == 2",
        "!format.dns1123Label().validate('web').hasValue()",
        "format.dns1123Label().validate(self.name).hasValue()",
        "format.dns1123Label().validate(self.name + '(').value()[0].startsWith('must match')",
        "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
        "'abc 123'.find('[0-9]+') == '123' && 'a1b2c3'.findAll('[0-9]') == ['1', '2', '3']",
        "'a1b2c3'.findAll('[0-9]', 2) == ['1', '2']",
        "sets.contains([1, 2], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])",
        "self.names.isSorted() && [3, 1, 2].max() == 3 && [3, 1, 2].min() == 1 && [3, 1, 2].sum() == 6",
    ],
)
def test_the_expression_holds(expression: str) -> None:
    assert load_engine().compile(expression, VARIABLES, "BOOL")(VALUES) is True


def test_what_cannot_be_converted_is_an_error() -> None:
    program = load_engine().compile("quantity(self.name).sign() == 1", VARIABLES, "BOOL")
    with pytest.raises(CelEvalError, match="quantities must match the regular expression"):
        program(VALUES)
