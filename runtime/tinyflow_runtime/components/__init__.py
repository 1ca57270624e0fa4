"""The first components, ready to put on a flow; together they are the module ``tinyflow``."""

from tinyflow_runtime.components.aggregate import Aggregate, AggregateSettings, Summary
from tinyflow_runtime.components.csv_reader import BadRow, CsvReader, CsvReaderSettings
from tinyflow_runtime.components.debug import Debug, DebugSettings
from tinyflow_runtime.components.filter import Filter, FilterSettings
from tinyflow_runtime.components.http_server import HttpServer, HttpServerSettings, Request, Response
from tinyflow_runtime.components.join import Join, JoinSettings
from tinyflow_runtime.components.map import Map, MapSettings
from tinyflow_runtime.components.router import Route, Router, RouterSettings
from tinyflow_runtime.components.ticker import Ticker, TickerSettings
from tinyflow_runtime.components.vitals import Cpu, Disk, Memory, Network, Process, Processes, Vitals, VitalsSettings
from tinyflow_runtime.components.window import Window, WindowSettings
from tinyflow_runtime.module import Module

__all__ = [
    "MODULE",
    "Aggregate",
    "AggregateSettings",
    "BadRow",
    "Cpu",
    "CsvReader",
    "CsvReaderSettings",
    "Debug",
    "DebugSettings",
    "Disk",
    "Filter",
    "FilterSettings",
    "HttpServer",
    "HttpServerSettings",
    "Join",
    "JoinSettings",
    "Map",
    "MapSettings",
    "Memory",
    "Network",
    "Process",
    "Processes",
    "Request",
    "Response",
    "Route",
    "Router",
    "RouterSettings",
    "Summary",
    "Ticker",
    "TickerSettings",
    "Vitals",
    "VitalsSettings",
    "Window",
    "WindowSettings",
]

MODULE = Module("tinyflow")

for _component in (Aggregate, CsvReader, Debug, Filter, HttpServer, Join, Map, Router, Ticker, Vitals, Window):
    MODULE.component(_component)
