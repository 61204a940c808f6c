-- CreateTable
CREATE TABLE "bid_commitments" (
    "digest" TEXT NOT NULL,
    "round_id" TEXT NOT NULL,
    "prover" TEXT NOT NULL,
    "commitment" TEXT NOT NULL,
    "entry_index" BIGINT NOT NULL,
    "opened" JSONB,

    CONSTRAINT "bid_commitments_pkey" PRIMARY KEY ("digest")
);

-- CreateIndex
CREATE INDEX "bid_commitments_round_id_idx" ON "bid_commitments"("round_id");
