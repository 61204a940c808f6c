/** Runs the `understudy` command as a person would, without a terminal. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program behind `understudy`, for node. */
export const PROGRAM = fileURLToPath(new URL('../../coordinator/cli/understudy.mjs', import.meta.url));

/** Longest that a command may take on a busy machine, in milliseconds. */
const LIMIT_MS = 90_000;

/** How a command ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end; never throws for its exit code. */
export function runCommandLine(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, UNDERSTUDY_PREPARED: '1', ...env }, timeout: LIMIT_MS };
    const child = execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}
