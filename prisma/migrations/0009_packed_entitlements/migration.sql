-- The entitlements of a root in one row: account (20 bytes) and amount (16 bytes) one behind the other, by account, rising.
CREATE FUNCTION pg_temp.packed_half(half NUMERIC) RETURNS BYTEA LANGUAGE SQL IMMUTABLE AS $$
  SELECT int8send((CASE WHEN half >= 9223372036854775808 THEN half - 18446744073709551616 ELSE half END)::BIGINT)
$$;

CREATE TEMPORARY TABLE packed_entitlements ON COMMIT DROP AS
  SELECT epoch, string_agg(
    decode(substr(account, 3), 'hex')
      || pg_temp.packed_half(div(cumulative_wei, 18446744073709551616))
      || pg_temp.packed_half(mod(cumulative_wei, 18446744073709551616)),
    ''::BYTEA ORDER BY account COLLATE "C") AS packed
  FROM "entitlements" GROUP BY epoch;

TRUNCATE "entitlements";

-- AlterTable
ALTER TABLE "entitlements" DROP CONSTRAINT "entitlements_pkey",
DROP COLUMN "account",
DROP COLUMN "cumulative_wei",
ADD COLUMN     "packed" BYTEA NOT NULL,
ADD CONSTRAINT "entitlements_pkey" PRIMARY KEY ("epoch");

INSERT INTO "entitlements" (epoch, packed) SELECT epoch, packed FROM packed_entitlements;
