import type { Explanation, Ineligible } from '#protocol/explanations.js';
import type { SkipCode } from '../bidding/decideBid.js';
import type { PoolSkipCode } from '../bidding/decidePool.js';
import type { PassedBy } from '../proving/acceptance.js';
import type { CodeAdvice } from './codeAdvice.js';

/** Why a round was not bid for. */
export const SKIP_CODES: Record<SkipCode, CodeAdvice> = {
  circuitUnknown: [
    'this machine proves no such circuit',
    'see `circuitPassedBy` and `circuitFailed` of the circuit in the log; accept it in `circuits.accept`',
  ],
  proofsFail: [
    'the last three jobs of the circuit were lost to failing zkProofs; each more would cost a bond',
    'see the `flaw` of the last `proofFailed`; bidding goes on by itself after ten minutes',
  ],
  roundClosed: ['the round was heard of when its window was over', 'nothing, if rare; else the network is slow'],
  notWanted: ['the lists of `[work]` leave it out', 'change `work` if you want it'],
  tooLittleTime: [
    'a job does not fit before the deadline behind what is held already',
    'more `machine.slots` if cores are idle, a faster backend; `agent bench` finds the best plan',
  ],
  aboveMaxPrice: [
    'your price is above what the round pays at most',
    'nothing if the price is your cost; else lower `[price]` or `[cost]`',
  ],
  noBond: ['less money is free than a bond may need', 'deposit more; `agent doctor` says how much'],
  bondAtRisk: ['one more job would exceed the bonds that you put at risk', 'raise `limits.max_bond_wei`, or wait'],
};

/** Why a pooled job was left to others. */
export const POOL_SKIP_CODES: Record<PoolSkipCode | 'unreadable', CodeAdvice> = {
  circuitUnknown: SKIP_CODES.circuitUnknown,
  proofsFail: SKIP_CODES.proofsFail,
  notWanted: SKIP_CODES.notWanted,
  poolTooCheap: ['the pool’s price does not reach yours before the deadline', 'nothing, or lower `[price]`'],
  tooLittleTime: ['it would not be done before the deadline', 'as for rounds'],
  noBond: ['less money is free than the commitment locks', 'deposit more'],
  bondAtRisk: SKIP_CODES.bondAtRisk,
  unreadable: ['the job could not be read from the coordinator', 'nothing, if rare: it is looked at again'],
};

/** Why a circuit is not served. */
export const PASSED_BY_CODES: Record<PassedBy['code'], CodeAdvice> = {
  notAccepted: ['no rule of `circuits.accept` names it', 'add a rule if you want its jobs'],
  protocolUnknown: ['this version does not prove its proof system', 'update the agent'],
  zkeyTooLarge: ['its proving key is larger than `circuits.zkey_max_mb`', 'raise the limit if disk and memory allow'],
  memoryTooSmall: [
    'proving it on all slots takes more than `circuits.memory_mb`',
    'fewer `machine.slots`, an external prover, or more memory',
  ],
};

/** What became of a bid. */
export const RESULT_CODES: Record<Explanation['code'] | 'withdrawn', CodeAdvice> = {
  withdrawn: ['the requester took its block back before it was sold', 'nothing to do'],
  wonPrimary: ['you prove `primaryJobs` jobs', 'nothing to do'],
  wonBackup: ['you stand by for `backupJobs` jobs', 'stay reachable: the standby fee is for that'],
  wonBoth: ['you prove some jobs and stand by for others', 'nothing to do'],
  ineligible: ['the market does not let this prover win; `why` says why', 'see the codes of `why` below'],
  expired: ['the bid ran out before the round was cleared', 'nothing: the coordinator was away for long'],
  aboveMaxPrice: ['the price was above the round’s', 'nothing, or lower your price'],
  notInTime: [
    'by your promise, behind what you hold, you would be done at `finishMs`, after `dueMs`',
    'a faster backend, or a better plan by `agent bench`: the promise follows what is measured',
  ],
  noBond: ['the bond did not fit into your free money when the round was cleared', 'deposit more'],
  newcomerHolds: [
    'with few accepted zkProofs on the circuit you hold one job at a time',
    'deliver: after three accepted zkProofs this ends',
  ],
  shareCap: ['your owner has its share of the round already', 'nothing: the requester spreads its jobs'],
  demandUnmet: ['others meet what the requester demands, and you do not', 'a better record: deliver in time'],
  outbid: ['others were cheaper, by `byWei` at the dearest job sold', 'lower your price if it is above your cost'],
  slower: ['the round goes to the fastest, and `slowestMs` was before you', 'a faster backend, or more threads'],
  notWorthIt: [
    'with your record, you and a miss cost more than a miss alone',
    'a better record or a lower price: your misses are priced in',
  ],
};

/** Why a prover may not win at all. */
export const INELIGIBLE_CODES: Record<Ineligible, CodeAdvice> = {
  notAllowed: ['the requester allows certain owners only', 'nothing, or ask the requester'],
  belowScoreLine: [
    'your score is below the market’s line on the circuit',
    'see `GET /v1/provers/<address>/scores`; old outcomes pass out of the window; `agent bench` before you bid again',
  ],
  notChallenged: ['the challenge of the circuit is not passed', 'see `challengeFailed`; the agent repeats it'],
};
