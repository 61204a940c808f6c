-- AlterTable
ALTER TABLE "log_head" ADD COLUMN     "first_index" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "log_number" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "log_tiles" DROP CONSTRAINT "log_tiles_pkey",
ADD COLUMN     "log_number" INTEGER NOT NULL DEFAULT 0,
ADD CONSTRAINT "log_tiles_pkey" PRIMARY KEY ("log_number", "level", "index");

-- A market that was opened before has one log.
UPDATE "market_facts" SET "state" = "state"
  || '{"earlierLogs": [], "logFirstIndex": 0, "closedFor": null, "importedAtMs": 0}'::jsonb;
