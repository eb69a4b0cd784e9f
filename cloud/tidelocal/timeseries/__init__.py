"""The local time-series server: one DuckDB store that speaks InfluxDB 3 and Timestream."""

from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.influx import influx_app
from tidelocal.timeseries.timestream import timestream_handle

__all__ = ["TimeSeriesEngine", "influx_app", "timestream_handle"]
