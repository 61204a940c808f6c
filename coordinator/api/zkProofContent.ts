import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { parsePublicSignals, parseZkProof, type ZkProtocol } from '#protocol/zkProof.js';
import { type Refused, refuse } from './refused.js';

/**
 * Reads zkProof and public signals in their one accepted spelling, and compares them with the statement and with what was
 * signed. Whether the zkProof is true is the verifier's question.
 */
export function readContent(
  contentHash: Hex,
  expectedSignals: readonly string[],
  protocol: ZkProtocol,
  sent: { publicSignals: unknown; zkProof: unknown },
): { publicSignals: string[]; zkProof: Record<string, unknown> } | Refused {
  const signals = parsePublicSignals(sent.publicSignals, expectedSignals.length);
  if (!signals.ok) return refuse('invalidZkProof', `${signals.code}: ${signals.detail}`);
  const parsed = parseZkProof(protocol, sent.zkProof);
  if (!parsed.ok) return refuse('invalidZkProof', `${parsed.code}: ${parsed.detail}`);
  const { publicSignals } = signals;
  const wrong = publicSignals.findIndex((signal, index) => signal !== expectedSignals[index]);
  if (wrong >= 0) return refuse('signalsMismatch', `signal ${wrong} differs`);
  const { zkProof } = parsed;
  const hash = contentHashOf({ publicSignals, zkProof });
  if (hash !== contentHash) return refuse('contentHashMismatch', `the hash of what was sent is ${hash}`);
  return { publicSignals, zkProof: { ...zkProof } };
}
