"""Counts of models by closed form, from a configuration's fields alone; nothing of the lowering is used.

A linear layer from a to b values has a * b weights and, where the family has biases, b more. Residual branches,
rotary embeddings and ALiBi have no weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Counts(NamedTuple):
    """What a closed form gives; None where it has no meaning.

    Attributes:
        parameters: trained values.
        linear_macs: of the layers' linear parts, for one token.
        head_macs: of the language-model head, for one token.
        kv_elements: cached values of one token.
        macs: of one image.
    """

    parameters: int
    linear_macs: int | None = None
    head_macs: int | None = None
    kv_elements: int | None = None
    macs: int | None = None


def decoder(
    *,
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    vocabulary: int,
    tied: bool,
    norm_weights: int,
    norms: int,
    dense: list[int],
    gated: bool,
    qkv_bias: bool = False,
    output_bias: bool = False,
    mlp_bias: bool = False,
    qk_norm: bool = False,
    position_rows: int = 0,
    embedding_width: int | None = None,
    final_norm: bool = True,
    embedding_norm: bool = False,
    head_bias: bool = False,
    mixtures: list[tuple[int, int, int, int]] = [],  # noqa: B006
) -> Counts:
    """Return the counts of a decoder.

    `dense` lists the widths of its dense feed-forward layers, `mixtures` (experts, chosen, width, shared
    width) of the others; together they are as many as `layers`. `norms` is per layer, `norm_weights` 2 for a
    layernorm.
    """
    assert len(dense) + len(mixtures) == layers
    qkv = (heads + 2 * kv_heads) * head_dim
    width = embedding_width or hidden
    attention = hidden * qkv + heads * head_dim * hidden
    biases = qkv * qkv_bias + hidden * output_bias
    matrices = 3 if gated else 2
    ffn = sum(matrices * hidden * inner for inner in dense)
    ffn_active = ffn
    ffn_biases = sum((matrices - 1) * inner + hidden for inner in dense) if mlp_bias else 0
    for experts, chosen, inner, shared in mixtures:
        shared_part = 3 * hidden * shared + (hidden if shared else 0)
        ffn += experts * hidden + 3 * hidden * inner * experts + shared_part
        ffn_active += experts * hidden + 3 * hidden * inner * chosen + shared_part
    parameters = (
        vocabulary * width
        + position_rows * hidden
        + layers * (attention + biases + 2 * head_dim * qk_norm + norms * hidden * norm_weights)
        + ffn
        + ffn_biases
        + hidden * norm_weights * (final_norm + embedding_norm)
        + (0 if tied else vocabulary * width)
        + vocabulary * head_bias
        + (2 * hidden * width if width != hidden else 0)
    )
    return Counts(
        parameters,
        layers * attention + ffn_active,
        vocabulary * width,
        2 * layers * kv_heads * head_dim,
    )


def language_model(model: dict[str, Any]) -> Counts:
    """Return the counts of a decoder from the fields of its configuration, with all sizes written out."""
    kind = model["model_type"]
    if kind in ("gpt2", "gpt3"):
        hidden, heads = model["n_embd"], model["n_head"]
        return decoder(
            hidden=hidden,
            layers=model["n_layer"],
            heads=heads,
            kv_heads=heads,
            head_dim=model.get("head_dim", hidden // heads),
            vocabulary=model["vocab_size"],
            tied=True,
            norm_weights=2,
            norms=2,
            dense=[4 * hidden] * model["n_layer"],
            gated=False,
            qkv_bias=True,
            output_bias=True,
            mlp_bias=True,
            position_rows=model["n_positions"],
        )
    hidden = model["hidden_size"]
    if kind == "bloom":
        return decoder(
            hidden=hidden,
            layers=model["n_layer"],
            heads=model["n_head"],
            kv_heads=model["n_head"],
            head_dim=hidden // model["n_head"],
            vocabulary=model["vocab_size"],
            tied=True,
            norm_weights=2,
            norms=2,
            dense=[4 * hidden] * model["n_layer"],
            gated=False,
            qkv_bias=True,
            output_bias=True,
            mlp_bias=True,
            embedding_norm=True,
        )
    layers, heads = model["num_hidden_layers"], model["num_attention_heads"]
    kv_heads = model.get("num_key_value_heads", heads)
    common: dict[str, Any] = {
        "hidden": hidden,
        "layers": layers,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": model.get("head_dim", hidden // heads),
        "vocabulary": model["vocab_size"],
    }
    if kind == "opt":
        return decoder(
            **common,
            tied=True,
            norm_weights=2,
            norms=2,
            dense=[model["ffn_dim"]] * layers,
            gated=False,
            qkv_bias=True,
            output_bias=True,
            mlp_bias=True,
            position_rows=model["max_position_embeddings"] + 2,
            embedding_width=model.get("word_embed_proj_dim"),
            final_norm=model.get("do_layer_norm_before", True),
        )
    common["tied"] = model["tie_word_embeddings"]
    inner = model["intermediate_size"]
    if kind == "phi":
        return decoder(
            **common,
            norm_weights=2,
            norms=1,
            dense=[inner] * layers,
            gated=False,
            qkv_bias=True,
            output_bias=True,
            mlp_bias=True,
            head_bias=True,
        )
    common |= {"norm_weights": 1, "gated": True, "norms": 4 if kind.startswith("gemma") else 2}
    common["qkv_bias"] = kind.startswith("qwen2")
    common["qk_norm"] = kind.startswith("qwen3") or kind == "gemma3_text"
    if kind == "mixtral":
        mixture = (model["num_local_experts"], model["num_experts_per_tok"], inner, 0)
        return decoder(**common, dense=[], mixtures=[mixture] * layers)
    if kind in ("qwen2_moe", "qwen3_moe"):
        shared = model["shared_expert_intermediate_size"] if kind == "qwen2_moe" else 0
        mixture = (model["num_experts"], model["num_experts_per_tok"], model["moe_intermediate_size"], shared)
        skipped = model.get("mlp_only_layers", [])
        step = model.get("decoder_sparse_step", 1)
        sparse = sum(i not in skipped and (i + 1) % step == 0 for i in range(layers))
        return decoder(**common, dense=[inner] * (layers - sparse), mixtures=[mixture] * sparse)
    return decoder(**common, dense=[inner] * layers)


def encoder_layer(hidden: int, inner: int) -> tuple[int, int]:
    """Return parameters and MACs per token of an encoder layer with biases and two layernorms."""
    macs = 4 * hidden * hidden + 2 * hidden * inner
    return macs + 4 * hidden + inner + hidden + 4 * hidden, macs


def bert(model: dict[str, Any]) -> Counts:
    """Return the counts of BERT with its pooler."""
    hidden, layers = model["hidden_size"], model["num_hidden_layers"]
    parameters, macs = encoder_layer(hidden, model["intermediate_size"])
    rows = model["vocab_size"] + model["max_position_embeddings"] + model["type_vocab_size"]
    return Counts((rows + 2) * hidden + layers * parameters + hidden * hidden + hidden, layers * macs)


def vit(model: dict[str, Any]) -> Counts:
    """Return the counts of a Vision Transformer for RGB images, with its classifier."""
    hidden, layers, labels = model["hidden_size"], model["num_hidden_layers"], model["num_labels"]
    pixels = 3 * model["patch_size"] ** 2
    patches = (model["image_size"] // model["patch_size"]) ** 2
    tokens = patches + 1
    parameters, macs = encoder_layer(hidden, model["intermediate_size"])
    embedding = pixels * hidden + hidden + hidden + tokens * hidden
    head = hidden * labels
    return Counts(
        embedding + layers * parameters + 2 * hidden + head + labels,
        layers * macs,
        macs=patches * pixels * hidden + layers * (tokens * macs + 2 * tokens * tokens * hidden) + head,
    )


class ConvRow(NamedTuple):
    """A convolution: input and output channels, kernel, output size, times it occurs, channels per group."""

    source: int
    made: int
    kernel: int
    size: int
    times: int = 1
    per_group: int = 0

    @property
    def weights(self) -> int:
        """Filter weights of all occurrences."""
        return self.times * (self.per_group or self.source) * self.made * self.kernel**2

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all occurrences, on one image."""
        return self.weights * self.size**2


