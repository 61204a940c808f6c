/** `understudy cosign`: a third party that watches logs grow, and says so. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { takeLock } from '#agent/client/lockFile.js';
import { openOperatorKey } from '#journal/operatorKey.js';
import { cosignerKey, formatCosignerKey } from '#protocol/log/cosignature.js';
import { parseVerifierKey, type VerifierKey } from '#protocol/log/verifierKey.js';
import { addCheckpoint, type CosignerOptions } from '../auditor/cosigner.js';
import { cosignerFolder } from '../auditor/cosignerFolder.js';
import { runProgram, wholeNumber } from './commandLine.js';

const EXAMPLES = `
Example:
  $ understudy cosign --name cosigner.example --log-key 'localhost/understudy+8f1c2b3a+AQ...'

It prints its own key. Give that and its address to the log's operator:
  $ understudy coordinator --cosigner 'http://127.0.0.1:8790 cosigner.example+0a1b2c3d+BA...'

A log's key is in its first entry, and in "logKey" of GET /v1/market. The folder of --data-dir remembers the last checkpoint
of each log: keep it, and never run two cosigners of one name.`;

/** Largest request that is read, in bytes: a checkpoint with its proof is some kilobytes. */
const BODY_BYTES_MAX = 65_536;

interface CosignOptions {
  name: string;
  logKey: VerifierKey[];
  dataDir: string;
  host: string;
  port: number;
}

/** Runs the subcommand until it is stopped. @returns 0 when it was stopped as asked */
export async function run(args: string[]): Promise<number> {
  const program = new Command('understudy cosign')
    .description('Cosigns the checkpoints of logs that only grow (C2SP tlog-witness). Refuses forks and rollbacks.')
    .requiredOption('--name <name>', 'the cosigner’s name, such as cosigner.example')
    .requiredOption('--log-key <vkey...>', 'keys of the logs to cosign', logKeys)
    .option('--data-dir <folder>', 'its key, and the last checkpoint of each log', '.understudy-cosigner')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 chooses a free one', wholeNumber(0, 65_535), 8790)
    .addHelpText('after', EXAMPLES)
    .action(serve);
  return runProgram(program, args);
}

function logKeys(vkey: string, before: VerifierKey[] = []): VerifierKey[] {
  const key = parseVerifierKey(vkey);
  if (!key) throw new InvalidArgumentError('It must be the key of a log: <origin>+<8 hexadecimal digits>+<base64>.');
  return [...before, key];
}

async function serve({ name, logKey, dataDir, host, port }: CosignOptions): Promise<void> {
  const release = takeLock(join(dataDir, 'cosigner.lock'));
  try {
    const operator = openOperatorKey(join(dataDir, 'cosigner-key.pem'), name);
    const key = cosignerKey(name, operator.verifierKey.publicKey);
    const { default: Fastify } = await import('fastify');
    const app = Fastify({ bodyLimit: BODY_BYTES_MAX });
    const options: CosignerOptions = {
      logKeys: logKey,
      key,
      sign: operator.sign,
      memory: cosignerFolder(join(dataDir, 'seen')),
      nowSec: () => Math.floor(Date.now() / 1_000),
    };
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    app.post('/add-checkpoint', async (request, reply) => {
      const { status, type, body } = addCheckpoint(typeof request.body === 'string' ? request.body : '', options);
      if (status !== 200) console.error(`refused with ${status}: ${body.trim()}`);
      return reply.status(status).type(type).send(body);
    });
    const url = await app.listen({ host, port });
    console.log(`${formatCosignerKey(key)}\ncosigning at ${url}`);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    await app.close();
  } finally {
    release();
  }
}
