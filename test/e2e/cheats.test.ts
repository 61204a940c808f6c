/** Provers that try to be paid for nothing: other jobs' zkProofs, copies of other people's, and garbage. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import type { Session } from '#agent/client/session.js';
import { rerandomise, writeG2 } from '#cli/bench/rerandomise.js';
import { RejectedError } from '#protocol/client.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { loadBn254 } from '#verifier/bn254.js';
import { BLOCK_8, type BlockSample, block8Samples } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';
import { Q, strayTwistPoint } from '../verifier/twistPoints.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let samples: BlockSample[];
/** The primary of every job here, and the backup; either can be bent or held. */
let primary: InstantAgent;
let backup: InstantAgent;
let asPrimary: Session;
let asBackup: Session;
let bend: (made: { zkProof: Record<string, unknown>; publicSignals: string[] }) => Record<string, unknown>;

beforeAll(async () => {
  await loadBn254();
  samples = await block8Samples();
  market = await LiveMarket.open();
  bend = ({ zkProof }) => zkProof;
  primary = await InstantAgent.start(market, {
    name: 'cheap',
    priceWei: 1_000_000_000_000n,
    bend: (made) => ({ ...made, zkProof: bend(made) }),
  });
  backup = await InstantAgent.start(market, { name: 'dear', priceWei: 2_000_000_000_000n });
  asPrimary = await market.session(primary.account);
  asBackup = await market.session(backup.account);
});

afterAll(async () => {
  await market?.close();
});

/** Submits block-8 with both agents held, and waits until its jobs are awarded to them. */
async function openBlock(): Promise<{ blockId: string; jobs: string[] }> {
  primary.hold();
  backup.hold();
  const blockId = await market.submit(await market.order(BLOCK_8));
  const { awards } = await market.log.wait('roundCleared', blockId);
  expect(awards.map((award) => award.primary.prover)).toEqual(Array(4).fill(primary.account.address));
  expect(awards.map((award) => award.backup?.prover)).toEqual(Array(4).fill(backup.account.address));
  return { blockId, jobs: awards.map(({ jobId }) => jobId) };
}

/** Lets both agents work and checks that the block ends proven and that everybody got exactly what is due. */
async function finishBlock(blockId: string, before: bigint[]): Promise<void> {
  primary.release();
  backup.release();
  expect(await market.log.wait('blockCompleted', blockId)).toMatchObject({ proven: 4, expired: 0 });
  const { address } = market.requester;
  const payout = expectedPayout(market.log.of(blockId), address, 10n ** 15n, market.view.parameters);
  const after = await moneyOf(true);
  expect(after.map((wei, index) => wei - before[index]!)).toEqual(parties().map((one) => payout.get(one) ?? 0n));
  await market.expectSound();
}

const parties = () => [market.requester, primary.account, backup.account].map(({ address }) => address);
const moneyOf = (settled = false) => Promise.all(parties().map((address) => market.freeWei(address, settled)));

/** The code of the rejection; fails when there is none. */
async function codeOf(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RejectedError)) throw error;
  return error.code;
}

/** The same statement's zkProof in other bytes, as anybody can make who has seen one. */
async function copyOf(sample: BlockSample, k: bigint, s: bigint): Promise<Groth16ZkProof> {
  const { circuits } = await market.client().call('listCircuits', {});
  const key = circuits[0]!.verificationKey as unknown as { vk_delta_2: Parameters<typeof rerandomise>[1] };
  return rerandomise(sample.zkProof, key.vk_delta_2, k, s);
}

it("another job's zkProof is refused at the door, or found invalid and the backup called", async () => {
  const before = await moneyOf(true);
  const { blockId, jobs } = await openBlock();
  const other = samples[1]!;
  const logSize = (await market.client().call('getMarket', {})).treeSize;
  expect(await codeOf(asPrimary.submitProof(jobs[0]!, other.publicSignals, other.zkProof))).toBe('signalsMismatch');
  expect((await market.client().call('getMarket', {})).treeSize).toBe(logSize);

  // With the right signals it passes the door, and the verifier's: the real agent of the cheat tries until it may not.
  // A zkProof is sent once: the same bytes again would be the same message, which has had its answer.
  const others = [other, samples[2]!, samples[3]!];
  bend = ({ publicSignals, zkProof }) =>
    publicSignals[0] === samples[0]!.publicSignals[0] ? { ...others.shift()!.zkProof } : zkProof;
  primary.release();
  const rejected = await market.log.wait('proofRejected', blockId, 3);
  expect(rejected).toMatchObject({ jobId: jobs[0], prover: primary.account.address, code: 'equationFails' });
  const right = samples[0]!;
  expect(await codeOf(asPrimary.submitProof(jobs[0]!, right.publicSignals, right.zkProof))).toBe('tooManyInvalid');
  const activated = market.log.all('backupActivated', blockId);
  expect(activated).toMatchObject([{ jobId: jobs[0], prover: backup.account.address, cause: 'invalidZkProof' }]);

  bend = ({ zkProof }) => zkProof;
  await finishBlock(blockId, before);
  const { jobs: views } = await market.client().call('listJobs', { params: { blockId } });
  expect(views.map(({ deliveredBy }) => deliveredBy)).toEqual(['backup', 'primary', 'primary', 'primary']);
});

