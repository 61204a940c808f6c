import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder; this module runs from dist/circuits. */
export const PROJECT_FOLDER = fileURLToPath(new URL('../../', import.meta.url));

/** The one circuit of the project: source, artifacts and examples are named after it. */
export const CIRCUIT_NAME = 'transferRollup';

/** 2 ** PHASE1_POWER constraints at most. */
export const PHASE1_POWER = 15;

/** Where the parts of the circuit lie. */
export type CircuitFiles = {
  source: string;
  folder: string;
  phase1: string;
  wasm: string;
  zkey: string;
  verificationKey: string;
  manifest: string;
};

/**
 * The paths of the circuit's source and artifacts.
 *
 * @param artifacts - the folder that holds all artifacts; default: the committed ones
 */
export function circuitFiles(artifacts = join(PROJECT_FOLDER, 'circuits', 'artifacts')): CircuitFiles {
  const folder = join(artifacts, CIRCUIT_NAME);
  return {
    source: join(PROJECT_FOLDER, 'circuits', `${CIRCUIT_NAME}.circom`),
    folder,
    phase1: join(artifacts, `phase1_${PHASE1_POWER}.ptau`),
    wasm: join(folder, `${CIRCUIT_NAME}.wasm`),
    zkey: join(folder, `${CIRCUIT_NAME}.zkey`),
    verificationKey: join(folder, 'verification_key.json'),
    manifest: join(folder, 'manifest.json'),
  };
}
