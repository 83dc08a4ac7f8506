"""The trunk of a shipped network as a checkpoint like those of tune3.py, to be averaged with them by export3.py.

checkpoint.py MODEL.keras LAYERS.pkl, with Keras; then checkpoint.py LAYERS.pkl CHECKPOINT.pt, with torch.
"""

import pickle
import sys

found, out = sys.argv[1:]
if found.endswith(".keras"):
    import keras

    from deepfake import networks  # noqa: F401  # registers the layers

    def trunk(model):
        inner = (layer for layer in model.layers if isinstance(layer, keras.Model))
        if any(layer.name == "stem_conv" for layer in model.layers):
            return model
        return next(one for one in map(trunk, inner) if one)

    layers = trunk(keras.saving.load_model(found, compile=False)).layers
    weights = {layer.name: layer.get_weights() for layer in layers if layer.weights}
    pickle.dump(weights, open(out, "wb"))
else:
    import network
    import torch

    net = network.TwoExperts()
    net.load_trunk(pickle.load(open(found, "rb")))
    own = net.named_parameters()
    torch.save({n: p.detach().clone() for n, p in own if not n.startswith("experts")}, out)
