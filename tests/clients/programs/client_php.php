<?php
// PHP: mysqli and PDO, over mysqlnd; emulated and real prepared statements, buffered and not.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
[$host, $port, $user, $password] = [getenv("DB_HOST"), (int) getenv("DB_PORT"), getenv("DB_USER"), getenv("DB_PASSWORD")];
[$schema, $force, $unforce] = [getenv("DB_SCHEMA"), getenv("FORCE"), getenv("UNFORCE")];
$queries = file(__DIR__ . "/queries.txt", FILE_IGNORE_NEW_LINES);

function show(...$values) { foreach ($values as $v) echo is_string($v) ? $v : json_encode($v, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), " "; echo "\n"; }
function steady($text) { return preg_replace("/'(127\.0\.0\.1|localhost)'/", "<id>", $text); }
function failing($what, $act) {
    try { $act(); show("NO ERROR", $what); }
    catch (Throwable $e) { show("expected error", $what, get_class($e), $e->getCode(), steady($e->getMessage())); }
}
function rows($result) {
    foreach ($result->fetch_fields() as $f) show((array) $f);
    while ($row = $result->fetch_row()) show(array_map(fn($v) => is_string($v) && !preg_match('//u', $v) ? bin2hex($v) : $v, $row));
    show("rows", $result->num_rows);
    $result->free();
}

show("== mysqli logins");
$accounts = array_merge([[$user, $password]], array_map(fn($a) => explode(":", $a), explode(" ", getenv("DB_ACCOUNTS"))));
foreach ($accounts as [$name, $secret]) {
    foreach ([true, false] as $tls) {
        $c = mysqli_init();
        if ($tls) $c->ssl_set(null, null, null, null, null);
        $c->real_connect($host, $name, $secret, "facts", $port, null, $tls ? MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT : 0);
        rows($c->query("SELECT CURRENT_USER(), DATABASE()"));
        show($c->server_info, $c->protocol_version, $c->character_set_name(), $c->get_charset());
        $c->close();
        failing("wrong password", fn() => mysqli_init()->real_connect($host, $name, "not it", "", $port, null, $tls ? MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT : 0));
    }
}

show("== mysqli");
$c = mysqli_init();
$c->options(MYSQLI_OPT_LOCAL_INFILE, true);
$c->real_connect($host, $user, $password, "facts", $port, null, MYSQLI_CLIENT_COMPRESS);
$c->set_charset("utf8mb4");
$c->query("DROP DATABASE IF EXISTS $schema"); $c->query("CREATE DATABASE $schema CHARACTER SET utf8mb4");
foreach ([$unforce, $force] as $setting) {
    $c->query($setting);
    foreach ($queries as $text) {
        show($text);
        rows($c->query($text));
        show($c->affected_rows, $c->warning_count, $c->field_count, $c->info, $c->insert_id);
        $s = $c->prepare($text); $s->execute(); rows($s->get_result()); $s->close();
    }
    rows($c->query($queries[0], MYSQLI_USE_RESULT));
    $s = $c->prepare("SELECT g, COUNT(*) c, SUM(v) sv, MAX(d) FROM sales WHERE s LIKE ? AND v > ? AND g <> ? GROUP BY g ORDER BY g");
    foreach ([["n1%", 5.25, 3], ["%2", 100, 2], ["zz", null, 1]] as [$like, $least, $not]) {
        $s->bind_param("sdi", $like, $least, $not);
        $s->execute();
        rows($s->get_result());
        $s->execute();  // once more, with nothing bound anew
        $s->store_result(); $s->bind_result($g, $n, $sv, $d);
        while ($s->fetch()) show($g, $n, $sv, $d);
        show($s->num_rows, $s->affected_rows, $s->param_count, $s->field_count);
        $s->free_result();
    }
    $s->close();
    $s = $c->prepare("SELECT id, s FROM sales WHERE id < ? ORDER BY id");
    $s->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    $limit = 30; $s->bind_param("i", $limit); $s->execute(); $s->bind_result($id, $text);
    for ($i = 0; $i < 10 && $s->fetch(); $i++) show($id, $text);
    $s->reset();
    $s->execute(); $sum = 0;
    while ($s->fetch()) $sum += $id;
    show("cursor", $sum);
    $s->close();
    $s = $c->prepare("SELECT COUNT(*) FROM kinds WHERE bl = ?");
    $null = null; $s->bind_param("b", $null); $s->send_long_data(0, "blob"); $s->send_long_data(0, "\0"); $s->execute(); rows($s->get_result()); $s->close();
    $c->query($unforce);
}
$c->select_db($schema);
$c->query("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40), b LONGBLOB, dt DATETIME(6))");
$s = $c->prepare("INSERT INTO w (i, d, f, s, b, dt) VALUES (?, ?, ?, ?, ?, ?)");
foreach ([[PHP_INT_MAX, "12345.6789", 1e300, "é😀'\\", "\0\xff", "9999-12-31 01:02:03.000004"], [null, null, null, null, null, null]] as $row) {
    $s->bind_param("isdsss", ...$row); $s->execute(); show($s->insert_id, $s->affected_rows);
}
$s->close();
$s = $c->prepare("INSERT INTO w (b) VALUES (?)"); $null = null; $s->bind_param("b", $null);
for ($i = 0; $i < 20; $i++) $s->send_long_data(0, str_repeat("x", 1 << 20));
$s->execute(); show($s->affected_rows); $s->close();
rows($c->query("SELECT id, i, d, f, s, HEX(LEFT(b, 3)), LENGTH(b), dt FROM w ORDER BY id"));
failing("duplicate", fn() => $c->query("INSERT INTO w (id) VALUES (1)"));
failing("syntax", fn() => $c->prepare("SELEC"));
$c->multi_query("SELECT 1 AS a; SELECT COUNT(*) FROM facts.sales; DO 0; SELECT * FROM facts.kinds WHERE id = 3");
do { $r = $c->store_result(); if ($r) rows($r); else show("none", $c->affected_rows); } while ($c->more_results() && $c->next_result());
failing("second", function () use ($c) { $c->multi_query("SELECT 1; SELECT * FROM nowhere"); $c->store_result(); $c->next_result(); });
$c->query("CREATE PROCEDURE p (a INT, OUT b INT) BEGIN SELECT a; SELECT id FROM facts.kinds ORDER BY id; SET b = a * 2; END");
$s = $c->prepare("CALL p(?, @b)"); $a = 21; $s->bind_param("i", $a); $s->execute();
do { if ($r = $s->get_result()) rows($r); } while ($s->more_results() && $s->next_result());
$s->close(); rows($c->query("SELECT @b"));
$file = tempnam(sys_get_temp_dir(), "wf"); file_put_contents($file, "1\ta\n2\tb\n");
$c->query("CREATE TABLE loaded (id INT, s VARCHAR(9))");
$c->query("LOAD DATA LOCAL INFILE '$file' INTO TABLE loaded"); show($c->affected_rows, $c->info); unlink($file);
$c->begin_transaction(); $c->query("DELETE FROM loaded"); $c->savepoint("sp"); $c->rollback(); rows($c->query("SELECT COUNT(*) FROM loaded"));
$c->query("SET sql_mode = ''"); $c->query("INSERT INTO loaded VALUES ('x', 'far too long')"); show($c->warning_count);
$w = $c->get_warnings(); do { show($w->errno, $w->sqlstate, $w->message); } while ($w->next());
$c->query("SELECT SLEEP(5)", MYSQLI_ASYNC); $k = new mysqli($host, $user, $password, "", $port); usleep(300000); $k->query("KILL QUERY $c->thread_id");
failing("killed", function () use ($c) { $r = $c->reap_async_query(); var_dump($r->fetch_row()); });
rows($c->query("SELECT 'goes on'"));
show($c->change_user($accounts[1][0], $accounts[1][1], "facts")); rows($c->query("SELECT CURRENT_USER(), DATABASE()"));
show($c->ping(), preg_replace("/[\d.]+/", "N", $c->stat()));
$c->close();

