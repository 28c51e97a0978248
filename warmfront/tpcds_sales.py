"""Sales and returns of TPC-DS's three channels: orders of several lines, and customers who come back elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from warmfront.tpcds_draws import Column, Draws, Table, money
from warmfront.tpcds_rows import DAYS, FIRST_DAY, Sizes

Ints = NDArray[np.int64]
_RETURNED = 0.1  # of the lines
_FOLLOWED = 0.2  # of the lines of catalog and web: the same customer and item as a store's return or sale before


@dataclass(slots=True)
class Lines:
    """Lines of orders: one entry each, `order` counts from 1."""

    order: Ints
    item: Ints
    date: Ints
    customer: Ints


@dataclass(slots=True)
class Channel:
    """A channel's sales with what its returns are made of."""

    sales: Table
    lines: Lines
    prices: dict[str, Ints]


def make(draws: Draws, sizes: Sizes) -> dict[str, Table]:
    """The six tables of sales and returns."""
    store = _store(draws, sizes)
    store_returns, came_back = _store_returns(draws, store)
    catalog = _mailed(draws, sizes, "cs", 1_440_000, [came_back, store.lines])
    web = _mailed(draws, sizes, "ws", 720_000, [store.lines])
    return {
        "store_sales": store.sales,
        "store_returns": store_returns,
        "catalog_sales": catalog.sales,
        "catalog_returns": _mailed_returns(draws, "cr", catalog),
        "web_sales": web.sales,
        "web_returns": _mailed_returns(draws, "wr", web),
    }


def _lines(draws: Draws, sizes: Sizes, count: int, longest: int) -> Lines:
    lengths = draws.ints(1, longest, count)
    orders = int(np.searchsorted(np.cumsum(lengths), count)) + 1
    lengths = lengths[:orders]
    order = np.repeat(np.arange(1, orders + 1), lengths)[:count]
    place = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)[: len(order)]
    item = (draws.skewed(sizes.items, orders)[order - 1] + place * 17) % sizes.items + 1
    date = FIRST_DAY + draws.ints(0, DAYS - 1, orders)
    return Lines(order, item, date[order - 1], draws.skewed(sizes.customers, orders)[order - 1])


