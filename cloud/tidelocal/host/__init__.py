"""MiniStack as a library: the one folder that imports it or touches its internals.

Flow: front, broker, rules, mappings -> [host] -> MiniStack's services, all in this process

Everything that it relies on is listed in `contract.py` and checked by `load`. What it
replaces inside MiniStack, and why: the rule evaluator (ours knows IoT SQL and every action it
accepts), the Kinesis poller (ours keeps order, bisects and remembers), the expiry of stream
records (theirs copies the whole shard at every put), sequence numbers (ours never go back),
function logs (theirs stay in memory for ever) and state files (theirs are written at a clean
end only).
"""

from tidelocal.host.asgi import Answer, Message, Receive, Send
from tidelocal.host.fleet import ProvisioningHooks, ShadowHooks
from tidelocal.host.host import Host
from tidelocal.host.mqtt_session import Identity, MqttSession
from tidelocal.host.place import Place
from tidelocal.host.rules import Publish, RuleHooks
from tidelocal.host.services import FunctionResult
from tidelocal.host.stacks import ResourceType

__all__ = [
    "Answer",
    "FunctionResult",
    "Host",
    "Identity",
    "Message",
    "MqttSession",
    "Place",
    "ProvisioningHooks",
    "Publish",
    "Receive",
    "ResourceType",
    "RuleHooks",
    "Send",
    "ShadowHooks",
]
