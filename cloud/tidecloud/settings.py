"""What a function reads from its environment, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tidecloud.errors import SettingsError

ENGINES = ("influxdb", "liveanalytics")


@dataclass(frozen=True, slots=True)
class Settings:
    """The store and the quarantine of a function; ARCHITECTURE.md names the variables."""

    store_engine: str
    store_url: str | None
    store_secret_arn: str | None
    store_database: str
    quarantine_bucket: str | None
    aws_endpoint_url: str | None  # of a local cloud; on AWS each service has its own

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the environment; raises `SettingsError` with all mistakes."""
        settings = cls(
            store_engine=environment.get("STORE_ENGINE", ""),
            store_url=environment.get("STORE_URL") or None,
            store_secret_arn=environment.get("STORE_SECRET_ARN") or None,
            store_database=environment.get("STORE_DATABASE", ""),
            quarantine_bucket=environment.get("QUARANTINE_BUCKET") or None,
            aws_endpoint_url=environment.get("AWS_ENDPOINT_URL") or None,
        )
        mistakes = settings._mistakes()
        if mistakes:
            raise SettingsError(mistakes)
        return settings

    def _mistakes(self) -> list[str]:
        mistakes = []
        if self.store_engine not in ENGINES:
            mistakes.append(f"STORE_ENGINE is {self.store_engine!r}, not {' or '.join(ENGINES)}")
        if not self.store_database:
            mistakes.append("STORE_DATABASE is missing")
        if self.store_engine == "influxdb":
            try:
                scheme = urlsplit(self.store_url or "").scheme
            except ValueError:
                scheme = ""
            if scheme not in ("http", "https"):
                mistakes.append(f"STORE_URL is {self.store_url!r}, not an http(s) URL")
        return mistakes
