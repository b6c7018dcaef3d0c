"""Schemas of the page Overview: totals, series, visitors, scores of ratings and sentiment."""

from analytics.schemas.schema import BOTH_PERIODS, PERIOD, PERIOD_BOUNDS, Column, Part, Schema, pipe

CONVERSATION_COUNTS = tuple(
    Column(name, "int", meaning)
    for name, meaning in (
        ("started", "distinct conversations started"),
        ("responded", "distinct conversations with a first response"),
        ("resolved", "distinct conversations resolved, by AI or people"),
        ("ai_resolved", "distinct conversations whose last resolution was the AI agent's"),
        ("escalated", "distinct conversations escalated"),
        ("feedback", "distinct conversations with feedback"),
    )
)
"""The counts that `inbox_analytics` has per period and `kpi_timeseries` per bucket."""

_AI_HANDLED_RATIO = Column(
    "ai_handled_ratio", "float", "ai_resolved / resolved, 0..1", is_nullable=True, most=1
)
_TIMES = ("response", "resolution")
_AI_RESOLVED = Part("ai_resolved", "resolved")
_LEVELS = tuple(Part(f"median_{time}_seconds", f"p90_{time}_seconds") for time in _TIMES)

INBOX_ANALYTICS = pipe(
    "inbox_analytics",
    PERIOD,
    *PERIOD_BOUNDS,
    *CONVERSATION_COUNTS,
    *(
        Column(name, "float", "seconds; intervals are null below 6 values, p90 below 10", is_nullable=True)
        for name in (
            "median_response_seconds",
            "p90_response_seconds",
            "median_resolution_seconds",
            "p90_resolution_seconds",
            "median_response_low_seconds",
            "median_response_high_seconds",
            "median_resolution_low_seconds",
            "median_resolution_high_seconds",
            "mean_response_seconds",
            "mean_resolution_seconds",
        )
    ),
    _AI_HANDLED_RATIO,
    Column("started_responded", "int", "of the started, those with a first response"),
    Column("started_resolved", "int", "of these, those resolved"),
    Column("started_ai_resolved", "int", "of these, those whose last resolution was the AI agent's"),
    Column("started_resolved_unanswered", "int", "of the started, those resolved without a first response"),
    Column(
        "responded_ai_resolved", "int", "of the responded, those whose last resolution was the AI agent's"
    ),
    *(
        Column(f"median_{time}_other_mix_{end}seconds", "float", "at the other row's mix", is_nullable=True)
        for end in ("", "low_", "high_")
        for time in _TIMES
    ),
    grain=("period",),
    parts=(
        _AI_RESOLVED,
        Part("started_responded", "started"),
        Part("started_resolved", "started_responded"),
        Part("started_ai_resolved", "started_resolved"),
        Part("started_resolved_unanswered", "started"),
        Part("responded_ai_resolved", "responded"),
        *_LEVELS,
        *(Part(f"median_{time}_low_seconds", f"median_{time}_seconds") for time in _TIMES),
        *(Part(f"median_{time}_seconds", f"median_{time}_high_seconds") for time in _TIMES),
        *(
            Part(f"median_{time}_other_mix_low_seconds", f"median_{time}_other_mix_high_seconds")
            for time in _TIMES
        ),
    ),
    always=BOTH_PERIODS,
)

UNIQUE_VISITORS = pipe(
    "unique_visitors",
    PERIOD,
    *PERIOD_BOUNDS,
    Column("unique_visitors", "int", "distinct visitors seen in the period"),
    grain=("period",),
    always=BOTH_PERIODS,
)

KPI_TIMESERIES = pipe(
    "kpi_timeseries",
    PERIOD,
    Column("bucket_start", "datetime", "first instant of the bucket inside the period, UTC"),
    Column("bucket_index", "int", "0-based within its period"),
    *CONVERSATION_COUNTS,
    *(
        Column(f"{level}_{time}_seconds", "float", "seconds", is_nullable=True)
        for time in _TIMES
        for level in ("median", "p90")
    ),
    _AI_HANDLED_RATIO,
    Column("unique_visitors", "float", "distinct visitors per bucket; does not add up", is_nullable=True),
    grain=("period", "bucket_index"),
    parts=(_AI_RESOLVED, *_LEVELS),
)

SCORES = (
    Column("rating_count", "int", "ratings given in the row's time"),
    Column("rating_total", "float", "sum of their scores, each 0 to 100"),
    Column("rating_total_of_squares", "float", "sum of the squared scores"),
    Column("sentiment_count", "int", "rated conversations started in that time"),
    Column("sentiment_total", "float", "sum of their scores, each 0 to 100"),
    Column("sentiment_total_of_squares", "float", "sum of the squared scores"),
)
"""Scores of ratings and sentiment as sums, so that rows add up."""

SCORE_SUMS = tuple(
    Part(f"{kind}_{column}", f"{kind}_count", times)
    for kind in ("rating", "sentiment")
    for column, times in (("total", 100), ("total_of_squares", 10_000))
)

RATING_AND_SENTIMENT = Schema(
    "postgres",
    "rating_and_sentiment",
    (
        PERIOD,
        Column("slot_start", "datetime", "start of a quarter of an hour, UTC"),
        *SCORES,
        *(Column(f"rating_{stars}_count", "int", f"ratings of {stars} among them") for stars in range(1, 6)),
        *(
            Column(f"{mood}_count", "int", f"{mood} ones among the rated conversations")
            for mood in ("negative", "neutral", "positive")
        ),
    ),
    grain=("period", "slot_start"),
    parts=SCORE_SUMS,
)