def cnn(rows: list[ConvRow], linear: list[tuple[int, int]], batch_norm: bool) -> Counts:
    """Return the counts of convolutions and fully connected layers with biases.

    A normalized convolution has a weight and a bias per channel, another one a bias.
    """
    vectors = sum(row.made * row.times for row in rows) * (2 if batch_norm else 1)
    fully_connected = sum(a * b for a, b in linear)
    parameters = sum(row.weights for row in rows) + vectors + fully_connected + sum(b for _, b in linear)
    return Counts(parameters, macs=sum(row.macs for row in rows) + fully_connected)


def resnet50() -> Counts:
    """Return the counts of ResNet-50 v1.5: stages of 3, 4, 6 and 3 bottlenecks."""
    rows, source = [ConvRow(3, 64, 7, 112)], 64
    for width, blocks, size, before in ((64, 3, 56, 56), (128, 4, 28, 56), (256, 6, 14, 28), (512, 3, 7, 14)):
        rows += [ConvRow(source, width, 1, before), ConvRow(4 * width, width, 1, size, blocks - 1)]
        rows += [ConvRow(width, width, 3, size, blocks), ConvRow(width, 4 * width, 1, size, blocks)]
        rows += [ConvRow(source, 4 * width, 1, size)]
        source = 4 * width
    return cnn(rows, [(2048, 1000)], batch_norm=True)


