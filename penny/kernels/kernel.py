"""Kernels: WebAssembly functions that run in the workers and see shared arrays without a copy.

A module's bytes are given to a scheduler once, when a kernel of it is first submitted there
(`penny.kernels.modules`). Every worker finds them in the shared memory and compiles them when it
first calls one of them. What travels with a task is a handle: the module's number at that
scheduler, the kernel's name and its signature.

The arguments of a call are checked where it is submitted, before anything is queued (`bind`), and
where it is made.
"""

from __future__ import annotations

import functools
import operator
import sys
import weakref
from collections.abc import Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any

from penny.errors import Cancelled, KernelError, WorkerLost
from penny.functions.calls import TableFunction
from penny.functions.chunks import ChunkCall
from penny.jobs import job as jobs
from penny.kernels import modules
from penny.kernels.modules import Module, module_at, module_of
from penny.kernels.signatures import INTEGERS, Signature, parse_section, parse_signature
from penny.kernels.wasm_module import FunctionType, read_module

if TYPE_CHECKING:
    from penny.bridge.javascript import KernelCaller

__all__ = ["Kernel", "Kernels", "check_call", "kernel_at", "kernel_given"]


class Kernels:
    """The kernels of a WebAssembly module, as its attributes: `k.saxpy`, or `k["saxpy"]`.

        k = penny.Kernels(open("saxpy.wasm", "rb").read())
        await s.submit(k.saxpy, 2.0, x, y)

    Such a module imports the shared memory: `penny kernel build` makes it from C. It goes to each
    scheduler once, when one of its kernels is first submitted there, also while the pool runs, and
    stays as long as that does.

    Args:
        data: The module's bytes.
        signatures: What kernels take and return, `{"saxpy": "f32 a, f32[] x, f32[] y"}`, for
            modules that don't say it themselves by `PENNY_KERNEL`, or say it differently.

    Raises:
        ValueError: The bytes are no WebAssembly module, or a signature doesn't fit its function.
        TypeError: `data` is not a bytes-like object.
    """

    def __init__(self, data: bytes, signatures: Mapping[str, str] | None = None) -> None:
        try:
            data = bytes(memoryview(data))
        except TypeError:
            raise TypeError(
                "Kernels takes the bytes of a WebAssembly module (open(…, 'rb').read()), not "
                f"{type(data).__name__}"
            ) from None
        module = read_module(data)
        found = parse_section(module.custom.get("penny", b""))
        for name, text in (signatures or {}).items():
            found[name] = parse_signature(name, text)
        for name, signature in found.items():
            _check_type(name, signature, module.functions)
        if found and not module.shares_memory:
            raise ValueError(
                "the module imports no shared memory, so its kernels could not see any array: "
                "build it with `penny kernel build`, or link it with --import-memory and "
                "--shared-memory"
            )
        self._exports = tuple(module.functions)
        self._use(module_of(data), found)

    def _use(self, module: Module, signatures: Mapping[str, Signature]) -> None:
        self._module = module
        self._kernels = {
            name: _kernel_of(module, name, str(signature)) for name, signature in signatures.items()
        }

    def __getattr__(self, name: str) -> Kernel:
        # Not for copy and pickle, which ask objects that are not yet initialised.
        if name.startswith("_") and (name.startswith("__") or "_kernels" not in self.__dict__):
            raise AttributeError(name)
        try:
            return self[name]
        except LookupError as error:
            raise AttributeError(error.args[0], name=name, obj=self) from None

    def __getitem__(self, name: str) -> Kernel:
        """The kernel of that name. Raises LookupError."""
        kernel = self._kernels.get(name)
        if kernel is not None:
            return kernel
        if name in self._exports:
            raise LookupError(
                f"the module exports {name!r}, but nothing says what it takes: write "
                f'PENNY_KERNEL({name}, "…") beside it, or Kernels(…, signatures={{{name!r}: "…"}})'
            )
        there = ", ".join(self._kernels) or "none"
        raise LookupError(f"the module has no kernel {name!r}; its kernels: {there}")

    def __iter__(self) -> Iterator[str]:
        """The kernels' names."""
        return iter(self._kernels)

    def __len__(self) -> int:
        """Number of kernels."""
        return len(self._kernels)

    def __contains__(self, name: object) -> bool:
        """Whether there is a kernel of that name."""
        return name in self._kernels

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._kernels]

    def __repr__(self) -> str:
        return f"<Kernels {', '.join(self._kernels) or 'of none'}>"

    def __reduce__(self) -> Any:
        signatures = {name: str(kernel.signature) for name, kernel in self._kernels.items()}
        return _kernels_of, (self._module, signatures, self._exports)


def _kernels_of(module: Module, signatures: dict[str, str], exports: tuple[str, ...]) -> Kernels:
    kernels = Kernels.__new__(Kernels)
    kernels._exports = exports
    kernels._use(module, {name: parse_signature(name, text) for name, text in signatures.items()})
    return kernels


