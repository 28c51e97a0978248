#!/bin/sh
# The mysql or mariadb command line: batch, tables, vertical, column types, warnings, several results, local files.
set -u
program=$1
run() {
  echo "== $*" | sed -e "s/$FORCE\|$UNFORCE/SWITCH/g"
  "$program" --no-defaults -h"$DB_HOST" -P"$DB_PORT" -u"$DB_USER" -p"$DB_PASSWORD" --local-infile=1 "$@" 2>&1 |
    grep -av "password on the command line" | sed -E -e "s/'127.0.0.1'|'localhost'/<id>/; s/[0-9.]+ sec/<time>/"
}
for account in $DB_ACCOUNTS; do
  for tls in "$2" "$3"; do
    echo "== ${account%%:*} $tls"
    "$program" --no-defaults -h"$DB_HOST" -P"$DB_PORT" -u"${account%%:*}" -p"${account#*:}" "$tls" -e "SELECT CURRENT_USER()" 2>&1 |
      grep -av "password on the command line"
  done
done
run facts -e "DROP DATABASE IF EXISTS $DB_SCHEMA; CREATE DATABASE $DB_SCHEMA"
while IFS= read -r query; do
  for format in -B -t -E --column-type-info --xml; do
    run facts $format -e "$UNFORCE; $query; $FORCE; $query"
  done
  printf '%s;\n%s;\n' "$FORCE" "$query" | run facts -t
done <"$(dirname "$0")/queries.txt"
run facts --show-warnings -vvv -e "SELECT 1 / 0; SET sql_mode = ''; SELECT CAST('x' AS SIGNED); SELECT COUNT(*) FROM sales"
run "$DB_SCHEMA" -t -e "CREATE PROCEDURE p () BEGIN SELECT 1; SELECT * FROM facts.kinds WHERE id = 3; END; CALL p(); SELECT 2"
run "$DB_SCHEMA" --force -e "SELECT * FROM nowhere; SELEC 1; SELECT 'goes on'; SHOW ERRORS"
file=/tmp/$DB_SCHEMA.tsv
seq 1 1000 >"$file"
run "$DB_SCHEMA" -e "CREATE TABLE l (i INT); LOAD DATA LOCAL INFILE '$file' INTO TABLE l; SELECT COUNT(*), SUM(i) FROM l"
rm -f "$file"
run --compress facts -e "$FORCE; SELECT g, SUM(v) FROM sales GROUP BY g ORDER BY g"
run --compress facts -e "SHOW STATUS LIKE 'compress%'"
run facts -e "SHOW SESSION STATUS LIKE 'compress%'"
run facts -e "$FORCE; EXPLAIN SELECT 1; SELECT COUNT(*) FROM sales; SHOW WARNINGS"
run no_such_schema -e "SELECT 1"
run facts --quick -N -e "$FORCE; SELECT id, v FROM sales ORDER BY id" | cksum
[ "$4" = cancel ] && timeout --foreground -s INT 2 "$program" --no-defaults -h"$DB_HOST" -P"$DB_PORT" -u"$DB_USER" -p"$DB_PASSWORD" facts \
  -e "SELECT COUNT(*) FROM sales a, sales b, sales c WHERE a.v + b.v + c.v = 1" 2>&1 | grep -av "password on" | sed 's/--.*//'
exit 0
