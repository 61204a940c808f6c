import { useMarket } from '../data/marketContext.js';
import { hrefs } from '../data/place.js';

/** `0x1a64…14f1`: enough to tell things apart in one list; the whole stands in the title. */
export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id;
}

/** A prover by its name, or by its address where it has none. */
export function ProverLink({ address }: { address: string }) {
  const { provers } = useMarket();
  const name = provers.get(address)?.name;
  return (
    <a href={hrefs.prover(address)} title={address} class={name ? undefined : 'mono'}>
      {name ?? shortId(address)}
    </a>
  );
}

/** An owner: by the name of its prover when it is its own, otherwise by its address. */
export function OwnerName({ address }: { address: string }) {
  const { provers } = useMarket();
  const name = provers.get(address)?.name;
  return (
    <span title={address} class={name ? undefined : 'mono'}>
      {name ?? shortId(address)}
    </span>
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

export function BlockLink({ blockId, label }: { blockId: string; label?: string }) {
  return (
    <a href={hrefs.block(blockId)} title={blockId} class={label ? undefined : 'mono'}>
      {label ?? shortId(blockId)}
    </a>
  );
}

export function EntryLink({ index }: { index: number }) {
  return <a href={hrefs.log(index)}>{index}</a>;
}
