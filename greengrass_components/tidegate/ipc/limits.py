"""What a nucleus takes and does not, so that a component meets it here and not in the field.

Measured against nucleus lite 2.6.0 and read in the source of classic 2.18.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The switches of one nucleus; None is no limit."""

    name: str
    # A longer message ends the connection, without a word.
    message_bytes_max: int
    iot_core_payload_bytes_max: int
    # A longer message from the cloud is lost silently.
    incoming_bytes_max: int | None
    # Publishes to IoT Core with QoS 1 that wait for their PUBACK, of all components together.
    in_flight_max: int
    # What is kept in memory while the cloud is away; 0: a publish fails at once.
    spool_bytes_max: int
    # One scalar, or one whole list, as JSON.
    configuration_value_bytes_max: int | None
    # An answer of GetConfiguration that is longer fails.
    clients_max: int
    # To local topics, of all components together; and as many again to IoT Core's.
    subscriptions_max: int
    # To IoT Core, of one component.
    cloud_subscriptions_max: int
    # YAML of the local route loses its types: 5 comes as "5".
    yaml_is_text: bool
    # Its errors carry `_message`, which the SDK does not read.
    error_message_key: str
    # `{iot:thingName}` in the resources of accessControl.
    expands_thing_name: bool
    # A component restarts when its configuration is deployed anew.
    restarts_on_configuration: bool


CLASSIC = Limits(
    name="classic",
    message_bytes_max=10 * 1024 * 1024,
    iot_core_payload_bytes_max=128 * 1024,
    incoming_bytes_max=None,
    in_flight_max=100,
    spool_bytes_max=2_621_440,
    configuration_value_bytes_max=None,
    clients_max=1_000,
    subscriptions_max=10_000,
    cloud_subscriptions_max=50,
    yaml_is_text=False,
    error_message_key="message",
    expands_thing_name=True,
    restarts_on_configuration=False,
)
LITE = Limits(
    name="lite",
    message_bytes_max=10_000,
    iot_core_payload_bytes_max=7_000,
    incoming_bytes_max=4_900,
    in_flight_max=10,
    spool_bytes_max=0,
    configuration_value_bytes_max=1_024,
    clients_max=50,
    subscriptions_max=99,
    cloud_subscriptions_max=50,
    yaml_is_text=True,
    error_message_key="_message",
    expands_thing_name=False,
    restarts_on_configuration=True,
)
BY_NAME = {limits.name: limits for limits in (CLASSIC, LITE)}
