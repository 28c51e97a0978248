WITH ssci AS (
  SELECT ss_customer_sk AS customer_sk, ss_item_sk AS item_sk
  FROM store_sales, date_dim
  WHERE ss_sold_date_sk = d_date_sk AND d_month_seq BETWEEN 1196 AND 1196 + 11
  GROUP BY ss_customer_sk, ss_item_sk
), csci AS (
  SELECT cs_bill_customer_sk AS customer_sk, cs_item_sk AS item_sk
  FROM catalog_sales, date_dim
  WHERE cs_sold_date_sk = d_date_sk AND d_month_seq BETWEEN 1196 AND 1196 + 11
  GROUP BY cs_bill_customer_sk, cs_item_sk
), either AS (
  SELECT ssci.customer_sk AS store_customer, csci.customer_sk AS catalog_customer
  FROM ssci LEFT JOIN csci ON ssci.customer_sk = csci.customer_sk AND ssci.item_sk = csci.item_sk
  UNION ALL
  SELECT NULL, csci.customer_sk
  FROM csci LEFT JOIN ssci ON ssci.customer_sk = csci.customer_sk AND ssci.item_sk = csci.item_sk
  WHERE ssci.item_sk IS NULL
)
SELECT
  SUM(CASE WHEN store_customer IS NOT NULL AND catalog_customer IS NULL THEN 1 ELSE 0 END) AS store_only,
  SUM(CASE WHEN store_customer IS NULL AND catalog_customer IS NOT NULL THEN 1 ELSE 0 END) AS catalog_only,
  SUM(CASE WHEN store_customer IS NOT NULL AND catalog_customer IS NOT NULL THEN 1 ELSE 0 END) AS store_and_catalog
FROM either
LIMIT 100
