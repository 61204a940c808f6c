import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * A file of lines that keeps the newest: when it has twice `max` lines it is cut down to `max`. A line that a crash has
 * cut off stays a line of its own, so that those after it can be read.
 */
export class BoundedLines {
  readonly #path: string;
  readonly #max: number;
  #count: number | null = null;
  #isLookedAt = false;

  constructor(path: string, max: number) {
    this.#path = path;
    this.#max = max;
  }

  /**
   * Adds a line.
   * @returns false when it could not be written
   */
  add(line: string): boolean {
    try {
      this.#count ??= this.read().length;
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, `${this.#endsMidLine() ? '\n' : ''}${line}\n`, { mode: 0o600 });
      this.#count += 1;
      if (this.#count >= 2 * this.#max) this.#trim();
      return true;
    } catch {
      return false;
    }
  }

  /** All lines, oldest first. Throws when there is a file that cannot be read. */
  read(): string[] {
    return this.#text()
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Keeps the newest lines, in one step. */
  #trim(): void {
    const fresh = `${this.#path}.${process.pid}.new`;
    try {
      const kept = this.read().slice(-this.#max);
      writeFileSync(fresh, `${kept.join('\n')}\n`, { mode: 0o600 });
      renameSync(fresh, this.#path);
      this.#count = kept.length;
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  #endsMidLine(): boolean {
    if (this.#isLookedAt) return false;
    this.#isLookedAt = true;
    const text = this.#text();
    return text !== '' && !text.endsWith('\n');
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}