it('a re-randomised copy is worth nothing to whom the job is not assigned, and no more than one payment to its assignee', async () => {
  const before = await moneyOf(true);
  const { blockId, jobs } = await openBlock();
  const { publicSignals } = samples[0]!;
  const first = await copyOf(samples[0]!, 12_345n, 678n);
  expect(first.pi_a).not.toEqual(samples[0]!.zkProof.pi_a);
  const stranger = await market.session(accountOf(newPrivateKey()));
  expect(await codeOf(stranger.submitProof(jobs[0]!, publicSignals, first))).toBe('notAssigned');
  await stranger.register('stranger', null);
  expect(await codeOf(stranger.submitProof(jobs[0]!, publicSignals, first))).toBe('notAssigned');
  expect(await codeOf(asBackup.submitProof(jobs[0]!, publicSignals, first))).toBe('notActivated');

  // Called, the backup is the assignee too: the market pays for the statement, whoever made the first zkProof of it.
  await asPrimary.giveUp(jobs[0]!, 'overloaded');
  await asBackup.submitProof(jobs[0]!, publicSignals, first);
  await market.log.wait('proofAccepted', blockId);
  const second = await copyOf(samples[0]!, 99n, 1n);
  expect(await codeOf(asBackup.submitProof(jobs[0]!, publicSignals, second))).toBe('jobEnded');
  expect(await codeOf(stranger.submitProof(jobs[0]!, publicSignals, second))).toBe('jobEnded');
  await finishBlock(blockId, before);
  expect(market.log.all('proofAccepted', blockId).filter(({ jobId }) => jobId === jobs[0])).toHaveLength(1);
});

describe('garbage', () => {
  const withA = (zkProof: Groth16ZkProof, pi_a: unknown) => ({ ...zkProof, pi_a });
  const plus = (text: string, add: bigint) => (BigInt(text) + add).toString();

  /** Refused at the door: nothing of it enters the log. */
  const atTheDoor: [string, (zkProof: Groth16ZkProof) => unknown][] = [
    ['nothing', () => null],
    ['a text', () => 'zkProof'],
    ['a missing point', ({ pi_c: _, ...rest }) => rest],
    ['an unknown field', (zkProof) => ({ ...zkProof, note: 'pay me' })],
    ['another protocol', (zkProof) => ({ ...zkProof, protocol: 'plonk' })],
    ['another curve', (zkProof) => ({ ...zkProof, curve: 'bls12381' })],
    ['a point at infinity', (zkProof) => withA(zkProof, ['0', '1', '0'])],
    ['z other than 1', (zkProof) => withA(zkProof, [zkProof.pi_a[0], zkProof.pi_a[1], '2'])],
    ['a coordinate plus the modulus', (zkProof) => withA(zkProof, [plus(zkProof.pi_a[0], Q), zkProof.pi_a[1], '1'])],
    ['a hexadecimal coordinate', (zkProof) => withA(zkProof, ['0x1', zkProof.pi_a[1], '1'])],
    ['a negative coordinate', (zkProof) => withA(zkProof, ['-1', zkProof.pi_a[1], '1'])],
    ['a number of 10,000 digits', (zkProof) => withA(zkProof, ['9'.repeat(10_000), zkProof.pi_a[1], '1'])],
  ];

  /** Spelled like a zkProof: received, checked, rejected. */
  const atTheVerifier: [string, string, (zkProof: Groth16ZkProof) => Groth16ZkProof][] = [
    [
      'off the curve',
      'notOnCurve',
      (zkProof) => ({ ...zkProof, pi_a: [plus(zkProof.pi_a[0], 1n), zkProof.pi_a[1], '1'] }),
    ],
    ['off the subgroup', 'notInSubgroup', (zkProof) => ({ ...zkProof, pi_b: writeG2(strayTwistPoint(5n)) })],
    [
      'a point negated',
      'equationFails',
      (zkProof) => ({ ...zkProof, pi_a: [zkProof.pi_a[0], (Q - BigInt(zkProof.pi_a[1])).toString(), '1'] }),
    ],
  ];

  it('has a clear code for every kind, and no more tries than the market allows', async () => {
    const before = await moneyOf(true);
    const { blockId, jobs } = await openBlock();
    const [jobId, { publicSignals, zkProof }] = [jobs[0]!, samples[0]!];
    const logSize = (await market.client().call('getMarket', {})).treeSize;
    for (const [kind, spoil] of atTheDoor) {
      const code = await codeOf(asPrimary.submitProof(jobId, publicSignals, spoil(structuredClone(zkProof)) as object));
      expect([kind, code]).toEqual([kind, 'invalidZkProof']);
    }
    const signals: [string, string[]][] = [
      ['truncated', publicSignals.slice(0, 2)],
      ['extended', [...publicSignals, '0']],
      [
        'aliased',
        [plus(publicSignals[0]!, 21888242871839275222246405745257275088548364400416034343698204186575808495617n)],
      ],
    ];
    for (const [kind, bent] of signals) {
      const sent = kind === 'aliased' ? [...bent, ...publicSignals.slice(1)] : bent;
      expect([kind, await codeOf(asPrimary.submitProof(jobId, sent, zkProof))]).toEqual([kind, 'invalidZkProof']);
    }
    expect((await market.client().call('getMarket', {})).treeSize).toBe(logSize);

    for (const [index, [, code, spoil]] of atTheVerifier.entries()) {
      await asPrimary.submitProof(jobId, publicSignals, spoil(structuredClone(zkProof)));
      const rejected = await market.log.wait('proofRejected', blockId, index + 1);
      expect(rejected).toMatchObject({ jobId, code });
    }
    expect(await codeOf(asPrimary.submitProof(jobId, publicSignals, zkProof))).toBe('tooManyInvalid');
    await until(() => market.log.all('backupActivated', blockId).length === 1, 'the activation');
    await finishBlock(blockId, before);
    const job = await market.client().call('getJob', { params: { jobId } });
    expect(job).toMatchObject({ outcome: 'proven', deliveredBy: 'backup', activationCause: 'invalidZkProof' });
  });
});
