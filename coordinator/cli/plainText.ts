/** Characters that a terminal obeys instead of showing, and marks that turn the direction of writing; a new line is none. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Makes what others have written fit to be shown in a terminal: a log may hold anything. */
export function plainText(text: string): string {
  return text.replace(OBEYED, (one) => (one === '\n' ? one : '\ufffd'));
}
