-- CreateTable
CREATE TABLE "log_head" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "size" BIGINT NOT NULL,
    "last_at_ms" BIGINT NOT NULL,
    "frontier" BYTEA NOT NULL,
    "checkpoint" TEXT NOT NULL,

    CONSTRAINT "log_head_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entries" (
    "index" BIGINT NOT NULL,
    "type" TEXT NOT NULL,
    "at_ms" BIGINT NOT NULL,
    "leaf" TEXT NOT NULL,

    CONSTRAINT "entries_pkey" PRIMARY KEY ("index")
);

-- CreateTable
CREATE TABLE "log_tiles" (
    "level" INTEGER NOT NULL,
    "index" BIGINT NOT NULL,
    "hashes" BYTEA NOT NULL,

    CONSTRAINT "log_tiles_pkey" PRIMARY KEY ("level","index")
);

-- CreateTable
CREATE TABLE "commands" (
    "digest" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "at_ms" BIGINT NOT NULL,
    "answer" JSONB NOT NULL,

    CONSTRAINT "commands_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "sealed_bids" (
    "digest" TEXT NOT NULL,
    "round_id" TEXT NOT NULL,
    "prover" TEXT NOT NULL,
    "entry_index" BIGINT NOT NULL,
    "message" JSONB NOT NULL,
    "signature" TEXT NOT NULL,

    CONSTRAINT "sealed_bids_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "job_inputs" (
    "job_id" TEXT NOT NULL,
    "input" JSONB NOT NULL,

    CONSTRAINT "job_inputs_pkey" PRIMARY KEY ("job_id")
);

-- CreateTable
CREATE TABLE "market_facts" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "state" JSONB NOT NULL,

    CONSTRAINT "market_facts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "balances" (
    "account" TEXT NOT NULL,
    "balance_wei" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "balances_pkey" PRIMARY KEY ("account")
);

-- CreateTable
CREATE TABLE "postings" (
    "entry_index" BIGINT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "from_account" TEXT NOT NULL,
    "to_account" TEXT NOT NULL,
    "amount_wei" DECIMAL(78,0) NOT NULL,
    "why" TEXT NOT NULL,
    "at_ms" BIGINT NOT NULL,

    CONSTRAINT "postings_pkey" PRIMARY KEY ("entry_index","sequence")
);

-- CreateTable
CREATE TABLE "requesters" (
    "address" TEXT NOT NULL,
    "nonce" BIGINT NOT NULL,

    CONSTRAINT "requesters_pkey" PRIMARY KEY ("address")
);

-- CreateTable
CREATE TABLE "provers" (
    "address" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "registered_at_ms" BIGINT NOT NULL,

    CONSTRAINT "provers_pkey" PRIMARY KEY ("address")
);

-- CreateTable
CREATE TABLE "prover_records" (
    "prover" TEXT NOT NULL,
    "circuit_id" TEXT NOT NULL,
    "state" JSONB NOT NULL,

    CONSTRAINT "prover_records_pkey" PRIMARY KEY ("prover","circuit_id")
);

-- CreateTable
CREATE TABLE "circuits" (
    "circuit_id" TEXT NOT NULL,
    "state" JSONB NOT NULL,

    CONSTRAINT "circuits_pkey" PRIMARY KEY ("circuit_id")
);

-- CreateTable
CREATE TABLE "blocks" (
    "block_id" TEXT NOT NULL,
    "requester" TEXT NOT NULL,
    "submitted_at_ms" BIGINT NOT NULL,
    "completed_at_ms" BIGINT,
    "state" JSONB NOT NULL,

    CONSTRAINT "blocks_pkey" PRIMARY KEY ("block_id")
);

-- CreateTable
CREATE TABLE "rounds" (
    "round_id" TEXT NOT NULL,
    "block_id" TEXT NOT NULL,
    "closes_at_ms" BIGINT NOT NULL,
    "cleared_at_ms" BIGINT,
    "cleared_entry_index" BIGINT,
    "state" JSONB NOT NULL,

    CONSTRAINT "rounds_pkey" PRIMARY KEY ("round_id")
);

-- CreateTable
CREATE TABLE "jobs" (
    "job_id" TEXT NOT NULL,
    "block_id" TEXT NOT NULL,
    "job_index" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "outcome" TEXT,
    "deadline_ms" BIGINT NOT NULL,
    "state" JSONB NOT NULL,

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("job_id")
);

-- CreateTable
CREATE TABLE "wake_ups" (
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "due_ms" BIGINT NOT NULL,

    CONSTRAINT "wake_ups_pkey" PRIMARY KEY ("kind","key")
);

-- CreateTable
CREATE TABLE "replicas" (
    "replica_id" TEXT NOT NULL,
    "last_sign_ms" BIGINT NOT NULL,

    CONSTRAINT "replicas_pkey" PRIMARY KEY ("replica_id")
);

-- CreateTable
CREATE TABLE "heartbeats" (
    "job_id" TEXT NOT NULL,
    "prover" TEXT NOT NULL,
    "last_seen_ms" BIGINT NOT NULL,
    "stage" TEXT NOT NULL,
    "progress_ppm" INTEGER NOT NULL,
    "expected_end_ms" BIGINT,

    CONSTRAINT "heartbeats_pkey" PRIMARY KEY ("job_id","prover")
);

-- CreateIndex
CREATE INDEX "entries_type_index_idx" ON "entries"("type", "index");

-- CreateIndex
CREATE INDEX "sealed_bids_round_id_idx" ON "sealed_bids"("round_id");

-- CreateIndex
CREATE INDEX "postings_from_account_entry_index_idx" ON "postings"("from_account", "entry_index");

-- CreateIndex
CREATE INDEX "postings_to_account_entry_index_idx" ON "postings"("to_account", "entry_index");

-- CreateIndex
CREATE INDEX "provers_owner_idx" ON "provers"("owner");

-- CreateIndex
CREATE INDEX "blocks_submitted_at_ms_idx" ON "blocks"("submitted_at_ms");

-- CreateIndex
CREATE INDEX "blocks_requester_submitted_at_ms_idx" ON "blocks"("requester", "submitted_at_ms");

-- CreateIndex
CREATE INDEX "blocks_completed_at_ms_idx" ON "blocks"("completed_at_ms");

-- CreateIndex
CREATE INDEX "rounds_block_id_idx" ON "rounds"("block_id");

-- CreateIndex
CREATE INDEX "rounds_cleared_at_ms_closes_at_ms_idx" ON "rounds"("cleared_at_ms", "closes_at_ms");

-- CreateIndex
CREATE INDEX "jobs_block_id_job_index_idx" ON "jobs"("block_id", "job_index");

-- CreateIndex
CREATE INDEX "jobs_status_idx" ON "jobs"("status");

-- CreateIndex
CREATE INDEX "wake_ups_due_ms_idx" ON "wake_ups"("due_ms");
