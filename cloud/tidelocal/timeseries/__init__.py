"""The local time-series server: one DuckDB store that speaks InfluxDB 3 and Timestream."""

from tidelocal.timeseries.engine import TimeSeriesEngine

__all__ = ["TimeSeriesEngine"]
