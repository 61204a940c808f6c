/** Questions to a person at a terminal. */
import { createInterface } from 'node:readline/promises';

/** Streams to ask on; tests hand in their own. */
export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?(mode: boolean): unknown };
  output: NodeJS.WritableStream;
}

/** Questions are written to standard error, so that what a command prints can be piped. */
const PROCESS_TERMINAL: Terminal = { input: process.stdin, output: process.stderr };

/** Codes that a terminal in raw mode sends. */
const KEY = { interrupt: '\u0003', end: '\u0004', backspace: '\u007f', erase: '\b' } as const;

/** True when somebody is there to answer. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Ctrl-C in the middle of a question. */
export class QuestionsEnded extends Error {
  override readonly name = 'QuestionsEnded';
}

/**
 * Asks until the answer can be used.
 * @param check - gives the value, or throws what is wrong with the answer
 */
export async function ask<Value>(
  question: string,
  fallback: string,
  check: (answer: string) => Value | Promise<Value>,
  terminal: Terminal = PROCESS_TERMINAL,
): Promise<Value> {
  for (;;) {
    const answer = (await askLine(`${question}${fallback ? ` [${fallback}]` : ''}: `, terminal)).trim() || fallback;
    try {
      return await check(answer);
    } catch (error) {
      terminal.output.write(`  ${(error as Error).message}\n`);
    }
  }
}

async function askLine(question: string, { input, output }: Terminal): Promise<string> {
  const lines = createInterface({ input, output, terminal: input.isTTY === true });
  try {
    const ended = new Promise<never>((_, reject) => {
      lines.once('SIGINT', () => reject(new QuestionsEnded('stopped')));
      lines.once('close', () => reject(new QuestionsEnded('the input has ended')));
    });
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}

/** Asks for a secret without showing what is typed. */
export async function askHidden(question: string, terminal: Terminal = PROCESS_TERMINAL): Promise<string> {
  const { input, output } = terminal;
  output.write(question);
  input.setRawMode?.(true);
  input.setEncoding('utf8');
  try {
    return await readHidden(input);
  } finally {
    input.setRawMode?.(false);
    input.pause();
    output.write('\n');
  }
}

function readHidden(input: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (act: () => void) => {
      input.off('data', onData);
      input.off('end', onEnd);
      act();
    };
    const onEnd = () => finish(() => reject(new QuestionsEnded('the input has ended')));
    const onData = (chunk: Buffer | string) => {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n' || character === KEY.end) return finish(() => resolve(typed));
        if (character === KEY.interrupt) return finish(() => reject(new QuestionsEnded('stopped')));
        if (character === KEY.backspace || character === KEY.erase) typed = [...typed].slice(0, -1).join('');
        else typed += character;
      }
    };
    input.on('data', onData);
    input.on('end', onEnd);
    input.resume();
  });
}
