-- The role and the schema of the dashboard's own store, which holds the goals of websites; the role has nothing else.
-- With psql 15 or newer, as a role that may create both, in any database; the product's own is not needed:
--   read -rs DASHBOARD_STORE_PASSWORD && export DASHBOARD_STORE_PASSWORD
--   psql "$STORE_OWNER_URL" --set=ON_ERROR_STOP=1 --file=docs/dashboard_store.sql
\getenv password DASHBOARD_STORE_PASSWORD
CREATE ROLE dashboard_store LOGIN PASSWORD :'password';
GRANT CONNECT ON DATABASE :"DBNAME" TO dashboard_store;
CREATE SCHEMA inbox_analytics AUTHORIZATION dashboard_store;
