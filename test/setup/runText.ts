import { spawn } from 'node:child_process';

/** Longest time that such a program may take, in milliseconds. */
const LIMIT_MS = 60_000;

/** Runs a program to its end. @returns its exit code, and what it wrote on both outputs */
export function runText(program: string, args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL' });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
}
