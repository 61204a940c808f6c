import { parseZkProof, type ZkProof, type ZkProtocol } from '#protocol/zkProof.js';
import { flawed } from '../provingError.js';

/** What provers call the curve that snarkjs calls bn128. */
const CURVE_NAMES = ['bn128', 'bn254', 'altbn128', 'altbn254'];

/** The members that a Groth16 zkProof has for everybody; provers add others of their own. */
const GROTH16_MEMBERS = ['pi_a', 'pi_b', 'pi_c', 'protocol', 'curve'];

/** How deep the arrays of a zkProof are nested at most. */
const DEPTH_MAX = 4;

/**
 * Brings a zkProof as native provers write it into the market's one strict spelling: rapidsnark leaves out `curve`,
 * others write hexadecimal numbers, leading zeros, affine points without z, or the curve's other names.
 *
 * @param value - parsed JSON of a program of the operator's choice
 * @throws ProvingError `proverOutput` when it is no zkProof of the protocol; the message quotes nothing of it
 */
export function normaliseZkProof(protocol: ZkProtocol, value: unknown): ZkProof {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw flawed('proverOutput', 'what the prover wrote is no JSON object');
  }
  const members = Object.entries(value)
    .filter(([name]) => protocol !== 'groth16' || GROTH16_MEMBERS.includes(name))
    .map(([name, member]) => [name, spelled(member, 0)] as const);
  const spelledOut: Record<string, unknown> = Object.fromEntries(members);
  spelledOut.protocol = labelOf(spelledOut.protocol, [protocol], protocol);
  spelledOut.curve = labelOf(spelledOut.curve, CURVE_NAMES, 'bn128');
  if (protocol === 'groth16') completePoints(spelledOut);
  const parsed = parseZkProof(protocol, spelledOut);
  if (!parsed.ok) throw flawed('proverOutput', `what the prover wrote is no ${protocol} zkProof: ${parsed.detail}`);
  return parsed.zkProof;
}

/** `wanted` for a label that is missing or one of its known names; any other is left for the parser to refuse. */
function labelOf(label: unknown, names: readonly string[], wanted: string): unknown {
  if (label === undefined) return wanted;
  const plain = typeof label === 'string' ? label.toLowerCase().replace(/[-_]/g, '') : '';
  return names.includes(plain) ? wanted : label;
}

/** Numbers in canonical decimal, at any depth. JSON numbers are left alone but for the small ones of a z coordinate. */
function spelled(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.map((one) => spelled(one, depth + 1));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, spelled(one, depth + 1)]));
  }
  if (value === 0 || value === 1) return String(value);
  if (typeof value === 'string' && /^(\d{1,90}|0x[0-9a-fA-F]{1,64})$/.test(value)) return BigInt(value).toString();
  return value;
}

function completePoints(zkProof: Record<string, unknown>): void {
  for (const [name, z] of [
    ['pi_a', '1'],
    ['pi_b', ['1', '0']],
    ['pi_c', '1'],
  ] as const) {
    const point = zkProof[name];
    if (Array.isArray(point) && point.length === 2) zkProof[name] = [...point, z];
  }
}
