SELECT
  *
FROM (
  SELECT
    AVG(ss_list_price) AS b1_lp,
    COUNT(ss_list_price) AS b1_cnt,
    COUNT(DISTINCT ss_list_price) AS b1_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 0 AND 5
    AND (
      ss_list_price BETWEEN 18 AND 18 + 10
      OR ss_coupon_amt BETWEEN 1939 AND 1939 + 1000
      OR ss_wholesale_cost BETWEEN 34 AND 34 + 20
    )
) AS B1, (
  SELECT
    AVG(ss_list_price) AS b2_lp,
    COUNT(ss_list_price) AS b2_cnt,
    COUNT(DISTINCT ss_list_price) AS b2_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 6 AND 10
    AND (
      ss_list_price BETWEEN 1 AND 1 + 10
      OR ss_coupon_amt BETWEEN 35 AND 35 + 1000
      OR ss_wholesale_cost BETWEEN 50 AND 50 + 20
    )
) AS B2, (
  SELECT
    AVG(ss_list_price) AS b3_lp,
    COUNT(ss_list_price) AS b3_cnt,
    COUNT(DISTINCT ss_list_price) AS b3_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 11 AND 15
    AND (
      ss_list_price BETWEEN 91 AND 91 + 10
      OR ss_coupon_amt BETWEEN 1412 AND 1412 + 1000
      OR ss_wholesale_cost BETWEEN 17 AND 17 + 20
    )
) AS B3, (
  SELECT
    AVG(ss_list_price) AS b4_lp,
    COUNT(ss_list_price) AS b4_cnt,
    COUNT(DISTINCT ss_list_price) AS b4_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 16 AND 20
    AND (
      ss_list_price BETWEEN 9 AND 9 + 10
      OR ss_coupon_amt BETWEEN 5270 AND 5270 + 1000
      OR ss_wholesale_cost BETWEEN 29 AND 29 + 20
    )
) AS B4, (
  SELECT
    AVG(ss_list_price) AS b5_lp,
    COUNT(ss_list_price) AS b5_cnt,
    COUNT(DISTINCT ss_list_price) AS b5_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 21 AND 25
    AND (
      ss_list_price BETWEEN 45 AND 45 + 10
      OR ss_coupon_amt BETWEEN 826 AND 826 + 1000
      OR ss_wholesale_cost BETWEEN 5 AND 5 + 20
    )
) AS B5, (
  SELECT
    AVG(ss_list_price) AS b6_lp,
    COUNT(ss_list_price) AS b6_cnt,
    COUNT(DISTINCT ss_list_price) AS b6_cntd
  FROM store_sales
  WHERE
    ss_quantity BETWEEN 26 AND 30
    AND (
      ss_list_price BETWEEN 174 AND 174 + 10
      OR ss_coupon_amt BETWEEN 5548 AND 5548 + 1000
      OR ss_wholesale_cost BETWEEN 42 AND 42 + 20
    )
) AS B6
LIMIT 100
