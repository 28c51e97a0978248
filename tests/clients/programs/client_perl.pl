# Perl: DBI over DBD::mysql or DBD::MariaDB, with emulated and with real prepared statements.
use strict;
use warnings;
use utf8;
use DBI;
use File::Basename qw(dirname);
binmode(STDOUT, ":utf8");
my $driver = $ARGV[0];
my $p = $driver eq "mysql" ? "mysql" : "mariadb";
my ($force, $unforce, $schema) = @ENV{qw(FORCE UNFORCE DB_SCHEMA)};
open(my $file, "<:encoding(UTF-8)", dirname(__FILE__) . "/queries.txt") or die;
chomp(my @queries = <$file>);

sub text { my $value = shift; return ref $value eq "ARRAY" ? "[" . join("|", map { text($_) } @$value) . "]" : $value // "NULL" }
sub show { print join(" ", map { text($_) } @_), "\n" }
sub steady { my $text = shift; $text =~ s/'(127\.0\.0\.1|localhost)'/<id>/g; $text =~ s/ at \S+ line .*//s; $text =~ s/port=\d+/port/; return $text }
sub failing {
    my ($what, $act) = @_;
    my $done = eval { $act->(); 1 };
    my $error = $@;
    show($done ? ("NO ERROR", $what) : ("expected error", $what, $DBI::err, $DBI::state, steady($error)));
}

sub connected {
    my ($user, $password, %options) = @_;
    my $extra = join "", map { ";${p}_$_=$options{$_}" } sort keys %options;
    my %text = $driver eq "mysql" ? (mysql_enable_utf8mb4 => 1) : ();
    return DBI->connect("DBI:$driver:database=facts;host=$ENV{DB_HOST};port=$ENV{DB_PORT}$extra", $user, $password, { RaiseError => 1, PrintError => 0, AutoCommit => 1, %text });
}

sub rows {
    my $s = shift;
    show("columns", $s->{NAME}, $s->{TYPE}, $s->{NULLABLE}, $s->{PRECISION}, $s->{SCALE});
    show("own", map { $s->{"${p}_$_"} } qw(type length is_key is_num is_blob is_auto_increment is_pri_key table));
    while (my $row = $s->fetchrow_arrayref) { show($row) }
    show("rows", $s->rows);
}

sub ask { my ($d, $text, @values) = @_; my $s = $d->prepare($text); $s->execute(@values); rows($s); $s->finish }

for my $account ("$ENV{DB_USER}:$ENV{DB_PASSWORD}", split(/ /, $ENV{DB_ACCOUNTS})) {
    my ($user, $password) = split(/:/, $account, 2);
    for my $ssl (0, 1) {
        my $d = connected($user, $password, ssl => $ssl, ssl_optional => 1);
        ask($d, "SELECT CURRENT_USER(), DATABASE()");
        show($d->{"${p}_serverinfo"}, $d->{"${p}_protoinfo"});
        $d->disconnect;
        failing("wrong password", sub { connected($user, "not it", ssl => $ssl, ssl_optional => 1) });
    }
}
for my $server (0, 1) {
    show("== server_prepare", $server);
    my $d = connected($ENV{DB_USER}, $ENV{DB_PASSWORD}, server_prepare => $server, local_infile => 1, multi_statements => 1 - $server);
    for my $setting ($unforce, $force) {
        $d->do($setting);
        for my $query (@queries) { show($query); ask($d, $query) }
        my $s = $d->prepare("SELECT g, COUNT(*), SUM(v) FROM sales WHERE s LIKE ? AND v > ? AND d < ? GROUP BY g ORDER BY g");
        for my $values (["n1%", 5.25, "2024-05-01"], ["%2", 100, "2024-03-01"], ["zz", undef, "2024-01-01"]) {
            $s->execute(@$values);
            rows($s);
        }
        show($d->selectrow_array("SELECT COUNT(*) FROM sales WHERE id < ?", undef, 100));
        $d->do($unforce);
    }
    $d->do("DROP DATABASE IF EXISTS $schema");
    $d->do("CREATE DATABASE $schema CHARACTER SET utf8mb4");
    $d->do("USE $schema");
    $d->do("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40), b BLOB)");
    my $s = $d->prepare("INSERT INTO w (i, d, f, s, b) VALUES (?, ?, ?, ?, ?)");
    for my $values ([9223372036854775807, "12345.6789", 1.5e30, "é'\\", "\0x"], [undef, undef, undef, undef, undef]) { show($s->execute(@$values), $d->last_insert_id(undef, undef, "w", "id")) }
    ask($d, "SELECT id, i, d, f, s, HEX(b) FROM w ORDER BY id");
    failing("duplicate", sub { $d->do("INSERT INTO w (id) VALUES (1)") });
    failing("syntax", sub { $d->do("SELEC 1") });
    $d->begin_work; $d->do("DELETE FROM w"); $d->rollback;
    ask($d, "SELECT COUNT(*) FROM w");
    $d->do("SET sql_mode = ''"); $d->do("INSERT INTO w (i) VALUES ('x')");
    ask($d, "SHOW WARNINGS");
    $d->do("CREATE PROCEDURE p (a INT) BEGIN SELECT a; SELECT id FROM facts.kinds ORDER BY id; END");
    my $call = $d->prepare("CALL p(7)", $driver eq "mysql" ? {} : { mariadb_server_prepare => 0 }); $call->execute;
    do { rows($call) if $call->{NUM_OF_FIELDS} } while ($call->more_results);
    show(sort $d->tables(undef, "facts", "%", "TABLE"));
    my $columns = $d->column_info(undef, "facts", "kinds", "%");
    while (my $row = $columns->fetchrow_arrayref) { show($row) }
    show($d->primary_key(undef, "facts", "kinds"));
    show($d->ping);
    $d->disconnect;
}
