"""A function says all that is wrong with its environment at once."""

import pytest

from tidecloud import SettingsError
from tidecloud.settings import Settings

GOOD = {
    "STORE_ENGINE": "influxdb",
    "STORE_URL": "https://store.example:8181",
    "STORE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:store",
    "STORE_DATABASE": "tidegauge",
    "QUARANTINE_BUCKET": "aside",
}


def test_a_whole_environment_is_read() -> None:
    assert Settings.read(GOOD | {"PATH": "/bin", "AWS_ENDPOINT_URL": ""}) == Settings(
        store_engine="influxdb",
        store_url=GOOD["STORE_URL"],
        store_secret_arn=GOOD["STORE_SECRET_ARN"],
        store_database="tidegauge",
        quarantine_bucket="aside",
        aws_endpoint_url=None,
    )


def test_liveanalytics_needs_no_url() -> None:
    settings = Settings.read({"STORE_ENGINE": "liveanalytics", "STORE_DATABASE": "tidegauge"})
    assert settings.store_url is None


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"STORE_ENGINE": "mysql"})
    assert caught.value.mistakes == [
        "STORE_ENGINE is 'mysql', not influxdb or liveanalytics",
        "STORE_DATABASE is missing",
    ]


@pytest.mark.parametrize("url", ["", "store:8181", "ftp://store", "http://[store"])
def test_influxdb_needs_an_http_url(url: str) -> None:
    with pytest.raises(SettingsError, match="STORE_URL"):
        Settings.read(GOOD | {"STORE_URL": url})
