"""The shipped trunk -> cache/features2.tflite: means and mean squares of taps and of every block."""

import keras
from keras import ops

network = keras.saving.load_model("/work/m2/cache/plain130.keras", compile=False)
taps = [network.get_layer(f"tap{s}_relu").output for s in (1, 2, 3, 4)]
taps.append(network.get_layer("head_relu").output)
names = {layer.name for layer in network.layers}
blocks = []
for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1)):
    for repeat in range(count):
        name = f"stage{stage}_block{repeat}"
        blocks.append(
            network.get_layer(
                f"{name}_add" if f"{name}_add" in names else f"{name}_project_bn"
            ).output
        )
mean = ops.concatenate([ops.mean(t, (1, 2)) for t in taps + blocks], -1)
square = ops.concatenate([ops.mean(ops.square(t), (1, 2)) for t in taps + blocks], -1)
out = ops.concatenate([mean, square], -1)
model = keras.Model(network.input, {"features": out, "logit": network.output["logit"]})
print(out.shape)
model.export("/work/m2/cache/features2.tflite", format="litert", verbose=False)