def _followed(draws: Draws, lines: Lines, earlier: list[Lines], count: int) -> Lines:
    """Add orders of one line by customers of earlier lines: the same day, or within two months."""
    parts = [lines]
    for others in earlier:
        chosen = draws.ints(0, len(others.item) - 1, count // len(earlier))
        first = int(parts[-1].order[-1]) + 1
        order = np.arange(first, first + len(chosen))
        later = draws.ints(0, 60, len(chosen)) * draws.share(0.7, len(chosen))
        date = np.minimum(others.date[chosen] + later, FIRST_DAY + DAYS - 1)
        parts.append(Lines(order, others.item[chosen], date, others.customer[chosen]))
    return Lines(*(np.concatenate([getattr(part, name) for part in parts]) for name in Lines.__slots__))


def _prices(draws: Draws, count: int) -> dict[str, Ints]:
    """Prices in cents; whole lines are quantity times one piece."""
    quantity, wholesale = draws.ints(1, 100, count), draws.ints(100, 10_000, count)
    listed = wholesale * draws.ints(100, 300, count) // 100
    sold = listed * draws.ints(1, 100, count) // 100
    coupon = np.where(draws.share(0.2, count), sold * quantity * draws.ints(0, 100, count) // 100, 0)
    paid = sold * quantity - coupon
    tax = paid * draws.ints(0, 9, count) // 100
    return {
        "quantity": quantity, "wholesale_cost": wholesale, "list_price": listed, "sales_price": sold,
        "ext_discount_amt": (listed - sold) * quantity, "ext_sales_price": sold * quantity,
        "ext_wholesale_cost": wholesale * quantity, "ext_list_price": listed * quantity, "ext_tax": tax,
        "coupon_amt": coupon, "ext_ship_cost": listed * quantity * draws.ints(0, 50, count) // 100, "net_paid": paid,
        "net_paid_inc_tax": paid + tax, "net_profit": paid - wholesale * quantity,
    }  # fmt: skip


def _priced(draws: Draws, prefix: str, prices: dict[str, Ints], left_out: frozenset[str]) -> Table:
    return {
        f"{prefix}_{name}": draws.sometimes(cents if name == "quantity" else money(cents))
        for name, cents in prices.items()
        if name not in left_out
    }


def _per_order(draws: Draws, lines: Lines, high: int) -> Ints:
    """One number for all lines of an order."""
    return draws.ints(1, high, int(lines.order[-1]))[lines.order - 1]


def _store(draws: Draws, sizes: Sizes) -> Channel:
    lines = _lines(draws, sizes, sizes.rows(2_880_000, 1), 20)
    prices = _prices(draws, len(lines.order))
    keys = {
        "ss_sold_date_sk": draws.sometimes(lines.date),
        "ss_sold_time_sk": draws.sometimes(_per_order(draws, lines, 50_000) + 28_000),
        "ss_item_sk": lines.item,
        "ss_customer_sk": draws.sometimes(lines.customer),
        "ss_cdemo_sk": draws.sometimes(_per_order(draws, lines, 39_200)),
        "ss_hdemo_sk": draws.sometimes(_per_order(draws, lines, 7_200)),
        "ss_addr_sk": draws.sometimes(_per_order(draws, lines, sizes.addresses)),
        "ss_store_sk": draws.sometimes(_per_order(draws, lines, sizes.stores)),
        "ss_promo_sk": draws.sometimes(draws.ints(1, 50, len(lines.order))),
        "ss_ticket_number": lines.order,
    }
    return Channel(keys | _priced(draws, "ss", prices, frozenset({"ext_ship_cost"})), lines, prices)


def _mailed(draws: Draws, sizes: Sizes, prefix: str, at_one: int, earlier: list[Lines]) -> Channel:
    """Catalog or web: sent from a warehouse to somebody, not always the one who pays."""
    count = sizes.rows(at_one, 1)
    follow = int(count * _FOLLOWED)
    lines = _followed(draws, _lines(draws, sizes, count - follow, 14), earlier, follow)
    count = len(lines.order)
    prices = _prices(draws, count)
    prices["net_paid_inc_ship"] = prices["net_paid"] + prices["ext_ship_cost"]
    prices["net_paid_inc_ship_tax"] = prices["net_paid_inc_tax"] + prices["ext_ship_cost"]
    gift = _per_order(draws, lines, 10) == 1
    places = {"cs": (("call_center", 6), ("catalog_page", 1_000)), "ws": (("web_page", 60), ("web_site", 12))}[prefix]
    people = {"cdemo": 39_200, "hdemo": 7_200, "addr": sizes.addresses}
    keys: Table = {
        f"{prefix}_sold_date_sk": draws.sometimes(lines.date),
        f"{prefix}_sold_time_sk": draws.sometimes(_per_order(draws, lines, 86_399)),
        f"{prefix}_ship_date_sk": draws.sometimes(lines.date + draws.ints(2, 130, count)),
        f"{prefix}_item_sk": lines.item,
        f"{prefix}_bill_customer_sk": draws.sometimes(lines.customer),
        f"{prefix}_ship_customer_sk": draws.sometimes(
            np.where(gift, _per_order(draws, lines, sizes.customers), lines.customer)
        ),
    }
    for side in ("bill", "ship"):
        for name, high in people.items():
            keys[f"{prefix}_{side}_{name}_sk"] = draws.sometimes(_per_order(draws, lines, high))
    for name, high in (*places, ("ship_mode", 20), ("promo", 50)):
        keys[f"{prefix}_{name}_sk"] = draws.sometimes(_per_order(draws, lines, high))
    keys[f"{prefix}_warehouse_sk"] = draws.sometimes(draws.ints(1, 5, count))
    keys[f"{prefix}_order_number"] = lines.order
    return Channel(keys | _priced(draws, prefix, prices, frozenset()), lines, prices)


def _amounts(draws: Draws, sold: dict[str, Ints], chosen: Ints, credit: str, amount: str) -> dict[str, Ints]:
    """What comes back of each line, in cents."""
    count = len(chosen)
    quantity = np.maximum(1, sold["quantity"][chosen] * draws.ints(1, 100, count) // 100)
    value = sold["sales_price"][chosen] * quantity
    tax, fee = value * draws.ints(0, 9, count) // 100, draws.ints(50, 10_000, count)
    ship = sold["list_price"][chosen] * quantity * draws.ints(0, 20, count) // 100
    cash = value * draws.ints(0, 100, count) // 100
    charge = (value - cash) // 2
    return {
        "return_quantity": quantity, amount: value, "return_tax": tax, "return_amt_inc_tax": value + tax, "fee": fee,
        "return_ship_cost": ship, "refunded_cash": cash, "reversed_charge": charge, credit: value - cash - charge,
        "net_loss": fee + ship + tax,
    }  # fmt: skip


def _returned(draws: Draws, lines: Lines) -> tuple[Ints, Ints]:
    """Which lines come back, and when."""
    chosen = np.flatnonzero(draws.share(_RETURNED, len(lines.order)))
    return chosen, np.minimum(lines.date[chosen] + draws.ints(1, 150, len(chosen)), FIRST_DAY + DAYS - 1)


def _store_returns(draws: Draws, channel: Channel) -> tuple[Table, Lines]:
    lines, sales = channel.lines, channel.sales
    chosen, date = _returned(draws, lines)
    amounts = _amounts(draws, channel.prices, chosen, "store_credit", "return_amt")
    table: Table = {
        "sr_returned_date_sk": draws.sometimes(date),
        "sr_return_time_sk": draws.sometimes(draws.ints(28_000, 60_000, len(chosen))),
        "sr_item_sk": lines.item[chosen],
        "sr_customer_sk": draws.sometimes(lines.customer[chosen]),
        **{f"sr_{name}_sk": _taken(sales[f"ss_{name}_sk"], chosen) for name in ("cdemo", "hdemo", "addr", "store")},
        "sr_reason_sk": draws.sometimes(draws.ints(1, 40, len(chosen))),
        "sr_ticket_number": lines.order[chosen],
    }
    back = Lines(lines.order[chosen], lines.item[chosen], date, lines.customer[chosen])
    return table | _priced_returns(draws, "sr", amounts), back


def _mailed_returns(draws: Draws, prefix: str, channel: Channel) -> Table:
    lines, sales = channel.lines, channel.sales
    sold = "cs" if prefix == "cr" else "ws"
    credit, amount = ("store_credit", "return_amount") if prefix == "cr" else ("account_credit", "return_amt")
    chosen, date = _returned(draws, lines)
    table: Table = {
        f"{prefix}_returned_date_sk": draws.sometimes(date),
        f"{prefix}_returned_time_sk": draws.sometimes(draws.ints(0, 86_399, len(chosen))),
        f"{prefix}_item_sk": lines.item[chosen],
        f"{prefix}_reason_sk": draws.sometimes(draws.ints(1, 40, len(chosen))),
        f"{prefix}_order_number": lines.order[chosen],
    }
    for role, side in (("refunded", "bill"), ("returning", "ship")):
        for name in ("customer", "cdemo", "hdemo", "addr"):
            table[f"{prefix}_{role}_{name}_sk"] = _taken(sales[f"{sold}_{side}_{name}_sk"], chosen)
    # Whoever pays is often the one who sends it back.
    table[f"{prefix}_returning_cdemo_sk"] = table[f"{prefix}_refunded_cdemo_sk"]
    table[f"{prefix}_returning_addr_sk"] = table[f"{prefix}_refunded_addr_sk"]
    kept = ("call_center", "catalog_page", "ship_mode", "warehouse") if prefix == "cr" else ("web_page",)
    for name in kept:
        table[f"{prefix}_{name}_sk"] = _taken(sales[f"{sold}_{name}_sk"], chosen)
    return table | _priced_returns(draws, prefix, _amounts(draws, channel.prices, chosen, credit, amount))


def _taken(column: Column, chosen: Ints) -> Column:
    return column.take(chosen)


def _priced_returns(draws: Draws, prefix: str, amounts: dict[str, Ints]) -> Table:
    return {
        f"{prefix}_{name}": draws.sometimes(cents if name == "return_quantity" else money(cents))
        for name, cents in amounts.items()
    }
