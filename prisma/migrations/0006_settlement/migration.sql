-- CreateTable
CREATE TABLE "withdrawals" (
    "account" TEXT NOT NULL,
    "cumulative_wei" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "withdrawals_pkey" PRIMARY KEY ("account")
);

-- CreateTable
CREATE TABLE "entitlements" (
    "epoch" BIGINT NOT NULL,
    "account" TEXT NOT NULL,
    "cumulative_wei" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "entitlements_pkey" PRIMARY KEY ("epoch","account")
);

-- CreateTable
CREATE TABLE "job_sets" (
    "set_id" TEXT NOT NULL,
    "state" JSONB NOT NULL,

    CONSTRAINT "job_sets_pkey" PRIMARY KEY ("set_id")
);

-- CreateTable
CREATE TABLE "chain_cursor" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "block_number" BIGINT NOT NULL,
    "block_hash" TEXT NOT NULL,
    "halted_reason" TEXT,

    CONSTRAINT "chain_cursor_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "chain_transactions" (
    "purpose" TEXT NOT NULL,
    "nonce" BIGINT NOT NULL,
    "raw" TEXT NOT NULL,
    "hashes" JSONB NOT NULL,
    "max_fee_per_gas_wei" DECIMAL(78,0) NOT NULL,
    "priority_fee_wei" DECIMAL(78,0) NOT NULL,
    "sent_at_ms" BIGINT NOT NULL,

    CONSTRAINT "chain_transactions_pkey" PRIMARY KEY ("purpose")
);
