-- The role that the dashboard reads the product's Postgres with: SELECT on eight tables, and nothing else.
-- With psql 15 or newer, as the tables' owner, in the product's database; change `public` where the tables are elsewhere:
--   read -rs DASHBOARD_READER_PASSWORD && export DASHBOARD_READER_PASSWORD
--   psql "$OWNER_URL" --set=ON_ERROR_STOP=1 --file=docs/dashboard_reader.sql
\getenv password DASHBOARD_READER_PASSWORD
CREATE ROLE dashboard_reader LOGIN PASSWORD :'password';
GRANT CONNECT ON DATABASE :"DBNAME" TO dashboard_reader;
GRANT USAGE ON SCHEMA public TO dashboard_reader;
GRANT SELECT ON "user", organization, member, subscription, website, visitor, conversation, feedback TO dashboard_reader;
