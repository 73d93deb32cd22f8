"""Tells whether a SavedModel only calculates, without running it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import variable_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model import loader_impl

from zoo.saved_model_folder import newest_version

_OPS = r"""
# Constants, control flow and shapes.
Const GuaranteeConst NoOp Identity(N)? Placeholder(V2|WithDefault)?
StopGradient PreventGradient Snapshot DeepCopy Empty FakeParam
(Stateless)?(If|Case|While) (Stateful)?PartitionedCall Assert
(Ref)?(Switch|Merge|Enter|Exit|NextIteration|Identity) _SwitchN
LoopCond ControlTrigger EnsureShape CheckNumerics(V2)?
Shape(N)? Size Rank Reshape Squeeze ExpandDims Cast Bitcast
Broadcast(Args|To|GradientArgs) ToBool
# Variables, lists, stacks and tables in memory.
VarHandleOp VarIsInitializedOp IsVariableInitialized
(Read|Assign(Add|Sub)?)VariableOp Variable(V2|Shape)? Assign(Add|Sub)?
DestroyResourceOp DisableCopyOnRead
Resource(Gather(Nd)?|Scatter(Add|Update|NdAdd|NdUpdate)|StridedSliceAssign)
(Anonymous)?(Mutable(Dense)?)?HashTable(OfTensors)?(V2)?
InitializeTable(V2)? LookupTable(Find|Size|Export|Import|Insert)(V2)?
Stack(V2|Push|PushV2|Pop|PopV2|Close|CloseV2)?
TensorArray(V[23])?
TensorArray(Close|Concat|Gather|Read|Scatter|Size|Split|Write)(V[23])?
EmptyTensorList
TensorList(FromTensor|Reserve|Stack|Length|ElementShape|Resize)
TensorList(PushBack(Batch)?|PopBack|GetItem|SetItem|Gather|Split)
TensorList(Concat(V2|Lists)?|Scatter(V2|IntoExistingList)?)
# Arranging values.
Concat(V2|Offset)? (Parallel)?DynamicStitch DynamicPartition
Pack Unpack Split(V)? Slice StridedSlice(Grad|Assign)? Fill Tile Range
TensorStridedSliceUpdate TensorScatter(Add|Max|Min|Sub|Update)
Pad(V2)? MirrorPad Gather(V2|Nd)? ScatterNd(NonAliasingAdd)?
Reverse(V2|Sequence)? Roll Transpose ConjugateTranspose
InvertPermutation Where Select(V2)? OneHot Unique(V2)?
UniqueWithCounts(V2)? ListDiff UnravelIndex Bincount DenseBincount
Bucketize LowerBound UpperBound LinSpace (Zeros|Ones)Like
SpaceTo(Batch|BatchND|Depth) BatchToSpace(ND)?
DepthToSpace DataFormat(DimMap|VecPermute) Diag(Part)?
MatrixDiag(Part)?(V[23])? MatrixSetDiag(V[23])? MatrixBandPart
TopK(V2)? ApproxTopK InTopK(V2)? NthElement ArgM(ax|in)
# Arithmetic.
Abs Acos(h)? Add(N|V2)? AccumulateNV2 Angle Asin(h)? Atan(2|h)? Ceil
ApproximateEqual Bessel[IJKY][01]e? Betainc Bitwise(And|Or|Xor)
ClipByValue Complex(Abs)? Conj Cos(h)? Cross Cum(prod|sum)
CumulativeLogsumexp Dawsn Digamma Div(NoNan)? Equal Erf(c|inv)? Exp
Expint Expm1 Floor(Div|Mod)? Fresnel(Cos|Sin) Greater(Equal)?
Igamma(c)? Imag Inv Invert Is(Finite|Inf|Nan) L2Loss (Left|Right)Shift
Less(Equal)? Lgamma Log(1p)? Logical(And|Not|Or) Maximum Minimum Mod
Mul(NoNan)? Ndtri Neg NextAfter NotEqual Polygamma PopulationCount Pow
Real(Div)? Reciprocal Rint Round Rsqrt Sign Sin(h)? Spence Sqrt Square
SquaredDifference Sub Tan(h)? Truncate(Div|Mod) Xdivy Xlog1py Xlogy
Zeta All Any Max Mean Min Prod Sum EuclideanNorm
(Unsorted)?Segment(Max|Min|Prod|Sum)(V2)? SegmentMean
# Linear algebra.
(Batch|Sparse)?MatMul BatchMatMulV[23] Einsum Cholesky Eig Lu Qr Svd
SelfAdjointEig(V2)? (Log)?MatrixDeterminant MatrixInverse MatrixSolve
MatrixSolveLs MatrixTriangularSolve MatrixSquareRoot
MatrixExponential MatrixLogarithm I?R?FFT(2D|3D|ND)?
# Networks, quantized ones too.
(Avg|Max)Pool(3D|V2)? MaxPoolWithArgmax Fractional(Avg|Max)Pool
BiasAdd(V1)? Conv(2D|3D)? DepthwiseConv2dNative Dilation2D
Conv2DBackpropInput(V2)? Conv3DBackpropInput(V2)?
DepthwiseConv2dNativeBackpropInput FusedBatchNorm(V[23])?
BatchNormWithGlobalNormalization Fused(ResizeAnd)?PadConv2D
_Fused(Conv[23]D|DepthwiseConv2dNative|MatMul|BatchNormEx)
Elu Selu Relu6? LeakyRelu Softplus Softsign Sigmoid (Log)?Softmax LRN
(Sparse)?SoftmaxCrossEntropyWithLogits (GRU|LSTM)BlockCell
BlockLSTM(V2)? CudnnRNN(V[23])? CudnnRNNParamsSize
CudnnRNNCanonicalToParams(V2)? CudnnRNNParamsToCanonical(V2)?
FakeQuantWithMinMax(Args|Vars|VarsPerChannel) QuantizeV2 Dequantize
QuantizeAndDequantize(V[234])? Requantize(PerChannel)?
RequantizationRange(PerChannel)? QuantizeDownAndShrinkRange
Quantized(Add|Mul|AvgPool|MaxPool|BiasAdd|Concat|ConcatV2|Reshape)
Quantized(Relu|Relu6|ReluX|ResizeBilinear)
QuantizedConv2DPerChannel Quantized(DepthwiseConv2D|Conv2D|MatMul)
Quantized(DepthwiseConv2D|Conv2D|MatMul)WithBias((Signed)?Sum)?(AndRelu)?
Quantized(DepthwiseConv2D|Conv2D|MatMul)WithBias(AndRelu)?AndRequantize
QuantizedMatMulWithBiasAndDequantize QuantizedConv2DAnd(ReluAnd)?Requantize
Uniform(Quantize|Dequantize|Requantize)
UniformQuantized(Add|ClipByValue)
UniformQuantized(Convolution|Dot)(Hybrid)?
# Gradients of these, as of a model that uses its own.
(Relu6?|Elu|Selu|LeakyRelu|Softplus|Softsign|Sigmoid|Tanh|Sqrt)Grad
(Rsqrt|Reciprocal|Inv|LRN|BiasAdd|AvgPool3?D?|MirrorPad)Grad
MaxPool(3D)?(Grad)?Grad(V2|WithArgmax)? FusedBatchNormGrad(V[23])?
Conv[23]DBackpropFilter(V2)? DepthwiseConv2dNativeBackpropFilter
# Pictures.
Adjust(Contrast|Contrastv2|Hue|Saturation) CropAndResize
RGBToHSV HSVToRGB DrawBoundingBoxes(V2)? ExtractGlimpse(V2)?
Extract(Image|Volume)Patches ImageProjectiveTransformV[23]
Resize(Area|Bicubic|Bilinear|NearestNeighbor)(Grad)? ScaleAndTranslate
NonMaxSuppression(V[2345])? NonMaxSuppressionWithOverlaps
CombinedNonMaxSuppression HistogramFixedWidth
Decode(AndCropJpeg|Bmp|Gif|Image|Jpeg|Png|WebP) ExtractJpegShape
Encode(Jpeg|JpegVariableQuality|Png)
# Text and records, in memory.
AsString (Static)?Regex(FullMatch|Replace) ReduceJoin Substr
String(Format|Join|Length|Lower|Split|SplitV2|Strip|Upper|ToNumber)
StringToHashBucket(Fast|Strong)? (En|De)codeBase64
Decode(Raw|PaddedRaw) Parse(Single)?Example(V2)?
# Sparse and ragged tensors.
Sparse(Reorder|Reshape|Concat|Slice|Softmax|ToDense|FillEmptyRows)
SparseReduce(Max|Sum) SparseTensorDense(Add|MatMul)
SparseSegment(Mean|SqrtN|Sum)(WithNumSegments)?
Ragged(Gather|Range|Bincount|TensorToSparse|TensorToTensor)
# Random numbers.
Random(Uniform|UniformInt|StandardNormal|Shuffle|Crop)
RandomGamma(Grad)? RandomPoisson(V2)? RandomIndexShuffle
ParameterizedTruncatedNormal TruncatedNormal Multinomial
Stateful(Uniform|UniformInt|UniformFullInt|StandardNormal(V2)?)
Stateful(TruncatedNormal|RandomBinomial) Rng(Skip|ReadAndSkip)
NonDeterministicInts (Stateless)?SampleDistortedBoundingBox(V2)?
StatelessRandom(Binomial|Poisson|Normal|NormalV2|GammaV[23])
StatelessRandomUniform(V2|Int|IntV2|FullInt|FullIntV2)?
StatelessRandomGet(Alg|KeyCounter|KeyCounterAlg) StatelessShuffle
StatelessMultinomial StatelessParameterizedTruncatedNormal
StatelessTruncatedNormal(V2)?
"""
"""Ops that stay within the model; an op of any other name is refused.

