"""Sparkplug B: payloads, topics, and what a host application must remember of its nodes."""
