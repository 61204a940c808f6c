/** Requesters' own circuits from the command line: registered, sold with jobs that wait for others, proven by real agents. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openKeyFile } from '#agent/client/keyFile.js';
import { run as bundle } from '#cli/bundle.js';
import { run as circuit } from '#cli/circuit.js';
import { run as submit } from '#cli/submit.js';
import { run as withdraw } from '#cli/withdraw.js';
import type { BundleView } from '#protocol/views.js';
import { verifyZkProof } from '../fixtures/snarkjsCheck.js';
import { tinyCircuitFile, tinyInput, tinySamples } from '../fixtures/tinyCircuit.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { ETHER, LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

const PROTOCOLS = ['groth16', 'plonk', 'fflonk'] as const;

/** Inputs of the tiny circuit: the third waits for the first two. */
const INPUTS = [
  { input: tinyInput(0) },
  { input: tinyInput(1), publicSignals: tinySamples('groth16')[1]!.publicSignals },
  { input: tinyInput(2), after: [0, 1] },
];

let market: LiveMarket;
let agents: LiveAgent[] = [];
let keyFile: string;
let inputs: string;

const requester = () => ['--key-file', keyFile, '--coordinator', market.coordinator.url];

beforeAll(async () => {
  // Provers are new to these circuits, and prove challenge jobs where there are samples.
  market = await LiveMarket.open({ parameters: { newcomerJobs: 1 } });
  keyFile = join(market.folder, 'requester.json');
  inputs = join(market.folder, 'inputs.json');
  writeFileSync(inputs, JSON.stringify(INPUTS));
  const samples = join(market.folder, 'samples.json');
  writeFileSync(samples, JSON.stringify([{ input: tinyInput(5) }]));
  await market.fund(openKeyFile(keyFile).address, ETHER);
  for (const protocol of PROTOCOLS) {
    const files = ['--wasm', tinyCircuitFile('tinyCircuit.wasm'), '--zkey', tinyCircuitFile(`${protocol}.zkey`)];
    const rest = ['--vkey', tinyCircuitFile(`${protocol}.vk.json`), '--name', protocol];
    // One of them comes without a sample: agents measure themselves all the same.
    const given = protocol === 'plonk' ? [] : ['--samples', samples];
    expect(await circuit(['add', ...files, ...rest, ...given, ...requester()])).toBe(0);
  }
  const flags = ['--accept', 'kind:generic'];
  agents = await Promise.all(
    [1n, 2n].map((price) =>
      LiveAgent.start(market, { name: `agent-${price}`, priceWei: price * 10n ** 12n, measuredMs: null, flags }),
    ),
  );
  for (const agent of agents) await agent.event('challengePassed');
});

afterAll(() => market?.close());

async function circuitIdOf(name: string): Promise<string> {
  const { circuits } = await market.client().call('listCircuits', {});
  return circuits.find((one) => one.name === name)!.circuitId;
}

describe('a circuit of a requester', () => {
  it.each(PROTOCOLS)('of %s is registered, sold, proven in turn and bundled', async (protocol) => {
    const out = join(market.folder, `${protocol}.json`);
    const order = ['--circuit', await circuitIdOf(protocol), '--inputs', inputs, '--bundle', out];
    // Agents may still be getting ready: unsold jobs are auctioned again, and then anybody may deliver.
    const terms = ['--deadline-sec', '240', '--bid-window-ms', '3000', '--rounds', '4', '--label', protocol];
    expect(await submit([...order, ...terms, ...requester()])).toBe(0);
    const { blockId, complete, zkProofs } = JSON.parse(readFileSync(out, 'utf8')) as BundleView;
    expect(complete).toBe(true);
    for (const [index, { zkProof, publicSignals }] of zkProofs.entries()) {
      expect(publicSignals).toEqual(tinySamples('groth16')[index]!.publicSignals);
      expect(await verifyZkProof(protocol, { zkProof: zkProof!, publicSignals })).toBe(true);
    }
    const { jobs } = await market.client().call('listJobs', { params: { blockId } });
    const [first, second, third] = jobs.map(({ awardedAtMs, endedAtMs }) => ({ awardedAtMs, endedAtMs: endedAtMs! }));
    expect(third!.awardedAtMs ?? third!.endedAtMs).toBeGreaterThanOrEqual(
      Math.max(first!.endedAtMs, second!.endedAtMs),
    );
    const folder = join(market.folder, `${protocol}-files`);
    expect(await bundle([blockId, '--folder', folder, '--coordinator', market.coordinator.url])).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'zkProof-2.json'), 'utf8'))).toEqual(zkProofs[2]!.zkProof);
    await market.expectSound();
  });

  it('can be taken back before anybody is awarded its jobs', async () => {
    const { address } = openKeyFile(keyFile);
    const before = await market.freeWei(address);
    const order = ['--circuit', await circuitIdOf('groth16'), '--inputs', inputs, '--no-wait'];
    expect(await submit([...order, '--bid-window-ms', '60000', '--label', 'regretted', ...requester()])).toBe(0);
    const { blocks } = await market.client().call('listBlocks', { query: { requester: address } });
    const { blockId } = blocks.find(({ request }) => request.label === 'regretted')!;
    expect(await withdraw([blockId, ...requester()])).toBe(0);
    expect(await market.freeWei(address)).toBe(before);
    const withdrawn = await market.client().call('getBlock', { params: { blockId } });
    expect(withdrawn).toMatchObject({ status: 'completed', expiredCount: 3 });
    await market.expectSound();
  });
});
