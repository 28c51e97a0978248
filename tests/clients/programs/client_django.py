"""Django's ORM over mysqlclient: models, queries, aggregates, windows, JSON, transactions, introspection."""

import datetime
import decimal
import io
import sys
import types

import django
from common import FORCE, HOST, PASSWORD, PORT, QUERIES, UNFORCE, USER, failing, fresh_schema, show, title
from django.conf import settings

shop = types.ModuleType("shop")  # an application without files
shop.__path__ = [sys.path[0]]
sys.modules["shop"] = shop
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": "facts",
            "USER": USER,
            "PASSWORD": PASSWORD,
            "HOST": HOST,
            "PORT": PORT,
            "OPTIONS": {"charset": "utf8mb4", "isolation_level": "read committed"},
            "CONN_HEALTH_CHECKS": True,
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    TIME_ZONE="UTC",
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import Avg, Case, Count, F, Max, Min, OuterRef, Q, Subquery, Sum, Value, When, Window  # noqa: E402
from django.db.models.functions import (  # noqa: E402
    Coalesce,
    Concat,
    ExtractWeekDay,
    ExtractYear,
    Lower,
    Rank,
    RowNumber,
    TruncMonth,
    TruncQuarter,
)


class Sale(models.Model):
    """The table that is loaded."""

    id = models.IntegerField(primary_key=True)
    g = models.IntegerField(null=True)
    v = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    s = models.CharField(max_length=20, null=True)
    d = models.DateField(null=True)
    n = models.IntegerField(null=True)

    class Meta:
        app_label, db_table, managed = "shop", "facts`.`sales", False


