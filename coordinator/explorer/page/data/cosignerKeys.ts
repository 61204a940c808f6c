/** The keys of cosigners that were typed in here, kept by this browser. */

const ITEM = 'understudy.cosigners';

/** As they were typed, a key a line; empty where there are none, or a browser keeps nothing. */
export function keptCosignerKeys(): string {
  try {
    return localStorage.getItem(ITEM) ?? '';
  } catch {
    return '';
  }
}

export function keepCosignerKeys(text: string): void {
  try {
    localStorage.setItem(ITEM, text);
  } catch {
    // They count until the page is left.
  }
}
