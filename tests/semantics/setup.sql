-- Small tables with what goes wrong: NULLs, empty strings, trailing spaces, extremes, month ends, mixed case.
CREATE TABLE n (
  id INT NOT NULL PRIMARY KEY, grp INT, i INT, ti TINYINT, si SMALLINT, bi BIGINT, ui INT UNSIGNED, ub BIGINT UNSIGNED,
  d DECIMAL(10,2), d4 DECIMAL(12,4), dbig DECIMAL(30,10), d0 DECIMAL(8,0), f FLOAT, db DOUBLE, y YEAR
);
INSERT INTO n VALUES
  (1, 1, 1, 1, 1, 1, 1, 1, 1.10, 1.2345, 1.0000000001, 3, 0.1, 0.1, 2020),
  (2, 1, -7, -128, -32768, -9223372036854775808, 0, 0, -7.55, -0.0001, -12345678901234567890.1234567891, -5, -2.5, -2.5, 1999),
  (3, 1, 2147483647, 127, 32767, 9223372036854775807, 4294967295, 18446744073709551615, 99999999.99, 99999999.9999, 99999999999999999999.9999999999, 99999999, 1e20, 1e300, 2155),
  (4, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, 2, 0, 0, 0, 0, 10, 10, 0.00, 0.0000, 0, 0, 0, 0, 1901),
  (6, 2, 10, 5, 5, 3, 3, 3, 0.05, 2.5000, 2.5, 2, 1.5, 1.5, 2000),
  (7, 3, 3, 7, 7, 7, 7, 7, 0.15, 0.3333, 0.3333333333, 7, 3.25, 3.25, 2024),
  (8, 3, 10, 10, 10, 10, 10, 10, 2.25, 2.2250, 2.225, 9, 2.225, 2.225, 2024),
  (9, NULL, -1, -1, -1, -1, 5, 5, -0.05, -2.5000, -2.5, -2, -1.5, -1.5, NULL),
  (10, NULL, 100, 100, 100, 100000000000, 100, 100, 100.00, 100.0000, 100, 100, 100, 100, 1970);
