"""Weights of the shipped network -> cache/w130.pkl: {layer's name: its weights}."""

import pickle

import keras

m = keras.saving.load_model("/work/base/models/default/model.keras", compile=False)


def find(m):
    for l in m.layers:
        if l.name == "stem_conv":
            return m
        if isinstance(l, keras.Model):
            r = find(l)
            if r is not None:
                return r


n = find(m)
print(n.name, n.input_shape)
pickle.dump(
    {l.name: l.get_weights() for l in n.layers if l.weights}, open("/work/m2/cache/w130.pkl", "wb")
)
n.save("/work/m2/cache/plain130.keras")
