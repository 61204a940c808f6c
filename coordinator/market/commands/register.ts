import { reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { type MarketState, parametersOf, posting } from '../state.js';

/** Registration messages are good for this long after their date, in milliseconds. */
export const REGISTRATION_LIFE_MS = 600_000;

/** How far a message may be dated ahead of the coordinator's clock, in milliseconds. */
export const CLOCK_SKEW_MS = 30_000;

/** Registers a prover under its owner. Registering again changes the name only: a prover keeps its owner. */
export function registerProver(state: MarketState, command: CommandOf<'registerProver'>, nowMs: number): Decision {
  const { message, signature, ownerSignature } = command;
  const stale = checkDate(message.issuedAtMs, nowMs);
  if (stale) return stale;
  if (message.owner !== message.prover && !ownerSignature) return reject('ownerSignatureMissing');
  const known = state.provers.get(message.prover);
  if (known && known.owner !== message.owner) return reject('proverOwned', `its owner is ${known.owner}`);
  return accept({ type: 'proverRegistered', atMs: nowMs, message, signature, ownerSignature });
}

/** Registers a circuit whose verification key the verifier has found safe. */
export function registerCircuit(state: MarketState, command: CommandOf<'registerCircuit'>, nowMs: number): Decision {
  const { circuit, registration } = command;
  if (registration) {
    const stale = checkDate(registration.message.issuedAtMs, nowMs);
    if (stale) return stale;
  }
  if (state.circuits.has(circuit.circuitId)) return reject('circuitExists', `its id is ${circuit.circuitId}`);
  const { circuitsMax } = parametersOf(state);
  if (state.circuits.size >= circuitsMax) return reject('tooManyCircuits', `it knows ${circuitsMax} already`);
  return accept({ type: 'circuitRegistered', atMs: nowMs, ...circuit, registration });
}

/** Credits a deposit. */
export function deposit(state: MarketState, command: CommandOf<'deposit'>, nowMs: number): Decision {
  const { account, amountWei, source, reference } = command;
  if (!state.market?.faucet) return reject('faucetClosed');
  return accept({
    type: 'deposited',
    atMs: nowMs,
    account,
    amountWei: amountWei.toString(),
    source,
    reference,
    postings: [posting('outside', `account:${account}`, amountWei, 'deposit')],
  });
}

/** Why a dated message is refused; null when it is neither stale nor from the future. */
export function checkDate(issuedAtMs: number, nowMs: number): Decision | null {
  if (issuedAtMs < nowMs - REGISTRATION_LIFE_MS) return reject('messageExpired', `it was issued at ${issuedAtMs}`);
  if (issuedAtMs > nowMs + CLOCK_SKEW_MS) return reject('messageFromFuture', `the coordinator's clock is at ${nowMs}`);
  return null;
}
