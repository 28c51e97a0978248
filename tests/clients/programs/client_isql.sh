# unixODBC's isql: the queries of all programs, the catalog's commands, an error.
driver=$(ls /usr/lib/*/odbc/libmaodbc.so | head -1)
to="DRIVER=$driver;SERVER=$DB_HOST;PORT=$DB_PORT;UID=$DB_USER;PWD={$DB_PASSWORD};DATABASE=facts;FORCETLS=1;SSLVERIFY=0"
[ "$FORCE" = "DO 0" ] && FORCE="SET @x = 1" UNFORCE="SET @x = 2"  # DO cannot be prepared there
queries=$(dirname "$0")/queries.txt
for setting in "$UNFORCE" "$FORCE"; do
    echo "== queries"
    { echo "$setting"; cat "$queries"; } | isql -k "$to" -b -n -m30 2>&1
    { echo "$setting"; grep -v '"' "$queries"; } | isql -k "$to" -b -d'|' -c 2>&1
done
echo "== commands"
printf 'SELECT 1 AS one\nhelp sales\nSELECT nothing\nSELECT 2\n' | isql -k "$to" -b 2>&1