show("== PDO");
foreach ([false, true] as $emulate) {
    $p = new PDO("mysql:host=$host;port=$port;dbname=facts;charset=utf8mb4", $user, $password, [PDO::ATTR_EMULATE_PREPARES => $emulate, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    foreach ([$unforce, $force] as $setting) {
        $p->exec($setting);
        foreach ($queries as $text) {
            $s = $p->query($text);
            for ($i = 0; $i < $s->columnCount(); $i++) show($s->getColumnMeta($i));
            foreach ($s->fetchAll(PDO::FETCH_NUM) as $row) show($row);
        }
        $s = $p->prepare("SELECT g, COUNT(*), SUM(v) FROM sales WHERE s LIKE :s AND d < :d GROUP BY g ORDER BY g");
        foreach ([["n1%", "2024-03-01"], ["%3", "2024-02-01"]] as [$like, $day]) { $s->execute(["s" => $like, "d" => $day]); show($s->fetchAll(PDO::FETCH_ASSOC)); show($s->rowCount()); }
        $s = $p->prepare("SELECT COUNT(*) FROM sales WHERE id < ? AND g = ?");
        $s->bindValue(1, 100, PDO::PARAM_INT); $s->bindValue(2, "3", PDO::PARAM_STR); $s->execute(); show($s->fetchColumn());
        show($p->query("SELECT COUNT(*) FROM sales")->fetchColumn(), $p->query("SELECT FOUND_ROWS()")->fetchColumn());
        $p->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
        $sum = 0; foreach ($p->query("SELECT id FROM sales") as $row) $sum += $row[0]; show($sum);
        $p->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, true);
        $p->exec($unforce);
    }
    $p->exec("USE $schema"); $p->exec("DROP TABLE IF EXISTS pd"); $p->exec("CREATE TABLE pd (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9) UNIQUE)");
    $p->beginTransaction(); $p->prepare("INSERT INTO pd (v) VALUES (?)")->execute(["a"]); show($p->lastInsertId(), $p->inTransaction()); $p->rollBack();
    show($p->query("SELECT COUNT(*) FROM pd")->fetchColumn());
    $p->exec("INSERT INTO pd (v) VALUES ('b')"); failing("duplicate", fn() => $p->exec("INSERT INTO pd (v) VALUES ('b')"));
    show($p->errorInfo());
}
