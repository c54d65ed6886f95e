"""What a worker's memory holds when it is made into the snapshot from which all workers start.

Importing this module imports Penny's own worker code, and what tasks are likely to need of the
standard library. None of it may hold a JavaScript object, which a snapshot can't.
"""

# ruff: noqa: F401
import penny.mirror.settings  # before anybody has csv, whose settings it counts from then on

# isort: split
import array
import ast
import asyncio
import collections
import concurrent.futures
import contextvars
import dataclasses
import functools
import importlib.metadata
import inspect
import io
import itertools
import json
import linecache
import logging
import math
import operator
import pickle
import pkgutil
import queue
import random
import re
import signal
import struct
import tempfile
import threading
import time
import tokenize
import traceback
import zipfile

import cloudpickle
import pyodide.code
import pyodide.ffi
import pyodide.webloop

import penny
import penny.adapters.inline
import penny.adapters.installation
import penny.engines.named
import penny.engines.pool.client
import penny.engines.pool.worker
import penny.event_loops.blocking
import penny.event_loops.executors
import penny.hosts.imports
import penny.hosts.packages
import penny.hosts.renewed
import penny.hosts.script
import penny.wire.payload
