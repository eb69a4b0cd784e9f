"""The IoT rules engine: SQL compiled to closures, rules indexed by topic, actions executed."""

from tidelocal.rules.engine import RuleEngine
from tidelocal.rules.errors import RuleRefusedError

__all__ = ["RuleEngine", "RuleRefusedError"]
