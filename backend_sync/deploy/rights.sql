-- Who may do what with the ledger's tables; `tornello deploy database` runs it as their owner.
-- A table is a book by its trigger, so a book of a later version is never forgotten here.
DO $$
DECLARE
    row record;
    refused integer;
BEGIN
    GRANT USAGE ON SCHEMA public TO tornello_ledger, tornello_reports;
    FOR row IN SELECT oid, relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    LOOP
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, tornello_ledger, tornello_reports', row.relname);
        EXECUTE format('GRANT SELECT ON %I TO tornello_ledger, tornello_reports', row.relname);
        CONTINUE WHEN row.relkind = 'v' OR row.relname = 'alembic_version';
        EXECUTE format('GRANT INSERT ON %I TO tornello_ledger', row.relname);
        SELECT coalesce(bit_or(tgtype), 0) INTO refused FROM pg_trigger
            WHERE tgrelid = row.oid AND tgfoid = 'ledger_append_only'::regproc;
        IF refused & 16 = 0 THEN
            EXECUTE format('GRANT UPDATE ON %I TO tornello_ledger', row.relname);
        END IF;
        IF refused & 8 = 0 THEN
            EXECUTE format('GRANT DELETE ON %I TO tornello_ledger', row.relname);
        END IF;
    END LOOP;
END $$
