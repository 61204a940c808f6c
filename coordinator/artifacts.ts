/** The circuits that come with the coordinator, and where their artifacts lie. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArtifactStore, SampleInputs } from '#api/apiDeps.js';
import type { Circuit } from '#market/state.js';
import type { Hex } from '#protocol/units.js';

const CIRCUITS = join(dirname(fileURLToPath(import.meta.url)), '../../circuits');
const FOLDER = join(CIRCUITS, 'artifacts/transferRollup');

/** Jobs of `block-64.json`, from which challenges are drawn; `understudy circuit samples` makes the file. */
const SAMPLES_FILE = join(CIRCUITS, 'examples/samples.json');

/** A job whose input is public. */
interface Sample {
  publicSignals: string[];
  inputHash: Hex;
  input: unknown;
}

/** The built-in circuit of transfer rollups, as its manifest describes it. */
export interface BuiltInCircuit {
  circuit: Circuit;
  artifacts: ArtifactStore;
  sampleInput: SampleInputs;
  /** The folder of the artifacts, so that agents on the same machine need no copies. */
  folder: string;
}

/** Reads manifest and verification key. Throws when they are missing or do not fit one another. */
export function readBuiltInCircuit(folder: string = FOLDER): BuiltInCircuit {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  const verificationKey = JSON.parse(readFileSync(join(folder, 'verification_key.json'), 'utf8'));
  const file = (name: string): { sha256: Hex; bytes: number } => {
    const { sha256, bytes } = manifest.files[name];
    return { sha256: `0x${sha256}`, bytes };
  };
  const wasm = file('transferRollup.wasm');
  const zkey = file('transferRollup.zkey');
  const paths = new Map([
    [wasm.sha256, join(folder, 'transferRollup.wasm')],
    [zkey.sha256, join(folder, 'transferRollup.zkey')],
  ]);
  const { vk_alphabeta_12: _derived, ...key } = verificationKey;
  const samples = JSON.parse(readFileSync(SAMPLES_FILE, 'utf8')) as Sample[];
  const inputs = new Map(samples.map(({ inputHash, input }) => [inputHash, input]));
  return {
    circuit: {
      circuitId: manifest.circuitId,
      name: manifest.name,
      kind: 'transferRollup',
      protocol: manifest.protocol,
      signalCount: manifest.publicSignals.length,
      verificationKey: key,
      wasm,
      zkey,
      samples: samples.map(({ publicSignals, inputHash }) => ({ publicSignals, inputHash })),
    },
    artifacts: { pathOf: (sha256) => paths.get(sha256) ?? null },
    sampleInput: (inputHash) => inputs.get(inputHash) ?? null,
    folder,
  };
}
