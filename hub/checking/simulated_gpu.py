"""A GPU without a GPU: PyTorch's rules of devices and dtypes on a ``cuda`` that is not there.

``FakeTensorMode`` is how ``torch.compile`` looks ahead: a fake tensor has a shape, a dtype and a device but no numbers, and
an operation on tensors of two devices is refused as a real GPU refuses it. ``SimulatedGpu`` adds the numbers: every fake
tensor also holds a real one on the CPU, of the same shape and dtype, and an operation that the rules allow is computed on
those. So ``.item()``, branches that depend on values, gradients and the picture at the end are real, nothing in the
methods is patched, and a picture can be compared with the CPU's.

Beyond PyTorch's own rules it refuses work on the CPU: there a tensor is only made, read and carried (``CARRYING``), so
that a whole network left on the CPU is seen too. An index on the CPU into a tensor on the GPU, which PyTorch copies over
silently while the GPU waits, is refused as well.

What it cannot show: whether the GPU's own kernels know a dtype and how they round; memory, waiting and speed; cuDNN;
``torch.compile`` and CUDA graphs. Those need a GPU. Autocast is simulated in inference mode only, so training is not.

The classes underneath are private to PyTorch, so a new version may want changes here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import safetensors.torch
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.utils._python_dispatch import _disable_current_modes

COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
GPU, CPU, META = torch.device("cuda", 0), torch.device("cpu"), torch.device("meta")

# What may be done on the CPU before a tensor goes to the GPU, or after it has come back.
CARRYING = {
    # made, copied, seen in another shape
    *("empty", "zeros", "ones", "full", "eye", "arange", "linspace", "rand", "uniform_", "fill_", "zero_"),
    *("lift_fresh", "detach", "detach_", "alias", "clone", "copy_", "_to_copy", "_local_scalar_dense"),
    "sparse_compressed_tensor",
    *("view", "permute", "unsqueeze", "expand", "select", "slice", "split", "unbind", "stack", "cat"),
    # pictures and masks as they are read
    *("div_", "div", "mean", "aminmax", "replication_pad2d"),
    # weights as they are checked
    *("abs", "ne", "eq", "mul", "all"),
    # a few numbers: shares of styles, the vectors of paintings, the sums of statistics over tiles
    *("max", "sum", "lerp", "round", "add", "sub", "pow"),
}


class LeftOnCpu(AssertionError):
    """Something that belongs on the GPU was computed on the CPU, or read from there."""


class SimulatedGpu(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Entered by ``with``, it makes ``cuda`` a device like any other."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)  # those that PyTorch makes by itself; ours become fake below
        # `Module.to` exchanges tensors, and refuses to where anybody refers to them weakly, as this memory does.
        self.fake_tensor_converter.set_tensor_memo = lambda *_: None  # type: ignore[method-assign]
        self.convolved: set[torch.dtype] = set()  # dtypes that convolutions were computed in
        self.free = 8 << 30  # bytes of memory that the GPU says it has left
        self.watches_cpu = True  # a network is built on the CPU, with whatever its beginning takes
        self._answering = False  # while FakeTensorMode works out shape and device

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Every operation of PyTorch comes by here, in the forms that have kernels."""
        kwargs = dict(kwargs or {})
        if func.namespace == "profiler":
            return func(*args, **kwargs)
        if self._answering:
            return super().__torch_dispatch__(func, types, args, kwargs)
        if func is torch.ops.prim.device.default:
            # Asked by C++ alone. Autograd would set up streams of a GPU that is not there, so it hears of a device that
            # has none, and what it makes there is made on the GPU (see `faked`). Without autograd the truth does no
            # harm, and autocast needs it.
            place = args[0].device
            return META if place.type == "cuda" and not torch.is_inference_mode_enabled() else place
        args, kwargs = everywhere(self.faked, (list(args), kwargs))
        assert isinstance(kwargs, dict)
        if is_composite(func.name()):
            with self:
                return func._op_dk(COMPOSITE, *args, **kwargs)
        return self.run(func, types, args, kwargs)

    def run(self, func: Any, types: Sequence[type], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The rules first, then the numbers."""
        tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, FakeTensor)]
        place = kwargs.get("device") or (tensors[0].device if tensors else CPU)
        self.check(func, tensors, place)
        found: Any = None
        if not func.name().startswith("aten::") or "sparse" not in func.name():
            self._answering = True
            try:
                found = super().__torch_dispatch__(func, types, args, kwargs)
            except (DataDependentOutputException, DynamicOutputShapeException):
                pass  # the numbers decide
            finally:
                self._answering = False
        real_args, real_kwargs = everywhere(real, (args, kwargs))
        if any(t.layout is not torch.strided for t in leaves(real_args) if isinstance(t, Tensor)):
            real_kwargs.pop("layout", None)  # a fake tensor is never sparse; the one it stands for is
        numbers = func(*real_args, **real_kwargs)
        if found is None:
            return everywhere(lambda value: standing_for(self, value, place), numbers)
        for fake, value in zip(leaves(found), leaves(numbers), strict=True):
            if isinstance(fake, FakeTensor):
                assert (fake.shape, fake.dtype) == (value.shape, value.dtype), f"{func} is simulated wrongly"
                fake.real_tensor = value
        return found

    def check(self, func: Any, tensors: Sequence[FakeTensor], place: torch.device) -> None:
        """Refuse work that PyTorch would do on the CPU without an error. Notes the dtypes of convolutions."""
        name = func.overloadpacket.__name__
        places = {tensor.device.type for tensor in tensors if tensor.dim()}
        if places <= {"cpu"} and place.type == "cpu" and name not in CARRYING and self.watches_cpu:
            raise LeftOnCpu(f"{name} of {[(tuple(t.shape), t.dtype) for t in tensors]} is computed on the CPU.")
        if len(places) > 1 and "index" in name:
            raise LeftOnCpu(f"{name}: an index on the CPU into a tensor on the GPU, or the other way round.")
        if name == "convolution":
            self.convolved.add(tensors[0].dtype)

    def faked(self, value: Any) -> Any:
        """A fake tensor on the CPU for a real one."""
        if isinstance(value, torch.device) and value == META:
            return GPU
        return value if isinstance(value, FakeTensor) else standing_for(self, value, CPU)


def standing_for(gpu: SimulatedGpu, value: Any, place: torch.device) -> Any:
    """A fake tensor on ``place`` for a real one; anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    value = value.detach()
    shape = value if value.layout is torch.strided else torch.empty(value.shape, dtype=value.dtype, device=META)
    return FakeTensor(gpu, torch.empty_like(shape, device=META), place, real_tensor=value)


def real(value: Any) -> Any:
    """The device that a fake tensor, or the simulated device, stands for."""
    if isinstance(value, FakeTensor):
        assert value.real_tensor is not None
        return value.real_tensor
    return CPU if isinstance(value, torch.device) else value


@cache
def is_composite(name: str) -> bool:
    """Whether the operation ``name`` is written in terms of others, which then come by one by one."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(name, COMPOSITE)


def everywhere(change: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with ``change`` made to everything in its lists, tuples and dictionaries."""
    if isinstance(value, dict):
        return {name: everywhere(change, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        changed = [everywhere(change, item) for item in value]
        return tuple(changed) if isinstance(value, tuple) else changed
    return change(value)


def leaves(value: Any) -> list[Any]:
    """Everything in the lists, tuples and dictionaries of ``value``."""
    found: list[Any] = []
    everywhere(found.append, value)
    return found


@contextmanager
def simulated_gpu() -> Iterator[SimulatedGpu]:
    """A ``SimulatedGpu`` to be entered by ``with``; until then PyTorch answers questions about it, and no more."""
    gpu = SimulatedGpu()
    with ExitStack() as stack:

        def answer(target: Any, name: str, value: Callable[..., Any]) -> None:
            stack.enter_context(patch.object(target, name, value, create=True))

        answer(torch.cuda, "mem_get_info", lambda device=None: (gpu.free, 80 << 30))
        answer(torch.cuda, "memory_reserved", lambda device=None: 0)
        answer(torch.cuda, "memory_allocated", lambda device=None: 0)
        answer(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
        answer(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)  # or there is no autocast
        to_array = Tensor.numpy
        answer(Tensor, "numpy", lambda tensor, **options: _to_array(to_array, tensor))
        answer(safetensors.torch, "load_file", _outside(safetensors.torch.load_file))  # reads past PyTorch
        # cuDNN's normalisation has no kernel for the CPU; PyTorch's own computes the same.
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield gpu


def _to_array(numpy: Callable[[Tensor], Any], tensor: Tensor) -> Any:
    if tensor.device.type != "cpu":
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
    return _outside(numpy)(real(tensor))


def _outside(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` on real tensors, whatever mode it is called in."""

    def called(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return function(*args, **kwargs)

    return called
