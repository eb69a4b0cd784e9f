"""The component kinesis_uplink: from the outboxes of this gateway to a Kinesis stream."""

from tidegate.kinesis.uplink_program import run

if __name__ == "__main__":
    run()
