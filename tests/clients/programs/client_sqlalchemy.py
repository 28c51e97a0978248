"""SQLAlchemy over several drivers: pools, reflection, the ORM, types."""

import datetime
import decimal
import sys

import sqlalchemy as sa
from common import FORCE, HOST, PASSWORD, PORT, QUERIES, SCHEMA, UNFORCE, USER, failing, show, title
from sqlalchemy import orm

driver = sys.argv[1]
url = sa.URL.create(f"mysql+{driver}", USER, PASSWORD, HOST, PORT, "facts")
engine = sa.create_engine(url, pool_size=2, pool_pre_ping=True)


class Base(orm.DeclarativeBase):
    """Of all mapped classes."""


class Item(Base):
    """A row with many types."""

    __tablename__ = "item"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str | None] = orm.mapped_column(sa.String(30), index=True)
    price: orm.Mapped[decimal.Decimal | None] = orm.mapped_column(sa.Numeric(12, 3))
    made: orm.Mapped[datetime.datetime | None] = orm.mapped_column(sa.DateTime)
    on: orm.Mapped[bool] = orm.mapped_column(sa.Boolean, default=True)
    extra: orm.Mapped[dict[str, object] | None] = orm.mapped_column(sa.JSON)
    data: orm.Mapped[bytes | None] = orm.mapped_column(sa.LargeBinary)


title("server")
with engine.connect() as connection:
    show(connection.dialect.server_version_info, connection.dialect.is_mariadb, connection.get_isolation_level())
    connection.execute(sa.text(f"DROP DATABASE IF EXISTS {SCHEMA}"))
    connection.execute(sa.text(f"CREATE DATABASE {SCHEMA}"))

title("queries")
for setting in (UNFORCE, FORCE):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(setting)
        for query in QUERIES:
            show(query)
            result = connection.exec_driver_sql(query.replace("%", "%%"))
            show(list(result.keys()), [tuple(row) for row in result])
        text = sa.text("SELECT g, COUNT(*) c, SUM(v) FROM sales WHERE s LIKE :s AND d >= :d GROUP BY g ORDER BY g")
        show(connection.execute(text, {"s": "n1%", "d": datetime.date(2024, 6, 1)}).all())
        streamed = connection.execution_options(stream_results=True, yield_per=100)
        show(sum(1 for _ in streamed.execute(sa.text("SELECT id, v FROM sales"))))
        connection.exec_driver_sql(UNFORCE)

title("reflection")
inspector = sa.inspect(engine)
show(inspector.get_table_names(), inspector.get_schema_names().count("facts"))
for table in ("kinds", "sales"):
    for column in inspector.get_columns(table):
        show({key: str(value) for key, value in column.items()})
    show(inspector.get_pk_constraint(table), inspector.get_indexes(table), inspector.get_unique_constraints(table))
metadata = sa.MetaData()
sales = sa.Table("sales", metadata, autoload_with=engine)
with engine.connect() as connection:
    query = sa.select(sales.c.g, sa.func.sum(sales.c.v).label("sv")).group_by(sales.c.g).order_by(sa.desc("sv"))
    show(connection.execute(query.limit(3)).all())

title("orm")
mine = sa.create_engine(url.set(database=SCHEMA))
Base.metadata.create_all(mine)
with orm.Session(mine) as session:
    session.add_all(
        Item(
            name=f"n{i}ü",
            price=decimal.Decimal(i) / 8,
            made=datetime.datetime(2024, 1, 1 + i),
            extra={"i": [i]},
            data=bytes([i]),
        )
        for i in range(9)
    )
    session.commit()
    show(
        [
            (item.id, item.name, item.price, item.made, item.on, item.extra, item.data)
            for item in session.query(Item).order_by(Item.id)
        ]
    )
    with session.begin_nested():
        session.query(Item).filter(Item.id > 5).update({"price": None})
    show(session.query(sa.func.count(Item.id), sa.func.sum(Item.price)).one())
    session.rollback()
    show(session.query(sa.func.count(Item.id), sa.func.sum(Item.price)).one())
    session.add(Item(id=1, name="twice"))
    with failing("duplicate", sa.exc.IntegrityError):
        session.flush()
    session.rollback()
    first = session.execute(sa.insert(Item).values(name="x")).inserted_primary_key
    show(first)
    session.commit()
Base.metadata.drop_all(mine)
