import { execFileSync } from 'node:child_process';

/** Compiles the sources once, so that tests and the processes they start run exactly what is shipped. */
export default function setup(): void {
  execFileSync(process.execPath, ['coordinator/cli/understudy.mjs', '--build'], { stdio: 'inherit' });
}
