-- CreateTable
CREATE TABLE "agents" (
    "prover" TEXT NOT NULL,
    "agent_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "since_ms" BIGINT NOT NULL,
    "last_seen_ms" BIGINT NOT NULL,
    "former_run_id" TEXT,

    CONSTRAINT "agents_pkey" PRIMARY KEY ("prover")
);
