import { accessSync, constants, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type ArtifactName, checkArtifact } from '#agent/client/artifacts.js';
import { type AgentConfig, agentPaths } from '#agent/config.js';
import { messageOf } from '#agent/log.js';
import { acceptanceOf, estimatedMemoryBytes, passedBy } from '#agent/proving/acceptance.js';
import { chosenFor, findProgram } from '#agent/proving/backends/backendChoice.js';
import { Measurements } from '#agent/proving/measurements.js';
import type { CircuitView } from '#protocol/views.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { type Check, unwell, well } from './check.js';

const MIB = 1_048_576;
/** Left over on the disk for logs, receipts and witnesses, in bytes. */
const DISK_SPARE_BYTES = 256 * MIB;

const mb = (bytes: number) => `${Math.ceil(bytes / MIB)} MB`;

/** What this machine has for the circuits that it accepts of those that the market lists. */
export async function checkMachine(config: AgentConfig, listed: readonly CircuitView[]): Promise<Check[]> {
  const acceptance = acceptanceOf(config);
  const accepted = listed.filter((circuit) => passedBy(circuit, acceptance) === null);
  const files = accepted.flatMap(({ wasm, zkey }) => [wasm, zkey]);
  const { missing, check } = await checkArtifacts(config, files);
  return [
    checkCircuits(config, listed, accepted),
    check,
    await checkDisk(
      config.dataDir,
      missing.reduce((sum, { bytes }) => sum + bytes, 0),
    ),
    checkMemory(config, accepted),
    checkBackends(config, listed),
  ];
}

function checkCircuits(config: AgentConfig, listed: readonly CircuitView[], accepted: readonly CircuitView[]): Check {
  const acceptance = acceptanceOf(config);
  const passed = listed.flatMap((circuit) => {
    const refusal = passedBy(circuit, acceptance);
    return refusal && refusal.code !== 'notAccepted' ? [`${circuit.name} (${refusal.code}: ${refusal.reason})`] : [];
  });
  const names = accepted.map(({ name }) => name).join(', ');
  const found = `${accepted.length} of ${listed.length} circuits accepted${names ? `: ${names}` : ''}`;
  if (accepted.length === 0)
    return unwell('circuits', found, `nothing to prove: see circuits.accept. ${passed.join('; ')}`);
  return well('circuits', passed.length > 0 ? `${found}; passed by: ${passed.join('; ')}` : found);
}

async function checkArtifacts(
  config: AgentConfig,
  files: readonly ArtifactName[],
): Promise<{ missing: ArtifactName[]; check: Check }> {
  const source = { artifactDir: config.artifactDir, cacheDir: agentPaths(config.dataDir).artifacts };
  const states = await Promise.all(files.map((name) => checkArtifact(name, source)));
  const missing = files.filter((_, index) => states[index] !== 'present');
  const damaged = files.filter((_, index) => states[index] === 'damaged');
  if (damaged.length > 0) {
    const names = damaged.map(({ sha256 }) => sha256.slice(2)).join(', ');
    const advice = `delete them from ${source.cacheDir} and check the disk; the agent fetches them again at its start`;
    return { missing, check: unwell('artifacts', `other content than their hashes say: ${names}`, advice) };
  }
  const toFetch = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const found = `${files.length - missing.length} of ${files.length} files are here with the right hash`;
  const rest = missing.length > 0 ? `; ${mb(toFetch)} will be fetched at the first start` : '';
  return { missing, check: well('artifacts', found + rest) };
}

async function checkDisk(dataDir: string, toFetch: number): Promise<Check> {
  try {
    const folder = nearestFolder(resolve(dataDir));
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const freeBytes = Number(bavail) * Number(bsize);
    const needed = toFetch + DISK_SPARE_BYTES;
    const found = `${dataDir} can be written, ${mb(freeBytes)} free`;
    if (freeBytes >= needed) return well('disk', found);
    return unwell('disk', `${found}, ${mb(needed)} are needed`, 'make room, or set machine.data_dir to another disk');
  } catch (error) {
    return unwell('disk', messageOf(error), `let this user write ${dataDir}, or set machine.data_dir`);
  }
}

/** The folder itself, or the one above it in which it will be made. Throws when a file is in its way. */
function nearestFolder(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return path;
  if (found) throw new Error(`${path} is no folder`);
  return nearestFolder(dirname(path));
}

/** The largest of the accepted circuits must fit into the memory that is free beside everything else that runs. */
function checkMemory({ slots, backends }: AgentConfig, accepted: readonly CircuitView[]): Check {
  const own = accepted.filter((circuit) => chosenFor(backends, circuit) === null);
  const needs = own.map(({ name, protocol, zkey }) => ({
    name,
    bytes: estimatedMemoryBytes(protocol as ZkProtocol, zkey.bytes, slots),
  }));
  const largest = needs.toSorted((a, b) => b.bytes - a.bytes)[0];
  if (!largest) return well('memory', `${mb(freemem())} free; external provers take what they take`);
  const found = `${largest.name} takes about ${mb(largest.bytes)} in ${slots} slots, ${mb(freemem())} are free`;
  if (largest.bytes <= freemem()) return well('memory', found);
  return unwell('memory', found, 'fewer machine.slots, an external prover (proving.backends), or less beside it');
}

function checkBackends(config: AgentConfig, listed: readonly CircuitView[]): Check {
  const flaws: string[] = [];
  const found: string[] = [];
  for (const { circuit, template } of config.backends) {
    if (!template) continue;
    try {
      found.push(`${circuit} by ${findProgram(template).template.program}`);
    } catch (error) {
      flaws.push(`${circuit}: ${messageOf(error)}`);
    }
    const isKnown = circuit === '*' || listed.some(({ circuitId, name }) => [circuitId, name].includes(circuit));
    if (!isKnown) flaws.push(`${circuit} is no circuit of this market`);
  }
  if (flaws.length > 0)
    return unwell('backends', flaws.join('; '), 'put proving.backends right, or install the program');
  const measurements = new Measurements(agentPaths(config.dataDir).measurements);
  const promises = listed.flatMap(({ circuitId, name }) => {
    const { threads, slots, handicap } = config;
    const ms = measurements.promisedMs({ circuitId, threads, slots, handicap });
    return ms === null ? [] : [`${name} promised in ${(ms / 1_000).toFixed(1)} s by snarkjs`];
  });
  return well('backends', [...found, ...promises].join('; ') || 'snarkjs, to be measured at the first start');
}
