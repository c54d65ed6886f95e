"""Kernels: WebAssembly functions that run in the workers and see shared arrays without a copy.

A module's bytes are given to a scheduler once, when a kernel of it is first submitted there
(`Destination`). Every worker finds them in the shared memory and compiles them when it first calls
one of them. What travels with a task is a handle: the module's number at that scheduler, the
kernel's name and its signature.

The arguments of a call are checked where it is submitted, before anything is queued (`bind`), and
where it is made.
"""

from __future__ import annotations

import functools
import operator
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from types import MethodType
from typing import TYPE_CHECKING, Any

from penny.errors import Cancelled, KernelError, WorkerLost
from penny.functions.table import ChunkCall, TableFunction
from penny.jobs import job as jobs
from penny.kernels.signatures import INTEGERS, Signature, parse_section, parse_signature
from penny.kernels.wasm_module import FunctionType, read_module

if TYPE_CHECKING:
    from penny.bridge.javascript import KernelCaller

__all__ = ["Destination", "Kernel", "Kernels", "kernel_at"]


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
        self._use(_module_of(data), found)

    def _use(self, module: _Module, signatures: Mapping[str, Signature]) -> None:
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


def _kernels_of(module: _Module, signatures: dict[str, str], exports: tuple[str, ...]) -> Kernels:
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

    def __init__(self, module: _Module, name: str, signature: Signature) -> None:
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
            result = caller.call(home.number(self._module), self.__name__, arguments)  # type: ignore[union-attr]
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
                home.number(self._module),  # type: ignore[union-attr]
                self.__name__,
                low,
                high,
                caller.arguments(flat),
            )
        except Exception as error:
            raise self._left(error) from None
        jobs.catch_up()

    def _caller(self) -> KernelCaller:
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
    if home is not None:
        return (
            f"kernel {name} can't run in a coroutine task, others would wait with it: use "
            f"`await penny.current_scheduler().submit(k.{name}, …)`"
        )
    return (
        f"kernel {name} runs in a Scheduler's workers only: use `await s.submit(k.{name}, …)` or "
        f"`s.parallel_for(k.{name}, …)`, or call it inside a task"
    )


# -- Modules, and where they are sent ------------------------------------------------------------


class _Module:
    """A module, one in each interpreter. `data` is None where only its handle has come."""

    __slots__ = ("__weakref__", "data", "digest")

    def __init__(self, digest: bytes, data: bytes | None) -> None:
        self.digest = digest
        self.data = data

    def __reduce__(self) -> Any:
        to = destination or home
        if to is None:
            if self.data is None:
                raise _unknown()
            return _module_of, (self.data,)
        return _module_at, (to.number(self), self.digest)


_modules: weakref.WeakValueDictionary[bytes, _Module] = weakref.WeakValueDictionary()


def _module_of(data: bytes) -> _Module:
    digest = sha256(data).digest()[:16]
    module = _modules.setdefault(digest, _Module(digest, data))
    module.data = data
    return module


def _module_at(number: int, digest: bytes) -> _Module:
    """The module of a handle, which comes from this worker's scheduler, or is a result of one's."""
    of = home or destination
    if of is not None:
        of.numbers[digest] = number
    return _modules.setdefault(digest, _Module(digest, None))


# A kernel that is loaded again is the same object: functions are known by identity.
_kernel_cache: weakref.WeakValueDictionary[tuple[bytes, str, str], Kernel] = (
    weakref.WeakValueDictionary()
)


def _kernel_of(module: _Module, name: str, signature: str) -> Kernel:
    key = module.digest, name, signature
    kernel = _kernel_cache.get(key)
    if kernel is None:
        kernel = _kernel_cache[key] = Kernel(module, name, parse_signature(name, signature))
    return kernel


def kernel_at(number: int, digest: bytes, name: str, signature: str) -> Kernel:
    """A kernel of a module that is in the memory of this worker's scheduler, under that number."""
    return _kernel_of(_module_at(number, digest), name, signature)


class Destination:
    """A scheduler as what modules are sent to, each once: from here on it goes by number.

    Args:
        add: Puts a module's bytes where workers find them; its number, or -1 if there is no room.
        caller: What kernels are called by, in a pool worker; elsewhere None.
    """

    def __init__(self, add: Callable[[bytes], int], caller: KernelCaller | None = None) -> None:
        self._add = add
        self.caller = caller
        self.numbers: dict[bytes, int] = {}
        """Of the modules that are there, by digest."""

    def number(self, module: _Module) -> int:
        """The module's number there; sends it if need be.

        Raises:
            MemoryError: There is no room.
            RuntimeError: The module's bytes are in another worker.
            ValueError: The browser finds that it is no module for kernels.
        """
        number = self.numbers.get(module.digest)
        if number is not None:
            return number
        if module.data is None:
            raise _unknown()
        from penny.bridge import javascript

        try:
            number = self._add(module.data)
        except Exception as error:
            thrown = javascript.thrown(error)
            if thrown is None:
                raise
            raise ValueError(f"the workers can't load the module: {thrown[1]}") from None
        if number < 0:
            raise MemoryError(
                f"no room for a module of kernels ({len(module.data)} bytes) in the scheduler's "
                "shared heap: give the Scheduler a larger memory="
            )
        self.numbers[module.digest] = number
        return number


def _unknown() -> RuntimeError:
    return RuntimeError(
        "these kernels came from a task of another scheduler, and their module's bytes are not "
        "here: make them anew, with penny.Kernels(…)"
    )


destination: Destination | None = None
"""What is being pickled or unpickled goes to this scheduler or comes from it. Engines set it."""

home: Destination | None = None
"""The scheduler whose worker this interpreter is: all that it pickles stays there."""