An op's state says too little. `ImmutableConst` and `DecodeProtoV2` have none
and read files, `Abort` ends the process, and `XlaCallModule`,
`XlaCustomCallV2` and `MlirPassthroughOp` hold a program that is no graph.
"""
_HARMLESS = re.compile("|".join(re.sub("#.*", "", _OPS).split()))
_SAVING = {"MergeV2Checkpoints", "SaveV2", "ShardedFilename"}
_RESTORING = {"RestoreV2"}
"""Ops by which TensorFlow keeps a SavedModel's variables."""


def check_harmless(path: str | os.PathLike) -> None:
    """Refuses a SavedModel that might do more than calculate.

    Nothing is run: the graph and all its functions are read. An op passes if
    it is known to stay within the model. TensorFlow's own for the checkpoint
    pass where only saving reaches those that write, and only restoring, from
    the SavedModel's own files, those that read.

    Args:
        path: Folder with a `saved_model.pb`, or with numbered versions of it.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ValueError: If there is such an op, or the file cannot be read.
    """
    directory = newest_version(path)
    try:
        saved_model = loader_impl.parse_saved_model(str(directory))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise unloadable(directory, error) from error
    harmful = set()
    for meta_graph in saved_model.meta_graphs:
        harmful |= _harmful_ops(meta_graph)
    if harmful:
        raise ValueError(
            f"{directory} might do more than calculate: load it only if you "
            "trust those who made it, by `trust=True`, on the command line "
            f"--trust. Received: the ops {', '.join(sorted(harmful))}"
        )


