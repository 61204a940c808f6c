/** Commands in the operator's documents exist, with the flags that they are shown with. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { AGENT_COMMANDS } from '#cli/agent.js';

const root = new URL('../../', import.meta.url);
const FILES = ['GUIDE.md', 'README.md', 'understudy-agent.service', 'Dockerfile'];
const read = (file: string) => readFileSync(new URL(`prover-agent/${file}`, root), 'utf8');

/** Every call of the agent: the subcommand, and the flags behind it. */
function callsIn(text: string): { name: string; flags: string[]; line: string }[] {
  const calls = text.matchAll(/(?:npx understudy agent|agent\.mjs)\b(?! --build)([^`\n#]*)/g);
  return [...calls].map(([line, rest]) => {
    const own = rest!.replace(/'[^']*'/g, '');
    const first = /^ ([a-z][a-z-]*)/.exec(rest!)?.[1];
    return { name: first ?? 'run', flags: [...own.matchAll(/ (--[a-z-]+)/g)].map(([, flag]) => flag!), line };
  });
}

describe.each(FILES)('%s', (file) => {
  it('shows commands that there are', async () => {
    const calls = callsIn(read(file));
    expect(calls.length).toBeGreaterThan(0);
    for (const { name, flags, line } of calls) {
      expect([line, Object.keys(AGENT_COMMANDS)]).toEqual([line, expect.arrayContaining([name])]);
      const command: Command = await AGENT_COMMANDS[name]!();
      const known = command.options.map(({ long }) => long);
      expect([line, known]).toEqual([line, expect.arrayContaining(flags)]);
    }
  });
});

describe('the service files', () => {
  it('leave the time to stop cleanly, and WebAssembly its memory', () => {
    const unit = read('understudy-agent.service');
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute/m);
    expect(unit).toMatch(/^LimitCORE=0$/m);
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(2 * 10 + 5);
  });
});