def _check_type(name: str, signature: Signature, functions: Mapping[str, FunctionType]) -> None:
    """Raises ValueError where the signature is not that of an exported function."""
    if name not in functions:
        there = ", ".join(functions) or "nothing"
        raise ValueError(
            f"there is a signature for kernel {name}, and no such function: the module exports "
            f"{there}"
        )
    wanted, actual = signature.wasm_type, functions[name]
    if wanted != actual:
        raise ValueError(
            f"kernel {name}{signature} would be a function of {_shown(wanted)}, but is one of "
            f"{_shown(actual)} (an array is two: its address and its length)"
        )


def _shown(function: FunctionType) -> str:
    return f"({', '.join(function.parameters)}) -> ({', '.join(function.results)})"


class Kernel(TableFunction):
    """A kernel: a function that workers run. Submit it, or, inside a task, call or spawn it.

    Its arguments are ints, floats, bools and `penny.SharedArray`s, by place or by name, as its
    `signature` says.

    Attributes:
        name: Its name in the module.
        signature: What it takes and returns.
    """

    def __init__(self, module: Module, name: str, signature: Signature) -> None:
        jobs.check_kernels(check_call)
        self._module = module
        self.signature = signature
        self.__name__ = self.__qualname__ = name
        self.__module__ = (
            __package__  # users see it: in errors, and as the name by which it is registered
        )
        self.__doc__ = f"{name}{signature}"

    @property
    def name(self) -> str:
        """Its name in the module."""
        return self.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it on this worker, in a task.

        Raises:
            TypeError: Wrong arguments.
            OverflowError: An argument is out of its type's range.
            KernelError: It trapped.
            WorkerLost: A worker died that ran a part of it.
            Cancelled: The task that calls it was cancelled.
            RuntimeError: No pool worker runs the caller, so there are no kernels.
        """
        arguments = self.signature.bind(self.__name__, args, kwargs)
        caller = self._caller()
        result = self._call(caller, caller.arguments(_flat(self.signature, arguments, caller)))
        return self.signature.returned(result)

    def _call(self, caller: KernelCaller, arguments: Any) -> Any:
        try:
            result = caller.call(modules.home.number(self._module), self.__name__, arguments)  # type: ignore[union-attr]
        except Exception as error:
            raise self._left(error) from None
        jobs.catch_up()
        return result

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call, checked, in order. Raises TypeError and OverflowError."""
        return self.signature.bind(self.name, args, kwargs)

    def bind_range(self, low: int, high: int, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments that follow the first one, checked, of calls for each i from low to high-1.

        Raises:
            TypeError: Wrong arguments, or the first is not an integer.
            OverflowError: An argument is out of its type's range.
        """
        parameters = self.signature.parameters
        first = parameters[0] if parameters else None
        if first is None or first.is_array or first.type not in INTEGERS:
            raise TypeError(
                f"kernel {self.name}{self.signature} can't be called for each number of a range: "
                "its first parameter must be an integer"
            )
        if low >= high:
            low, high = 0, 1
        self.bind((high - 1, *args), {})
        return self.bind((low, *args), {})[1:]

    def run_range(self, low: int, high: int, args: tuple[Any, ...]) -> None:
        """Run it on this worker for each i from low to high - 1; its results are dropped.

        Args:
            low: The first i.
            high: The one after the last.
            args: What follows i; from `bind_range`.

        Raises:
            KernelError: It trapped.
            RuntimeError: No pool worker runs the caller, so there are no kernels.
        """
        caller = self._caller()
        parameters = self.signature.parameters
        flat = _flat(Signature(parameters[1:], None), args, caller)
        if parameters[0].type in WIDE:
            for i in range(low, high):
                self._call(caller, caller.arguments([caller.wide(i), *flat]))
            return
        try:
            caller.range(
                modules.home.number(self._module),  # type: ignore[union-attr]
                self.__name__,
                low,
                high,
                caller.arguments(flat),
            )
        except Exception as error:
            raise self._left(error) from None
        jobs.catch_up()

    def _caller(self) -> KernelCaller:
        home = modules.home
        if home is None or home.caller is None:
            raise RuntimeError(_elsewhere(self.name))
        return home.caller

    def _left(self, error: Exception) -> BaseException:
        """What to raise where JavaScript says why the kernel did not return."""
        from penny.bridge import javascript

        thrown = javascript.thrown(error)
        if thrown is None:
            return error
        name, message = thrown
        if name == "KernelCancelled":
            jobs.note()
            jobs.catch_up()  # raises Cancelled where it is due
            return Cancelled()
        if name == "KernelLost":
            return WorkerLost(f"kernel {self.name}: {message}")
        return KernelError(self.name, message.removeprefix("the kernel "))

    def __repr__(self) -> str:
        return f"<Kernel {self.name}{self.signature}>"

    def __reduce__(self) -> Any:
        return _kernel_of, (self._module, self.name, str(self.signature))


_PLACEHOLDER: Any = getattr(functools, "Placeholder", None)  # since Python 3.14


def check_call(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Check the arguments of a call, if it is known to be one of a kernel.

    So it is of a kernel, its method, a `functools.partial` or `operator.call` of such, and a chunk
    of calls. What any other callable does nobody knows before it is called.

    Raises:
        TypeError: Wrong arguments.
        OverflowError: An argument is out of its type's range.
    """
    while (kind := type(function)) is not Kernel:
        if kind is functools.partial:
            kwargs = {**function.keywords, **kwargs}
            function, args = function.func, _filled(function.args, args)
        elif kind is MethodType:
            function, args = function.__func__, (function.__self__, *args)
        elif kind is ChunkCall and args and _may_be_known(function.function):
            for each in args[0]:
                check_call(function.function, each, {})
            return
        elif args and (function is operator.call or function is Kernel.__call__):
            function, *rest = args
            args = tuple(rest)
        else:
            return
    function.bind(args, kwargs)


def kernel_given(
    function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Kernel | Kernels | None:
    """The kernel that a call is known to be one of, or that is one of its arguments; else None.

    Which calls are known `check_call` says. Values are not looked into, but for a chunk's calls,
    which are the arguments there.
    """
    while (kind := type(function)) is not Kernel:
        if kind is functools.partial:
            kwargs = {**function.keywords, **kwargs}
            function, args = function.func, (*function.args, *args)
        elif kind is MethodType:
            function, args = function.__func__, (function.__self__, *args)
        elif isinstance(function, ChunkCall):
            args = tuple([value for call in args[0] for value in call] if args else args)
            function = function.function
        elif args and (function is operator.call or function is Kernel.__call__):
            function, *rest = args
            args = tuple(rest)
        else:
            given = (*args, *kwargs.values())
            return next((value for value in given if isinstance(value, (Kernel, Kernels))), None)
    return function  # type: ignore[no-any-return]


def _may_be_known(function: Any) -> bool:
    """False for nearly all functions, so that chunks of their calls need not be looked through."""
    return type(function) in (Kernel, functools.partial, MethodType) or function is operator.call


def _filled(places: tuple[Any, ...], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a partial, and then those of its call, which fill its placeholders first."""
    if _PLACEHOLDER is None or not any(place is _PLACEHOLDER for place in places):
        return (*places, *args)
    rest = iter(args)
    filled = [next(rest, place) if place is _PLACEHOLDER else place for place in places]
    return (*filled, *rest)


# Integers that JavaScript takes as bigints.
WIDE = ("i64", "u64")


def _flat(signature: Signature, arguments: tuple[Any, ...], caller: KernelCaller) -> list[Any]:
    """The arguments as WebAssembly takes them: of an array address and length."""
    flat: list[Any] = []
    for parameter, value in zip(signature.parameters, arguments, strict=True):
        if parameter.is_array:
            flat += value._kernel_argument()
        elif parameter.type in WIDE:
            flat.append(caller.wide(value))
        else:
            flat.append(value)
    return flat


def _elsewhere(name: str) -> str:
    """Why a kernel can't be called here."""
    if sys.platform != "emscripten":
        return (
            f"kernel {name} can't run here: kernels are WebAssembly, run by Penny's workers in a "
            "browser, and this is plain Python. Run the program with `penny run`; to test the "
            "kernel itself, compile its C file natively (see docs/kernels.md)"
        )
    if modules.home is not None:
        return (
            f"kernel {name} can't run in a coroutine task, others would wait with it: use "
            f"`await penny.current_scheduler().submit(k.{name}, …)`"
        )
    return (
        f"kernel {name} runs in a Scheduler's workers only: use `await s.submit(k.{name}, …)` or "
        f"`s.parallel_for(k.{name}, …)`, or call it inside a task"
    )


# -- Kernels that come from elsewhere --------------------------------------------------------------

# A kernel that is loaded again is the same object: functions are known by identity.
_kernel_cache: weakref.WeakValueDictionary[tuple[bytes, str, str], Kernel] = (
    weakref.WeakValueDictionary()
)


def _kernel_of(module: Module, name: str, signature: str) -> Kernel:
    key = module.digest, name, signature
    kernel = _kernel_cache.get(key)
    if kernel is None:
        kernel = _kernel_cache[key] = Kernel(module, name, parse_signature(name, signature))
    return kernel


def kernel_at(number: int, digest: bytes, name: str, signature: str) -> Kernel:
    """A kernel of a module that is in the memory of this worker's scheduler, under that number."""
    return _kernel_of(module_at(number, digest), name, signature)
