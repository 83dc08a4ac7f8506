"""The names that the description of a Keras model may hold: Keras's own, and ours.

An allow-list, because lists of bad names were incomplete each time (CVE-2025-1550, CVE-2025-8747,
CVE-2025-9906: Keras's own helpers, named in a file, fetched and ran what the file asked for).
Left out on purpose: Lambda, TFSMLayer, TorchModuleWrapper, FlaxLayer, JaxLayer (code of others),
Pipeline and the bare base classes, and every function that is no activation, loss or metric.
Taken from keras 3.15.1, with what only Keras 2 has.
"""

# Words are easier to compare with Keras's own list than quoted ones.
# ruff: noqa: SIM905

from __future__ import annotations

LAYERS = frozenset(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
    AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D
    AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization
    BatchNormalizationV1 BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose
    Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose
    Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D
    Cropping3D CustomScaleLayer CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot
    Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
    GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
    HashedCrossing Hashing Identity InputLayer InputSpec IntegerLookup LSTM LSTMCell
    LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxNumBoundingBoxes
    MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram
    Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN
    RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight
    RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
    RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling
    Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells
    StringLookup Subtract SyncBatchNormalization TextVectorization ThresholdedReLU TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """.split()
)

MODELS = frozenset(("Functional", "Model", "Sequential"))

PARTS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
    LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT
    STFTInitializer TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform
    he_normal he_uniform identity lecun_normal lecun_uniform ones orthogonal random_normal
    random_uniform truncated_normal variance_scaling zeros
    L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer
    MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm
    DTypePolicy DTypePolicyMap FloatDTypePolicy Policy QuantizedDTypePolicy SeedGenerator
    """.split()
)

# Only a nested model's compile_config names these; nothing of it is used to score.
TRAINING_PARTS = frozenset(
    """
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle
    CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError
    MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky AUC Accuracy BinaryAccuracy BinaryIoU
    CategoricalAccuracy ConcordanceCorrelation F1Score FBetaScore FalseNegatives FalsePositives IoU
    LogCoshError Mean MeanIoU MeanMetricWrapper OneHotIoU OneHotMeanIoU PearsonCorrelation Precision
    PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
    SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity Sum
    TopKCategoricalAccuracy TrueNegatives TruePositives Adadelta Adafactor Adagrad Adam AdamW Adamax
    Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD CosineDecay CosineDecayRestarts
    ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
    """.split()
)

# Values that Keras writes as if they were objects.
VALUES = frozenset(
    "__bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__ "
    "TensorShape".split()
)

FUNCTIONS = frozenset(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
    softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy
    categorical_hinge circle cosine_similarity ctc dice hinge huber kl_divergence log_cosh
    mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error poisson sparse_categorical_accuracy
    sparse_categorical_crossentropy squared_hinge tversky
    """.split()
)

# Registered under the package name "deepfake": by deepfake.training, and by modelstore.keras2.
OURS = frozenset(("AveragedGradients", "_DepthToSpace"))
OUR_FUNCTIONS = frozenset(("hard_sigmoid_of_keras_2",))

CLASSES = LAYERS | MODELS | PARTS | TRAINING_PARTS

# Steps of a network that take a function as an argument.
OPERATIONS_WITH_FUNCTIONS = frozenset(
    "AssociativeScan Cond CustomGradient ForiLoop JVP Map Scan Switch VectorizedMap "
    "WhileLoop".split()
)

# Where in Keras a name may come from; `keras.utils`, `keras.saving` and the like are left out.
SECTIONS = frozenset(
    """
    activations applications constraints dtype_policies engine initializers layers losses metrics
    mixed_precision models ops optimizers random regularizers
    """.split()
)