def unloadable(directory: Path, error: Exception) -> ValueError:
    """Returns what to raise for a SavedModel that TensorFlow can't load."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ValueError(
        f"{directory} is not a SavedModel that TensorFlow can load: {reason}"
    )


def _harmful_ops(meta_graph) -> set[str]:
    """Returns the names of ops that might reach beyond the model."""
    graph, saver = meta_graph.graph_def, meta_graph.saver_def
    functions = {f.signature.name: f.node_def for f in graph.library.function}
    nodes = {node.name: node for node in graph.node}
    run = _upstream(nodes, _fetched(meta_graph))
    restoring = _upstream(nodes, [saver.restore_op_name])
    saving = _upstream(nodes, [saver.save_tensor_name]) - run - restoring
    restoring -= run
    others = nodes.keys() - saving - restoring
    roots = set(_object_functions(meta_graph.object_graph_def))
    others = _called([nodes[name] for name in others], functions, roots)
    restorers = _called([nodes[name] for name in restoring], functions)
    savers = _called([nodes[name] for name in saving], functions)
    savers -= others | restorers
    restorers -= others
    if not meta_graph.HasField("object_graph_def"):
        # Only then Python restores by the graph, and a function might be
        # given the name of any files.
        restorers = set()
    harmful = set()
    for name, node in nodes.items():
        allowed = _SAVING if name in saving else set()
        # Restoring feeds the name of the SavedModel's own files.
        if name in restoring and _reads(node, saver.filename_tensor_name):
            allowed = _RESTORING
        harmful |= _refused([node], functions, allowed)
    for name, body in functions.items():
        allowed = _SAVING if name in savers else set()
        if name in restorers:
            allowed = _RESTORING
        harmful |= _refused(body, functions, allowed)
    return harmful


def _refused(nodes, functions, allowed) -> set[str]:
    """Returns the ops that are neither harmless, allowed nor functions."""
    return {
        node.op if node.op.isidentifier() else ascii(node.op)
        for node in nodes
        if node.op not in allowed
        and not _HARMLESS.fullmatch(node.op)
        # A function might bear the name of an op.
        and (node.op not in functions or op_def_registry.get(node.op))
    }


def _reads(node, tensor: str) -> bool:
    """Returns whether a tensor is the first input of a node."""
    first = node.input[0] if node.input else ""
    return bool(first) and _node_name(first) == _node_name(tensor)


def _fetched(meta_graph) -> Iterator[str]:
    """Yields the tensors and nodes that loading or predicting may run."""

    def names(tensor):
        yield tensor.name
        sparse = tensor.coo_sparse
        yield from (sparse.values_tensor_name, sparse.indices_tensor_name)
        yield sparse.dense_shape_tensor_name
        for component in tensor.composite_tensor.components:
            yield from names(component)

    for signature in meta_graph.signature_def.values():
        for tensor in signature.outputs.values():
            yield from names(tensor)
    for collection in meta_graph.collection_def.values():
        yield from collection.node_list.value
        for value in collection.bytes_list.value:
            try:
                variable = variable_pb2.VariableDef.FromString(value)
            except DecodeError:  # Something else.
                continue
            yield from (variable.variable_name, variable.initializer_name)
            yield from (variable.snapshot_name, variable.initial_value_name)


def _object_functions(objects) -> Iterator[str]:
    """Yields the functions that Python may call."""
    yield from objects.concrete_functions
    for node in objects.nodes:
        yield from node.function.concrete_functions
        yield node.bare_concrete_function.concrete_function_name


def _upstream(nodes, tensors) -> set[str]:
    """Returns the names of the nodes behind tensors, and their own."""
    found, pending = set(), list(tensors)
    while pending:
        name = _node_name(pending.pop())
        if name in nodes and name not in found:
            found.add(name)
            pending.extend(nodes[name].input)
    return found


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _called(nodes, functions, roots=()) -> set[str]:
    """Returns the names of the functions that nodes and other roots call."""
    found, pending, names = set(), list(nodes), set(roots)
    while pending or names:
        for node in pending:
            names.add(node.op)
            for attribute in node.attr.values():
                names.add(attribute.func.name)
                names.update(f.name for f in attribute.list.func)
        names = (names & functions.keys()) - found
        found |= names
        pending = [node for name in names for node in functions[name]]
        names = set()
    return found
