/** What the system says when a file cannot be kept, and what an operator can do about it. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space',
  EDQUOT: 'the disk quota is used up: free some space, or have it raised',
  EFBIG: 'files may not get that large here: raise the limit (ulimit -f)',
  EROFS: 'the disk is mounted read-only',
  EACCES: 'this user may not write there: change the owner of the folder, or its permissions',
  EPERM: 'this user may not write there: change the owner of the folder, or its permissions',
  ENOTDIR: 'a file is in the place of a folder',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  EIO: 'the disk does not read or write any more: check it',
};

/** The agent's own disk does not take or give a file; nobody else can mend that. The message says what to do. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
}

/**
 * Says what to do about an error of the file system.
 * @param what - the beginning of the sentence, such as "the circuit's file could not be kept in /data"
 * @returns null when the error is of another kind
 */
export function diskErrorOf(error: unknown, what: string): DiskError | null {
  for (let one = error; one instanceof Error; one = one.cause as Error) {
    const remedy = REMEDIES[(one as NodeJS.ErrnoException).code ?? ''];
    if (remedy) return new DiskError(`${what}: ${remedy}`, { cause: error });
  }
  return null;
}
