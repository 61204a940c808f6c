import type { Award, Role } from '#protocol/entries.js';
import type { Assignment } from './state.js';

/** An assignment as it begins. */
export function beginAssignment(side: Award['primary'], role: Role, dueMs: number, atMs: number): Assignment {
  const active = role === 'primary';
  return {
    prover: side.prover,
    owner: side.owner,
    priceBidWei: BigInt(side.priceBidWei),
    bondWei: BigInt(side.bondWei),
    provingMsP95: side.provingMsP95,
    slots: side.slots,
    promisedMs: side.promisedMs,
    freeFromMs: side.freeFromMs,
    missPpm: side.missPpm,
    dueMs,
    status: active ? 'active' : 'standby',
    activeSinceMs: active ? atMs : null,
    leaseMissed: false,
    invalidCount: 0,
    inputRefusedAtMs: null,
    excuse: null,
    spentAtMs: null,
  };
}
