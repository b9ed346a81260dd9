-- Roles and the database of the ledger, made once: sudo -u postgres psql -f roles.sql
-- Then give each role its password (\password tornello_owner ...), and let `tornello deploy database`
-- make the tables and the rights; it does so again after every upgrade.

-- Owns the tables: upgrades and retention, started by a person. No service has it.
CREATE ROLE tornello_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;

-- Posts: may add to books and never change or delete what is in them, whatever a program does.
CREATE ROLE tornello_ledger LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE tornello_ledger SET idle_in_transaction_session_timeout = '5min';
ALTER ROLE tornello_ledger SET lock_timeout = '30s';

-- Reads, for warehouses and tools of others; it cannot hold up the ledger for long.
CREATE ROLE tornello_reports LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 10;
ALTER ROLE tornello_reports SET default_transaction_read_only = on;
ALTER ROLE tornello_reports SET statement_timeout = '60s';
ALTER ROLE tornello_reports SET idle_in_transaction_session_timeout = '60s';

CREATE DATABASE tornello OWNER tornello_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE tornello FROM PUBLIC;
GRANT CONNECT ON DATABASE tornello TO tornello_ledger, tornello_reports;
\connect tornello
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO tornello_owner;
