"""The operations of TensorFlow that a network for pictures is made of.

They compute with numbers: apart from `SAVER`, none takes the name of a file, a program or a
machine, and none ends the process. It is what the layers and networks of Keras 2 and 3 were seen to
export, and their next of kin.
"""

# ruff: noqa: SIM905  hundreds of quoted names read worse
from __future__ import annotations

ARITHMETIC = frozenset(
    """
    Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
    BitwiseAnd BitwiseOr BitwiseXor Bucketize Ceil ClipByValue Complex ComplexAbs Conj Cos Cosh
    Cross Cumprod Cumsum Digamma Div DivNoNan Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv
    FloorMod Greater GreaterEqual Imag Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual
    Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Max Maximum Mean Min Minimum Mod Mul MulNoNan
    Ndtri Neg NextAfter NotEqual Pow Prod Real RealDiv Reciprocal RightShift Rint Round Rsqrt
    SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Sigmoid Sign Sin Sinh Sqrt Square
    SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod UnsortedSegmentMax
    UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Xdivy Xlog1py Xlogy
    """.split()
)
ARRAYS = frozenset(
    """
    BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND Bincount Bitcast
    BroadcastArgs BroadcastGradientArgs BroadcastTo Cast Cholesky Concat ConcatOffset ConcatV2 Const
    DenseBincount DepthToSpace Diag DiagPart Einsum EnsureShape ExpandDims ExtractImagePatches
    FFT FFT2D FFT3D Fill Gather GatherNd GatherV2 IFFT IFFT2D IFFT3D IRFFT IRFFT2D Identity
    IdentityN InvertPermutation L2Loss LinSpace MatMul MatrixBandPart MatrixDeterminant MatrixDiag
    MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse
    MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve MatrixTriangularSolve MirrorPad NoOp
    OneHot OnesLike Pack Pad PadV2 ParallelConcat Placeholder PlaceholderWithDefault
    PreventGradient Qr RFFT RFFT2D Range Rank Reshape ResourceGather ResourceGatherNd Reverse
    ReverseSequence ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice
    SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice Svd
    TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate
    TensorStridedSliceUpdate Tile TopK TopKV2 Transpose Unique UniqueV2 Unpack UnravelIndex Where
    ZerosLike
    """.split()
)
NETWORKS = frozenset(
    """
    AvgPool AvgPool3D BiasAdd BiasAddV1 Conv Conv2D Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D
    Conv3DBackpropInput Conv3DBackpropInputV2 CudnnRNN CudnnRNNBackpropV3 CudnnRNNV2 CudnnRNNV3
    DepthwiseConv2dNative Dilation2D Elu FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel FractionalAvgPool FractionalMaxPool FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 InTopKV2 LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2
    MaxPoolWithArgmax NthElement QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
    QuantizeAndDequantizeV4 Relu Relu6 Selu Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign
    SparseSoftmaxCrossEntropyWithLogits
    """.split()
)
PICTURES = frozenset(
    """
    AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize ExtractGlimpse
    ExtractGlimpseV2 HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3
    NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4
    NonMaxSuppressionV5 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    ScaleAndTranslate
    """.split()
)
CHANCE = frozenset(
    """
    Multinomial ParameterizedTruncatedNormal RandomGamma RandomShuffle RandomStandardNormal
    RandomUniform RandomUniformInt RngReadAndSkip RngSkip StatefulRandomBinomial
    StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt
    StatefulUniformInt StatelessMultinomial StatelessRandomBinomial StatelessRandomGammaV2
    StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
    StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
    StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2
    StatelessShuffle StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
    """.split()
)
# Those that call functions: the bodies of all functions in the file are checked as well.
FLOW = frozenset(
    """
    Assert Case CheckNumerics CheckNumericsV2 Enter Exit For If LoopCond Merge NextIteration
    PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
    TensorListResize TensorListScatterV2 TensorListSetItem TensorListSplit TensorListStack While
    """.split()
)
VARIABLES = frozenset(
    """
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp DisableCopyOnRead ReadVariableOp
    ResourceScatterAdd ResourceScatterNdUpdate ResourceScatterUpdate VarIsInitializedOp
    VariableShape
    """.split()
)

KNOWN = ARITHMETIC | ARRAYS | NETWORKS | PICTURES | CHANCE | FLOW | VARIABLES

# Makes or finds a variable by its name, so that a function which does so would reach those of other
# models in this process. Functions get their own handed in; this stands beside them.
BESIDE_FUNCTIONS = frozenset(("VarHandleOp",))
# The part of every SavedModel that reads and writes its variables/ folder.
SAVER = frozenset(
    """
    MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename StaticRegexFullMatch StringJoin
    """.split()
)
# Not there: `api_implements`, for which TensorFlow calls another function than the named one.
FUNCTION_ATTRIBUTES = frozenset(
    """
    _XlaMustCompile _construction_context _input_shapes _noinline _output_shapes
    """.split()
)
