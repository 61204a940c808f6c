import { useState } from 'preact/hooks';
import { parseCosignerKey, readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { keyIdText, type VerifierKey } from '#protocol/log/verifierKey.js';
import { keepCosignerKeys, keptCosignerKeys } from '../data/cosignerKeys.js';
import { dateTime } from '../parts/time.js';

/** The keys of the cosigners that whoever looks has heard of, as they were typed in. */
export interface CosignerKeys {
  text: string;
  set: (text: string) => void;
}

export function useCosignerKeys(): CosignerKeys {
  const [text, setText] = useState(keptCosignerKeys);
  const set = (typed: string) => {
    keepCosignerKeys(typed);
    setText(typed);
  };
  return { text, set };
}

interface CosignersProps {
  note: string;
  /** Signatures of the note that are not the log's. */
  others: readonly { name: string; keyId: string }[];
  keys: CosignerKeys;
}

/**
 * Third parties that signed the checkpoint. Their keys must come from them: a key that the coordinator named would say
 * nothing, because it could name its own.
 */
export function Cosigners({ note, others, keys }: CosignersProps) {
  const known = readKeys(keys.text);
  const strangers = others.filter(({ name, keyId }) => !known.some((key) => isOf(key, name, keyId)));
  return (
    <>
      {known.map((key) => (
        <div key={keyIdText(key.keyId)}>
          <Verdict note={note} cosigner={key} isOnNote={others.some(({ name, keyId }) => isOf(key, name, keyId))} />
        </div>
      ))}
      {strangers.map(({ name, keyId }) => (
        <div key={keyId}>
          <span class="quiet">?</span> {name}, key <span class="mono">{keyId}</span>, not checked: its key is not known
          here
        </div>
      ))}
      {known.length + strangers.length === 0 && 'none'}
      <KeysForm keys={keys} />
    </>
  );
}

function Verdict({ note, cosigner, isOnNote }: { note: string; cosigner: VerifierKey; isOnNote: boolean }) {
  const named = (
    <>
      {cosigner.name}, key <span class="mono">{keyIdText(cosigner.keyId)}</span>
    </>
  );
  const [found] = readCosignatures(note, [cosigner], verifyEd25519) ?? [];
  if (found) {
    return (
      <>
        <span class="good">✓</span> {named}, signed {dateTime(found.timeSec * 1_000)} by its clock, checked here
      </>
    );
  }
  return (
    <span class="bad">
      ✕ {named}, {isOnNote ? 'named on the note with a signature that is not of its key' : 'has not signed it'}
    </span>
  );
}

function KeysForm({ keys }: { keys: CosignerKeys }) {
  const [typed, setTyped] = useState(keys.text);
  const [flaw, setFlaw] = useState('');
  const take = (event: Event) => {
    event.preventDefault();
    const wrong = linesOf(typed).find((line) => !parseCosignerKey(line));
    setFlaw(wrong === undefined ? '' : `This is not the key of a cosigner: ${wrong}`);
    if (wrong === undefined) keys.set(typed);
  };
  return (
    <details>
      <summary>Check cosigners by their keys</summary>
      <form onSubmit={take}>
        <label for="cosigner-keys">One key a line, as its cosigner gives it out: name+id+key</label>
        <textarea
          id="cosigner-keys"
          rows={3}
          value={typed}
          spellcheck={false}
          aria-invalid={flaw !== ''}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
        <p class="row">
          <button type="submit">Check</button>
          <span role="status" class="bad">
            {flaw}
          </span>
        </p>
      </form>
    </details>
  );
}

function readKeys(text: string): VerifierKey[] {
  return linesOf(text).flatMap((line) => parseCosignerKey(line) ?? []);
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function isOf(key: VerifierKey, name: string, keyId: string): boolean {
  return key.name === name && keyIdText(key.keyId) === keyId;
}
