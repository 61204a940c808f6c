import type { BundleView } from '#protocol/views.js';
import { type Groth16ZkProof, parseZkProof } from '#protocol/zkProof.js';
import { solidityCallData } from './solidityCallData.js';

/** A bundle with what a contract is called with, for each zkProof of a Groth16 circuit. */
export type FullBundle = Omit<BundleView, 'zkProofs'> & {
  zkProofs: (BundleView['zkProofs'][number] & { solidityCallData?: string })[];
};

/** Adds Solidity call data to the zkProofs of a Groth16 circuit; bundles of other protocols stay as they are. */
export function withCallData(bundle: BundleView): FullBundle {
  if (bundle.verificationKey.protocol !== 'groth16') return bundle;
  const zkProofs = bundle.zkProofs.map((one) => {
    const parsed = one.zkProof && parseZkProof('groth16', one.zkProof);
    if (!parsed?.ok) return one;
    return { ...one, solidityCallData: solidityCallData(parsed.zkProof as Groth16ZkProof, one.publicSignals) };
  });
  return { ...bundle, zkProofs };
}

/** A file of a bundle's folder: its name within it, and its text. */
export interface BundleFile {
  name: string;
  text: string;
}

/**
 * A bundle as files that snarkjs reads as they are: the verification key, and for each proven job its zkProof and its
 * public signals; for Groth16 the Solidity call data too. Jobs are numbered by their place in the block.
 */
export function bundleFiles(bundle: BundleView): BundleFile[] {
  const file = (name: string, value: unknown) => ({ name, text: `${JSON.stringify(value, null, 1)}\n` });
  const jobs = withCallData(bundle).zkProofs.flatMap((one) => {
    if (!one.zkProof) return [];
    const number = one.jobId.slice(one.jobId.lastIndexOf('.') + 1);
    const files = [file(`zkProof-${number}.json`, one.zkProof), file(`public-${number}.json`, one.publicSignals)];
    const { solidityCallData: callData } = one;
    return callData === undefined ? files : [...files, { name: `callData-${number}.txt`, text: `${callData}\n` }];
  });
  return [file('verification_key.json', bundle.verificationKey), ...jobs];
}
