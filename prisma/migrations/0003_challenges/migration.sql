-- CreateTable
CREATE TABLE "challenges" (
    "prover" TEXT NOT NULL,
    "circuit_id" TEXT NOT NULL,
    "state" JSONB NOT NULL,

    CONSTRAINT "challenges_pkey" PRIMARY KEY ("prover","circuit_id")
);

-- CreateTable
CREATE TABLE "challenge_proofs" (
    "submission_id" TEXT NOT NULL,
    "content" JSONB NOT NULL,

    CONSTRAINT "challenge_proofs_pkey" PRIMARY KEY ("submission_id")
);