def resnet18() -> Counts:
    """Return the counts of ResNet-18: four stages of two basic blocks."""
    rows = [ConvRow(3, 64, 7, 112), ConvRow(64, 64, 3, 56, 4)]
    for source, size in ((64, 28), (128, 14), (256, 7)):
        made = 2 * source
        rows += [
            ConvRow(source, made, 3, size),
            ConvRow(made, made, 3, size, 3),
            ConvRow(source, made, 1, size),
        ]
    return cnn(rows, [(512, 1000)], batch_norm=True)


def mobilenet_v2() -> Counts:
    """Return the counts of MobileNetV2 from its table of expansion, channels, repetitions and stride."""
    table = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    rows, source, size = [ConvRow(3, 32, 3, 112)], 32, 112
    for expansion, channels, blocks, stride in table:
        for block in range(blocks):
            inner = source * expansion
            if expansion > 1:
                rows.append(ConvRow(source, inner, 1, size))
            size = size // stride if block == 0 else size
            rows += [ConvRow(inner, inner, 3, size, per_group=1), ConvRow(inner, channels, 1, size)]
            source = channels
    rows.append(ConvRow(320, 1280, 1, 7))
    return cnn(rows, [(1280, 1000)], batch_norm=True)


def vgg16() -> Counts:
    """Return the counts of VGG-16, configuration D."""
    rows, source = [], 3
    for made, times, size in ((64, 2, 224), (128, 2, 112), (256, 3, 56), (512, 3, 28), (512, 3, 14)):
        rows += [ConvRow(source, made, 3, size), ConvRow(made, made, 3, size, times - 1)]
        source = made
    return cnn(rows, [(25088, 4096), (4096, 4096), (4096, 1000)], batch_norm=False)


def alexnet() -> Counts:
    """Return the counts of AlexNet with one tower."""
    rows = [ConvRow(3, 64, 11, 55), ConvRow(64, 192, 5, 27), ConvRow(192, 384, 3, 13)]
    rows += [ConvRow(384, 256, 3, 13), ConvRow(256, 256, 3, 13)]
    return cnn(rows, [(9216, 4096), (4096, 4096), (4096, 1000)], batch_norm=False)


NETWORKS = {
    "alexnet": alexnet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "mobilenet_v2": mobilenet_v2,
}


def closed_form(name: str, model: dict[str, Any]) -> Counts:
    """Return the counts of a shipped model from the fields in its file."""
    kind = model["model_type"]
    if kind == "cnn":
        return NETWORKS[name]()
    if kind == "bert":
        return bert(model)
    return vit(model) if kind == "vit" else language_model(model)
