/** Job sets with their zkProofs, as `commitJobSet` and `settleBatch` take them, for the tests of the settlement. */
import {
  itemWords,
  type JobSetItem,
  jobSetLeaf,
  signalsHash,
  verificationKeyHash,
  verificationKeyWords,
} from '#protocol/jobSet.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { type Done, ETH, type Settlement } from './settlementChain.js';

/** A job that was proven, and what its payee gets. */
export interface ProvenJob {
  publicSignals: readonly string[];
  zkProof: Groth16ZkProof;
  payee: Address;
  amountWei: bigint;
}

/** A set over proven jobs of one key. */
export class JobSet {
  readonly leaves;
  readonly root;
  /** Of its commit; `commit` sets it. */
  committedEpoch = 0n;
  readonly keyHash: Hex;
  /** Where the contract has the key; `commit` sees to it. */
  keyAt: Address = ETH;

  constructor(
    readonly setId: Hex,
    readonly key: Groth16VerificationKey,
    readonly jobs: readonly ProvenJob[],
  ) {
    this.keyHash = verificationKeyHash(key);
    this.leaves = jobs.map((job, index) => jobSetLeaf(this.item(job, index)));
    this.root = sumTreeRoot(this.leaves);
  }

  private item({ publicSignals, payee, amountWei }: ProvenJob, index: number): JobSetItem {
    return { index, verificationKeyHash: this.keyHash, signalsHash: signalsHash(publicSignals), payee, amountWei };
  }

  /** Arguments of `settleBatch` for `count` items from `first` on; `jobs` may hold other zkProofs than the set's. */
  batch(first = 0, count = this.jobs.length - first, jobs = this.jobs): readonly unknown[] {
    const words = jobs.slice(first, first + count).flatMap((job) => itemWords(job.zkProof, job.publicSignals, job));
    const siblings = sumTreeSiblings(this.leaves, first, count);
    return [
      {
        setId: this.setId,
        committedEpoch: this.committedEpoch,
        firstIndex: BigInt(first),
        keyAt: this.keyAt,
        items: words,
        siblings,
      },
    ];
  }

  /** The whole set as arguments of `settleBatch`, with something else in some of the fields. */
  batchWith(change: Record<string, unknown>): readonly unknown[] {
    return [{ ...(this.batch()[0] as object), ...change }];
  }

  /** Commits the set, and posts the root behind it that lets it be settled. The money is there already. */
  async commit(settlement: Settlement): Promise<Done> {
    this.committedEpoch = await settlement.call<bigint>('epoch');
    await settlement.send(settlement.coordinator.address, 'storeKey', [verificationKeyWords(this.key)]);
    this.keyAt = await settlement.call<Address>('keyAt', [this.keyHash]);
    const args = [this.setId, this.root.hash, this.root.sumWei, BigInt(this.jobs.length)];
    const done = await settlement.send(settlement.coordinator.address, 'commitJobSet', args);
    await settlement.postRoot();
    return done;
  }
}

/** The set id of a number: any 32 bytes will do. */
export function setIdOf(number: number): Hex {
  return `0x${(0xb10c0000 + number).toString(16).padStart(64, '0')}`;
}
