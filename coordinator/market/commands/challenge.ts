import { reject } from '#protocol/rejections.js';
import { drawSample, needsChallenge } from '../challenge.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { type MarketState, parametersOf, recordKey } from '../state.js';
import { checkDate } from './register.js';

/** Draws a challenge for a prover. One at a time: the next can be had when the last is past its due time. */
export function requestChallenge(state: MarketState, command: CommandOf<'requestChallenge'>, nowMs: number): Decision {
  const { message, signature, digest: challengeId } = command;
  const { prover, circuitId } = message;
  const stale = checkDate(message.issuedAtMs, nowMs);
  if (stale) return stale;
  if (!state.provers.has(prover)) return reject('unknownProver');
  const circuit = state.circuits.get(circuitId);
  if (!circuit) return reject('unknownCircuit', `${circuitId} is not registered`);
  if (!needsChallenge(state, prover, circuitId, parametersOf(state))) return reject('challengeNotNeeded');
  const last = state.challenges.get(recordKey(prover, circuitId));
  if (last && (last.status === 'received' || nowMs < last.dueMs)) {
    return reject('challengeOpen', `it is ${last.status}, due at ${last.dueMs}`);
  }
  const sampleIndex = drawSample(circuit, prover, state.size);
  const dueMs = nowMs + parametersOf(state).challengeMs;
  return accept({ type: 'challengeIssued', atMs: nowMs, challengeId, message, signature, sampleIndex, dueMs });
}

/** Takes the zkProof of an open challenge, once. */
export function submitChallenge(state: MarketState, command: CommandOf<'submitChallenge'>, nowMs: number): Decision {
  const { message, signature, digest: submissionId } = command;
  const challenge = state.challenges.get(recordKey(message.prover, message.circuitId));
  if (challenge?.challengeId !== message.challengeId) return reject('challengeOver', 'it is not the newest');
  if (challenge.status !== 'open') return reject('challengeOver', `it is ${challenge.status}`);
  if (nowMs >= challenge.dueMs) return reject('challengeOver', `it was due at ${challenge.dueMs}`);
  return accept({ type: 'challengeReceived', atMs: nowMs, submissionId, message, signature });
}

/** Takes the verifier's word on a challenge's zkProof. */
export function recordChallenge(state: MarketState, command: CommandOf<'recordChallenge'>, nowMs: number): Decision {
  const { prover, circuitId, challengeId, valid, code } = command;
  const challenge = state.challenges.get(recordKey(prover, circuitId));
  if (challenge?.challengeId !== challengeId || challenge.status !== 'received') return NOTHING;
  const about = { atMs: nowMs, challengeId, prover, circuitId };
  return accept(valid ? { type: 'challengePassed', ...about } : { type: 'challengeFailed', ...about, code });
}
