"""`candles`: a row for each candle of an exchange's series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from eventstore import JSON, from_ms
from projector.projection import table
from projector.subject import Misfit, Subject

VALUES: Final = 7  # of a row, at least: open time, open, high, low, close, volume, close time
MOST_MS: Final = 253_402_300_799_999  # the end of the year 9999

_DECIMAL: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)


class Candle(msgspec.Struct, frozen=True):
    """One candle of a series. Prices and volumes are the decimals that were said; times are when it opens and closes.

    `open_ms` and `close_ms` are the same times in milliseconds since 1970.
    """

    symbol: str
    interval: str
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_time: datetime
    trades: int | None
    open_ms: int
    close_ms: int


@table(
    "candles",
    version=1,
    reads="klines",
    document=object,
    row=Candle,
    key=("open_ms",),
    indexes=[("symbol", "interval", "open_ms")],
)
def candles(subject: Subject, rows: JSON) -> Iterator[Candle | Misfit]:
    """The candles of a slice, whose key is `symbol:interval:start`."""
    series = subject.key.rsplit(":", 2)
    if type(rows) is not list or len(series) < 3:  # noqa: PLR2004  # symbol, interval, start
        yield Misfit("no list of candles under a key like BTCUSDT:1h:1735689600000")
        return
    for place, row in enumerate(rows):
        yield _candle(series[0], series[1], row) or Misfit(
            "no candle: [open time, open, high, low, close, volume, close time, …]", f"$[{place}]"
        )


def _candle(symbol: str, interval: str, row: JSON) -> Candle | None:
    if type(row) is not list or len(row) < VALUES or not (_is_time(row[0]) and _is_time(row[6])):
        return None
    values = row[1:6]
    if not all(type(value) is str and _DECIMAL.fullmatch(value) for value in values):
        return None
    trades = row[8] if len(row) > 8 and type(row[8]) is int else None  # noqa: PLR2004  # as Binance has it
    first, high, low, last, volume = map(Decimal, values)
    return Candle(
        symbol=symbol,
        interval=interval,
        open_time=from_ms(row[0]),
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
        close_time=from_ms(row[6]),
        trades=trades,
        open_ms=row[0],
        close_ms=row[6],
    )


def _is_time(value: JSON) -> bool:
    return type(value) is int and 0 <= value <= MOST_MS
