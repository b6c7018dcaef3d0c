"""What SQL may consist of: the allow lists of `analytics.local.tinybird.query.sql_guard`. Anything not named here is refused."""

from typing import Final

NODES: Final = frozenset(
    [
        *("SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "ExpressionList", "Subquery"),
        *(
            "WithElement",
            "TablesInSelectQuery",
            "TablesInSelectQueryElement",
            "TableExpression",
            "TableIdentifier",
        ),
        *("TableJoin", "ArrayJoin", "SampleRatio", "Identifier", "Literal", "Function", "QueryParameter"),
        *("Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher", "ColumnsListMatcher"),
        *("QualifiedColumnsRegexpMatcher", "QualifiedColumnsListMatcher", "ColumnsTransformerList"),
        *("ColumnsExceptTransformer", "ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement"),
        *("OrderByElement", "InterpolateElement", "WindowDefinition", "WindowListElement"),
    ]
)
"""Kinds of syntax nodes. Absent on purpose: `SetQuery` (lifts limits) and `ColumnsApplyTransformer`."""

TABLE_FUNCTIONS: Final = frozenset(
    {"numbers", "numbers_mt", "zeros", "generateSeries", "generate_series", "values"}
)
"""Tables made of nothing. Everything that reads files, networks or other tables is absent."""

FUNCTION_CATEGORIES: Final = frozenset(
    [
        *("Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional"),
        *(
            "Dates and Times",
            "Distance",
            "Encoding",
            "Financial",
            "Geo",
            "Geo Polygon",
            "Hash",
            "IP Address",
            "JSON",
        ),
        *(
            "Logical",
            "Map",
            "Mathematical",
            "Null",
            "Random Number",
            "Rounding",
            "String",
            "String Replacement",
        ),
        *("String Search", "String Splitting", "Time Window", "Tuple", "Type Conversion", "URL", "UUID"),
    ]
)
"""ClickHouse's own categories whose functions compute from their arguments alone."""

FUNCTIONS: Final = frozenset(
    [
        *("bar", "byteSize", "caseWithExpression", "countDigits", "exists", "finalizeAggregation"),
        *(
            "formatReadableDecimalSize",
            "formatReadableQuantity",
            "formatReadableSize",
            "formatReadableTimeDelta",
        ),
        *("grouping", "identity", "ignore", "initializeAggregation", "lambda", "materialize", "neighbor"),
        *("parseTimeDelta", "rowNumberInAllBlocks", "rowNumberInBlock", "runningDifference", "throwIf"),
        *("toTypeName", "transform", "untuple", "version", "visibleWidth"),
    ]
)
"""Functions allowed besides those categories; most stand in `Other`, beside `file` and `getSetting`."""

FORBIDDEN_FUNCTIONS: Final = frozenset({"chdb", "naiveBayesNgrams"})
"""Functions of allowed categories that tell about the server or read from it."""

COMBINATORS: Final = (
    *("If", "Array", "Map", "Distinct", "OrDefault", "OrNull", "SimpleState", "MergeState", "State", "Merge"),
    *("ForEach", "Resample", "ArgMin", "ArgMax", "Null"),
)
"""Suffixes that make another aggregate function out of one: `sum` → `sumIf`."""

MEMBERSHIP: Final = frozenset(
    f"{scope}{negation}{null}in{variant}"
    for scope in ("", "global")
    for negation in ("", "not")
    for null in ("", "null")
    for variant in ("", "ignoreset")
)
"""Lower-case names of the functions behind `IN`: a bare name on their right is a table."""