class Author(models.Model):
    """Whom books refer to."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        app_label = "shop"


class Book(models.Model):
    """A row with many types."""

    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    title = models.CharField(max_length=60, db_index=True)
    text = models.TextField(default="")
    price = models.DecimalField(max_digits=8, decimal_places=3, null=True)
    weight = models.FloatField(default=0.1)
    sold = models.BooleanField(default=False)
    printed = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    at = models.TimeField(null=True)
    took = models.DurationField(null=True)
    facts = models.JSONField(default=dict)
    cover = models.BinaryField(default=b"")
    key = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    pages = models.PositiveSmallIntegerField(default=7)

    class Meta:
        app_label = "shop"
        indexes = (models.Index(fields=["price", "-day"], name="by_price"),)
        constraints = (models.CheckConstraint(condition=Q(pages__gt=0), name="has_pages"),)


title("server")
connection.ensure_connection()
show(connection.mysql_version, connection.mysql_is_mariadb, connection.vendor, sorted(connection.sql_mode))
show(connection.features.supports_transactions, connection.features.has_select_for_update_skip_locked)
show(connection.introspection.get_storage_engine(connection.cursor(), "sales"))

title("queries")
for setting in (UNFORCE, FORCE):
    with connection.cursor() as cursor:
        cursor.execute(setting)
        for query in (query for query in QUERIES if ", tm," not in query):  # Django's times end at midnight
            show(query)
            cursor.execute(query.replace("%", "%%"), [])
            show([column[0] for column in cursor.description], cursor.fetchall())
        cursor.execute(
            "SELECT g, SUM(v) FROM facts.sales WHERE s LIKE %s AND d > %s GROUP BY g ORDER BY g", ["n1%", "2024-05-01"]
        )
        show(cursor.fetchall())
        cursor.execute(UNFORCE)

title("analytics")
sales = Sale.objects
show(sales.aggregate(Count("id"), Sum("v"), Avg("v"), Min("s"), Max("d"), Count("n", distinct=True)))
show(list(sales.values("g").annotate(c=Count("id"), t=Sum("v"), a=Avg("n")).filter(c__gt=5).order_by("g")))
show(list(sales.annotate(m=TruncMonth("d")).values("m").annotate(t=Sum("v")).order_by("m")))
show(
    list(
        sales.annotate(q=TruncQuarter("d"), w=ExtractWeekDay("d"))
        .values("q", "w")
        .annotate(c=Count("id"))
        .order_by("q", "w")
    )
)
show(
    list(
        sales.filter(Q(s__startswith="n1") | Q(g__in=[2, 3]), ~Q(n=None))
        .values_list("g")
        .annotate(x=Max("v"))
        .order_by("g")
    )
)
bands = Case(When(v__lt=100, then=Value("low")), When(v__lt=500, then=Value("mid")), default=Value("high"))
show(list(sales.annotate(band=bands).values("band").annotate(c=Count("id"), t=Sum(F("v") * 2)).order_by("band")))
ranked = sales.annotate(
    r=Window(Rank(), partition_by="g", order_by=F("v").desc()), k=Window(RowNumber(), order_by="id")
)
show(list(ranked.filter(r__lte=2).values_list("g", "v", "r", "k").order_by("g", "r")))
newest = sales.filter(g=OuterRef("g")).order_by("-d", "-id").values("s")[:1]
show(list(sales.values("g").annotate(s=Subquery(newest)).order_by("g").distinct()[:7]))
show(sales.filter(d__year=2024, d__month__gte=6, s__icontains="N2").count(), sales.filter(v__gt=5000).exists())
show(list(sales.dates("d", "month"))[:3], sum(1 for _ in sales.iterator(chunk_size=500)))
show([tuple(vars(row).values())[1:] for row in sales.raw("SELECT * FROM facts.sales WHERE id < %s ORDER BY id", [4])])

title("schema")
fresh_schema(connection)
with connection.schema_editor() as editor:
    editor.create_model(Author)
    editor.create_model(Book)
with connection.schema_editor(collect_sql=True) as editor:
    editor.create_model(Book)
show(*editor.collected_sql)
field = models.CharField(max_length=9, default="new", null=True)
field.set_attributes_from_name("added")
with connection.schema_editor() as editor:
    editor.add_field(Book, field)
    editor.remove_field(Book, field)
with connection.cursor() as cursor:
    for table in connection.introspection.table_names(cursor):
        show(table, connection.introspection.get_table_description(cursor, table))
        show(sorted(connection.introspection.get_constraints(cursor, table).items()))
        show(
            connection.introspection.get_relations(cursor, table), connection.introspection.get_sequences(cursor, table)
        )
out = io.StringIO()
call_command("inspectdb", stdout=out)
show(out.getvalue())

title("orm")
authors = [Author.objects.create(name=name) for name in ("Ünal", "Bo", "Čapek")]
show([author.pk for author in authors])
moment = datetime.datetime(2024, 3, 31, 1, 59, 59, 123456, datetime.UTC)
made = Book.objects.bulk_create(
    Book(
        author=authors[i % 3],
        title=f"Title {i} 😀",
        price=decimal.Decimal(i) / 8,
        printed=moment + datetime.timedelta(hours=i),
        day=moment.date(),
        at=moment.time(),
        took=datetime.timedelta(hours=i, microseconds=i),
        facts={"tags": [i, None, "ü"], "deep": {"n": i * 1.5}},
        cover=bytes([i, 0, 255]),
        address="2001:db8::1",
    )
    for i in range(9)
)
show(len(made), Book.objects.count())
for book in Book.objects.select_related("author").order_by("pk"):
    show(
        book.title,
        book.author.name,
        book.price,
        book.printed,
        book.day,
        book.at,
        book.took,
        book.facts,
        bytes(book.cover),
    )
show(
    list(
        Author.objects.annotate(
            c=Count("books"), t=Coalesce(Sum("books__price"), Value(0), output_field=models.DecimalField())
        )
        .values_list("name", "c", "t")
        .order_by("name")
    )
)
show([author.name for author in Author.objects.prefetch_related("books").order_by(Lower("name").desc())])
show(Book.objects.filter(facts__deep__n__gt=6).count(), Book.objects.filter(facts__tags__contains=[3]).count())
show(
    list(
        Book.objects.annotate(y=ExtractYear("printed"), w=Concat("title", Value("!")))
        .values_list("y", "w")
        .order_by("pk")[:2]
    )
)
show(Book.objects.filter(price__gt=F("weight")).update(sold=True, price=F("price") + 1))
show(
    Book.objects.get_or_create(title="new", author=authors[0])[1],
    Book.objects.update_or_create(title="new", defaults={"pages": 3})[1],
)
show(Author.objects.bulk_create([Author(name="Bo")], ignore_conflicts=True)[0].pk)
Book.objects.bulk_update(Book.objects.filter(pages=7)[:3], ["title"])

title("transactions")
with failing("duplicate", IntegrityError), transaction.atomic():
    Author.objects.create(name="Bo")
with failing("check", IntegrityError, DatabaseError):
    Book.objects.create(author=authors[0], pages=0, title="none")
with transaction.atomic():
    locked = Author.objects.select_for_update(nowait=True).get(name="Bo")
    with failing("inside", IntegrityError), transaction.atomic():
        Author.objects.create(name="Ünal")
    locked.name = "Bob"
    locked.save(update_fields=["name"])
try:
    with transaction.atomic():
        Author.objects.all().delete()
        show(Author.objects.count())
        raise LookupError
except LookupError:
    show(Author.objects.count(), Book.objects.count())
show(Author.objects.filter(name="Bob").delete())
with failing("unknown column", DatabaseError), connection.cursor() as cursor:
    cursor.execute("SELECT nothing FROM shop_book")
show(Book.objects.count(), connection.is_usable())
connection.close()
show(sales.using("default").filter(s__gt="n4").exists())
