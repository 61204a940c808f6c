/**
 * `decide(state, command, nowMs)`: what a command leads to. Pure: reads no clock, no randomness, no I/O; changes
 * nothing. Coordinator, auditor, simulator and tests call this one function.
 */
import { reject } from '#protocol/rejections.js';
import type { Command, CommandKind, CommandOf, Decision } from './command.js';
import { recordChallenge, requestChallenge, submitChallenge } from './commands/challenge.js';
import { closeRound } from './commands/closeRound.js';
import { commitBid, openBid, sealBids } from './commands/commitBid.js';
import { activateBackup, missLease, predictMiss } from './commands/cover.js';
import { expireJob, giveUp, recordVerdict, submitProof } from './commands/deliver.js';
import { noteInput, recordWitness } from './commands/faults.js';
import { closeLog, openLog } from './commands/nextLog.js';
import { openMarket, startCoordinator } from './commands/openMarket.js';
import { placeBid } from './commands/placeBid.js';
import { commitToPool, openPool } from './commands/pool.js';
import { deposit, registerCircuit, registerProver } from './commands/register.js';
import { setParameters } from './commands/setParameters.js';
import { SETTLEMENT_DECIDERS } from './commands/settlement.js';
import { submitBlock } from './commands/submitBlock.js';
import { withdrawBlock } from './commands/withdrawBlock.js';
import type { MarketState } from './state.js';

type Deciders = {
  [Kind in CommandKind]: (state: MarketState, command: CommandOf<Kind>, nowMs: number) => Decision;
};

const DECIDERS: Deciders = {
  openMarket,
  setParameters,
  startCoordinator,
  closeLog,
  openLog,
  registerCircuit,
  deposit,
  registerProver,
  requestChallenge,
  submitChallenge,
  recordChallenge,
  submitBlock,
  withdrawBlock,
  placeBid,
  commitBid,
  sealBids,
  openBid,
  closeRound,
  submitProof,
  recordVerdict,
  openPool,
  commitToPool,
  giveUp,
  missLease,
  predictMiss,
  noteInput,
  recordWitness,
  activateBackup,
  expireJob,
  ...SETTLEMENT_DECIDERS,
};

/**
 * @param nowMs - the coordinator's clock, Unix milliseconds, never below the last entry's
 * @returns the entries to append, none when there is nothing left to do, or a rejection
 */
export function decide(state: MarketState, command: Command, nowMs: number): Decision {
  if (state.closedFor && command.kind !== 'openLog') {
    return reject('unavailable', `the log is closed; the market goes on as ${state.closedFor.origin}`);
  }
  const decider = DECIDERS[command.kind] as (state: MarketState, command: Command, nowMs: number) => Decision;
  return decider(state, command, nowMs);
}