CREATE TABLE s (
  id INT NOT NULL PRIMARY KEY, a VARCHAR(30), b VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  g VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, c CHAR(10), u VARCHAR(20), w VARCHAR(30), t TEXT,
  bl VARBINARY(20), bf BINARY(4)
);
INSERT INTO s VALUES
  (1, 'abc', 'abc', 'abc', 'abc', 'AIR', 'one', 'some text', x'00ff', x'01'),
  (2, 'ABC', 'ABC', 'ABC', 'ABC', 'MAIL', 'two', 'Other Text', 'abc', 'abcd'),
  (3, 'abc ', 'abc ', 'abc ', 'abc ', 'RAIL', 'three', '', 'ABC', 'a'),
  (4, '', '', '', '', 'SHIP', 'four', NULL, '', ''),
  (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (6, 'a_c', 'a_c', 'a_c', 'a_c', 'AIR', 'five', '100%', 'zz', 'zz'),
  (7, 'a%c', 'a%c', 'a%c', 'a%c', 'TRUCK', 'six', 'a\\b', '1', '1'),
  (8, 'b', 'b', 'b', 'b', 'FOB', 'seven', 'x', '2', '2'),
  (9, 'B-c', 'B-c', 'B-c', 'B-c', 'AIR', 'eight', 'y', '3', '3'),
  (10, ' lead', ' lead', ' lead', ' lead', 'MAIL', 'nine', 'z', '4', '4'),
  (11, '10', '10', '10', '10', 'MAIL', 'ten', '9', '9', '9'),
  (12, '9x', '9x', '9x', '9x', 'SHIP', 'eleven', '10', '10', '10');
CREATE TABLE x (id INT NOT NULL PRIMARY KEY, a VARCHAR(30), b VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin);
INSERT INTO x VALUES (1, 'é', 'é'), (2, 'e', 'e'), (3, 'E', 'E'), (4, 'straße', 'straße'), (5, 'strasse', 'strasse'),
  (6, '日本', '日本'), (7, 'ß', 'ß'), (8, NULL, NULL), (9, '', ''), (10, 'Ünder', 'Ünder');
CREATE TABLE d (
  id INT NOT NULL PRIMARY KEY, dt DATE, tm DATETIME, tm3 DATETIME(3), ts TIMESTAMP NULL, ti TIME
);
INSERT INTO d VALUES
  (1, '2024-01-31', '2024-01-31 23:59:59', '2024-01-31 23:59:59.999', '2024-01-31 23:59:59', '12:00:00'),
  (2, '2024-02-29', '2024-02-29 00:00:00', '2024-02-29 00:00:00.000', '2024-02-29 00:00:00', '-01:30:00'),
  (3, '2023-02-28', '2023-02-28 12:34:56', '2023-02-28 12:34:56.789', '2023-02-28 12:34:56', '838:59:59'),
  (4, '1000-01-01', '1000-01-01 00:00:00', '1000-01-01 00:00:00.001', '1970-01-02 00:00:00', '00:00:00'),
  (5, '9999-12-31', '9999-12-31 23:59:59', '9999-12-31 23:59:59.123', '2037-12-31 23:59:59', '00:00:01'),
  (6, NULL, NULL, NULL, NULL, NULL),
  (7, '1998-12-01', '1998-12-01 01:02:03', '1998-12-01 01:02:03.004', '1998-12-01 01:02:03', '01:02:03'),
  (8, '1998-09-02', '1998-09-02 13:00:00', '1998-09-02 13:00:00.500', '1998-09-02 13:00:00', '13:00:00');
CREATE TABLE o (id INT NOT NULL PRIMARY KEY, nid INT, sid INT, qty INT NOT NULL, price DECIMAL(15,2) NOT NULL, flag CHAR(1));
INSERT INTO o VALUES (1, 1, 1, 5, 10.25, 'A'), (2, 1, 2, 3, 0.99, 'N'), (3, 2, 2, 7, 100.00, 'A'), (4, 3, NULL, 1, 5.55, 'R'),
  (5, NULL, 4, 2, 33.33, NULL), (6, 99, 6, 8, 7.07, 'N'), (7, 8, 8, 10, 12.345, 'A'), (8, 8, 9, 4, 1.01, 'R');
CREATE TABLE e (id INT NOT NULL PRIMARY KEY, v INT, p DECIMAL(10,2), q VARCHAR(10));
CREATE TABLE js (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO js VALUES (1, '{"a": "é日😀", "b": [1, 2.5, null]}'), (2, '[1, 2]'), (3, NULL), (4, '"x"'), (5, 'null'), (6, '1');
CREATE TABLE c (id INT NOT NULL PRIMARY KEY, v VARCHAR(20), w VARCHAR(20) CHARACTER SET latin1);
INSERT INTO c VALUES (1, '5', '5'), (2, '1.5', '-7'), (3, '-0.25', '0'), (4, '10', '10'), (5, NULL, NULL), (6, '0', '0099'),
  (7, '100.000', '123456789012345'), (8, '-3', '-3'), (9, '123456789.125', '8'), (10, '5.0', '5');
CREATE TABLE k (
  id INT NOT NULL PRIMARY KEY, e ENUM('small','Medium','large','x,y','it''s') NOT NULL, en ENUM('b','A','c'),
  el ENUM('z','é') CHARACTER SET latin1, st SET('red','Green','blue'), b1 BIT(1), b9 BIT(9), b64 BIT(64),
  g GEOMETRY, w DECIMAL(65,30)
);
INSERT INTO k VALUES
  (1, 'small', 'b', 'z', 'red', b'1', b'100000001', 0xffffffffffffffff, ST_GeomFromText('POINT(1 2)'), -1.5),
  (2, 'MEDIUM', 'A', 'é', 'red,blue', b'0', b'0', 0, NULL, 99999999999999999999999999999999999.999999999999999999999999999999),
  (3, 'large', NULL, NULL, NULL, NULL, NULL, NULL, ST_GeomFromText('LINESTRING(0 0,1 1)'), NULL),
  (4, 'x,y', 'c', 'é', '', b'1', b'11', 7, ST_GeomFromText('POINT(1 2)'), 0),
  (5, 'it''s', 'b', 'z', 'Green,blue,red', b'1', b'11', 256, NULL, -1.5),
  (6, 'small', 'A', 'z', 'Green', b'0', b'111111111', 1, NULL, 0.000000000000000000000000000001);
CREATE TABLE doc (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO doc VALUES (1, '{"a": 1, "b": "x", "c": [1, 2, {"d": null}], "e": true, "f": 1.5, "g": {"h": "y", "n": null}}'),
  (2, '{"a": 2, "b": "Y", "c": [], "e": false, "f": -0.25, "g": {"h": ""}}'), (3, NULL), (4, '{}'),
  (5, '{"a": -5, "c": [7], "e": null, "f": 100.0, "g": {"h": "é"}}'), (6, '{"a": 18446744073709551615, "b": "", "f": 1e20}');
CREATE TABLE odd (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO odd VALUES (1, '[1, "two", 3.5, null, []]'), (2, '"str"'), (3, 'null'), (4, '{"a": {"b": [10, 20]}, "k": "e\\n\\t/"}'),
  (5, '{"x": {"a": 1.25}, "a": 2.50}'), (6, '123');
CREATE TABLE cells (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO cells VALUES (1, '[0, 1, -1, 127, 128, 255, 256, 2147483647, 2147483648, -2147483649, 9223372036854775807, 18446744073709551615, true, false, null]'),
  (2, '["", "x", "abc", "abcd", "two words", [1], {"a": 2}, []]'),
  (3, '[1.25, 1.35, 2.5, 3.5, -0.5, 0.75, 12345.67, 99999.94, 99999.95, 100000.5, "7", "-12", 1.0]'),
  (4, '[1e20, "1.5", " 7", "7 ", "12x"]'), (5, '["2024-02-30", 20240102, "2024-1-2"]'), (6, '[[1, 2], [], 3, [4]]'),
  (7, '["2024-01-31", "2024-02-29", "x", "", true, null, []]'), (8, '["2024-02-29 23:59:59", "1000-01-01"]');
SET SESSION sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE z (id INT NOT NULL PRIMARY KEY, d DATE, dt DATETIME(3), ts TIMESTAMP NULL, r DATE NOT NULL, f DATE);
INSERT INTO z VALUES
  (1, '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '2024-01-01'),
  (2, '2020-00-00', '2020-00-05 01:02:03.5', '2020-05-05 23:30:00', '2020-01-01', '2024-01-02'),
  (3, '2020-02-31', '2020-02-31 23:59:59.999', '1970-01-02', '2020-00-01', NULL), (4, NULL, NULL, NULL, '9999-12-31', NULL),
  (5, '2020-01-00', '2020-01-01', '2038-01-01 03:14:07', '1000-01-01', '2020-01-01'),
  (6, '2020-01-01', '2020-01-01 12:00:00.001', '2020-01-01', '2020-01-01', '2020-01-01');
SET SESSION sql_mode = DEFAULT;
CREATE TABLE zf (id INT NOT NULL PRIMARY KEY, i INT(6) ZEROFILL, d DECIMAL(8,2) ZEROFILL);
INSERT INTO zf VALUES (1, 42, 1.5), (2, 12345678, 123456.78), (3, NULL, NULL), (4, 0, 0);
-- A column of each family of types, for what is between them.
CREATE TABLE m (
  id INT NOT NULL PRIMARY KEY, i INT, u BIGINT UNSIGNED, y YEAR, de DECIMAL(10,3), f FLOAT, db DOUBLE, vn VARCHAR(20),
  vt VARCHAR(20), vb VARBINARY(20), dt DATE, tm DATETIME(3), ts TIMESTAMP NULL, ti TIME(2), en ENUM('5','x','2024'),
  st SET('a','b','5'), bt BIT(8)
);
INSERT INTO m VALUES
  (1, 5, 5, 2005, 5.000, 5, 5, '5', 'a', '5', '2005-05-05', '2005-05-05 00:00:00.000', '2005-05-05 00:00:00', '00:00:05', '5', '5', 5),
  (2, 2024, 2024, 2024, 2024.000, 2024, 2024, '2024', 'x', 'x', '2024-02-29', '2024-02-29 12:30:00.500', '2024-02-29 12:30:00', '20:24:00', 'x', 'a', 97),
  (3, -1, 0, 1999, -0.500, -0.5, -0.5, '-0.5', '', '', '1999-12-31', '1999-12-31 23:59:59.999', '1999-12-31 23:59:59', '-01:00:00.5', '2024', '', 0),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, 20240229, 20240229, 1970, 1.500, 1.5, 1.5, '1.50', 'b ', 'b ', '1970-01-02', '1970-01-02 00:00:01.000', '1970-01-02 00:00:01', '01:30:00.25', '5', 'a,b', 255),
  (6, 2147483647, 18446744073709551615, 2155, 9999999.999, 1e10, 1e15, '100', '2024-02-29', x'ff', '9999-12-31', '9999-12-31 00:00:00.000', '2037-12-31 00:00:00', '838:59:59', 'x', 'b', 128);
-- Text that collations tell apart, or do not; setup_mysql.sql and setup_mariadb.sql have its columns.
CREATE TABLE raw (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
INSERT INTO raw VALUES (1, 'a'), (2, 'A'), (3, 'a '), (4, 'b'), (5, 'B'), (6, 'ab'), (7, 'AB'), (8, 'a b'), (9, 'a-b'),
  (10, 'a_b'), (11, ''), (12, ' '), (13, NULL), (14, '10'), (15, '9'), (16, 'Z'), (17, 'z'), (18, '[x]'), (19, 'a%b'), (20, 'aa');
CREATE TABLE rawx (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
INSERT INTO rawx VALUES (1, 'a'), (2, 'A'), (3, 'ä'), (4, 'Ä'), (5, 'e'), (6, 'é'), (7, 'É'), (8, 'ß'), (9, 'ss'), (10, 'SS'),
  (11, 'o'), (12, 'ö'), (13, 'ø'), (14, 'z'), (15, 'æ'), (16, 'ae'), (17, 'ÿ'), (18, 'y'), (19, NULL), (20, 'ñ'), (21, 'n'), (22, 'é ');
CREATE TABLE g4 (id INT NOT NULL PRIMARY KEY, a INT, b INT, c VARCHAR(5), v DECIMAL(8,2));
INSERT INTO g4 VALUES (1, 1, 1, 'x', 1.50), (2, 1, 1, 'y', 2.50), (3, 1, 2, 'x', NULL), (4, 1, NULL, 'x', 4.00), (5, 2, 1, NULL, 5.25),
  (6, 2, 1, 'y', -1.00), (7, NULL, 1, 'x', 0.00), (8, NULL, NULL, NULL, 9.99), (9, 2, 2, 'z', 2.50), (10, 3, 3, 'z', 1.50);
CREATE TABLE l (id INT NOT NULL PRIMARY KEY, k INT, v VARCHAR(5));
INSERT INTO l VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, NULL, 'd'), (5, 5, NULL);
CREATE TABLE r (id INT NOT NULL PRIMARY KEY, k INT, w VARCHAR(5));
INSERT INTO r VALUES (1, 1, 'A'), (2, 2, 'b'), (3, 2, NULL), (4, NULL, 'd'), (6, 6, 'z');
CREATE TABLE mj (id INT NOT NULL PRIMARY KEY, j JSON, t TEXT, v VARCHAR(200) CHARACTER SET latin1);
INSERT INTO mj VALUES
  (0, '{"a":1,"b":"x","c":1.50,"d":[1, 2],"e":null,"f":true,"g":{"h": "y"}}', '{"a":1}', '{"a":1}'),
  (1, '{"a" : -10, "b":"", "b":"second", "c" : 1e2, "f":false}', '{"a":"X"}', ''),
  (2, '[1,2]', NULL, NULL),
  (3, '"str"', '{"a": "x"}', NULL),
  (4, '12', '{}', '{}'),
  (5, '{"a":"é\\u00e9","b":"q\\"x","c":18446744073709551616}', '{"a": "y"}', NULL),
  (6, '{"b":"zzz", "d": [1, {"k": 2}]}', NULL, NULL),
  (7, '{}', NULL, NULL),
  (8, 'null', NULL, NULL),
  (9, ' {"a":5, "g": {"h" : 7.0}} ', NULL, NULL),
  (10, NULL, NULL, NULL);
CREATE TABLE mt (id INT NOT NULL PRIMARY KEY, t TEXT);
INSERT INTO mt VALUES (1, '{"a": NaN}'), (2, '{"a": 1, }'), (3, 'x'), (4, ''), (5, '{"a": Infinity}'), (6, '{"a": 1} x'), (7, '{"a" 1}'),
  (8, '{"a": 1, "b": NaN}'), (9, '{"a": [1, 2, ]}'), (10, '{"a": "x,}"}');
CREATE TABLE mk (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO mk VALUES
  (1, '{"a": -0, "b": 1}'),
  (2, '{"a": 0, "d":[1,2], "c": 5}'),
  (3, '{"c": 2.50, "x": {"c": 3.5}}');
CREATE TABLE pad (id INT NOT NULL PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci);
INSERT INTO pad VALUES (1, 'ab'), (2, 'AB  '), (3, 'ab c'), (4, 'é'), (5, 'E '), (6, 'áb'), (7, ''), (8, ' '), (9, NULL);
-- Tables that are divided: SELECT … PARTITION.
CREATE TABLE pr (id INT NOT NULL, d INT, v VARCHAR(5), KEY (id)) PARTITION BY RANGE (d) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
  (PARTITION low VALUES LESS THAN (-5), PARTITION Mid VALUES LESS THAN (10), PARTITION `the rest` VALUES LESS THAN (MAXVALUE));
INSERT INTO pr VALUES (1, NULL, 'a'), (2, -6, 'b'), (3, -5, 'c'), (4, 9, 'd'), (5, 10, 'e'), (6, 2147483647, NULL), (7, 0, 'g');
CREATE TABLE pd (id INT NOT NULL, d DATE NOT NULL, PRIMARY KEY (id, d)) PARTITION BY RANGE COLUMNS (d)
  (PARTITION a VALUES LESS THAN ('2024-01-01'), PARTITION b VALUES LESS THAN ('2024-02-29'));
INSERT INTO pd VALUES (1, '2023-12-31'), (2, '2024-01-01'), (3, '2024-02-28'), (4, '1000-01-01');
CREATE TABLE py (id INT NOT NULL, tm DATETIME(3)) PARTITION BY RANGE (YEAR(tm))
  (PARTITION old VALUES LESS THAN (2000), PARTITION new VALUES LESS THAN MAXVALUE);
INSERT INTO py VALUES (1, NULL), (2, '1999-12-31 23:59:59.999'), (3, '2000-01-01'), (4, '9999-12-31');
CREATE TABLE pt (id INT NOT NULL, dt DATE) PARTITION BY RANGE (TO_DAYS(dt))
  (PARTITION a VALUES LESS THAN (TO_DAYS('2024-01-31')), PARTITION b VALUES LESS THAN MAXVALUE);
INSERT INTO pt VALUES (1, NULL), (2, '2024-01-30'), (3, '2024-01-31');
CREATE TABLE pl (id INT NOT NULL, d INT) PARTITION BY LIST (d) (PARTITION a VALUES IN (1, -2, NULL), PARTITION b VALUES IN (3), PARTITION c VALUES IN (4, 5));
INSERT INTO pl VALUES (1, 1), (2, -2), (3, NULL), (4, 3), (5, 4), (6, 5), (7, 5);
CREATE TABLE ph (id INT NOT NULL, d BIGINT) PARTITION BY HASH (d) PARTITIONS 3;
INSERT INTO ph VALUES (1, NULL), (2, -1), (3, -2), (4, -3), (5, 0), (6, 1), (7, 2), (8, 9223372036854775807), (9, -9223372036854775808);
CREATE TABLE pu (id INT NOT NULL, d BIGINT UNSIGNED) PARTITION BY HASH (d) PARTITIONS 3;
CREATE TABLE pk (id INT NOT NULL PRIMARY KEY) PARTITION BY KEY () PARTITIONS 2;
CREATE TABLE pv (v VARCHAR(9)) PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('x'), PARTITION b VALUES IN ('y'));
CREATE TABLE pm (a INT, b INT) PARTITION BY RANGE COLUMNS (a, b) (PARTITION a VALUES LESS THAN (5, MAXVALUE));
-- Larger than what it is joined with by more than four times: keys of the small table's texts are made before the join.
CREATE TABLE many (id INT NOT NULL PRIMARY KEY, xid INT NOT NULL);
INSERT INTO many SELECT a.id * 100 + b.id, b.id % 12 + 1 FROM rawx a JOIN rawx b;
-- A shop, its visitors, its sensors and its staff.
CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120), country CHAR(2), city VARCHAR(60),
  signed_up DATETIME NOT NULL, plan ENUM('free','basic','pro') NOT NULL DEFAULT 'free', interests SET('news','sports','music','tech'),
  active BIT(1) NOT NULL DEFAULT b'1', is_admin TINYINT(1) NOT NULL DEFAULT 0, balance DECIMAL(12,2) NOT NULL DEFAULT 0, tags VARCHAR(200), profile JSON, parent_id INT UNSIGNED);
INSERT INTO customers (name,email,country,city,signed_up,plan,interests,active,is_admin,balance,tags,profile,parent_id) VALUES
 ('Ann Lee','Ann.Lee@Example.com','US','New York','2023-01-05 10:11:12','pro','news,tech',b'1',1,1250.50,'vip,early,us','{"age": 34, "langs": ["en", "fr"], "addr": {"zip": "10001"}, "score": 8.5}',NULL),
 ('Bob  Stone','bob@example.org','US','Boston','2023-01-20 23:59:59','basic','sports',b'1',0,-10.00,'early','{"age": 51, "langs": ["en"], "score": 3}',1),
 ('Zoë Müller','zoe@firma.de','DE','Köln','2023-02-11 00:00:00','pro','music,tech',b'0',0,0.00,NULL,'{"age": null, "langs": [], "addr": {"zip": "50667"}}',1),
 ('José Ruiz',NULL,'ES','Málaga','2023-02-28 12:00:00','free',NULL,b'1',0,99.99,'','{"langs": ["es", "en", "pt"]}',2),
 ('ann lee','ann.lee@example.com','GB','London','2023-03-31 08:30:00','free','',b'1',0,15.05,'uk',NULL,3),
 ('Ørsted','o@x.dk','DK','Århus','2024-02-29 15:00:00','basic','news,sports,music,tech',b'0',0,1e6,'vip,dk','{"age": 20, "score": -1.25, "ok": true}',NULL),
 ('','none',NULL,NULL,'2024-12-30 00:00:01','free','news',b'1',0,0.01,'a,,b','{}',6),
 ('Li 李','li@例.cn','CN','北京','2024-12-31 23:59:59','pro','tech',b'1',0,7.77,'cn,vip','{"age": 28, "langs": ["zh"], "score": 8.5}',6);
CREATE TABLE orders (
  id BIGINT NOT NULL PRIMARY KEY, customer_id INT UNSIGNED, placed_at DATETIME(3) NOT NULL, shipped_on DATE, status VARCHAR(12) NOT NULL,
  total DECIMAL(10,2) NOT NULL, discount DECIMAL(5,4), currency CHAR(3) NOT NULL, created TIMESTAMP NOT NULL, deleted_at DATETIME);
INSERT INTO orders VALUES
 (1,1,'2023-01-06 09:00:00.000','2023-01-08','paid',120.00,0.1000,'USD','2023-01-06 09:00:00',NULL),
 (2,1,'2023-02-06 10:30:00.500','2023-02-06','paid',80.25,NULL,'USD','2023-02-06 10:30:00',NULL),
 (3,1,'2023-04-01 00:00:00.000',NULL,'open',15.00,0.0000,'USD','2023-04-01 00:00:00',NULL),
 (4,2,'2023-01-21 18:45:10.123','2023-01-25','refunded',40.10,0.2500,'USD','2023-01-21 18:45:10',NULL),
 (5,2,'2023-03-26 02:30:00.000','2023-03-27','paid',40.10,NULL,'EUR','2023-03-26 01:30:00',NULL),
 (6,3,'2023-02-12 12:00:00.000','2023-03-01','paid',300.00,0.0500,'EUR','2023-02-12 11:00:00','2023-06-01 00:00:00'),
 (7,3,'2023-12-31 23:59:59.999','2024-01-02','paid',0.01,NULL,'EUR','2023-12-31 22:59:59',NULL),
 (8,4,'2024-01-01 00:00:00.000',NULL,'cancelled',55.55,0.3333,'EUR','2023-12-31 23:00:00',NULL),
 (9,6,'2024-02-29 16:00:00.000','2024-03-04','paid',9999999.99,NULL,'DKK','2024-02-29 15:00:00',NULL),
 (10,6,'2024-03-01 16:00:00.000','2024-03-04','PAID',12.34,0.0100,'DKK','2024-03-01 15:00:00',NULL),
 (11,NULL,'2024-05-05 05:05:05.005',NULL,'open ',5.05,NULL,'USD','2024-05-05 05:05:05',NULL),
 (12,8,'2024-12-31 23:59:59.998','2025-01-02','paid',64.00,0.5000,'CNY','2024-12-31 15:59:59',NULL),
 (13,8,'2025-01-06 00:00:00.000','2025-01-06','paid',64.00,NULL,'CNY','2025-01-05 16:00:00',NULL),
 (14,99,'2025-01-07 11:11:11.111',NULL,'open',1.00,NULL,'USD','2025-01-07 11:11:11',NULL);
CREATE TABLE items (order_id BIGINT NOT NULL, line SMALLINT NOT NULL, sku VARCHAR(20) NOT NULL, qty INT NOT NULL, unit DECIMAL(10,3) NOT NULL, vat DECIMAL(4,3) NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO items VALUES (1,1,'A-100-red',2,30.000,0.190),(1,2,'B-20',1,60.000,0.070),(2,1,'A-100-blue',3,26.750,0.190),(3,1,'C-1-x-l',1,15.000,0.000),
 (4,1,'B-20',1,40.100,0.190),(5,1,'B-20',1,40.100,0.070),(6,1,'D',10,30.000,0.190),(7,1,'E-0',1,0.010,0.190),(8,1,'A-100-red',5,11.110,0.190),
 (9,1,'Z-9',1,9999999.990,0.250),(10,1,'B-20',2,6.170,0.250),(12,1,'A-100-blue',4,16.000,0.130),(13,1,'a-100-BLUE',4,16.000,0.130),(14,1,'C-1',1,1.000,0.000);
CREATE TABLE events (id INT NOT NULL PRIMARY KEY, user_id INT NOT NULL, at DATETIME(6) NOT NULL, kind VARCHAR(20) NOT NULL, url VARCHAR(200), props JSON, ua TEXT, ms INT UNSIGNED, ip VARBINARY(16));
INSERT INTO events VALUES
 (1,1,'2024-03-10 10:00:00','visit','https://shop.test/a?utm_source=mail&x=1','{"v": 1, "items": [{"sku": "A", "n": 2}, {"sku": "B", "n": 1}]}','Mozilla/5.0 (X11)',120,x'0A000001'),
 (2,1,'2024-03-10 10:05:00','view','https://shop.test/b/c','{"v": 2}','Mozilla/5.0 (X11)',80,x'0A000001'),
 (3,1,'2024-03-10 10:40:00.000001','visit','https://shop.test/','{"v": 1, "items": []}','curl/8.1',95,x'0A000002'),
 (4,1,'2024-03-10 10:41:00','cart',NULL,NULL,NULL,NULL,NULL),
 (5,1,'2024-03-10 10:42:30.250000','buy','https://shop.test/buy?id=7','{"v": 3, "items": [{"sku": "A", "n": 5}]}','curl/8.1',300,x'0A000002'),
 (6,2,'2024-03-10 23:59:00','visit','http://SHOP.test/a','{"v": "x"}','Opera',60,x'FF'),
 (7,2,'2024-03-11 00:01:00','view','http://shop.test/a#top','{}','Opera',61,NULL),
 (8,2,'2024-03-13 00:00:00','visit','shop.test','{"v": null}','Opera',62,x''),
 (9,3,'2024-03-31 01:59:59.999999','visit',' https://shop.test/q?utm_source=ads ','{"v": 2.5, "items": [{"sku": "C"}]}','Mozilla/4.0',1000,x'0A000003'),
 (10,3,'2024-03-31 03:00:00','cart','','[]','Mozilla/4.0',0,NULL),
 (11,4,'2024-04-01 12:00:00','buy','https://shop.test/buy','{"v": 9, "items": [{"sku": "A", "n": 1}, {"sku": "A", "n": 1}]}','',10,NULL),
 (12,4,'2024-04-02 12:00:00','visit','https://other.test/Ünï','{"v": true}','x',4294967295,NULL);
CREATE TABLE readings (sensor INT NOT NULL, day DATE NOT NULL, v DECIMAL(7,3), ok TINYINT(1) NOT NULL, f DOUBLE, PRIMARY KEY (sensor, day));
INSERT INTO readings VALUES (1,'2024-01-01',1.500,1,0.1),(1,'2024-01-02',1.750,1,0.2),(1,'2024-01-03',NULL,0,NULL),(1,'2024-01-05',9.125,1,0.7),(1,'2024-01-06',-3.000,1,1e10),
 (2,'2024-01-01',0.000,0,0),(2,'2024-01-02',0.001,1,-0.5),(2,'2024-01-04',100.000,1,3.25),(2,'2024-02-29',7.777,1,2.5),(3,'2023-12-31',-0.001,1,1),(3,'2024-01-01',-0.001,0,1),(3,'2025-12-31',5.500,1,NULL);
CREATE TABLE staff (id INT NOT NULL PRIMARY KEY, boss INT, name VARCHAR(30) NOT NULL, dept VARCHAR(10), pay DECIMAL(9,2), hired DATE, shift_from TIME, shift_to TIME, born YEAR);
INSERT INTO staff VALUES (1,NULL,'Root','ops',9000.00,'2010-01-01','08:00:00','16:30:00',1970),(2,1,'Mia','ops',5000.00,'2015-06-15','22:00:00','06:00:00',1985),(3,1,'Tom','dev',7000.50,'2018-02-28','09:15:00','17:45:30',1990),
 (4,3,'Eve','dev',7000.50,'2020-02-29',NULL,NULL,NULL),(5,3,'Åsa','dev',NULL,'2024-11-30','00:00:00','24:00:00',2001),(6,2,'Jan',NULL,1200.00,NULL,'06:00:00','14:00:00',1999),(7,6,'jan','ops',1200.00,'2023-07-31','06:00:00','14:00:00',1999);
CREATE TABLE un (
  id INT NOT NULL PRIMARY KEY, a DECIMAL(10,2) UNSIGNED, b DECIMAL(10,2) UNSIGNED, c DECIMAL(10,2), i INT UNSIGNED,
  y YEAR, f FLOAT, KEY (f)
);
INSERT INTO un VALUES (1, 1, 2, -3, 4, 0, 0.6158), (2, 3.5, 1.25, 2, 5, 2000, 0.3845), (3, 2, 2, NULL, 0, 1999, 0.3762);
CREATE TABLE fx (
  id INT NOT NULL PRIMARY KEY, dd DOUBLE, d2 DOUBLE(9,2), e4 DOUBLE(9,4), f2 FLOAT(7,2), de DECIMAL(9,2), t TIME, t6 TIME(6),
  d6 DATETIME(6), st SET('red','Blue','g'), v VARCHAR(10)
);
INSERT INTO fx VALUES
  (1, 0.1, 0.1, 0.1, 0.1, 0.1, '-838:59:59', '10:00:00.5', '2000-01-01 10:11:12.5', 'red', 'RED'),
  (2, 0.2, 0.2, 0.2, 0.2, 0.2, '-01:30:00', '01:00:00', '2024-02-03', 'red,Blue', 'a_c'),
  (3, 3.3, 3.3, 3.3, 3.3, 3.3, '100:00:00', '00:00:00', '2010-12-31 23:59:59', 'g', 'l'),
  (4, 3, 3, 3, 3, 3, '10:00:00', NULL, '2010-12-30 23:59:58', 'Blue', NULL),
  (5, -0.3, -0.3, -0.3, -0.3, -0.3, NULL, '10:00:00', NULL, NULL, '1'),
  (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- Texts as people write them, in the collations that frameworks make their tables with.
CREATE TABLE notes (id INT NOT NULL PRIMARY KEY, a VARCHAR(60) COLLATE utf8mb4_unicode_ci, b TEXT COLLATE utf8mb4_unicode_520_ci) CHARSET utf8mb4;
INSERT INTO notes VALUES (1, 'Hello 🎉 World', 'Hello 🎉 World'), (2, '日本語 タイトル', '一 壹 ⼀'), (3, '한국어 ÜBER straße', 'ⅷ Ⅷ viii'), (4, 'ＦＵＬＬ width', '50％ off_x'), (5, NULL, NULL), (6, 'trail  🙂', '🙃🙂 ');
CREATE TABLE few (id INT NOT NULL PRIMARY KEY, p DECIMAL(3,3) UNSIGNED, q DECIMAL(2,2));
INSERT INTO few VALUES (1, 0.125, 0.25), (2, 0.126, -0.25), (3, 0, 0), (4, NULL, NULL), (5, 0.999, 0.99);
-- Places in texts, of every width.
CREATE TABLE places (id INT NOT NULL PRIMARY KEY, a TINYINT UNSIGNED, b SMALLINT UNSIGNED, c INT UNSIGNED, e BIGINT UNSIGNED, f TINYINT, g BIGINT, v VARCHAR(10));
INSERT INTO places VALUES (1, 1, 2, 4, 5, -1, -2, 'abcdef'), (2, 0, 0, 0, 0, 0, 0, 'abcdef'), (3, 255, 65535, 4294967295, 18446744073709551615, -128, -9223372036854775807, 'abcdef'),
  (4, 3, 3, 3, 3, 127, 9223372036854775807, 'xyz'), (5, NULL, NULL, NULL, NULL, NULL, NULL, 'q'), (6, 2, 2, 2, 2, 2, 2, NULL), (7, 7, 2, 2, 7, -7, -6, 'é日z');
CREATE TABLE ix (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, v DECIMAL(8,2), w INT, t VARCHAR(9), KEY (k));
INSERT INTO ix VALUES (1, 1, 1.25, 3, 'a'), (2, 2, 2.5, 4, 'B'), (3, 1, 7.77, 5, 'A'), (4, 1, 0.01, 6, 'b'),
  (5, 2, 9.99, 7, NULL), (6, 2, 3.33, 8, 'b'), (7, 3, NULL, 1, 'c'), (8, 1, 5.55, 2, 'a');
-- MySQL reads it by another plan as soon as it has counted the rows: some seconds later, or when it opens the table again.
CREATE TABLE sx (id INT NOT NULL PRIMARY KEY, m VARCHAR(9), g CHAR(4) NOT NULL, KEY (m), KEY (g, m)) STATS_AUTO_RECALC = 0;
INSERT INTO sx VALUES (1, 'bb', 'X'), (2, 'A', 'x'), (3, 'a', 'x'), (4, 'B', 'y'), (5, 'BB', 'Y'), (6, 'a', 'X'), (7, NULL, 'y'),
  (8, 'b', 'Y'), (9, 'bB', 'z'), (10, 'AA', 'Z'), (11, 'aa', 'z'), (12, 'A', 'x');
ANALYZE TABLE sx;
CREATE TABLE ends (id INT NOT NULL PRIMARY KEY, v VARCHAR(20) COLLATE utf8mb4_unicode_ci, tx TEXT COLLATE utf8mb4_unicode_520_ci, g VARCHAR(20) COLLATE utf8mb4_general_ci) CHARSET utf8mb4;
INSERT INTO ends SELECT n, t, t, t FROM (SELECT 1 n, _utf8mb4 '' t UNION ALL SELECT 2, _utf8mb4 x'C2A0' UNION ALL SELECT 3, ' ' UNION ALL SELECT 4, _utf8mb4 x'61C2A0' UNION ALL SELECT 5, 'a' UNION ALL SELECT 6, 'a ' UNION ALL SELECT 7, _utf8mb4 x'C2A020' UNION ALL SELECT 8, _utf8mb4 x'61E38080' UNION ALL SELECT 9, _utf8mb4 x'61C2A062' UNION ALL SELECT 10, 'a b' UNION ALL SELECT 11, 'é') x;
CREATE TABLE lat (id INT NOT NULL PRIMARY KEY, l VARCHAR(20) COLLATE latin1_general_cs, b VARCHAR(20) COLLATE latin1_bin) CHARSET latin1;
INSERT INTO lat VALUES (1, 'abc', 'abc'), (2, 'Abc', 'Abc'), (3, 'é', 'é'), (4, 'É', 'É'), (5, '', ''), (6, NULL, NULL), (7, 'ABC', 'ABC');
-- Entities with values of any kind as texts, as WordPress keeps them.
CREATE TABLE meta (id INT NOT NULL PRIMARY KEY, post INT NOT NULL, k VARCHAR(20) NOT NULL, t LONGTEXT, v VARCHAR(60), c CHAR(60)) CHARSET utf8mb4;
INSERT INTO meta (id, post, k, t) VALUES (1, 1, 'price', '19.90'), (2, 1, 'stock', '3'), (3, 1, 'sku', 'AB-1'), (4, 2, 'price', ''), (5, 2, 'stock', NULL), (6, 2, 'sku', '007'),
  (7, 3, 'price', '5'), (8, 3, 'stock', '-2'), (9, 3, 'weight', '1.5kg'), (10, 4, 'price', '.75'), (11, 4, 'weight', '1e2'), (12, 4, 'stock', ' 12'), (13, 5, 'price', '1,000.50'),
  (14, 5, 'weight', '0x10'), (15, 5, 'stock', '+4'), (16, 6, 'weight', '7 '), (17, 6, 'price', '123456789.123456789'), (18, 6, 'weight', 'abc'), (19, 7, 'weight', '.'), (20, 7, 'weight', '-0'),
  (21, 8, 'weight', '1e400'), (22, 8, 'weight', '9.'), (23, 8, 'weight', '9.9.9'), (24, 9, 'weight', '1e'), (25, 9, 'price', '2.675'), (26, 10, 'weight', '6\t'), (27, 10, 'weight', '\t6'),
  (28, 10, 'weight', '\n6'), (29, 10, 'total', '10.10'), (30, 11, 'total', '20.20'), (31, 12, 'total', '0.05'), (32, 13, 'total', '99999999999999999999');
UPDATE meta SET v = t, c = t;
-- Names and moments as bytes, as MediaWiki keeps them.
CREATE TABLE wiki (id INT NOT NULL PRIMARY KEY, title VARBINARY(60) NOT NULL, touched BINARY(14), text_ BLOB);
INSERT INTO wiki VALUES (1, 'Albert_Einstein', '20240115120000', 'abc'), (2, 'Zürich_HB', '20240229235959', 'Zürich'), (3, 'zürich', '20231231000000', NULL), (4, '', NULL, ''),
  (5, '100%_a\\b', '20240301000001', x'ff00fe'), (6, 'a_b_c', '20240115130000', '5F 41'), (7, '北京', '20240115120000', '_');
-- Documents as texts, as Joomla and Keycloak keep them.
CREATE TABLE papers (id INT NOT NULL PRIMARY KEY, j JSON, t LONGTEXT) CHARSET utf8mb4;
INSERT INTO papers (id, t) VALUES (1, '{"s": "a b", "n": 12, "o": {"k": true}, "l": [1, "x"], "z": null}'), (2, '{"n":0,"s":"caf\\u00e9 \\"q\\"","o":{"k":"v"}}'), (3, NULL),
  (4, '{ "s" : "é" , "n" : 7 }'), (5, '{"n": 9.995}'), (6, '{"n": "17"}'), (7, '{"n": 1, "n": 2}'), (8, '{"n": [1]}');
UPDATE papers SET j = t;
INSERT INTO papers (id, t) VALUES (9, '{"n": 1, "big": 1e400 }');
-- A text of more than a mebibyte.
CREATE TABLE longs (id INT NOT NULL PRIMARY KEY, x LONGTEXT);
INSERT INTO longs VALUES (1, REPEAT('abcdef', 200000)), (2, 'short'), (3, NULL);
