"""The shipped trunk -> cache/features.tflite: pooled taps, means and variances of every stage."""

import keras
from keras import ops

network = keras.saving.load_model("/work/m2/cache/plain130.keras", compile=False)
taps = [network.get_layer(f"tap{s}_relu").output for s in (1, 2, 3, 4)]
taps.append(network.get_layer("head_relu").output)
repeats = (1, 2, 2, 3, 3, 4, 1)
names = {layer.name for layer in network.layers}
stages = []
for stage, count in enumerate(repeats):
    name = f"stage{stage}_block{count - 1}"
    stages.append(
        network.get_layer(f"{name}_add" if f"{name}_add" in names else f"{name}_project_bn").output
    )
pooled = ops.concatenate([ops.mean(t, (1, 2)) for t in taps], -1)
mean = ops.concatenate([ops.mean(t, (1, 2)) for t in stages], -1)
square = ops.concatenate([ops.mean(ops.square(t), (1, 2)) for t in stages], -1)
out = keras.layers.Concatenate(name="features")([pooled, mean, square])
model = keras.Model(
    network.input, {"features": out, "middle": stages[4], "logit": network.output["logit"]}
)
print(out.shape)
model.export("/work/m2/cache/features.tflite", format="litert", verbose=False)
