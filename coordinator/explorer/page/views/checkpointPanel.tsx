import { bytesToHex } from '@noble/hashes/utils.js';
import type { LogStatus, LogWatch } from '../check/logWatch.js';
import { useWatch } from '../check/useWatch.js';
import { Facts } from '../parts/figures.js';
import { dateTime } from '../parts/time.js';
import { Cosigners, useCosignerKeys } from './cosigners.js';

/** The newest checkpoint: who signed it, and whether it goes on from all that this browser saw before. */
export function CheckpointPanel({ watch }: { watch: LogWatch }) {
  const status = useWatch(watch);
  const keys = useCosignerKeys();
  const { checkpoint, firstIndex, note, signatures, fault } = status;
  if (!checkpoint || note === null) return <p class={fault ? 'bad' : 'quiet'}>{fault ?? 'Reading the checkpoint…'}</p>;
  const own = signatures.filter(({ isChecked }) => isChecked);
  return (
    <section class="panel">
      <h2>Checkpoint</h2>
      <Facts
        facts={[
          ['Entries', firstIndex === 0 ? checkpoint.size : `${checkpoint.size}, from entry ${firstIndex} on`],
          ['Root hash', <span class="mono">{bytesToHex(checkpoint.rootHash)}</span>],
          [
            'Signed by',
            own.map(({ name, keyId }) => (
              <span key={keyId}>
                <span class="good">✓</span> {name}, key <span class="mono">{keyId}</span>, checked here
              </span>
            )),
          ],
          ['Cosigners', <Cosigners note={note} others={signatures.filter((one) => !one.isChecked)} keys={keys} />],
          ['Consistent', <Consistency {...status} />],
        ]}
      />
      <details>
        <summary>The signed note</summary>
        <pre>{note}</pre>
      </details>
    </section>
  );
}

function Consistency({ verdict, fault, since }: Pick<LogStatus, 'verdict' | 'fault' | 'since'>) {
  if (verdict === 'broken') return <span class="bad">✕ {fault}</span>;
  return (
    <>
      <span class="good">✓</span> with everything this browser has seen since {since && dateTime(since.seenMs)}, when
      the log had {since?.size} entries
    </>
  );
}
