"""The rows of TPC-DS's tables, made by this project: its schema, keys and domains, not its official distributions.

Sizes follow the specification's growth roughly; the official generator's rows and results are others.
"""

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warmfront import tpcds_words as words
from warmfront.tpcds_draws import Draws, Table, identifiers, money, named

FIRST_DAY = 2450816  # Julian day of 1998-01-02, the first day of sales
DAYS = 1825
_CALENDAR_START = datetime.date(1997, 1, 1)
_CALENDAR_DAYS = 2922  # 1997 to 2004
_CALENDAR_FIRST = 2450450  # Julian day of _CALENDAR_START
_DEMOGRAPHICS = 39_200
_WAREHOUSES = ("Conventional childr", "Important issues liv", "Doors canno", "Bad cards must make.", None)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows the tables have at a scale."""

    scale: float

    def rows(self, at_one: int, power: float, least: int = 1) -> int:
        """Rows of a table that grows with this power of the scale."""
        return max(least, round(at_one * float(self.scale**power)))

    @property
    def items(self) -> int:
        return self.rows(18_000, 0.5, 500)

    @property
    def customers(self) -> int:
        return self.rows(100_000, 0.5, 1_000)

    @property
    def addresses(self) -> int:
        return self.customers // 2

    @property
    def stores(self) -> int:
        return self.rows(12, 0.5, 6)


def small_tables(draws: Draws, sizes: Sizes) -> dict[str, Table]:
    """Every table but the sales and the returns."""
    return {
        "income_band": _income_bands(),
        "reason": _reasons(),
        "ship_mode": _ship_modes(draws),
        "time_dim": _times(),
        "date_dim": _dates(),
        "warehouse": _places(draws, "w", 5) | _warehouses(draws),
        "household_demographics": _households(),
        "customer_demographics": _demographics(),
        "customer_address": _addresses(draws, sizes.addresses),
        "customer": _customers(draws, sizes),
        "item": _items(draws, sizes.items),
        "store": _stores(draws, sizes.stores) | _places(draws, "s", sizes.stores, "TN"),
        "call_center": _call_centers(draws) | _places(draws, "cc", 6),
        "catalog_page": _catalog_pages(draws),
        "web_site": _web_sites(draws) | _places(draws, "web", 12),
        "web_page": _web_pages(draws, sizes),
        "promotion": _promotions(draws, sizes),
        "inventory": _inventory(draws, sizes),
    }


def _keys(count: int) -> NDArray[np.int64]:
    return np.arange(1, count + 1)


def _income_bands() -> Table:
    key = _keys(20)
    return {"ib_income_band_sk": key, "ib_lower_bound": (key - 1) * 10_000 + 1, "ib_upper_bound": key * 10_000}


def _reasons() -> Table:
    key = _keys(40)
    names = pa.array([f"reason {number}" for number in key.tolist()])
    return {"r_reason_sk": key, "r_reason_id": identifiers(key), "r_reason_desc": names}


def _ship_modes(draws: Draws) -> Table:
    key = _keys(20)
    return {
        "sm_ship_mode_sk": key, "sm_ship_mode_id": identifiers(key), "sm_type": named(words.SHIPPING, key % 6),
        "sm_code": named(("AIR", "SURFACE", "SEA"), key % 3), "sm_carrier": named(words.CARRIERS, key % 10),
        "sm_contract": identifiers(draws.ints(1, 10**6, 20)),
    }  # fmt: skip


def _times() -> Table:
    second = np.arange(86_400)
    hour = second // 3600
    meals = np.select([(hour >= 6) & (hour < 9), (hour >= 11) & (hour < 14), (hour >= 17) & (hour < 21)], [0, 1, 2], 3)
    meal = named(("breakfast", "lunch", "dinner", ""), meals)
    return {
        "t_time_sk": second, "t_time_id": identifiers(second), "t_time": second, "t_hour": hour,
        "t_minute": second // 60 % 60, "t_second": second % 60, "t_am_pm": named(("AM", "PM"), hour // 12),
        "t_shift": named(("third", "first", "second"), hour // 8),
        "t_sub_shift": named(("night", "morning", "afternoon", "evening"), hour // 6),
        "t_meal_time": pc.if_else(pc.equal(meal, ""), pa.scalar(None, pa.string()), meal),
    }  # fmt: skip


def _dates() -> Table:
    at = np.arange(_CALENDAR_DAYS)
    day = np.datetime64(_CALENDAR_START) + at
    month_start = day.astype("datetime64[M]")
    year = day.astype("datetime64[Y]").astype(int) + 1970
    month = month_start.astype(int) % 12 + 1
    dom = (day - month_start.astype("datetime64[D]")).astype(int) + 1
    sk = _CALENDAR_FIRST + at
    week = (at + (_CALENDAR_START - datetime.date(1900, 1, 1)).days + 1) // 7 + 1
    weekday = (at + _CALENDAR_START.isoweekday()) % 7
    quarter = (month - 1) // 3 + 1
    first = sk - dom + 1
    no = named(("N",), np.zeros(_CALENDAR_DAYS, int))
    names = np.char.add(np.char.add(year.astype("U4"), "Q"), quarter.astype("U1"))
    return {
        "d_date_sk": sk, "d_date_id": identifiers(sk), "d_date": pa.array(day),
        "d_month_seq": (year - 1900) * 12 + month - 1,
        "d_week_seq": week, "d_quarter_seq": (year - 1900) * 4 + quarter, "d_year": year, "d_dow": weekday,
        "d_moy": month,
        "d_dom": dom, "d_qoy": quarter, "d_fy_year": year, "d_fy_quarter_seq": (year - 1900) * 4 + quarter,
        "d_fy_week_seq": week, "d_day_name": named(words.DAYS, weekday), "d_quarter_name": pa.array(names),
        "d_holiday": named(("N", "Y"), (dom == 4).astype(int)),
        "d_weekend": named(("N", "Y"), (weekday % 6 == 0).astype(int)),
        "d_following_holiday": no, "d_first_dom": first, "d_last_dom": first + 27, "d_same_day_ly": sk - 365,
        "d_same_day_lq": sk - 91, "d_current_day": no, "d_current_week": no, "d_current_month": no,
        "d_current_quarter": no, "d_current_year": no,
    }  # fmt: skip


def _places(draws: Draws, prefix: str, count: int, state: str = "") -> Table:
    """The address columns that many tables have."""
    states = (state,) if state else words.STATES
    return {
        f"{prefix}_street_number": draws.ints(1, 999, count),
        f"{prefix}_street_name": draws.words(words.STREETS, count),
        f"{prefix}_street_type": draws.words(words.STREET_TYPES, count),
        f"{prefix}_suite_number": pa.array([f"Suite {n}" for n in draws.ints(0, 99, count).tolist()]),
        f"{prefix}_city": draws.words(words.CITIES, count),
        f"{prefix}_county": draws.words(words.COUNTIES[:1] if prefix in ("s", "cc") else words.COUNTIES, count),
        f"{prefix}_state": draws.words(states, count), f"{prefix}_zip": draws.words(words.ZIPS, count),
        f"{prefix}_country": draws.words(("United States",), count), f"{prefix}_gmt_offset": draws.ints(-6, -5, count),
    }  # fmt: skip


def _warehouses(draws: Draws) -> Table:
    key = _keys(5)
    return {
        "w_warehouse_sk": key, "w_warehouse_id": identifiers(key),
        "w_warehouse_name": pa.array(_WAREHOUSES),
        "w_warehouse_sq_ft": draws.ints(50_000, 990_000, 5),
    }  # fmt: skip


def _households() -> Table:
    at = np.arange(7_200)
    return {
        "hd_demo_sk": at + 1, "hd_income_band_sk": at % 20 + 1,
        "hd_buy_potential": named(words.BUY_POTENTIAL, at // 20 % 6),
        "hd_dep_count": at // 120 % 10, "hd_vehicle_count": at // 1200 % 6 - 1,
    }  # fmt: skip


def _demographics() -> Table:
    at = np.arange(_DEMOGRAPHICS)
    return {
        "cd_demo_sk": at + 1, "cd_gender": named(("M", "F"), at % 2),
        "cd_marital_status": named(words.MARITAL, at // 2 % 5),
        "cd_education_status": named(words.EDUCATION, at // 10 % 7), "cd_purchase_estimate": (at // 70 % 20 + 1) * 500,
        "cd_credit_rating": named(words.CREDIT, at // 1400 % 4), "cd_dep_count": at // 5600 % 7,
        "cd_dep_employed_count": (at // 5600 * 3 + at // 70) % 7, "cd_dep_college_count": (at // 5600 + at // 10) % 7,
    }  # fmt: skip


def _addresses(draws: Draws, count: int) -> Table:
    key = _keys(count)
    places = {name: draws.sometimes(column) for name, column in _places(draws, "ca", count).items()}
    return {"ca_address_sk": key, "ca_address_id": identifiers(key)} | places | {
        "ca_location_type": draws.words(("single family", "condo", "apartment"), count)
    }  # fmt: skip


def _customers(draws: Draws, sizes: Sizes) -> Table:
    count = sizes.customers
    key = _keys(count)
    first, last = draws.words(words.FIRST_NAMES, count), draws.words(words.LAST_NAMES, count)
    day = FIRST_DAY + draws.ints(0, DAYS - 1, count)
    return {
        "c_customer_sk": key, "c_customer_id": identifiers(key),
        "c_current_cdemo_sk": draws.sometimes(draws.ints(1, _DEMOGRAPHICS, count)),
        "c_current_hdemo_sk": draws.sometimes(draws.ints(1, 7_200, count)),
        "c_current_addr_sk": draws.ints(1, sizes.addresses, count), "c_first_shipto_date_sk": day + 30,
        "c_first_sales_date_sk": day, "c_salutation": draws.sometimes(draws.words(words.SALUTATIONS, count)),
        "c_first_name": draws.sometimes(first), "c_last_name": draws.sometimes(last),
        "c_preferred_cust_flag": draws.sometimes(draws.words(("Y", "N"), count)),
        "c_birth_day": draws.sometimes(draws.ints(1, 28, count)),
        "c_birth_month": draws.sometimes(draws.ints(1, 12, count)),
        "c_birth_year": draws.sometimes(draws.ints(1924, 1992, count)),
        "c_birth_country": draws.sometimes(draws.words(words.COUNTRIES, count)),
        "c_login": pa.nulls(count, pa.string()),
        "c_email_address": pc.binary_join_element_wise(first, last, pa.array(key).cast(pa.string()), "."),
        "c_last_review_date_sk": draws.sometimes(day + 200),
    }  # fmt: skip


def _items(draws: Draws, count: int) -> Table:
    key = _keys(count)
    category, within = draws.ints(0, 9, count), draws.ints(0, 3, count)
    brand, maker = draws.ints(0, 9, count), draws.ints(1, 1_000, count)
    classes = named(tuple(name for group in words.CLASSES for name in group), category * 4 + within)
    syllables = [named(words.SYLLABLES, maker // place % 10) for place in (1, 10, 100)]
    manufact = pc.binary_join_element_wise(*syllables, "")
    price = draws.ints(9, 9_999, count)
    return {
        "i_item_sk": key, "i_item_id": identifiers((key + 1) // 2),
        "i_rec_start_date": named(("1997-10-27", "1999-10-28"), key % 2),
        "i_rec_end_date": pc.if_else(pa.array(key % 2 == 0), pa.scalar("1999-10-27"), pa.scalar(None, pa.string())),
        "i_item_desc": pc.binary_join_element_wise(
            draws.words(words.DESCRIPTIONS, count), pa.array(key % 400).cast(pa.string()), " "
        ),
        "i_current_price": draws.sometimes(money(price)), "i_wholesale_cost": money(price * 6 // 10),
        "i_brand_id": (category + 1) * 1_000_000 + within * 1_000 + brand, "i_brand": named(words.BRANDS, brand),
        "i_class_id": within + 1, "i_class": draws.sometimes(classes), "i_category_id": category + 1,
        "i_category": draws.sometimes(named(words.CATEGORIES, category)), "i_manufact_id": maker,
        "i_manufact": manufact,
        "i_size": draws.words(words.SIZES, count), "i_formulation": identifiers(draws.ints(1, 10**6, count)),
        "i_color": draws.words(words.COLORS, count), "i_units": draws.words(words.UNITS, count),
        "i_container": draws.words(("Unknown",), count), "i_manager_id": draws.ints(1, 40, count),
        "i_product_name": pc.binary_join_element_wise(manufact, pa.array(key % 700).cast(pa.string()), ""),
    }  # fmt: skip


def _stores(draws: Draws, count: int) -> Table:
    key = _keys(count)
    return {
        "s_store_sk": key, "s_store_id": identifiers((key + 1) // 2), "s_store_name": named(words.SYLLABLES, key % 5),
        "s_number_employees": draws.ints(200, 300, count), "s_floor_space": draws.ints(5_000_000, 9_000_000, count),
        "s_hours": draws.words(("8AM-4PM", "8AM-8AM", "8AM-12AM"), count),
        "s_manager": draws.words(words.MANAGERS, count),
        "s_market_id": key % 3 + 4, "s_geography_class": draws.words(("Unknown",), count),
        "s_market_manager": draws.words(words.MANAGERS, count), "s_division_id": np.ones(count, int),
        "s_division_name": draws.words(("Unknown",), count), "s_company_id": np.ones(count, int),
        "s_company_name": draws.words(("Unknown",), count), "s_tax_precentage": money(draws.ints(0, 11, count)),
    }  # fmt: skip


def _call_centers(draws: Draws) -> Table:
    key = _keys(6)
    return {
        "cc_call_center_sk": key, "cc_call_center_id": identifiers((key + 1) // 2),
        "cc_open_date_sk": FIRST_DAY - key * 7,
        "cc_name": named(("NY Metro", "Mid Atlantic", "North Midwest"), key % 3),
        "cc_class": draws.words(("large", "medium", "small"), 6),
        "cc_employees": draws.ints(1, 700, 6), "cc_manager": named(words.MANAGERS, key % 5), "cc_mkt_id": key,
        "cc_company": key % 3, "cc_company_name": named(words.SYLLABLES, key),
    }  # fmt: skip


def _catalog_pages(draws: Draws) -> Table:
    key = _keys(1_000)
    start = FIRST_DAY + key // 40 * 70
    return {
        "cp_catalog_page_sk": key, "cp_catalog_page_id": identifiers(key), "cp_start_date_sk": start,
        "cp_end_date_sk": start + 69,
        "cp_department": draws.words(("DEPARTMENT",), 1_000), "cp_catalog_number": key // 40 + 1,
        "cp_catalog_page_number": key % 40 + 1, "cp_type": draws.words(("bi-annual", "quarterly", "monthly"), 1_000),
    }  # fmt: skip


def _web_sites(draws: Draws) -> Table:
    key = _keys(12)
    return {
        "web_site_sk": key, "web_site_id": identifiers((key + 1) // 2),
        "web_name": pa.array([f"site_{n // 3}" for n in key.tolist()]),
        "web_open_date_sk": FIRST_DAY - key * 11, "web_manager": named(words.MANAGERS, key % 5),
        "web_company_id": key % 6, "web_company_name": named(words.SYLLABLES, key % 4),
    }  # fmt: skip


def _web_pages(draws: Draws, sizes: Sizes) -> Table:
    key = _keys(60)
    return {
        "wp_web_page_sk": key, "wp_web_page_id": identifiers((key + 1) // 2), "wp_creation_date_sk": FIRST_DAY - key,
        "wp_autogen_flag": named(("N", "Y"), key % 2),
        "wp_customer_sk": draws.sometimes(draws.ints(1, sizes.customers, 60)),
        "wp_url": draws.words(("http://www.foo.com",), 60),
        "wp_type": draws.words(("order", "general", "welcome", "ad"), 60),
        "wp_char_count": draws.ints(4_900, 5_300, 60), "wp_link_count": draws.ints(2, 25, 60),
    }  # fmt: skip


def _promotions(draws: Draws, sizes: Sizes) -> Table:
    count = sizes.rows(300, 0.5, 50)
    key = _keys(count)
    flags = ("dmail", "email", "catalog", "tv", "radio", "press", "event", "demo")
    return {
        "p_promo_sk": key, "p_promo_id": identifiers(key), "p_start_date_sk": FIRST_DAY + key,
        "p_end_date_sk": FIRST_DAY + key + 40,
        "p_item_sk": draws.ints(1, sizes.items, count), "p_cost": np.full(count, 1000),
        "p_response_target": np.ones(count, int),
        "p_promo_name": named(words.SYLLABLES, key % 10),
        **{f"p_channel_{flag}": draws.sometimes(draws.words(("N", "N", "Y"), count)) for flag in flags},
        "p_purpose": draws.words(("Unknown",), count), "p_discount_active": draws.words(("N",), count),
    }  # fmt: skip


def _inventory(draws: Draws, sizes: Sizes) -> Table:
    """Every week, in every warehouse, a part of the items."""
    kept = min(sizes.items, max(50, round(9_000 * sizes.scale)))
    weeks = FIRST_DAY - 1 + 7 * np.arange(DAYS // 7 + 1)
    items = np.arange(kept) * (sizes.items // kept) + 1
    date, item, warehouse = (axis.ravel() for axis in np.meshgrid(weeks, items, _keys(5), indexing="ij"))
    return {
        "inv_date_sk": date, "inv_item_sk": item, "inv_warehouse_sk": warehouse,
        "inv_quantity_on_hand": draws.sometimes(draws.ints(0, 1_000, len(date))),
    }  # fmt: skip
