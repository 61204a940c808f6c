/** `understudy circuit`: registers circuits, makes and checks the rollup circuit's artifacts. Subcommands load what they need when they run. */
import { readFile, writeFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import { declareCircuitAdd } from './circuitAdd.js';
import { connect, DEFAULT_URL } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy circuit list
  $ understudy circuit add --wasm mine.wasm --zkey mine.zkey --vkey vkey.json --key-file requester.json
  $ understudy circuit verify
  $ understudy circuit build --phase1 powersOfTau28_hez_final_15.ptau --out my-artifacts`;

/**
 * Runs the subcommand.
 *
 * @param args - what stands behind `circuit` on the command line
 * @returns the exit code: 0, or 1 when a check fails or the arguments are wrong
 */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy circuit')
    .description('Lists circuits, registers your own; makes the rollup circuit’s artifacts and checks them.')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  program
    .command('build')
    .description('compile the circuit and make new keys in a development ceremony (20 to 40 minutes)')
    .option('--phase1 <file>', 'a phase-1 transcript for 2^15 constraints or more, prepared for phase 2')
    .option('--zkey <file>', 'a proving key made on that phase 1 in a ceremony held elsewhere')
    .option('--ceremony <sentence...>', 'who made the keys, for the manifest; needed with --zkey')
    .option('--out <folder>', 'folder for the artifacts (default: replace the ones of this project)')
    .action(async (options: BuildArguments) => {
      exitCode = await build(options);
    });
  program
    .command('verify')
    .description('check proving key, verification key and witness generator against the sources (1 to 3 minutes)')
    .option('--artifacts <folder>', 'folder of the artifacts (default: the ones of this project)')
    .action(async (options: { artifacts?: string }) => {
      exitCode = await verify(options);
    });
  program
    .command('samples')
    .description('write the sample jobs from which challenges are drawn, out of a block file')
    .option('--block <file>', 'the block', 'circuits/examples/block-64.json')
    .option('--out <file>', 'where to', 'circuits/examples/samples.json')
    .action(({ block, out }: { block: string; out: string }) => writeSamples(block, out));
  declareCircuitAdd(program);
  program
    .command('list')
    .description('list the circuits of a running market')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .action(({ coordinator }: { coordinator: string }) => list(coordinator));
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return exitCode;
}

/** Writes every fourth job of a block with its input. */
async function writeSamples(block: string, out: string): Promise<void> {
  const { samplesOf } = await import('./circuitSamples.js');
  await writeFile(out, samplesOf(JSON.parse(await readFile(block, 'utf8'))));
}

async function list(coordinator: string): Promise<void> {
  const { circuits } = await connect(coordinator).call('listCircuits', {});
  for (const { circuitId, name, kind, protocol, signalCount, zkey } of circuits) {
    console.log(`${circuitId}  ${name}  ${kind}, ${protocol}, ${signalCount} public signals, zkey ${zkey.bytes} bytes`);
  }
}

type BuildArguments = { phase1?: string; zkey?: string; ceremony?: string[]; out?: string };

async function build({ out, ...options }: BuildArguments): Promise<number> {
  if (options.zkey !== undefined && (options.phase1 === undefined || options.ceremony === undefined)) {
    console.error('error: --zkey needs --phase1 and --ceremony');
    return 1;
  }
  const { buildCircuits } = await import('#circuits/build.js');
  const manifest = await buildCircuits({
    ...options,
    ...(out === undefined ? {} : { artifacts: out }),
    onProgress: (message) => console.error(`${message} ...`),
  });
  console.log(`${manifest.name}: ${manifest.constraints} constraints, circuit id ${manifest.circuitId}`);
  return 0;
}

async function verify(options: { artifacts?: string }): Promise<number> {
  const { verifyCircuits } = await import('#circuits/verify.js');
  const result = await verifyCircuits({
    ...options,
    onCheck: ({ name, holds, detail }) => console.log(`${holds ? 'ok    ' : 'FAILED'} ${name}: ${detail}`),
  });
  console.log(result.ok ? 'The artifacts are what the sources say.' : 'The artifacts do not match the sources.');
  return result.ok ? 0 : 1;
}
