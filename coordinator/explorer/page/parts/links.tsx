import type { ComponentChildren } from 'preact';
import { useMarket } from '../data/marketContext.js';
import { hrefs } from '../data/place.js';
import { shortId } from '../data/proverNames.js';

/** A text that somebody else chose: cut where it is long, and kept from turning what stands beside it around. */
export function Label({ text, title = text }: { text: string; title?: string }) {
  return (
    <bdi class="label" title={title}>
      {text}
    </bdi>
  );
}

/** What a prover is called: its name, and its address where that does not tell it from others. */
export function ProverName({ address }: { address: string }) {
  const { name, id } = useMarket().names.of(address);
  return (
    <>
      {name !== null && <Label text={name} title={`${name}, ${address}`} />}
      {name !== null && id !== null && ' '}
      {id !== null && (
        <span class="mono" title={address}>
          {id}
        </span>
      )}
    </>
  );
}

export function ProverLink({ address }: { address: string }) {
  return (
    <a href={hrefs.prover(address)}>
      <ProverName address={address} />
    </a>
  );
}

export function RequesterLink({ address }: { address: string }) {
  return (
    <a href={hrefs.requester(address)} title={address} class="mono">
      {shortId(address)}
    </a>
  );
}

/** A job by its number within the block. */
export function JobLink({ jobId }: { jobId: string }) {
  return (
    <a href={hrefs.job(jobId)} title={jobId}>
      {jobId.slice(67)}
    </a>
  );
}

/** A round by its number within the block. */
export function RoundLink({ roundId }: { roundId: string }) {
  return (
    <a href={hrefs.round(roundId)} title={roundId}>
      {Number(roundId.slice(68)) + 1}
    </a>
  );
}

export function BlockLink({ blockId, label }: { blockId: string; label?: string | undefined }) {
  return (
    <a href={hrefs.block(blockId)} title={blockId} class={label ? undefined : 'mono'}>
      {label ? <Label text={label} title={`${label}, ${blockId}`} /> : shortId(blockId)}
    </a>
  );
}

export function EntryLink({ index }: { index: number }): ComponentChildren {
  return <a href={hrefs.log(index)}>{index}</a>;
}
