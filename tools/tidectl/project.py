"""The checkout that tidectl deploys from: template, policies, functions, firmware."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLOUD = ROOT / "cloud"
TEMPLATE = CLOUD / "template.yaml"
TELEMETRY_SQL = CLOUD / "rules" / "telemetry.sql"
# What the functions' zip holds, and nothing else: the rest is in the Lambda runtime.
FUNCTION_PACKAGES = (CLOUD / "tidecloud", ROOT / "firmware" / "lib" / "tidewire")
