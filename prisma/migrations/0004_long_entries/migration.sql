-- CreateTable
CREATE TABLE "long_entries" (
    "sha256" TEXT NOT NULL,
    "index" BIGINT NOT NULL,

    CONSTRAINT "long_entries_pkey" PRIMARY KEY ("sha256")
);
