"""TAEF2 in torch: the Keras graph of /work/shared/weights walked layer by layer, channels last."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import torch
from torch.nn import functional as F


class Graph:
    def __init__(self, path, dtype=torch.bfloat16):
        m = keras.saving.load_model(path, compile=False)
        self.dtype, self.steps = dtype, []
        self.inp, self.out = m.inputs[0], m.outputs[0]
        ids = {id(self.inp): 0}
        for nodes in (m._nodes_by_depth[d] for d in sorted(m._nodes_by_depth, reverse=True)):
            for node in nodes:
                if node.is_input:
                    continue
                op = node.operation
                src = [ids.setdefault(id(t), len(ids)) for t in node.input_tensors]
                (o,) = node.outputs
                dst = ids.setdefault(id(o), len(ids))
                self.steps.append((self.make(op, node), src, dst, op.name))
        self.last = ids[id(self.out)]

    def make(self, op, node):
        k, d = type(op).__name__, self.dtype
        if k == "ZeroPadding2D":
            return lambda x: F.pad(x, (1, 1, 1, 1))
        if k == "Conv2D":
            w = (
                torch.tensor(op.get_weights()[0])
                .permute(3, 2, 0, 1)
                .to(d)
                .contiguous(memory_format=torch.channels_last)
            )
            b = torch.tensor(op.get_weights()[1]).to(d) if op.use_bias else None
            s = op.strides[0]
            act = op.activation.__name__
            assert act == "linear"
            return lambda x: F.conv2d(x, w, b, s)
        if k == "ReLU":
            return F.relu
        if k == "Add":
            return lambda a, b: a + b
        if k == "GroupNormalization":
            g, b = (torch.tensor(w).to(d) for w in op.get_weights())
            n = op.groups
            e = op.epsilon
            return lambda x: F.group_norm(x, n, g, b, e).contiguous(
                memory_format=torch.channels_last
            )
        if k == "UpSampling2D":
            return lambda x: F.interpolate(x, scale_factor=op.size[0], mode=op.interpolation)
        print(
            "?",
            k,
            getattr(op, "get_config", dict)(),
            node.arguments.args[1:],
            node.arguments.kwargs,
        )
        name = k
        if k == "Tanh":
            return torch.tanh
        if k in ("Divide", "TrueDivide"):
            c = node.arguments.args[1]
            return lambda x: x / c
        if k == "Multiply":
            c = (
                node.arguments.args[1]
                if not hasattr(node.arguments.args[1], "shape")
                else node.arguments.args[0]
            )
            return lambda x: x * c
        if k == "Subtract":
            c = node.arguments.args[1]
            return lambda x: x - c
        raise ValueError(k)

    @torch.inference_mode()
    def __call__(self, x):
        v = {0: x.to(self.dtype).contiguous(memory_format=torch.channels_last)}
        for f, src, dst, name in self.steps:
            v[dst] = f(*(v[i] for i in src))
        return v[self.last]


P = "/work/shared/weights/taef2/taef2_{}.keras"


def pair(dtype=torch.bfloat16):
    e, d = Graph(P.format("encoder"), dtype), Graph(P.format("decoder"), dtype)
    return lambda x: d(e(x)).float().clamp(0, 1)


if __name__ == "__main__":
    import time

    torch.set_num_threads(1)
    x = torch.rand(4, 3, 256, 256)
    enc, dec = (keras.saving.load_model(P.format(h), compile=False) for h in ("encoder", "decoder"))
    with torch.inference_mode():
        y = (
            dec(enc(x[:1].permute(0, 2, 3, 1), training=False), training=False)
            .permute(0, 3, 1, 2)
            .clamp(0, 1)
        )
    for dt in (torch.float32, torch.bfloat16):
        f = pair(dt)
        f(x[:1])
        t = time.process_time()
        z = f(x)
        print(dt, (time.process_time() - t) / 4, (z[:1] - y).abs().mean(), (z[:1] - y).abs().max())
